"""Telling a boundary map from a micrograph, and its lines from its grains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.errors import MicrographError
from napari_etch.micrograph.luminance import grey_values

KINDS = ("auto", "map", "micrograph", "grains")
POLARITIES = ("auto", "dark", "bright")
# In a boundary map so much of the field lies so near to the value of the interiors; a micrograph's
# grains differ and carry noise. Both are shares, of the pixels and of the range of values.
_FLAT, _NEARLY = 0.5, 0.03
# Each number of a grain map lies in about one piece; the grey values of a micrograph lie in
# hundreds, and those of single bright pixels in specks. A window of the middle tells, px.
_WINDOW, _LEAST_LABELS, _PIECES_A_LABEL, _LEAST_PIECE_PX = 512, 5, 1.5, 20


# No line of a grain map is as thick, px: there is no grain, as under an information bar.
_THICK = 16


@dataclass(frozen=True, eq=False)
class LineMap:
    """A boundary map, whatever it looked like in its file.

    Attributes
    ----------
    strength : float32 (y, x) in [0, 1], high on lines
    mask : bool (y, x), True where the picture has values
    polarity : "dark" or "bright", of the lines in the picture; "" for a grain map
    """

    strength: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    polarity: str = ""

    @property
    def lines(self) -> npt.NDArray[np.bool_]:
        """Where the map says boundary: strength of a half and more, bool (y, x)."""
        lines: npt.NDArray[np.bool_] = (self.strength >= 0.5) & self.mask
        return lines


def kind_of_picture(picture: npt.NDArray[Any]) -> str:
    """Return "grains" for a label map, "map" for flat interiors and lines, else "micrograph".

    Parameters
    ----------
    picture : ndarray (y, x) or (y, x, 3)
    """
    grey = _grey(picture)
    if looks_labelled(picture):
        return "grains"
    inside = grey[np.isfinite(grey)]
    if inside.size == 0:
        return "map"
    low, high = float(inside.min()), float(inside.max())
    if low == high:
        return "map"
    near = _NEARLY * (high - low)
    flat = max(np.mean(inside <= low + near), np.mean(inside >= high - near))
    return "map" if flat >= _FLAT else "micrograph"


def looks_labelled(picture: npt.NDArray[Any]) -> bool:
    """Return whether a picture is a map of grain numbers, whatever the type of its pixels.

    Parameters
    ----------
    picture : ndarray (y, x)
        Any other shape holds no labels, nor do fewer than five numbers tell.
    """
    import cc3d

    if picture.ndim != 2 or not picture.size or not _are_numbers_of_grains(picture):
        return False
    top, left = (max(0, (side - _WINDOW) // 2) for side in picture.shape)
    window = np.nan_to_num(picture[top : top + _WINDOW, left : left + _WINDOW], nan=0)
    inside = window[window > 0]
    labels = np.unique(inside).size
    if labels < _LEAST_LABELS:
        return False
    pieces = int(cc3d.connected_components(window.astype(np.int32), connectivity=8).max())
    return pieces <= min(_PIECES_A_LABEL * labels, inside.size / _LEAST_PIECE_PX)


def _are_numbers_of_grains(picture: npt.NDArray[Any]) -> bool:
    """Return whether all pixels are whole numbers from 0, or NaN, where nothing was measured."""
    if picture.dtype.kind not in "iuf":
        return False
    if picture.dtype.kind == "f" and np.isnan(picture).any():
        picture = picture[~np.isnan(picture)]
    if not picture.size or not picture.min() >= 0:
        return False
    if float(picture.max()) > np.iinfo(np.int32).max:
        return False
    return picture.dtype.kind != "f" or bool((picture == np.floor(picture)).all())


def read_line_map(picture: npt.NDArray[Any], polarity: str = "auto") -> LineMap:
    """Return the strength of the lines in a boundary map of either polarity.

    Parameters
    ----------
    picture : ndarray (y, x) or (y, x, 3)
        Any dtype. Floats within [0, 1] are taken as they are, other values are stretched from
        their least to their largest.
    polarity : "auto", "dark" or "bright"
        Of the lines; with "auto" they are what there is less of.

    Raises
    ------
    MicrographError
        When the polarity is unknown, the picture is not two-dimensional or holds no grey values.
    """
    if polarity not in POLARITIES:
        raise MicrographError(f"The polarity is {polarity!r}: choose {', '.join(POLARITIES)}.")
    grey = _grey(picture)
    mask = np.isfinite(grey)
    inside = grey[mask]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
    unit = inside.size > 0 and picture.dtype.kind == "f" and low >= 0 and high <= 1
    if unit:
        low, high = 0.0, 1.0
    if low == high:  # a flat picture, or one without values, has no lines
        return LineMap(np.zeros(grey.shape, np.float32), mask, "bright")
    strength = np.where(mask, (grey - low) / (high - low), 0).astype(np.float32)
    if polarity == "auto":
        # Interiors of a soft map are flat at their own end of the range, and outnumber the lines.
        polarity = "dark" if np.mean(strength[mask] >= 0.5) > 0.5 else "bright"
    if polarity == "dark":
        flat = unit and bool((inside == inside[0]).all())
        strength = np.where(mask & (not flat), 1 - strength, 0).astype(np.float32)
    return LineMap(strength, mask, polarity)


def lines_of_grains(grains: npt.NDArray[np.integer]) -> LineMap:
    """Return the lines of a grain map: pixels of no grain, and where two grains touch.

    Parameters
    ----------
    grains : ndarray of int (y, x)
        Where it is 0 for more than a line's thickness is no specimen.

    Raises
    ------
    MicrographError
        When the map is not a two-dimensional array of whole numbers, or empty.
    """
    if grains.ndim != 2 or grains.size == 0 or grains.dtype.kind not in "iu":
        raise MicrographError(
            f"A grain map is one picture (y, x) of whole numbers, not {grains.shape} of "
            f"{grains.dtype}."
        )
    lines = grains == 0
    lines[:-1] |= (grains[:-1] != grains[1:]) & (grains[1:] != 0)
    lines[:, :-1] |= (grains[:, :-1] != grains[:, 1:]) & (grains[:, 1:] != 0)
    if not grains.any():
        lines[:] = False
    outside = _thick(grains == 0) if grains.any() else np.zeros(grains.shape, bool)
    return LineMap((lines & ~outside).astype(np.float32), ~outside)


def _thick(part: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return what of a part is thicker than a line; beyond the frame it goes on."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = _THICK + 1
    core = minimum_filter(part, size, mode="nearest")
    if not core.any():
        return np.asarray(core)
    # into corners that a square does not fill, but hardly into lines that end there
    return np.asarray(maximum_filter(core, size + 4, mode="nearest") & part)


def _grey(picture: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    picture = np.asarray(picture)
    if picture.dtype.kind not in "biuf":
        raise MicrographError(
            f"A boundary map holds grey values, not values of type {picture.dtype}: save it as "
            "8-bit, 16-bit or float image."
        )
    is_rgb = picture.ndim == 3 and picture.shape[-1] in (3, 4)
    picture = grey_values(picture, is_rgb=is_rgb)
    if picture.ndim != 2 or picture.size == 0:
        raise MicrographError(
            f"A boundary map is one picture (y, x), not an array {picture.shape}: repair the "
            "sections of a stack one by one."
        )
    return picture.astype(np.float64)

"""Colour that brightness does not tell, drawn into the luminance as grooves.

Grains of a tint-etched or anodised specimen, of a thin section between crossed polarisers, or of an
orientation map may differ in hue alone, and then luminance, which is all that the networks see,
lacks their boundary. So where the colour changes, the luminance is darkened, as an etched groove
would. Only the part of the colour counts that does not follow from the luminance: the tint of a
lamp, a sepia tone or the colour map of a grey picture add no line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.impulses import without_outlying_colours
from napari_etch.micrograph.luminance import LUMINANCE, luminance

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Settled on virtual colour micrographs, where half or twice as much changes little.
_DEPTH = 2.5  # of the line, in px times the change of colour a px
_WIDTH = 1.0  # Gaussian sigma of the derivative, px
_FLOOR = 2.0  # what the noise of an ordinary pixel changes, times this, is no line
# Colour that spreads less than this share of the luminance's spread is left alone: of white light
# it is 0.2 at most, of coloured grains 0.5 and more.
_LEAST_SHARE = 0.2
_CELL = 4  # px: means of cells this wide tell colour from noise
_RIDGE, _TINY = 1e-3, 1e-30
_ROWS = 512  # rows worked on at once
_HALO = 5  # px that a derivative reaches
_MAX_SAMPLES = 1_000_000


def grey_with_colour(colours: npt.NDArray[Any], mask: Mask) -> Floats:
    """Return the luminance, with a dark line wherever the colour changes.

    Parameters
    ----------
    colours : numpy.ndarray
        ``(y, x, 3)``, any real type.
    mask : numpy.ndarray
        bool ``(y, x)``, True = specimen; nothing is drawn along its rim.

    Returns
    -------
    numpy.ndarray
        float32 ``(y, x)``, in the units of `colours`: `luminance`, unless the colours tell more.
    """
    hue = _fit_hue(colours, mask)
    if hue is None:
        return luminance(colours)
    colours = without_outlying_colours(colours, mask)
    grey = luminance(colours)
    change = np.empty(grey.shape, np.float32)
    for rows, wider, own in _row_blocks(grey.shape[0]):
        change[rows] = _change(hue.of(colours[wider]))[own]
    if not mask.all():
        change[_near(~mask, _HALO)] = 0
    sample = change[mask]
    floor = _FLOOR * float(np.median(sample[:: max(1, sample.size // _MAX_SAMPLES)]))
    grey -= np.float32(_DEPTH) * np.maximum(change - np.float32(floor), 0)
    return grey


def grey_section(colours: npt.NDArray[Any]) -> Floats:
    """Return a colour image as a section of a stack, which is grey: as `grey_with_colour` does.

    Parameters
    ----------
    colours : numpy.ndarray
        ``(y, x, 3)``, any real type; NaN where nothing was measured.

    Returns
    -------
    numpy.ndarray
        float32 ``(y, x)``.
    """
    finite = np.isfinite(colours).all(axis=-1)
    return grey_with_colour(colours, finite)


@dataclass(frozen=True)
class _Hue:
    """What is left of a colour when what its luminance lets expect is taken away.

    What to expect goes in a straight line with luminance. The rest lies in the plane of equal
    luminance, so it is two numbers.
    """

    at_black: Floats  # (2,)
    slope: Floats  # (2,), for each unit of luminance

    def of(self, colours: npt.NDArray[Any]) -> Floats:
        """Return the rest, float32 (..., 2), of colours (..., 3); NaN counts as expected."""
        colours = colours.astype(np.float32, copy=False)
        rest = colours @ _PLANE - self.at_black
        rest -= luminance(colours)[..., None] * self.slope
        return np.nan_to_num(rest, copy=False)


def _plane() -> Floats:
    """Return two directions of colour, (3, 2), at right angles, along which luminance is equal."""
    _, _, rows = np.linalg.svd(LUMINANCE[None].astype(np.float64))
    return np.asarray(rows[1:].T, np.float32)


_PLANE = _plane()


def _fit_hue(colours: npt.NDArray[Any], mask: Mask) -> _Hue | None:
    """Return what hue is in this picture; None where it tells nothing."""
    cells, whole = _cell_means(colours, mask)
    if not whole.any():
        return None
    grey, plane = cells[whole] @ LUMINANCE, cells[whole] @ _PLANE
    deviation = grey - grey.mean()
    variance = float((deviation**2).mean())
    # Where luminance hardly varies, its rounding must not explain the hue.
    ridge = _RIDGE * float(plane.var(axis=0).sum()) + _TINY
    slope = deviation @ plane / (len(plane) * (variance + ridge))
    at_black = plane.mean(axis=0) - slope * grey.mean()
    hue = _Hue(at_black.astype(np.float32), slope.astype(np.float32))
    return hue if _covariance(hue.of(cells), whole) > _LEAST_SHARE**2 * variance else None


def _cell_means(colours: npt.NDArray[Any], mask: Mask) -> tuple[Floats, Mask]:
    """Return the mean colours of cells (h, w, 3), and which are specimen altogether (h, w)."""
    rows, columns = (side // _CELL for side in mask.shape)
    means = np.empty((rows, columns, 3), np.float64)
    whole = np.empty((rows, columns), bool)
    for first in range(0, rows, _ROWS // _CELL):
        into = slice(first, min(first + _ROWS // _CELL, rows))
        part = slice(into.start * _CELL, into.stop * _CELL), slice(0, columns * _CELL)
        cells = (into.stop - into.start, _CELL, columns, _CELL)
        whole[into] = mask[part].reshape(cells).all(axis=(1, 3))
        means[into] = colours[part].reshape(*cells, 3).mean(axis=(1, 3), dtype=np.float32)
    return means, whole


def _covariance(hue: Floats, whole: Mask) -> float:
    """Return the mean product of the hues (h, w, 2) of neighbouring cells: noise cancels out."""
    pairs = whole[:, 1:] & whole[:, :-1]
    return float((hue[:, 1:] * hue[:, :-1]).sum(axis=-1)[pairs].mean()) if pairs.any() else 0.0


def _change(hue: Floats) -> Floats:
    """Return how fast hue (y, x, 2) changes, a px; the root of the trace of Di Zenzo's tensor."""
    from scipy.ndimage import gaussian_filter

    squares = np.zeros(hue.shape[:2], np.float32)
    for number in range(hue.shape[-1]):
        smooth = gaussian_filter(np.ascontiguousarray(hue[..., number]), _WIDTH)
        squares[:, 1:-1] += ((smooth[:, 2:] - smooth[:, :-2]) / 2) ** 2
        squares[1:-1] += ((smooth[2:] - smooth[:-2]) / 2) ** 2
    return np.sqrt(squares)


def _row_blocks(height: int) -> Iterator[tuple[slice, slice, slice]]:
    """Yield rows, these with what their derivatives reach, and where they are in that."""
    for start in range(0, height, _ROWS):
        stop = min(start + _ROWS, height)
        first = max(0, start - _HALO)
        yield (
            slice(start, stop),
            slice(first, min(height, stop + _HALO)),
            slice(start - first, stop - first),
        )


def _near(outside: Mask, distance: int) -> Mask:
    from scipy.ndimage import maximum_filter

    return np.asarray(maximum_filter(outside, 2 * distance + 1))

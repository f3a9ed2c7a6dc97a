"""How the section before is put to WPU-Net: three published codings, and the probability itself.

Boundaries are -6 and the inside of grains is +1, as published. Only the probability says how sure
the network was, and needs no closed lines; it is what the shipped weights were trained with.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Coding = Literal["probability", "mask", "expansion", "weights"]
CODINGS: tuple[Coding, ...] = ("probability", "mask", "expansion", "weights")
#: Value inside grains, which is also that of no knowledge, and how far below it a boundary is.
INTERIOR, DEPTH = 1.0, 7.0
#: Diameter of the band around a line in the expanded mask, px, and its grey value of 255.
BAND_PX, BAND_GREY = 18, 125
# From this probability on a pixel is on a line.
_LINE = 0.5

Maps = npt.NDArray[np.float32]


def code_previous(boundary: Maps, coding: Coding = "probability") -> Maps:
    """Return a boundary map as the network takes that of the section before.

    Parameters
    ----------
    boundary : float32 (y, x)
        Boundary probability in [0, 1]; all 0 where nothing is known.
    coding : {"probability", "mask", "expansion", "weights"}
        "probability": 1 - 7 p. The others thin the pixels above 0.5 to lines first. "mask": -6 on
        lines, 1 elsewhere. "expansion": lines, a band of 18 px around them and the rest are 0,
        125 and 255 of 255, brought to [-6, 1]. "weights": 1 - 7 (1 - B'), where B' is the interior
        weight of each grain (`grains.weight_maps`) brought to [0, 1].

    Returns
    -------
    float32 (y, x) in [-6, 1].

    Raises
    ------
    ValueError
        When the coding is unknown.
    """
    if coding not in CODINGS:
        raise ValueError(f"the coding is {coding!r}: choose {', '.join(CODINGS)}")
    if coding == "probability":
        return (INTERIOR - DEPTH * boundary).astype(np.float32)
    lines = boundary > _LINE
    if not lines.any():
        return np.full(boundary.shape, INTERIOR, np.float32)
    from skimage.morphology import skeletonize

    return code_lines(skeletonize(lines), coding)


def code_lines(lines: npt.NDArray[np.bool_], coding: Coding) -> Maps:
    """Return one-pixel lines, bool (y, x), in one of the published codings; see `code_previous`."""
    inside: npt.NDArray[np.floating]
    if coding == "expansion":
        grey = np.full(lines.shape, 255.0)
        grey[_band(lines)] = BAND_GREY
        grey[lines] = 0
        inside = grey / 255
    elif coding == "weights":
        from napari_etch.grains.weight_maps import weight_maps

        interior = weight_maps(lines).interior
        least, most = float(interior.min()), float(interior.max())
        inside = (interior - least) / max(most - least, 1e-6)
    else:
        inside = np.where(lines, 0.0, 1.0)
    return (INTERIOR - DEPTH * (1 - inside)).astype(np.float32)


def _band(lines: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Dilate lines by a disc; its even diameter is centred between pixels, hence the half."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~lines) <= BAND_PX / 2 - 0.5)

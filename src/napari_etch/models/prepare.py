"""What every network sees: even illumination, mean 0, spread 1; and of a large image its middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph


class Prepared(NamedTuple):
    """What a network sees of a micrograph, float32 (y, x), and what was taken out for it."""

    image: npt.NDArray[np.float32]
    taken_out: tuple[str, ...]


def prepare(micrograph: Micrograph) -> npt.NDArray[np.float32]:
    """Return a 2D micrograph as float32 (y, x): flat-field corrected, centred, scaled, cut at ±5.

    Where the grains differ in colour rather than in brightness, their boundaries are drawn in. What
    the camera or the scan added (`mended`) is taken out. Pixels outside the field (information bar,
    NaN) are 0 and do not count for mean and spread.
    """
    return prepared(micrograph).image


def prepared(micrograph: Micrograph) -> Prepared:
    """Return what `prepare` does, and the names of what was taken out."""
    from napari_etch.micrograph import flatten_illumination

    mask = micrograph.mask
    flat, taken_out = mended(flatten_illumination(micrograph.grey_with_colour(), mask), mask)
    inside = flat[mask] if mask.any() else flat
    spread = float(inside.std()) + 1e-6
    image = np.clip((flat - float(inside.mean())) / spread, -5, 5)
    image[~mask] = 0
    return Prepared(np.ascontiguousarray(image, np.float32), taken_out)


def mended(image: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> Prepared:
    """Return an even image (y, x) without dead pixels, seams, scan lines and streaks.

    The same array where there are none.
    """
    from napari_etch.micrograph.impulses import without_impulses
    from napari_etch.micrograph.row_faults import without_row_faults

    clean = without_impulses(image, mask)
    dead = () if clean is image else ("dead pixels",)
    clean, names = without_row_faults(clean, mask)
    return Prepared(clean, dead + names)


def middle(image: npt.NDArray[Any], side: float) -> npt.NDArray[Any]:
    """Return the middle part of an image (y, x), at most `side` px each way."""
    cuts = []
    for length in image.shape:
        size = min(length, max(1, round(side)))
        start = (length - size) // 2
        cuts.append(slice(start, start + size))
    return image[tuple(cuts)]


def trimmed(
    image: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return an image (y, x) and its mask without the rows and columns at the rim that it masks."""
    from napari_etch.micrograph.box import window_of

    window = window_of(mask)
    return (image, mask) if window is None else (image[window], mask[window])

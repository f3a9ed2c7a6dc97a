"""Grain maps of other programs, whose grains are parted by lines of 0.

A map drawn by hand, or cut by a watershed that keeps its lines, has 0 along every boundary. Taken
for what lies off the specimen, as 0 is elsewhere, these lines would leave no grain whole and no
boundary to count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Grains = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]

# Grains of a map with lines hardly touch: at most so many pixel pairs for each with a 0 beside it.
_TOUCHING = 0.1
# A line is at most so wide, px, or this part of the square root of the median grain's area.
_WIDEST_PX, _WIDEST = 5.0, 0.3
# A wider place smaller than this part of the median grain is a grain thought too small to keep.
_SPECK = 0.5
# So much of what lies beside grains is lines; separate particles have a background instead.
_MOSTLY = 0.8


def close_parting_lines(grains: Grains) -> tuple[Grains, float]:
    """Give the lines between grains to the nearest grain.

    Parameters
    ----------
    grains : integers (y, x)
        0 is a line between grains, or off the specimen.

    Returns
    -------
    grains : integers (y, x)
        The same map where its grains touch already, or lie apart on a background; what is 0 in
        wide areas stays 0.
    share : float
        Of the field that was lines.
    """
    from scipy.ndimage import distance_transform_edt

    zero = grains == 0
    if not zero.any() or zero.all():
        return grains, 0.0
    touching, beside = _pairs(grains, zero)
    if touching > _TOUCHING * beside:
        return grains, 0.0
    median = float(np.median(np.unique(grains[grains > 0], return_counts=True)[1]))
    reach = max(_WIDEST_PX, _WIDEST * median**0.5) / 2
    depth, (y, x) = distance_transform_edt(zero, return_indices=True)
    core = depth > reach
    wide = zero & (distance_transform_edt(~core) <= reach) if core.any() else np.zeros_like(zero)
    lines = zero & ~_without_specks(wide, _SPECK * median)
    if _pairs(grains, lines)[1] < _MOSTLY * beside:
        return grains, 0.0
    return np.where(lines, grains[y, x], grains), float(lines.mean())


def _pairs(grains: Grains, zero: Mask) -> tuple[int, int]:
    """Return the pixel pairs where two grains touch, and where a grain lies beside a zero."""
    touching = beside = 0
    for axis in (0, 1):
        size = grains.shape[axis]
        first, second = (np.arange(size - 1), np.arange(1, size))
        one, other = grains.take(first, axis), grains.take(second, axis)
        touching += int(((one > 0) & (other > 0) & (one != other)).sum())
        beside += int(((one > 0) & zero.take(second, axis)).sum())
        beside += int(((other > 0) & zero.take(first, axis)).sum())
    return touching, beside


def _without_specks(wide: Mask, area: float) -> Mask:
    from scipy.ndimage import label

    pieces, _ = label(wide)
    large = np.bincount(pieces.ravel()) >= area
    large[0] = False
    return large[pieces]

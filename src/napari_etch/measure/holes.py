"""Holes inside of a structure: pores, points without a phase, grains that were deleted.

0 is off the specimen, and a grain beside it is cut by it: so it is at an information bar, at the
mount, beside a scale bar. A pore cuts no grain. Taken for the end of the specimen, 2 % of pixels
without a phase would leave no grain of a map whole, and make its planimetric G 0.9 too coarse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.measure.runs import runs_of

# A pore is no larger than the mean grain, and at most so many times as long as that is wide: a
# scale bar of the same area reaches over several grains.
_LONGEST = 1.5


@dataclass(frozen=True, eq=False)
class Holes:
    """What is 0 inside of a grain map, where it does not reach the frame.

    Attributes
    ----------
    pores : ndarray of bool, (y, x)
        Holes that fit into a grain of the mean size: they cut no grain.
    n_pores : int
    n_large : int
        Larger holes, such as a scale bar: they cut the grains around them, as the frame does.
    """

    pores: npt.NDArray[np.bool_]
    n_pores: int = 0
    n_large: int = 0

    @property
    def share(self) -> float:
        """Share of the map that is pores."""
        return float(self.pores.mean()) if self.n_pores else 0.0


def holes_of(grains: np.ndarray) -> Holes:
    """Return the holes of a grain map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x), without lines of 0 between its grains.
    """
    zero = grains == 0
    none = np.zeros(grains.shape, bool)
    if not zero[1:-1, 1:-1].any() or zero.all():
        return Holes(none)
    import cc3d

    pieces = cc3d.connected_components(zero, connectivity=8)
    found = cc3d.statistics(pieces, no_slice_conversion=True)
    top, bottom, left, right = found["bounding_boxes"].astype(np.int64).T
    height, width = grains.shape
    inner = (top > 0) & (left > 0) & (bottom < height - 1) & (right < width - 1)
    inner[0] = False  # the grains
    if not inner.any():
        return Holes(none)
    mean_area = np.count_nonzero(grains) / np.count_nonzero(runs_of(grains).labels > 0)
    longest = np.maximum(bottom - top, right - left) + 1
    small = inner & (found["voxel_counts"] <= mean_area) & (longest <= _LONGEST * mean_area**0.5)
    n_pores = int(small.sum())
    pores = small[pieces] if n_pores else none
    return Holes(pores, n_pores, int(inner.sum()) - n_pores)

"""Boundary map to fragments: seeds that do not leak through a gap, and a flooding in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

__all__ = ["flood"]

# A pixel is certainly open where the smoothed boundary map is below this.
_OPEN = 0.4
_THREADS = 2


def flood(
    boundary: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_] | None, *, scale: float = 1.0
) -> npt.NDArray[np.int32]:
    """Cut the field into fragments that are at most as large as grains.

    Parameters
    ----------
    boundary : ndarray of float32, shape (y, x)
        Boundary map in [0, 1], finite.
    mask : ndarray of bool, shape (y, x), optional
        True where the field is; False pixels get 0.
    scale : float
        Smoothing in pixels, about half the width of a boundary line.

    Returns
    -------
    ndarray of int32, shape (y, x)
        Fragments 1 … m, all used, each one 4-connected piece.
    """
    import cc3d
    from bioimage_cpp import distance, filters, segmentation
    from scipy import ndimage as ndi

    if min(boundary.shape) > 1:
        smooth = filters.gaussian_smoothing(boundary, float(scale))
    else:
        smooth = boundary
    open_ = smooth < _OPEN
    if mask is not None:
        open_ &= mask
    depth = distance.distance_transform(open_, number_of_threads=_THREADS)
    peak = (ndi.maximum_filter(depth, 3) == depth) & open_
    seeds = segmentation.label(peak).astype(np.int32)
    labels = segmentation.watershed(smooth, seeds, mask=mask)
    rest = labels == 0
    if mask is not None:
        rest &= mask
    if rest.any():  # islands of the mask without a seed
        labels[rest] = labels.max() + segmentation.label(rest, connectivity=1)[rest]
    return cc3d.connected_components(labels, connectivity=4, out_dtype=np.uint32).view(np.int32)

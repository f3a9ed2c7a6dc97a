"""From a grain map to boundary lines, and from lines back to grains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["boundary_lines", "enclosed_grains", "nearest_grains"]


def boundary_lines(grains: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Return the one-pixel boundary image of a grain map.

    Parameters
    ----------
    grains : ndarray of int, shape (y, x)
        Grain map; 0 is "not a grain" and its outline counts as a boundary.

    Returns
    -------
    ndarray of bool, shape (y, x)
        True on the pixel above or left of a change of label: lines one pixel wide, 8-connected.
    """
    lines = np.zeros(grains.shape, bool)
    lines[:-1] = grains[:-1] != grains[1:]
    lines[:, :-1] |= grains[:, :-1] != grains[:, 1:]
    return lines


def enclosed_grains(
    lines: npt.NDArray[np.bool_],
    field: npt.NDArray[np.bool_] | None = None,
    *,
    least_area: float = 1,
) -> npt.NDArray[np.int32]:
    """Return what closed lines enclose; the pixels of lines go to the nearest interior.

    Parameters
    ----------
    lines : ndarray of bool, shape (y, x)
    field : ndarray of bool, shape (y, x), optional
        True where grains can be.
    least_area : float
        An interior of fewer px is no grain, and goes to the nearest one like a line.

    Returns
    -------
    ndarray of int32, shape (y, x)
        Grains 1 … n; 0 off the field. Where nothing is enclosed, the field is one grain.
    """
    from scipy.ndimage import distance_transform_edt, label

    field = np.ones(lines.shape, bool) if field is None else field
    interior, _ = label(~lines & field)
    large = np.bincount(interior.ravel()) >= least_area
    large[0] = False
    if not large.any():
        return field.astype(np.int32)
    home = (np.cumsum(large) * large)[interior]
    nearest = distance_transform_edt(home == 0, return_distances=False, return_indices=True)
    return np.where(field, home[tuple(nearest)], 0).astype(np.int32)


def nearest_grains(
    grains: npt.NDArray[np.integer], half: float, slack: float = 0.0
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Give every pixel without a grain, such as those of drawn lines, to the nearest grain.

    Parameters
    ----------
    grains : ndarray of int, shape (y, x)
        At least one of them positive; what is not is a line, or a place without grains.
    half : float
        Half the width of a line, px, at most.
    slack : float
        So much further around a place that is wider than a line counts as that place, px.

    Returns
    -------
    filled : ndarray of int, shape (y, x)
        As `grains`, without gaps.
    depth : ndarray of float64, shape (y, x)
        How far each pixel is from the nearest grain, px.
    wide : ndarray of bool, shape (y, x)
        Pixels without a grain at places that are wider than a line.
    """
    from scipy.ndimage import distance_transform_edt

    empty = grains <= 0
    depth, nearest = distance_transform_edt(empty, return_indices=True)
    wide = depth > half
    if wide.any():
        wide = empty & (distance_transform_edt(~wide) <= half + slack)
    return grains[tuple(nearest)], depth, wide

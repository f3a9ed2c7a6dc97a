"""A section that is missing, drawn from those on both sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def fill_between(
    before: npt.NDArray[np.int32], after: npt.NDArray[np.int32], way: float = 0.5
) -> npt.NDArray[np.int32]:
    """Return the grain map of a section between two others.

    Where both agree, so does the result. Elsewhere a pixel stays with the earlier section while
    the agreed part of that grain is nearer than that of the other, with distances weighted by the
    way, so that boundaries move from one place to the other.

    Parameters
    ----------
    before, after : ndarray of int32, shape (y, x)
        3D grain numbers; 0 is no grain.
    way : float
        Place of the section, 0 at `before`, 1 at `after`.

    Returns
    -------
    ndarray of int32, shape (y, x)
    """
    from scipy.ndimage import distance_transform_edt

    agreed = before == after
    if agreed.all():
        return before.copy()
    if not agreed.any():
        return (before if way <= 0.5 else after).copy()
    nearest = distance_transform_edt(~agreed, return_distances=False, return_indices=True)
    grown = before[tuple(nearest)]
    from_before, from_after = grown == before, grown == after
    # a contested pixel that is nearest to the core of one of its two grains goes there
    result = np.where(from_before | from_after, grown, before if way <= 0.5 else after)
    result[agreed] = before[agreed]
    return np.asarray(result, np.int32)

"""Connected pieces of large maps, strip by strip: no other thread is kept waiting for long."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Pixels of a strip: some 50 ms in which the library lets no other thread run.
STRIP = 1 << 22


def connected(values: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Number the 4-connected pieces of equal values.

    Parameters
    ----------
    values : ndarray of integers, shape (y, x)
        0 belongs to no piece.

    Returns
    -------
    ndarray of int32, shape (y, x)
        Pieces 1 … n, all used; 0 stays 0.
    """
    import cc3d

    height, width = values.shape
    step = max(1, STRIP // max(1, width))
    if height <= step:
        return cc3d.connected_components(values, connectivity=4).astype(np.int32, copy=False)
    pieces = np.empty(values.shape, np.int32)
    count, seams = 0, []
    for top in range(0, height, step):
        strip = np.ascontiguousarray(values[top : top + step])
        found, number = cc3d.connected_components(strip, connectivity=4, return_N=True)
        np.add(found, count, out=pieces[top : top + step], where=found > 0, casting="unsafe")
        pieces[top : top + step][found == 0] = 0
        if top:
            same = (values[top - 1] == values[top]) & (values[top] != 0)
            seams.append(np.stack([pieces[top - 1][same], pieces[top][same]]))
        count += number
    table = _numbers(np.concatenate(seams, axis=1), count)
    for top in range(0, height, step):
        pieces[top : top + step] = table[pieces[top : top + step]]
    return pieces


def _numbers(seams: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.int32]:
    """Return the number of each piece of a strip in the whole, where some are the same piece."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(seams.shape[1], np.int8), tuple(seams)), shape=(count + 1,) * 2)
    # Components are numbered by their first node: 0, which nothing is linked to, stays 0.
    return np.asarray(connected_components(links, directed=False)[1], np.int32)

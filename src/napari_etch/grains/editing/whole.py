"""A whole map made a tiling at once, without an index of its grains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.connected import connected
from napari_etch.grains.editing.change import Labels
from napari_etch.grains.editing.index import free_labels
from napari_etch.grains.editing.tiling import SLIVER

__all__ = ["make_tiling"]

Flat = npt.NDArray[np.integer]


def make_tiling(grains: Labels, *, above: int = 0) -> None:
    """Give every piece of a label in several pieces a number of its own, in place.

    The largest piece keeps the number; what is smaller than `SLIVER` goes to a neighbour. It is
    what `GrainEditor.repair` does to all of a map, in a few passes over the pixels (6000 × 5000 px
    with 20 000 grains: 2 s in place of 15).

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
        0 is not a grain.
    above : int
        The new numbers are higher than this one.

    Raises
    ------
    EditError
        When the map's dtype has no number left.
    """
    pieces = connected(grains)
    flat = pieces.ravel()
    count = int(flat.max(initial=0))
    sizes = np.bincount(flat, minlength=count + 1)
    labels = np.zeros(count + 1, grains.dtype)
    labels[flat] = grains.ravel()
    order = np.lexsort((np.arange(count), -sizes[1:], labels[1:])) + 1
    surplus = order[1:][labels[order[1:]] == labels[order[:-1]]]  # not the largest of its label
    if surplus.size == 0:
        return
    large = np.sort(surplus[sizes[surplus] >= SLIVER])
    table = labels.copy()
    table[large] = _fresh(labels[1:], large.size, above)
    is_small = np.zeros(count + 1, bool)
    is_small[surplus[sizes[surplus] < SLIVER]] = True
    table[is_small] = 0
    grains[...] = table[pieces]
    left = _fill(grains, np.flatnonzero(is_small[flat]))
    if left.size:  # slivers beside nothing but other slivers and 0
        apart = np.zeros(grains.shape, np.uint8)
        apart.reshape(-1)[left] = 1
        numbers = connected(apart).ravel()[left]
        fresh = _fresh(np.append(labels[1:], table[large]), int(numbers.max()), above)
        np.put(grains, left, fresh[numbers - 1])


def _fresh(used: Flat, count: int, above: int) -> Flat:
    """Return numbers that are not in use, if there are any above all of those."""
    top = max(above, int(used.max(initial=0)))
    return free_labels(used.dtype, count, top, lambda: used).astype(used.dtype)


def _fill(grains: Labels, holes: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Fill pixels with the labels beside them, layer by layer; return those that none reaches.

    A pixel takes the label of a neighbour that has one already, so each label stays in one piece.
    """
    height, width = grains.shape
    while holes.size:
        rows, columns = np.divmod(holes, width)
        value = np.zeros(holes.size, grains.dtype)
        for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            y, x = rows + down, columns + right
            inside = (value == 0) & (y >= 0) & (y < height) & (x >= 0) & (x < width)
            value[inside] = grains[y[inside], x[inside]]
        reached = value > 0
        if not reached.any():
            break
        grains[rows[reached], columns[reached]] = value[reached]
        holes = holes[~reached]
    return holes

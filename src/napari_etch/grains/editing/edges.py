"""The boundaries between grains, and what the boundary map says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Labels, Window, grow, union
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Float, checked_grains
from napari_etch.grains.grain_map import shift_odds

if TYPE_CHECKING:
    from napari_etch.grains.editing.editor import GrainEditor

__all__ = ["BOUNDARY_DTYPE", "boundaries", "boundaries_in", "boundaries_of", "strength_between"]

BOUNDARY_DTYPE = np.dtype(
    [
        ("label_a", np.int64),
        ("label_b", np.int64),
        ("confidence", np.float32),
        ("length", np.float32),
        ("y", np.int32),
        ("x", np.int32),
    ]
)
"""As `Partition.edge_confidence` returns, but for labels of any size."""

_EVEN = 0.4  # mean boundary that counts as even odds; see `grains.grain_map`
_STRIP = 1 << 22


def boundaries(grains: Labels, boundary: npt.NDArray[np.floating] | None) -> npt.NDArray[np.void]:
    """Return every boundary between two grains, with what speaks for it.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
    boundary : ndarray of float, shape (y, x), optional
        Boundary map in [0, 1]; without one each confidence is 0.5.

    Returns
    -------
    structured ndarray, shape (k,)
        Fields ``label_a`` < ``label_b`` (int64), ``confidence`` (float32 in [0, 1]; mean of the
        boundary map along the boundary, of which 0.4 counts as even odds), ``length`` (float32,
        pixel pairs) and ``y``, ``x`` (int32, the pixel of the boundary nearest its centre of
        gravity), sorted by labels.

    Raises
    ------
    EditError
        When the map is not a 2D array of integers, or the two differ in shape.
    """
    grains = checked_grains(grains)
    if boundary is not None and boundary.shape != grains.shape:
        raise EditError(
            f"The boundary map {boundary.shape} and the grain map {grains.shape} differ in shape."
        )
    height, width = grains.shape
    step = max(1, _STRIP // width)
    parts = [
        _pairs(grains, boundary, (slice(top, min(height, top + step)), slice(0, width)))
        for top in range(0, height, step)
    ]
    return _table(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def boundaries_in(
    grains: Labels,
    boundary: npt.NDArray[np.floating] | None,
    window: Window,
    labels: Iterable[int],
) -> npt.NDArray[np.void]:
    """Return the boundaries of some grains that lie wholly in a window, as `boundaries` does."""
    low, high, level, y, x = _pairs(grains, boundary, grow(window, 1, grains.shape))
    wanted = np.fromiter(labels, np.int64)
    ours = np.isin(low, wanted) | np.isin(high, wanted)
    return _table(low[ours], high[ours], level[ours], y[ours], x[ours])


def boundaries_of(editor: GrainEditor, labels: Iterable[int]) -> npt.NDArray[np.void]:
    """Return the boundaries of some grains, read from their windows alone.

    Parameters
    ----------
    editor : GrainEditor
    labels : iterable of int
        Those that are no grain (any more) are passed over.

    Returns
    -------
    structured ndarray, shape (k,)
        As `boundaries` returns, for pairs of which at least one is among the labels.
    """
    present = [label for label in labels if editor.area(label)]
    if not present:
        return np.zeros(0, BOUNDARY_DTYPE)
    window = union(editor.bounding_box(label) for label in present)
    return boundaries_in(editor.grains, editor.boundary, window, present)


Columns = tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.float32],
    npt.NDArray[np.intp],
    npt.NDArray[np.intp],
]


def _pairs(grains: Labels, boundary: npt.NDArray[np.floating] | None, window: Window) -> Columns:
    """Return low label, high label, boundary value, row and column of pixel pairs.

    The first pixel of each pair is in the window; the second may be in the next row.
    """
    rows, columns = window
    tall = slice(rows.start, min(rows.stop + 1, grains.shape[0]))
    below, here = np.asarray(grains[tall, columns]), np.asarray(grains[rows, columns])
    values = None if boundary is None else np.asarray(boundary[tall, columns])
    found = []
    for part, one, two in (
        (below, np.s_[:-1, :], np.s_[1:, :]),
        (here, np.s_[:, :-1], np.s_[:, 1:]),
    ):
        y, x = np.nonzero(part[one] != part[two])
        a, b = part[one][y, x].astype(np.int64), part[two][y, x].astype(np.int64)
        grains_both = (a != 0) & (b != 0)  # far fewer pixels are left to ask than there are
        a, b, y, x = a[grains_both], b[grains_both], y[grains_both], x[grains_both]
        level = np.full(y.size, np.nan, np.float32)
        if values is not None:
            level = np.maximum(values[one][y, x], values[two][y, x]).astype(np.float32)
        found.append((np.minimum(a, b), np.maximum(a, b), level, y + rows.start, x + columns.start))
    low, high, level, y, x = (np.concatenate(both) for both in zip(*found, strict=True))
    return low, high, level, y, x


def _table(
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    level: Float,
    y: npt.NDArray[np.intp],
    x: npt.NDArray[np.intp],
) -> npt.NDArray[np.void]:
    order = _by_pair(low, high)
    low, high, level, y, x = low[order], high[order], level[order], y[order], x[order]
    new = np.ones(low.size, bool)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    first, index = np.flatnonzero(new), np.cumsum(new) - 1
    length = np.bincount(index, minlength=first.size)
    result = np.zeros(first.size, BOUNDARY_DTYPE)
    result["label_a"], result["label_b"] = low[first], high[first]
    result["length"] = length
    mean = np.bincount(index, np.nan_to_num(level, nan=_EVEN), minlength=first.size) / length
    result["confidence"] = shift_odds(np.clip(mean, 0, 1), _EVEN)
    centre_y = np.bincount(index, y, minlength=first.size) / length
    centre_x = np.bincount(index, x, minlength=first.size) / length
    away = (y - centre_y[index]) ** 2 + (x - centre_x[index]) ** 2
    nearest = _first_least(away, order, index, first)
    result["y"], result["x"] = y[nearest], x[nearest]
    return result


def _by_pair(low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return an order that puts equal pairs side by side, sorted; one sort is twice as fast."""
    if high.max(initial=0) < 1 << 31:
        return np.argsort(low << 31 | high)
    return np.lexsort((high, low))


def _first_least(
    values: npt.NDArray[np.float64],
    order: npt.NDArray[np.intp],
    index: npt.NDArray[np.intp],
    first: npt.NDArray[np.intp],
) -> npt.NDArray[np.intp]:
    """Return where in each group the least value is; of equal ones, the first in `order`."""
    if first.size == 0:
        return first
    least = np.minimum.reduceat(values, first)
    at = np.flatnonzero(values == least[index])
    groups = index[at]
    start = np.flatnonzero(np.diff(groups, prepend=-1))
    winner = np.minimum.reduceat(order[at], start)
    return at[order[at] == winner[groups]]


def strength_between(
    pieces: npt.NDArray[np.int64], beyond: Labels, former: Labels, boundary: Float | None
) -> Iterator[tuple[int, int, float, int]]:
    """Yield (piece, label, confidence, length) where a piece meets the grain it was cut from.

    Parameters
    ----------
    pieces : ndarray of int64, shape (h, w)
        Pieces 1 … n inside a region, 0 outside.
    beyond : ndarray of integers, shape (h, w)
        Grains outside the region, 0 inside.
    former : ndarray of integers, shape (h, w)
        The map before: only pixel pairs that lay in one grain count.
    boundary : ndarray of float32, shape (h, w), optional
    """
    found: dict[tuple[int, int], list[float]] = {}
    for one, two in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        across = (pieces[one] > 0) & (beyond[two] > 0) & (former[one] == former[two])
        y, x = np.nonzero(across)
        level = np.full(y.size, _EVEN)
        if boundary is not None:
            level = np.maximum(boundary[one][y, x], boundary[two][y, x]).astype(float)
        pairs = zip(pieces[one][y, x].tolist(), beyond[two][y, x].tolist(), strict=True)
        for pair, value in zip(pairs, level.tolist(), strict=True):
            found.setdefault(pair, []).append(value)
    for (piece, label), values in sorted(found.items()):
        yield piece, label, float(shift_odds(np.array(np.mean(values)), _EVEN)), len(values)

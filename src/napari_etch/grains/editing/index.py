"""Where each grain is: bounding boxes and pixel counts, kept up to date from windows alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Labels, Window, union
from napari_etch.grains.editing.errors import EditError

__all__ = ["GrainIndex", "free_labels"]

# Pixels that are read in one go while the index is built: the temporary arrays stay small.
_STRIP = 1 << 22

Integers = npt.NDArray[np.int64]


class _Extents(NamedTuple):
    """Labels with their pixel counts and boxes (top, stop, left, right), one row each."""

    labels: Integers
    counts: Integers
    boxes: Integers


class GrainIndex:
    """Label to bounding box and pixel count.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
        The map; held by reference. Reading it once costs O(pixels), every update O(window).
    read : bool
        False leaves the index empty.
    """

    def __init__(self, grains: Labels, *, read: bool = True) -> None:
        self._grains = grains
        self._row: dict[int, int] = {}
        self._labels = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._boxes = np.zeros((0, 4), np.int64)
        self._vacant: list[int] = []
        self._highest = 0
        if read:
            self.rebuild()

    def __contains__(self, label: int) -> bool:
        return label in self._row

    def __len__(self) -> int:
        return len(self._row)

    def rebuild(self) -> None:
        """Read the whole map again."""
        extents = _measure(self._grains)
        self._labels, self._counts, self._boxes = extents
        self._row = dict(zip(extents.labels.tolist(), range(extents.labels.size), strict=True))
        self._vacant = []
        self._highest = max(self._highest, int(extents.labels.max(initial=0)))

    def count(self, label: int) -> int:
        """Return the number of pixels of a grain; 0 when there is no such grain."""
        row = self._row.get(label)
        return 0 if row is None else int(self._counts[row])

    def box(self, label: int) -> Window:
        """Return the bounding box of a grain.

        Raises
        ------
        EditError
            When there is no such grain.
        """
        row = self._row.get(label)
        if row is None:
            raise EditError(f"There is no grain {label} in this map.")
        top, stop, left, right = self._boxes[row].tolist()
        return slice(top, stop), slice(left, right)

    def labels(self) -> Integers:
        """Return all labels, sorted."""
        return np.sort(np.fromiter(self._row, np.int64, len(self._row)))

    def touching(self, window: Window) -> list[int]:
        """Return the labels whose bounding box meets the window."""
        top, stop, left, right = self._boxes.T
        rows, columns = window
        meets = (top < rows.stop) & (stop > rows.start)
        meets &= (left < columns.stop) & (right > columns.start) & (self._counts > 0)
        labels: list[int] = self._labels[meets].tolist()
        return labels

    def new_labels(self, n: int) -> list[int]:
        """Return n labels that are not in use; numbers of former grains only when all others are.

        Raises
        ------
        EditError
            When the map's dtype has no number left.
        """
        fresh: list[int] = free_labels(self._grains.dtype, n, self._highest, self.labels).tolist()
        return fresh

    def reserve(self, highest: int) -> None:
        """Number new grains above this, as long as there are numbers."""
        self._highest = max(self._highest, int(highest))

    def update(self, window: Window, before: Labels, after: Labels) -> None:
        """Take note that the window, once `before`, now is `after`; the map holds that already."""
        rows, columns = np.nonzero(before != after)
        y, x = rows + window[0].start, columns + window[1].start
        gained = _extents(after[rows, columns], y, x)
        lost = _extents(before[rows, columns], y, x)
        for label, count, box in zip(*gained, strict=True):
            self._gain(int(label), int(count), box)
        for label, count, box in zip(*lost, strict=True):
            self._lose(int(label), int(count), box)

    def recount(self, window: Window) -> None:
        """Take note that the window has changed, whatever it was before."""
        concerned = set(self.touching(window))
        concerned.update(np.unique(self._grains[window]).tolist())
        concerned.discard(0)
        outer = union([window, *(self.box(label) for label in concerned if label in self)])
        found = _measure(self._grains[outer])
        shift = np.repeat([outer[0].start, outer[1].start], 2)
        keep = np.isin(found.labels, np.fromiter(concerned, np.int64, len(concerned)))
        for label in concerned.difference(found.labels.tolist()):
            self._drop(label)
        boxes = found.boxes[keep] + shift
        for label, count, box in zip(found.labels[keep], found.counts[keep], boxes, strict=True):
            self._set(int(label), int(count), box)

    def _gain(self, label: int, count: int, box: Integers) -> None:
        row = self._row.get(label)
        if row is None:
            self._set(label, count, box)
            return
        old = self._boxes[row]
        old[0::2] = np.minimum(old[0::2], box[0::2])
        old[1::2] = np.maximum(old[1::2], box[1::2])
        self._counts[row] += count

    def _lose(self, label: int, count: int, box: Integers) -> None:
        row = self._row[label]
        self._counts[row] -= count
        if self._counts[row] <= 0:
            self._drop(label)
            return
        # Only pixels at a side of the box can have held that side where it was.
        if np.any(self._boxes[row] == box):
            self._shrink(row, label)

    def _shrink(self, row: int, label: int) -> None:
        top, stop, left, right = self._boxes[row].tolist()
        mask = self._grains[top:stop, left:right] == label
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        self._boxes[row] = (
            top + rows[0],
            top + rows[-1] + 1,
            left + columns[0],
            left + columns[-1] + 1,
        )

    def _set(self, label: int, count: int, box: Integers) -> None:
        row = self._row.get(label)
        if row is None:
            row = self._vacant.pop() if self._vacant else self._enlarge()
            self._row[label] = row
        self._labels[row], self._counts[row], self._boxes[row] = label, count, box
        self._highest = max(self._highest, label)

    def _drop(self, label: int) -> None:
        row = self._row.pop(label, None)
        if row is not None:
            self._counts[row] = 0
            self._vacant.append(row)

    def _enlarge(self) -> int:
        """Make room for more grains; return one of the new rows and remember the others."""
        n, more = self._labels.size, max(64, self._labels.size // 4)
        self._labels = np.concatenate([self._labels, np.zeros(more, np.int64)])
        self._counts = np.concatenate([self._counts, np.zeros(more, np.int64)])
        self._boxes = np.concatenate([self._boxes, np.zeros((more, 4), np.int64)])
        self._vacant.extend(range(n + more - 1, n, -1))
        return n


def _measure(grains: Labels) -> _Extents:
    """Measure every label by its runs along the rows, which are far fewer than its pixels."""
    height, width = grains.shape
    step = max(1, _STRIP // max(1, width))
    parts = [
        _group(*_runs(np.asarray(grains[top : top + step]), top)) for top in range(0, height, step)
    ]
    if not parts:
        return _group(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.int64))
    labels, counts, boxes = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _group(labels, counts, boxes)


def _runs(strip: Labels, top: int) -> tuple[Integers, Integers, Integers]:
    width = strip.shape[1]
    starts = np.ones(strip.shape, bool)
    np.not_equal(strip[:, 1:], strip[:, :-1], out=starts[:, 1:])
    first = np.flatnonzero(starts)
    labels = strip[starts].astype(np.int64)
    length = np.diff(first, append=strip.size)
    y, x = np.divmod(first, width)
    inside = labels != 0
    boxes = np.stack([y + top, y + top + 1, x, x + length], axis=1)
    return labels[inside], length[inside], boxes[inside]


def _extents(labels: Labels, y: npt.NDArray[np.intp], x: npt.NDArray[np.intp]) -> _Extents:
    """Measure pixels given one by one; 0 is not a grain."""
    inside = labels != 0
    y, x = y[inside], x[inside]
    boxes = np.stack([y, y + 1, x, x + 1], axis=1)
    return _group(labels[inside].astype(np.int64), np.ones(y.size, np.int64), boxes)


def _group(labels: Integers, counts: Integers, boxes: Integers) -> _Extents:
    """Join rows of the same label."""
    order = np.argsort(labels, kind="stable")
    labels, counts, boxes = labels[order], counts[order], boxes[order]
    first = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1))
    if first.size == 0:
        return _Extents(labels, counts, boxes.reshape(0, 4))
    joined = np.empty((first.size, 4), np.int64)
    joined[:, 0::2] = np.minimum.reduceat(boxes[:, 0::2], first)
    joined[:, 1::2] = np.maximum.reduceat(boxes[:, 1::2], first)
    return _Extents(labels[first], np.add.reduceat(counts, first), joined)


def free_labels(
    dtype: np.dtype[Any], n: int, highest: int, used: Callable[[], npt.NDArray[np.integer]]
) -> Integers:
    """Return n labels above the highest, or other free ones where the dtype has no n above it.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the map.
    n, highest : int
    used : callable
        Returns the labels in use; asked only when there are none left above the highest.

    Raises
    ------
    EditError
        When the dtype has no number left.
    """
    most = int(np.iinfo(dtype).max)
    if highest + n <= most:
        return np.arange(highest + 1, highest + n + 1)
    taken = used()
    free = np.setdiff1d(np.arange(1, min(most, taken.size + n) + 1), taken)[:n]
    if free.size < n:
        raise EditError(
            f"All {most} labels that {dtype} can hold are in use: convert the grain map to int32."
        )
    return free

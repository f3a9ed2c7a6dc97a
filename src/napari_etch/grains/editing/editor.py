"""The editor of a grain map: gestures in, changes out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing import merge, regions, repair, split
from napari_etch.grains.editing.change import Change, Labels, Window, grow
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field, checked_grains
from napari_etch.grains.editing.index import GrainIndex
from napari_etch.grains.editing.wire import REACH

__all__ = ["GrainEditor"]


class GrainEditor:
    """Edits a grain map in small windows.

    A gesture returns a `Change` and writes nothing: give its `Change.pixels` to a napari layer, or
    `apply` it here. After building the index once, a gesture costs time in proportion to the
    grains that it touches, not to the map.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
        Grain map, 0 is not a grain. Held by reference, never copied.
    boundary : ndarray of float, shape (y, x), optional
        Boundary map in [0, 1], which snapped cuts follow.
    image : ndarray, shape (y, x), optional
        The micrograph, grey, for the magic wand.
    locked : iterable of int
        Accepted grains. A gesture that would change one raises EditError.

    Raises
    ------
    EditError
        When the map is not a 2D array of integers, or the images differ from it in shape.

    Notes
    -----
    Coordinates are (row, column) in pixels of the map; a pixel's centre is a whole number. Grains
    are 4-connected. Every gesture may raise `EditError`, whose one sentence is meant for the user.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_etch.grains.editing import GrainEditor
    >>> grains = np.ones((20, 30), np.int32)
    >>> editor = GrainEditor(grains)
    >>> change = editor.split_along([(0, 10), (19, 10)])
    >>> change.message
    'Split grain 1 into 1 and 2.'
    >>> editor.apply(change)
    >>> editor.neighbours(1)
    {2: 20}
    """

    def __init__(
        self,
        grains: Labels,
        *,
        boundary: npt.NDArray[np.floating] | None = None,
        image: npt.NDArray[Any] | None = None,
        locked: Iterable[int] = (),
    ) -> None:
        grains = checked_grains(grains)
        for name, other in (("boundary map", boundary), ("micrograph", image)):
            if other is not None and other.shape != grains.shape:
                raise EditError(
                    f"The {name} {other.shape} and the grain map {grains.shape} differ in shape."
                )
        self._field = Field(grains, GrainIndex(grains), boundary, image, set(locked))

    # ---------------------------------------------------------------- state

    @property
    def grains(self) -> Labels:
        """The map itself."""
        return self._field.grains

    @property
    def locked(self) -> set[int]:
        """Accepted grains; change the set, or replace it."""
        return self._field.locked

    @locked.setter
    def locked(self, labels: Iterable[int]) -> None:
        self._field.locked = set(labels)

    @property
    def count(self) -> int:
        """Number of grains."""
        return len(self._field.index)

    def labels(self) -> npt.NDArray[np.int64]:
        """Return the labels of all grains, sorted."""
        return self._field.index.labels()

    def area(self, label: int) -> int:
        """Return the number of pixels of a grain; 0 when there is no such grain."""
        return self._field.index.count(label)

    def bounding_box(self, label: int) -> Window:
        """Return the smallest window that holds a grain."""
        return self._field.index.box(label)

    def neighbours(self, label: int) -> dict[int, int]:
        """Return the grains beside a grain, and how many pixel sides each shares with it."""
        return merge.neighbours(self._field, label)

    def label_at(self, point: npt.ArrayLike) -> int:
        """Return the label under a point."""
        return self._field.label_at(point)

    def apply(self, change: Change) -> None:
        """Write a change into the map.

        Raises
        ------
        EditError
            When the map is read-only, or its window is no longer as the change found it.
        """
        self._write(change, change.before, change.after)

    def revert(self, change: Change) -> None:
        """Take back a change that was applied; raises as `apply` does."""
        self._write(change, change.after, change.before)

    def _write(self, change: Change, old: Labels, new: Labels) -> None:
        grains = self._field.grains
        if not grains.flags.writeable:
            raise EditError("The grain map is read-only: open a copy to edit it.")
        if not np.array_equal(grains[change.window], old):
            raise EditError("The map has changed since: make the gesture again.")
        grains[change.window] = new
        self._field.index.update(change.window, old, new)

    def noted(self, window: Window) -> None:
        """Take note that someone else has changed the map inside a window.

        Call it after every write that did not go through `apply`: a layer's `data_setitem`, a
        brush, undo and redo. Noting the same window twice does no harm.
        """
        self._field.index.recount(grow(window, 0, self._field.grains.shape))

    def repair(self, window: Window, *, before: Labels | None = None) -> Change | None:
        """Bring back the tiling after a foreign edit, already written, inside a window.

        Of a label in pieces, the one with most of the former grain keeps the number; the others
        become grains, slivers go to a neighbour. With `before`, lines of 0 drawn through grains
        become cuts, and accepted grains get back what was painted over.

        Parameters
        ----------
        window : (slice, slice)
            Noted by this call too.
        before : ndarray of integers, shape (h, w), optional
            The window as it was.

        Returns
        -------
        Change or None
            None when the map is valid.
        """
        window = grow(window, 0, self._field.grains.shape)
        self._field.index.recount(window)
        return repair.repair(self._field, window, before)

    # ------------------------------------------------------------- gestures

    def split_along(
        self, path: npt.ArrayLike, *, snap: bool = True, reach: float = REACH
    ) -> Change:
        """Split grains along a stroke.

        The stroke may cross several grains and may overshoot; ends inside a grain are prolonged to
        its outline. The largest piece keeps the number.

        Parameters
        ----------
        path : array_like, shape (n, 2)
        snap : bool
            Follow the most probable boundary near the stroke (needs a boundary map); False cuts
            along the stroke itself.
        reach : float
            Px that a snapped cut may stray from the stroke without much cost.
        """
        return split.split_along(self._field, path, snap=snap, reach=reach)

    def split_seeds(self, points: npt.ArrayLike) -> Change:
        """Split a grain between two or more clicks in it, by flooding the boundary map.

        Parameters
        ----------
        points : array_like, shape (n, 2)
        """
        return split.split_seeds(self._field, points)

    def merge(self, labels: Iterable[int]) -> Change:
        """Merge grains that lie side by side; the largest keeps its number."""
        return merge.merge(self._field, labels)

    def merge_along(self, path: npt.ArrayLike) -> Change:
        """Merge all grains that a stroke runs through.

        Parameters
        ----------
        path : array_like, shape (n, 2)
        """
        return merge.merge_along(self._field, path)

    def remove_boundary(self, point: npt.ArrayLike, *, reach: float = 6.0) -> Change:
        """Remove the boundary nearest to a click, at most `reach` px away."""
        return merge.remove_boundary(self._field, point, reach=reach)

    def delete(self, labels: Iterable[int], *, absorb: bool) -> Change:
        """Delete grains: to 0, or absorbed by their neighbours along the boundary map."""
        return regions.delete(self._field, labels, absorb=absorb)

    def preview(self, gesture: str, path: npt.ArrayLike, **options: Any) -> npt.NDArray[np.float64]:
        """Return the line that a gesture would cut along, for drawing while the mouse moves.

        Parameters
        ----------
        gesture : "split"
        path : array_like, shape (n, 2)
        **options
            Those of the gesture.

        Returns
        -------
        ndarray of float, shape (m, 2)
        """
        if gesture != "split":
            raise EditError(f"There is no preview of {gesture!r}: choose split.")
        options = {"snap": True, **options}
        return split.cut_lines(self._field, path, **options)

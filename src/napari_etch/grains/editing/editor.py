"""The editor of a grain map: gestures in, changes out."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing import (
    classes,
    merge,
    outlines,
    recut,
    redraw,
    regions,
    renumber,
    repair,
    seeds,
    split,
)
from napari_etch.grains.editing.change import Change, Labels, Window, closed
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field, checked_grains
from napari_etch.grains.editing.index import GrainIndex
from napari_etch.grains.editing.wire import REACH
from napari_etch.micrograph.pixels import from_0_to_1

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
        Boundary map in [0, 1], or of 8 or 16 bits, which snapped cuts follow.
    image : ndarray, shape (y, x), optional
        The micrograph, grey, for the magic wand.
    locked : iterable of int
        Accepted grains. A gesture that would change one raises EditError.
    tiling : bool
        False for a class map (fracture modes): then no index is built, and only `set_class`,
        `apply` and `revert` work.
    class_names : mapping of int to str, optional
        Of a class map, for what is said of its classes.

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
        tiling: bool = True,
        index: GrainIndex | None = None,
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        grains = checked_grains(grains)
        for name, other in (("boundary map", boundary), ("micrograph", image)):
            if other is not None and other.shape != grains.shape:
                raise EditError(
                    f"The {name} {other.shape} and the grain map {grains.shape} differ in shape."
                )
        _load_libraries()
        self._tiling = tiling
        self._class_names = class_names
        index = index or GrainIndex(grains, read=tiling)
        boundary = None if boundary is None else from_0_to_1(boundary)
        self._any_field = Field(grains, index, boundary, image, set(locked))

    # ---------------------------------------------------------------- state

    @property
    def _field(self) -> Field:
        if not self._tiling:
            raise EditError("This is a class map: only classes can be set in it.")
        return self._any_field

    @property
    def grains(self) -> Labels:
        """The map itself."""
        return self._any_field.grains

    @property
    def boundary(self) -> npt.NDArray[np.floating] | None:
        """The boundary map, if there is one."""
        return self._any_field.boundary

    @property
    def image(self) -> npt.NDArray[Any] | None:
        """The micrograph, grey, if there is one."""
        return self._any_field.image

    @property
    def locked(self) -> set[int]:
        """Accepted grains; change the set, or replace it."""
        return self._any_field.locked

    @locked.setter
    def locked(self, labels: Iterable[int]) -> None:
        """Accept these grains and no others."""
        self._any_field.locked = set(labels)

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

    def reserve(self, highest: int) -> None:
        """Number new grains above `highest`: the numbers up to it are in use in other sections.

        Parameters
        ----------
        highest : int
        """
        self._field.index.reserve(highest)

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
        grains = self.grains
        if not grains.flags.writeable:
            raise EditError("The grain map is read-only: open a copy to edit it.")
        if not np.array_equal(grains[change.window], old):
            raise EditError("The map has changed since: make the gesture again.")
        grains[change.window] = new
        if self._tiling:
            self._field.index.update(change.window, old, new)

    def noted(self, window: Window) -> None:
        """Take note that someone else has changed the map inside a window.

        Call it after every write that did not go through `apply`: a layer's `data_setitem`, a
        brush, undo and redo. Noting the same window twice does no harm.
        """
        if self._tiling:
            self._field.index.recount(closed(window, self.grains.shape))

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
        if not self._tiling:
            return None
        window = closed(window, self.grains.shape)
        self._field.index.recount(window)
        return repair.repair(self._field, window, before)

    # ------------------------------------------------------------- gestures

    def split_along(
        self, path: npt.ArrayLike, *, snap: bool = True, reach: float = REACH
    ) -> Change:
        """Split grains along a stroke.

        The stroke may cross several grains and may overshoot; ends inside a grain are prolonged to
        its outline. A snapped stroke inside a grain may also run across the missing boundary
        instead of along it. A stroke that comes back to its start cuts out an island. The largest
        piece keeps the number.

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
        return seeds.split_seeds(self._field, points)

    def split_off(self, label: int, part: npt.NDArray[np.bool_]) -> Change:
        """Split a part off a grain; the larger piece keeps the number.

        Parameters
        ----------
        label : int
        part : ndarray of bool, shape of the grain's bounding box
            Some of its pixels; what lies outside the grain does not matter.
        """
        return split.split_off(self._field, label, part)

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

    def redraw(self, path: npt.ArrayLike, *, snap: bool = True, reach: float = REACH) -> Change:
        """Pull a boundary to another course; the strip between old and new changes owner.

        Parameters
        ----------
        path : array_like, shape (n, 2)
            The new course. It may run through one of the two grains or change sides; ends that do
            not reach the old boundary are closed onto it.
        snap, reach
            As for `split_along`.
        """
        return redraw.redraw(self._field, path, snap=snap, reach=reach)

    def delete(self, labels: Iterable[int], *, absorb: bool) -> Change:
        """Delete grains: to 0, or absorbed by their neighbours along the boundary map."""
        return outlines.delete(self._field, labels, absorb=absorb)

    def add(self, polygon: npt.ArrayLike) -> Change:
        """Make a drawn region one grain, whatever lay there.

        Parameters
        ----------
        polygon : array_like, shape (n, 2)
        """
        return regions.add(self._field, polygon)

    def reassign(self, polygon: npt.ArrayLike, label: int) -> Change:
        """Give a drawn region to a grain that it touches, or with label 0 to none.

        Parameters
        ----------
        polygon : array_like, shape (n, 2)
        label : int
        """
        return regions.reassign(self._field, polygon, label)

    def wand(self, point: npt.ArrayLike, *, tolerance: float = 0.1) -> Change:
        """Make the region like the clicked pixel one grain (needs the micrograph).

        Parameters
        ----------
        point : array_like, shape (2,)
        tolerance : float
            Difference in brightness, as part of the image's range from its 1 % to its 99 %
            quantile.
        """
        return regions.wand(self._field, point, tolerance=tolerance)

    def fill_holes(
        self, labels: Iterable[int] | None = None, window: Window | None = None
    ) -> Change:
        """Fill 0 regions that grains enclose.

        Parameters
        ----------
        labels : iterable of int, optional
            Fill only holes that border on these grains alone.
        window : (slice, slice), optional
            Where to look without labels; the whole map when not given.
        """
        return outlines.fill_holes(self._field, labels, window)

    def smooth(self, labels: Iterable[int], *, radius: float = 2.0) -> Change:
        """Smooth the outlines of grains.

        Parameters
        ----------
        labels : iterable of int
        radius : float
            Px; details smaller than this go.
        """
        return outlines.smooth(self._field, labels, radius=radius)

    def recut(self, polygon: npt.ArrayLike, granularity: float, *, scale: float = 1.0) -> Change:
        """Cut a drawn region anew from the boundary map, coarser or finer.

        Parameters
        ----------
        polygon : array_like, shape (n, 2)
        granularity, scale : float
            As for `napari_etch.grains.partition`.
        """
        return recut.recut(self._field, polygon, granularity, scale=scale)

    def set_class(self, where: npt.ArrayLike, value: int) -> Change:
        """Set the class of a clicked region or a lasso in a class map; see `classes.set_class`."""
        return classes.set_class(self.grains, where, value, self._class_names)

    def renumber(self, change: Change, numbers: Mapping[int, int]) -> Change:
        """Return a change with other numbers for the grains that it leaves.

        Parameters
        ----------
        change : Change
            Not applied yet.
        numbers : mapping of int to int
            By the number that the change gives, or leaves; two grains may swap theirs.

        Raises
        ------
        EditError
            When an accepted grain would change.
        """
        return renumber.renumber(self._field, change, numbers)

    def preview(self, gesture: str, path: npt.ArrayLike, **options: Any) -> npt.NDArray[np.float64]:
        """Return the line that a gesture would cut along, for drawing while the mouse moves.

        Parameters
        ----------
        gesture : "split" or "redraw"
        path : array_like, shape (n, 2)
        **options
            Those of the gesture.

        Returns
        -------
        ndarray of float, shape (m, 2)
        """
        lines = {"split": split.cut_lines, "redraw": redraw.redrawn_lines}
        if gesture not in lines:
            raise EditError(f"There is no preview of {gesture!r}: choose {' or '.join(lines)}.")
        return lines[gesture](self._field, path, **{"snap": True, **options})


def _load_libraries() -> None:
    """Import now what gestures need, so that the first of them does not wait for it."""
    for name in ("cc3d", "edt", "scipy.ndimage", "skimage.graph", "skimage.segmentation"):
        importlib.import_module(name)

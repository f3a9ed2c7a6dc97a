"""The undo history of a Labels layer: hears of every step, whoever makes it, and may add to it.

Three things that napari 0.9 does not do by itself are needed for a map that always tiles:

- A brush stroke may leave a grain in two pieces. What mends that belongs to the same undo step, so
  it is added to the step that napari has just stored.
- napari tells of a step (`events.paint`) before the pixels of a fill or polygon are written, but
  after those of a brush stroke. Here all are grouped, and so told of afterwards.
- Undo and redo tell nobody, and repaint the whole layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch._widgets.correct_repaint import no_whole_repaint, repaint

if TYPE_CHECKING:
    from napari.layers import Labels

Window = tuple[slice, ...]
Indices = tuple[npt.NDArray[np.intp], ...]
Pixels = tuple[Indices, npt.NDArray[np.integer]]

EDIT, UNDO, REDO = "edit", "undo", "redo"
#: What napari calls to write pixels, with the undo step stored before or after the writing.
_WRITERS = ("data_setitem", "fill", "paint", "paint_polygon")


@dataclass(frozen=True, eq=False)
class Step:
    """Something that was done to the map.

    Attributes
    ----------
    kind : str
        ``edit``, ``undo`` or ``redo``.
    window : tuple of slice
        Where; one slice for every axis of the data.
    before, after : ndarray of int, shape of the window
        What was there, and what is there now.
    """

    kind: str
    window: Window
    before: npt.NDArray[np.integer]
    after: npt.NDArray[np.integer]


class HistoryGuard:
    """Watches one layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        Its data must be a numpy array.
    mend : callable
        Is given a step and returns the pixels to change so that the map tiles again, or None.
    told : callable
        Is given every step, with what was mended.
    instead : callable, optional
        Is asked before ``undo`` and ``redo`` whether it has done so with something else.
    """

    def __init__(
        self,
        layer: Labels,
        mend: Callable[[Step], Pixels | None],
        told: Callable[[Step], None],
        instead: Callable[[str], bool] = lambda _kind: False,
    ) -> None:
        self._layer = layer
        self._mend = mend
        self._told = told
        self._instead = instead
        self._wrap()
        layer.events.paint.connect(self._on_paint)

    def release(self) -> None:
        """Leave the layer as it was."""
        self._layer.events.paint.disconnect(self._on_paint)
        for name in (*_WRITERS, "undo", "redo"):
            self._layer.__dict__.pop(name, None)

    def write(self, indices: Indices, values: npt.NDArray[np.integer]) -> None:
        """Change pixels as one undo step."""
        with self._layer.block_history():
            self._layer.data_setitem(indices, values)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(getattr(self._layer, "_undo_history", True))

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(getattr(self._layer, "_redo_history", True))

    @property
    def last(self) -> object:
        """The step that undo would take back, as an object to compare with; None without one."""
        history = getattr(self._layer, "_undo_history", None)
        return history[-1] if history else None

    @property
    def is_in_stroke(self) -> bool:
        """Whether a stroke of the brush is under way."""
        return bool(getattr(self._layer, "_block_history", False))

    def _wrap(self) -> None:
        layer = self._layer

        def grouped(write: Callable[..., Any]) -> Callable[..., Any]:
            def write_grouped(*args: Any, **kwargs: Any) -> Any:
                if self.is_in_stroke:
                    return write(*args, **kwargs)
                with layer.block_history():
                    return write(*args, **kwargs)

            return write_grouped

        for name in _WRITERS:
            if hasattr(layer, name):
                setattr(layer, name, grouped(getattr(layer, name)))
        undo, redo = layer.undo, layer.redo
        layer.undo = lambda: self._travel(undo, UNDO)
        layer.redo = lambda: self._travel(redo, REDO)

    def _on_paint(self, event: Any) -> None:
        item = event.value
        window = window_of(item, self._layer.data.shape)
        if window is None:
            return
        after = np.array(self._layer.data[window])
        step = Step(EDIT, window, before_of(item, after, window), after)
        self._told(self._mended(step, item))

    def _travel(self, go: Callable[[], None], kind: str) -> None:
        """Undo or redo, repainting only what changes."""
        if self._instead(kind):
            return
        layer = self._layer
        source = layer._undo_history if kind == UNDO else layer._redo_history
        window = window_of(source[-1], layer.data.shape) if source else None
        if window is None:
            go()
            return
        before = np.array(layer.data[window])
        with no_whole_repaint(layer):
            go()
        repaint(layer, window)
        step = Step(kind, window, before, np.array(layer.data[window]))
        # Where napari has put the step: what is added here is the first to be taken back there.
        item = (layer._redo_history if kind == UNDO else layer._undo_history)[-1]
        self._told(self._mended(step, item, turned=kind == UNDO))

    def _mended(self, step: Step, item: list[Any], *, turned: bool = False) -> Step:
        """Write what mends a step, add it to the step in the history, and return it all as one."""
        pixels = self._mend(step)
        if pixels is None or pixels[0][0].size == 0:
            return step
        indices, values = pixels
        data = self._layer.data
        old = np.array(data[indices])
        values = np.asarray(values, data.dtype)
        part = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in indices)
        window = joined([step.window, part])
        before = np.array(data[window])
        before[_local(step.window, window)] = step.before
        data[indices] = values
        item.append((indices, values, old) if turned else (indices, old, values))
        repaint(self._layer, part)
        return Step(step.kind, window, before, np.array(data[window]))


def window_of(item: Sequence[Any], shape: tuple[int, ...]) -> Window | None:
    """Return the smallest window that holds all pixels of an undo step.

    Parameters
    ----------
    item : sequence
        Parts as napari stores them: a window with a mask, or indices with values.
    shape : tuple of int
        Of the data.
    """
    windows = [_window_of_part(part) for part in item]
    if not windows:
        return None
    window = joined(windows)
    return tuple(
        slice(max(0, axis.start), min(axis.stop, edge))
        for axis, edge in zip(window, shape, strict=True)
    )


def before_of(
    item: Sequence[Any], after: npt.NDArray[np.integer], window: Window
) -> npt.NDArray[np.integer]:
    """Return what was in a window before an undo step was made.

    Parameters
    ----------
    item : sequence
        Parts as napari stores them, in the order in which they were made.
    after : ndarray of int, shape of the window
        What is there now.
    window : tuple of slice
        As `window_of` returns it.
    """
    before = np.array(after)
    for part in reversed(item):
        if hasattr(part, "slice_key"):
            inner = before[_local(part.slice_key, window)]
            inner[... if part.mask is None else part.mask] = part.old_values
        else:
            indices, old, _ = part
            moved = [axis - edge.start for axis, edge in zip(indices, window, strict=True)]
            before[tuple(moved)] = old
    return before


def joined(windows: Sequence[Window]) -> Window:
    """Return the smallest window that holds all of them."""
    return tuple(
        slice(min(axis.start for axis in axes), max(axis.stop for axis in axes))
        for axes in zip(*windows, strict=True)
    )


def _window_of_part(part: Any) -> Window:
    if hasattr(part, "slice_key"):
        return tuple(slice(int(axis.start), int(axis.stop)) for axis in part.slice_key)
    return tuple(
        slice(int(np.min(axis)), int(np.max(axis)) + 1) for axis in map(np.atleast_1d, part[0])
    )


def _local(window: Window, outer: Window) -> Window:
    return tuple(
        slice(axis.start - edge.start, axis.stop - edge.start)
        for axis, edge in zip(window, outer, strict=True)
    )

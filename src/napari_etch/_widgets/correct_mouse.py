"""The mouse over a grain map: strokes and clicks, with what they would do drawn meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch._widgets.correct_preview import (
    NONE,
    Preview,
    Segments,
    change_segments,
    cross_segments,
    stroke_segments,
)
from napari_etch._widgets.correct_tools import Gesture, Options, Tool
from napari_etch._widgets.placement import steps_of
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_etch._widgets.correct_session import CorrectSession

#: A press and release within so many px on the screen is a click.
CLICK_REACH = 4.0
#: A boundary within so many px on the screen, and of the map, can be clicked.
CLICK_TARGET, LEAST_REACH = 8.0, 3.0
#: Points of a stroke nearer than this on the screen, px, are left out.
STEP = 2.0
#: Milliseconds that the mouse rests before a tool shows what a click would do.
REST = 40
#: Milliseconds that showing what a click would do may take; a slower tool shows it no more.
PATIENCE = 150
#: Share of the time that drawing previews may take of the stroke.
SHARE = 0.4
LITERAL = "Shift"
#: The mode of the layer while a tool is on: napari does not pan in it, and Space still does.
TOOL_MODE = "pick"


class CorrectMouse(QObject):
    """Turns the mouse on the layer of a session into gestures of the tool that is on.

    Signals
    -------
    gestured : object
        A `Gesture` is complete.
    seeded : int
        So many clicks wait to be finished.
    stopped
        The user took another tool of napari's.
    """

    gestured = Signal(object)
    seeded = Signal(int)
    stopped = Signal()

    def __init__(
        self, preview: Preview, options: Callable[[], Options], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._preview = preview
        self._options = options
        self._session: CorrectSession | None = None
        self._tool: Tool | None = None
        self._seeds: list[npt.NDArray[np.float64]] = []
        self._is_drawing = False
        self._is_slow = False
        self._hover: tuple[npt.NDArray[np.float64], bool] | None = None
        self._outcome: tuple[Segments, Segments] = (NONE, NONE)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._show_hover)
        self.point: npt.NDArray[np.float64] | None = None

    @property
    def tool(self) -> Tool | None:
        """The tool that is on."""
        return self._tool

    @property
    def seeds(self) -> npt.NDArray[np.float64]:
        """Clicks that wait to be finished, shape (n, 2)."""
        return np.array(self._seeds, float).reshape(-1, 2)

    def watch(self, session: CorrectSession | None) -> None:
        """Listen to the layer of another session."""
        if session is self._session:
            return
        self.take(None)
        if self._session is not None:
            layer = self._session.layer
            layer.mouse_drag_callbacks.remove(self._on_drag)
            layer.mouse_move_callbacks.remove(self._on_move)
            layer.mouse_double_click_callbacks.remove(self._on_double_click)
            layer.events.mode.disconnect(self._on_mode)
        self._session = session
        self.point = None
        if session is not None:
            layer = session.layer
            layer.mouse_drag_callbacks.append(self._on_drag)
            layer.mouse_move_callbacks.append(self._on_move)
            layer.mouse_double_click_callbacks.append(self._on_double_click)
            layer.events.mode.connect(self._on_mode)

    def take(self, tool: Tool | None) -> None:
        """Switch a tool on, or all of them off."""
        self.drop()
        was_on, self._tool = self._tool is not None, tool
        self._is_slow = False
        if self._session is None:
            return
        layer = self._session.layer
        if tool is not None:
            layer.mode = TOOL_MODE
            layer.cursor = "crosshair"
        elif was_on and str(layer.mode) == TOOL_MODE:
            layer.mode = "pan_zoom"

    def drop(self) -> bool:
        """Forget the clicks and the stroke so far; return whether there were any."""
        there = bool(self._seeds) or self._is_drawing
        self._seeds.clear()
        self._is_drawing = False
        self._rest.stop()
        self._preview.clear()
        return there

    def finish(self) -> None:
        """Use the clicks so far."""
        if self._seeds:
            path = list(self._seeds)
            self.drop()
            self.gestured.emit(self._gesture(path, False, seeds=True))

    # -- events ----------------------------------------------------------------------------------

    def _is_on(self) -> bool:
        return (
            self._tool is not None
            and self._session is not None
            and str(self._session.layer.mode) == TOOL_MODE
        )

    def _on_mode(self, _event: Any = None) -> None:
        """Space moves the view and comes back; any other mode of napari's puts the tool away."""
        if self._tool is None or self._session is None:
            return
        mode = str(self._session.layer.mode)
        if mode == TOOL_MODE:
            self._session.layer.cursor = "crosshair"
        elif mode != "pan_zoom":
            self._tool = None
            self.drop()
            self.stopped.emit()

    def _on_move(self, layer: Labels, event: Any) -> None:
        self.point = _pixel(layer, event)
        if self._is_on() and not self._is_drawing and self._tool and not self._tool.closed:
            self._hover = (self.point, LITERAL in event.modifiers)
            self._rest.start()

    def _on_double_click(self, _layer: Labels, _event: Any) -> None:
        if self._is_on() and len(self._seeds) > 1:
            self.finish()

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        if not self._is_on() or event.button != 1 or self._tool is None:
            return
        if len(event.dims_displayed) != 2:
            return  # the dock says that the view must be flat
        tool = self._tool
        self._rest.stop()
        self._is_drawing = True
        literal = LITERAL in event.modifiers
        pressed = np.asarray(event.pos, float)
        path, last = [_pixel(layer, event)], pressed
        has_moved, next_look = False, 0.0
        self._outcome = (NONE, NONE)
        yield
        while event.type == "mouse_move":
            if not self._is_drawing:
                return  # Escape
            here = np.asarray(event.pos, float)
            has_moved |= float(np.hypot(*(here - pressed))) > CLICK_REACH
            if np.hypot(*(here - last)) >= STEP:
                path.append(_pixel(layer, event))
                last = here
            if has_moved:
                gesture, started = self._gesture(path, literal), time.perf_counter()
                if started >= next_look:
                    self._outcome = self._try(tool, gesture)
                    ended = time.perf_counter()
                    next_look = ended + (ended - started) * (1 / SHARE - 1)
                self._show(tool, gesture)
            yield
        if not self._is_drawing:
            return
        self._is_drawing = False
        self._preview.clear()
        if has_moved:
            path.append(_pixel(layer, event))
            self.gestured.emit(self._gesture(path, literal))
        elif tool.clicks:
            self._seeds.append(path[0])
            self._show_seeds()
            self.seeded.emit(len(self._seeds))
        else:
            self.gestured.emit(self._gesture(path[:1], literal))

    def _gesture(
        self, path: list[npt.NDArray[np.float64]], literal: bool, *, seeds: bool = False
    ) -> Gesture:
        reach = max(LEAST_REACH, self._on_map(CLICK_TARGET))
        return Gesture(np.array(path), literal, seeds, reach)

    def _on_map(self, screen: float) -> float:
        """Return a length on the screen in pixels of the map."""
        assert self._session is not None
        return screen / (self._preview.zoom() * float(steps_of(self._session.layer)[-1]))

    # -- previews --------------------------------------------------------------------------------

    def _show(self, tool: Tool, gesture: Gesture) -> None:
        """Draw the stroke and what it would do."""
        if self._session is None:
            return
        made, lost = self._outcome
        self._preview.show(
            self._session.layer,
            gone=lost,
            new=made,
            stroke=stroke_segments(gesture.path, closed=tool.closed),
        )

    def _try(self, tool: Tool, gesture: Gesture) -> tuple[Segments, Segments]:
        """Return the boundaries that a gesture would make and remove."""
        if self._session is None or not tool.previews:
            return NONE, NONE
        editor = self._session.editor()
        try:
            change = tool.act(editor, gesture, self._options())
        except EditError:
            return NONE, NONE
        return change_segments(editor.grains, change)

    def _show_hover(self) -> None:
        tool = self._tool
        if tool is None or self._hover is None or self._seeds or self._is_drawing:
            return
        point, literal = self._hover
        if not tool.clicks and not self._is_slow and self._is_on():
            gesture, started = self._gesture([point], literal), time.perf_counter()
            self._outcome = self._try(tool, gesture)
            if 1000 * (time.perf_counter() - started) > PATIENCE:
                self._is_slow = True  # such as the wand in an image without boundaries
            self._show(tool, gesture)

    def _show_seeds(self) -> None:
        if self._session is None:
            return
        layer, seeds = self._session.layer, self.seeds
        arm = self._on_map(6.0)
        made = NONE
        if len(seeds) > 1 and self._tool is not None:
            made, _ = self._try(self._tool, self._gesture(list(seeds), False, seeds=True))
        self._preview.show(layer, stroke=cross_segments(seeds, arm), new=made)


def _pixel(layer: Labels, event: Any) -> npt.NDArray[np.float64]:
    """Return where the mouse is, (row, column) in pixels of the map."""
    return np.asarray(layer.world_to_data(event.position), float)[-2:]

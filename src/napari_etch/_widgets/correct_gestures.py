"""Tools at work: switched on and off, their gestures made, repeated and taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit

from napari_etch._widgets.correct_form import CorrectForm
from napari_etch._widgets.correct_history import REDO, UNDO
from napari_etch._widgets.correct_line import StatusLine, TextLine
from napari_etch._widgets.correct_mouse import CorrectMouse
from napari_etch._widgets.correct_preview import Preview
from napari_etch._widgets.correct_region import RegionCutter
from napari_etch._widgets.correct_session import CorrectSession
from napari_etch._widgets.correct_stack import (
    OpenEnd,
    gone_on,
    join_through,
    next_section,
    open_end,
    part_from_here,
)
from napari_etch._widgets.correct_target import classes_of
from napari_etch._widgets.correct_tools import TOOLS, Gesture, Tool, unusable
from napari_etch._widgets.keys import bind_tool_keys, unbind_tool_keys
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_etch.grains.editing import Change


class Gestures(QObject):
    """Makes what the user draws into edits of the session that is corrected.

    Parameters
    ----------
    viewer, form, preview, line
        Of the dock.
    why_not : callable
        Returns why nothing can be corrected now; empty when something can.
    parent : QObject
        The dock, to whose keys the tools listen.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        form: CorrectForm,
        preview: Preview,
        line: StatusLine,
        why_not: Callable[[], str],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._form, self._line, self._why_not = viewer, form, line, why_not
        self._session: CorrectSession | None = None
        self._last: tuple[Tool, Gesture] | None = None
        self._open_end: OpenEnd | None = None  # of a repeat that was refused
        self._hidden: Tool | None = None  # that was on when the layer was hidden
        self.hint = TextLine("How to use the tool that is on.")
        self.mouse = CorrectMouse(preview, form.options, self)
        self.region = RegionCutter(self)
        self.mouse.gestured.connect(self._on_gesture)
        self.mouse.seeded.connect(self._on_seeds)
        self.mouse.stopped.connect(self._on_stopped)
        self.region.cut.connect(line.say)
        self.region.refused.connect(line.say_trouble)
        form.tool_clicked.connect(self.toggle)
        form.granularity_moved.connect(lambda _value: self.region.ask(form.options()))
        form.copy_on.clicked.connect(self.copy_on)
        form.part.clicked.connect(self.part)
        form.outlines.clicked.connect(self.toggle_outlines)
        form.undo.clicked.connect(self.undo)
        form.redo.clicked.connect(self.redo)

    def watch(self, session: CorrectSession | None) -> None:
        """Work on another map; no tool is on then."""
        if self._session is not None:
            unbind_tool_keys(self._session.layer)
        self.mouse.watch(session)
        self.region.forget()
        self._session, self._last, self._hidden = session, None, None
        self._open_end = None
        self._form.outlines.setChecked(session is not None and session.layer.contour > 0)
        self._form.show_sections(
            session is not None and session.is_stack,
            has_classes=session is not None and session.is_classes,
        )
        if session is not None and session.is_classes:
            self._form.show_classes(classes_of(session.layer))
        self._form.check_tool("")
        self.hint.setText("")

    def allow(self, trouble: str) -> None:
        """Enable what can be used now; with some trouble that is nothing."""
        if trouble:
            self.mouse.take(None)
            self._form.check_tool("")
        else:
            self._follow_eye()
        self._form.allow(lambda name: trouble or unusable(TOOLS[name], self._session))
        self.allow_steps()

    def _follow_eye(self) -> None:
        """Put the tool away while the layer is hidden, such as to look at what lies under it."""
        tool, session = self.mouse.tool, self._session
        if tool is not None and session is not None and not session.layer.visible:
            self.mouse.take(None)
            self._on_stopped()
            self._line.say_trouble(unusable(tool, session))
            self._hidden = tool
        elif self._hidden is not None and session is not None and session.layer.visible:
            tool, self._hidden = self._hidden, None
            if self._viewer.layers.selection.active == session.layer:
                self.choose(tool.name)

    def allow_steps(self) -> None:
        """Enable undo and redo where there is something to undo and redo."""
        session = self._session
        self._form.undo.setEnabled(session is not None and session.can(UNDO))
        self._form.redo.setEnabled(session is not None and session.can(REDO))

    # -- tools -----------------------------------------------------------------------------------

    def toggle(self, name: str) -> None:
        """Switch a tool on; off, when it is on already."""
        session = self._session
        is_paused = session is not None and str(session.layer.mode) == "pan_zoom"
        if self.mouse.tool is TOOLS[name] and not is_paused:
            self.leave()
        else:
            self.choose(name)

    def choose(self, name: str) -> None:
        """Switch a tool on; it stays on when it is: who works by keys presses one each time."""
        tool, session = TOOLS[name], self._session
        trouble = self._why_not() or unusable(tool, session)
        if trouble or session is None:
            self._line.say_trouble(trouble)
            self._form.check_tool(self.mouse.tool.name if self.mouse.tool else "")
            return
        self._hidden = None
        self._viewer.layers.selection.active = session.layer
        self.mouse.take(tool)
        bind_tool_keys(session.layer, self.parent())
        self._form.check_tool(name)
        self.hint.setText(tool.hint)
        self._line.say("")

    def finish(self) -> None:
        """Use the clicks so far."""
        if isinstance(QApplication.focusWidget(), QAbstractSpinBox | QLineEdit):
            return  # Enter was for the number that was typed; Qt hands it on all the same
        if not len(self.mouse.seeds):
            self._line.say_trouble("There is nothing to finish: click in each part first.")
        self.mouse.finish()

    def leave(self) -> None:
        """Drop the gesture under way; without one, leave the tool."""
        if self.mouse.drop():
            self._line.say("Dropped.")
            return
        self.mouse.take(None)
        self._on_stopped()

    def _on_stopped(self) -> None:
        if self._session is not None:
            unbind_tool_keys(self._session.layer)
        self._form.check_tool("")
        self.hint.setText("")

    def _on_seeds(self, count: int) -> None:
        clicks = "1 click" if count == 1 else f"{count} clicks"
        self._line.say(f"{clicks}: click in the other parts, then press Enter.")

    # -- gestures --------------------------------------------------------------------------------

    def make(self, name: str, path: Sequence[tuple[float, float]]) -> None:
        """Make a gesture with a tool, as the mouse would, in (row, column) of the map."""
        self._make(TOOLS[name], Gesture(np.array(path, float)))

    def _on_gesture(self, gesture: Gesture) -> None:
        if self.mouse.tool is not None:
            self._make(self.mouse.tool, gesture)

    def _make(self, tool: Tool, gesture: Gesture, change: Change | None = None) -> None:
        """Make a gesture; with `change`, which is what it does."""
        session = self._session
        if session is None:
            return
        try:
            trouble = unusable(tool, session)
            if trouble:
                raise EditError(trouble)
            said = self._act(session, tool, gesture, change)
        except EditError as error:
            self._line.say_trouble(str(error))
            if "int32" in str(error):
                self._form.copy.show()
            return
        self._last = (tool, gesture)
        self.region.note(session, tool, gesture)
        self._line.say(said)

    def _act(
        self, session: CorrectSession, tool: Tool, gesture: Gesture, change: Change | None
    ) -> str:
        options, more = self._form.options(), ""
        if change is None:
            change = tool.act(session.editor(), gesture, options)
            if self._open_end is not None and tool.draws:
                change, more = gone_on(session, change, self._open_end)
        is_pair = len(change.removed) == 1 and len(change.touched) == 1
        if session.is_stack and tool.name == "join" and options.through and is_pair:
            return join_through(session, change.touched[0], change.removed[0])
        session.do(change, is_drawn=tool.draws)
        return change.message + more

    def toggle_outlines(self) -> None:
        """Show the outlines of the grains, or their areas."""
        if self._session is not None:
            layer = self._session.layer
            layer.contour = 0 if layer.contour else 1
            self._form.outlines.setChecked(bool(layer.contour))

    def copy_on(self) -> None:
        """Make the last gesture in the next section too, and go there."""
        session, last = self._session, self._last
        try:
            if session is None or last is None:
                raise EditError("There is no gesture to repeat yet: make one first.")
            section, change = next_section(session, *last, self._form.options())
        except EditError as error:
            self._open_end = None if session is None else open_end(session)
            self._line.say_trouble(str(error))
            return
        axis = self._viewer.dims.ndim - session.layer.ndim
        self._viewer.dims.set_point(axis, session.layer.data_to_world((section, 0, 0))[0])
        self._make(*last, change)

    def part(self) -> None:
        """Give the grain under the mouse a new number from this section on."""
        session, point = self._session, self.mouse.point
        try:
            if session is None or point is None:
                raise EditError(self._why_not() or "Point at a grain with the mouse first.")
            self._line.say(part_from_here(session, session.editor().label_at(point)))
        except EditError as error:
            self._line.say_trouble(str(error))

    def undo(self) -> None:
        """Take back the last step of the layer."""
        if self._session is not None:
            self._session.layer.undo()

    def redo(self) -> None:
        """Make the last undone step again."""
        if self._session is not None:
            self._session.layer.redo()

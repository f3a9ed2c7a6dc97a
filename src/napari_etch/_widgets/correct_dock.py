"""The Correct dock: from a grain map with errors to one without, every step undoable and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.theme import get_theme
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.correct_form import CorrectForm, ReviewBox, text_line
from napari_etch._widgets.correct_history import Step
from napari_etch._widgets.correct_layers import CorrectLayers
from napari_etch._widgets.correct_mouse import CorrectMouse
from napari_etch._widgets.correct_preview import Preview
from napari_etch._widgets.correct_region import RegionCutter
from napari_etch._widgets.correct_restore import (
    JournalError,
    RestoreBox,
    left_behind,
    restored_layer,
)
from napari_etch._widgets.correct_session import CorrectSession
from napari_etch._widgets.correct_stack import join_through, next_section, part_from_here
from napari_etch._widgets.correct_target import (
    can_copy,
    editable_copy,
    journal_folders,
    micrograph_of,
    refusal,
    unfit_boundary,
)
from napari_etch._widgets.correct_tools import TOOLS, Gesture, Tool, unusable
from napari_etch._widgets.correct_tour import ABOUT_GRAINS
from napari_etch._widgets.correct_walk import Walk
from napari_etch._widgets.keys import (
    CORRECT_BINDINGS,
    bind_keys,
    bind_tool_keys,
    unbind_tool_keys,
)
from napari_etch._widgets.scroll import UprightScroll
from napari_etch.corrections import Summary, user_folder
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    import napari

#: Milliseconds after which the progress of the review is counted again.
COUNT_WAIT = 150


class CorrectDock(QWidget):
    """Tools, undo, review and restoring for one grain map at a time.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        The viewer whose layers are corrected.
    folder : pathlib.Path, optional
        Where journals of maps go that come from no file.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer, *, folder: Path | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._folder = folder or user_folder()
        self._sessions: dict[str, CorrectSession] = {}
        self._trouble = ""
        self._said_trouble = ""
        self._restored_notes: dict[str, dict[str, Any]] = {}
        self._last: tuple[Tool, Gesture] | None = None
        self.is_gone = False
        self.session: CorrectSession | None = None
        self.form = CorrectForm()
        self.review_box = ReviewBox()
        self.restore_box = RestoreBox()
        self.line = text_line("What happened last.")
        self.hint = text_line("How to use the tool that is on.")
        self.preview = Preview(napari_viewer)
        self.mouse = CorrectMouse(self.preview, self.form.options, self)
        self.walk = Walk(napari_viewer, self.preview, self)
        self.region = RegionCutter(self)
        self._looked: set[Path] = set()
        self._count = QTimer(self)
        self._count.setSingleShot(True)
        self._count.setInterval(COUNT_WAIT)
        self._lay_out()
        self.layers = CorrectLayers(napari_viewer, self.form)
        self._connect()
        bind_keys(napari_viewer, self, CORRECT_BINDINGS)
        self._refresh()

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        for widget in (
            self.restore_box,
            self.form,
            self.hint,
            self.line,
            self.review_box,
        ):
            column.addWidget(widget)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        form, box = self.form, self.review_box
        self.layers.changed.connect(self._refresh)
        form.copy.clicked.connect(self.copy_layer)
        form.tool_clicked.connect(self.choose)
        form.granularity_moved.connect(lambda _value: self.region.ask(form.options()))
        self.region.cut.connect(self._say)
        self.region.refused.connect(self._say_trouble)
        form.copy_on.clicked.connect(self.copy_on)
        form.part.clicked.connect(self.part)
        form.outlines.clicked.connect(self.toggle_outlines)
        form.undo.clicked.connect(self.undo)
        form.redo.clicked.connect(self.redo)
        box.next.clicked.connect(self.walk_on)
        box.back.clicked.connect(self.walk_back)
        box.good.clicked.connect(self.keep_boundary)
        box.remove.clicked.connect(self.remove_boundary)
        self.mouse.gestured.connect(self._on_gesture)
        self.mouse.seeded.connect(self._on_seeds)
        self.mouse.stopped.connect(self._on_tool_stopped)
        self.walk.said.connect(self._on_walk)
        self.restore_box.wanted.connect(self.restore)
        self._count.timeout.connect(self._show_progress)
        self._viewer.dims.events.current_step.connect(self._on_section)
        self._viewer.dims.events.ndisplay.connect(self._refresh)
        # `self` is half gone when Qt says destroyed: only what was captured here may be used.
        layers, gone, sessions = self.layers, self.__dict__, self._sessions
        dims, on_section, refresh = self._viewer.dims, self._on_section, self._refresh

        def end() -> None:
            gone.update(is_gone=True)
            layers.disconnect_viewer()
            dims.events.current_step.disconnect(on_section)
            dims.events.ndisplay.disconnect(refresh)
            for session in sessions.values():
                session.close()

        self.destroyed.connect(end)

    # -- which map -------------------------------------------------------------------------------

    def why_not(self) -> str:
        """Return why nothing can be corrected now, as one sentence; empty when something can."""
        layer = self.layers.grains()
        if self._viewer.dims.ndisplay != 2:
            return "Switch to the flat (2D) view to correct grains."
        return refusal(layer) or self._trouble

    def sessions(self) -> list[CorrectSession]:
        """Return all maps under correction, whose edits are journalled."""
        return list(self._sessions.values())

    def _refresh(self, _event: object = None) -> None:
        self._trouble = ""
        self._close_gone()
        layer = self.layers.grains()
        session = None
        if isinstance(layer, Labels) and not refusal(layer):
            session = self._session_of(layer)
        self._take(session)
        self._look_for_journals()
        trouble = self.why_not()
        if trouble:
            self.mouse.take(None)
            self.form.check_tool("")
        self.form.copy.setVisible(bool(trouble) and can_copy(layer))
        self.form.copy.setToolTip("Add a copy in memory, int32, every label in one piece.")
        self.form.allow(lambda name: trouble or unusable(TOOLS[name], self.session))
        self._allow_steps()
        self.review_box.allow(trouble, self._why_no_verdict())
        if not trouble and isinstance(layer, Labels):
            trouble = unfit_boundary(self._viewer.layers, layer)
        if trouble != self._said_trouble:
            self._said_trouble = trouble
            self._say(trouble, trouble=True)
        self._count.start()

    def _why_no_verdict(self) -> str:
        return "" if self.walk.pair is not None else "Go to a doubtful place first."

    def _allow_steps(self) -> None:
        guard = self.session.guard if self.session is not None else None
        self.form.undo.setEnabled(guard is not None and guard.can_undo)
        self.form.redo.setEnabled(guard is not None and guard.can_redo)

    def _session_of(self, layer: Labels) -> CorrectSession | None:
        key = str(layer.unique_id)
        boundary = self.layers.boundary()
        image = micrograph_of(self._viewer.layers, layer)
        if key in self._sessions:
            self._sessions[key].set_under(boundary, image)
            return self._sessions[key]
        try:
            session = CorrectSession(
                layer,
                self._folder,
                boundary=boundary,
                image=image,
                notes=self._restored_notes.pop(key, None),
                chosen_class=lambda: self.form.options().value,
                parent=self,
            )
        except EditError as error:
            self._trouble = str(error)
            return None
        session.edited.connect(self._on_edited)
        session.reviewed.connect(self._count.start)
        session.said.connect(self._on_journal)
        if session.last_said:  # it spoke before it could be heard; after the refresh under way
            QTimer.singleShot(0, session.say_again)
        self._sessions[key] = session
        return session

    def _take(self, session: CorrectSession | None) -> None:
        if session is not self.session:
            if self.session is not None:
                unbind_tool_keys(self.session.layer)
            self.preview.remove()
            self.mouse.watch(session)
            self.walk.watch(session)
            self.region.forget()
            self.session, self._last = session, None
            self.form.outlines.setChecked(session is not None and session.layer.contour > 0)
            self.form.show_sections(session is not None and session.is_stack)
            self.form.check_tool("")
            self.hint.setText("")
        self._on_section()

    def _close_gone(self) -> None:
        there = {str(layer.unique_id) for layer in self._viewer.layers}
        for key in [key for key in self._sessions if key not in there]:
            session = self._sessions.pop(key)
            if session is self.session:
                self._take(None)
            session.close()
            session.deleteLater()

    def _on_section(self, _event: object = None) -> None:
        session = self.session
        if session is None or not session.is_stack:
            return
        world = self._viewer.dims.point[-session.layer.ndim :]
        at = round(float(session.layer.world_to_data(world)[0]))
        at = min(max(at, 0), session.layer.data.shape[0] - 1)
        if at != session.section:
            session.show_section(at)
            self.walk.stop()
            self.mouse.drop()
            self._count.start()

    def copy_layer(self) -> None:
        """Add an editable copy of the layer that cannot be corrected."""
        layer = self.layers.grains()
        if layer is None:
            return
        try:
            copy = editable_copy(layer)
        except EditError as error:
            self._say_trouble(str(error))
            return
        layer.visible = False
        self._viewer.add_layer(copy)
        self._say(f"“{copy.name}” can be corrected; “{layer.name}” stays as it is.")

    # -- tools -----------------------------------------------------------------------------------

    def choose(self, name: str) -> None:
        """Switch a tool on; off, when it is on already."""
        tool = TOOLS[name]
        trouble = self.why_not() or unusable(tool, self.session)
        if trouble or self.session is None:
            self._say(trouble, trouble=True)
            self.form.check_tool(self.mouse.tool.name if self.mouse.tool else "")
            return
        layer = self.session.layer
        is_paused = str(layer.mode) == "pan_zoom"
        if self.mouse.tool is tool and not is_paused:
            self.leave()
            return
        self._viewer.layers.selection.active = layer
        self.mouse.take(tool)
        bind_tool_keys(layer, self)
        self.form.check_tool(name)
        self.hint.setText(tool.hint)
        self._say("")

    def finish(self) -> None:
        """Use the clicks so far."""
        if not len(self.mouse.seeds):
            self._say("There is nothing to finish: click in each part first.", trouble=True)
        self.mouse.finish()

    def leave(self) -> None:
        """Drop the gesture under way; without one, leave the tool."""
        if self.mouse.drop():
            self._say("Dropped.")
            return
        self.mouse.take(None)
        self._on_tool_stopped()

    def _on_tool_stopped(self) -> None:
        if self.session is not None:
            unbind_tool_keys(self.session.layer)
        self.form.check_tool("")
        self.hint.setText("")

    def _on_seeds(self, count: int) -> None:
        clicks = "1 click" if count == 1 else f"{count} clicks"
        self._say(f"{clicks}: click in the other parts, then press Enter.")

    def gesture(self, name: str, path: Sequence[tuple[float, float]]) -> None:
        """Make a gesture with a tool, as the mouse would, in (row, column) of the map."""
        self._make(TOOLS[name], Gesture(np.array(path, float)))

    def _on_gesture(self, gesture: Gesture) -> None:
        if self.mouse.tool is not None:
            self._make(self.mouse.tool, gesture)

    def _make(self, tool: Tool, gesture: Gesture) -> None:
        session = self.session
        if session is None:
            return
        try:
            trouble = unusable(tool, self.session)
            if trouble:
                raise EditError(trouble)
            said = self._act(session, tool, gesture)
        except EditError as error:
            self._say_trouble(str(error))
            if "int32" in str(error):
                self.form.copy.show()
            return
        self._last = (tool, gesture)
        self.region.note(session, tool, gesture)
        self._say(said)

    def _act(self, session: CorrectSession, tool: Tool, gesture: Gesture) -> str:
        options = self.form.options()
        change = tool.act(session.editor(), gesture, options)
        is_pair = len(change.removed) == 1 and len(change.touched) == 1
        if session.is_stack and tool.name == "join" and options.through and is_pair:
            return join_through(session, change.touched[0], change.removed[0])
        session.do(change)
        return change.message

    def toggle_outlines(self) -> None:
        """Show the outlines of the grains, or their areas."""
        if self.session is not None:
            layer = self.session.layer
            layer.contour = 0 if layer.contour else 1
            self.form.outlines.setChecked(bool(layer.contour))

    def copy_on(self) -> None:
        """Make the last gesture in the next section too, and go there."""
        session, last = self.session, self._last
        try:
            if session is None or last is None:
                raise EditError("There is no gesture to repeat yet: make one first.")
            section = next_section(session, *last, self.form.options())
        except EditError as error:
            self._say_trouble(str(error))
            return
        axis = self._viewer.dims.ndim - session.layer.ndim
        self._viewer.dims.set_point(axis, session.layer.data_to_world((section, 0, 0))[0])
        self._make(*last)

    def part(self) -> None:
        """Give the grain under the mouse a new number from this section on."""
        session, point = self.session, self.mouse.point
        try:
            if session is None or point is None:
                raise EditError(self.why_not() or "Point at a grain with the mouse first.")
            self._say(part_from_here(session, session.editor().label_at(point)))
        except EditError as error:
            self._say_trouble(str(error))

    def undo(self) -> None:
        """Take back the last step of the layer."""
        if self.session is not None:
            self.session.layer.undo()

    def redo(self) -> None:
        """Make the last undone step again."""
        if self.session is not None:
            self.session.layer.redo()

    def _on_edited(self, step: Step) -> None:
        self._allow_steps()
        self.walk.refresh()
        if step.kind != "edit":
            self._say("Undone." if step.kind == "undo" else "Done again.")

    # -- review ----------------------------------------------------------------------------------

    def walk_on(self) -> None:
        """Show the next doubtful boundary."""
        self._walk(self.walk.go)

    def walk_back(self) -> None:
        """Show the one before it."""
        self._walk(lambda: self.walk.go(back=True))

    def keep_boundary(self) -> None:
        """Say that the boundary shown is right."""
        self._walk(self.walk.right)

    def remove_boundary(self) -> None:
        """Remove the boundary shown."""
        self._walk(self.walk.wrong)

    def toggle_accepted(self) -> None:
        """Accept the grain under the mouse, or unlock it."""
        session, point = self.session, self.mouse.point
        trouble = self.why_not()
        try:
            if trouble or session is None:
                raise EditError(trouble or "Choose a grain map first.")
            if point is None:
                raise EditError("Point at a grain with the mouse first.")
            y, x = np.rint(point).astype(int).tolist()
            self._say(session.tour.toggle((y, x)))
        except EditError as error:
            self._say_trouble(str(error))

    def _walk(self, go: Callable[[], None]) -> None:
        trouble = self.why_not()
        try:
            if trouble:
                raise EditError(trouble)
            go()
        except EditError as error:
            self._say_trouble(str(error))

    def _on_walk(self, text: str) -> None:
        self._say(text)
        self.review_box.allow(self.why_not(), self._why_no_verdict())
        if self.walk.view is not None:
            self.review_box.name_verdicts(self.walk.view.right, self.walk.view.wrong)
        self._count.start()

    def _show_progress(self) -> None:
        if self.session is None:
            self.review_box.show_progress(0.0, ABOUT_GRAINS)
        else:
            self.review_box.show_progress(*self.session.tour.progress())

    # -- journal ---------------------------------------------------------------------------------

    def _look_for_journals(self) -> None:
        """Offer what was left behind, in folders of maps that were opened since, too."""
        maps = [layer for layer in self._viewer.layers if isinstance(layer, Labels)]
        folders = {self._folder}.union(*(journal_folders(each, self._folder) for each in maps))
        new = folders - self._looked
        self._looked |= new
        if new:
            self.restore_box.offer(left_behind(sorted(new)), more=True)

    def restore(self, summary: Summary) -> None:
        """Add the map of a journal that was left behind."""
        current = self.layers.grains()
        base = current.data if isinstance(current, Labels) and not refusal(current) else None
        try:
            layer, notes = restored_layer(summary, base)
        except JournalError as error:
            self._say_trouble(str(error))
            return
        self._restored_notes[str(layer.unique_id)] = notes
        self._viewer.add_layer(layer)
        session = self._sessions.get(str(layer.unique_id))
        kept = session is not None and session.journal.flush()
        self.restore_box.drop(summary, delete=kept)
        self._say(f"Restored “{layer.name}” with {summary.edits} edits.")

    def _on_journal(self, text: str) -> None:
        self._say(text, trouble="again" not in text)

    def _say_trouble(self, text: str) -> None:
        self._say(text, trouble=True)

    def _say(self, text: str, *, trouble: bool = False) -> None:
        colour = get_theme(self._viewer.theme).warning.as_hex() if trouble else None
        self.line.setStyleSheet(f"color: {colour};" if colour else "")
        self.line.setText(text)

"""The Correct dock: from a grain map with errors to one without, every step undoable and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.correct_copy import MapCopier
from napari_etch._widgets.correct_form import CorrectForm
from napari_etch._widgets.correct_gestures import Gestures
from napari_etch._widgets.correct_history import EDIT, UNDO, Step
from napari_etch._widgets.correct_layers import CorrectLayers
from napari_etch._widgets.correct_line import StatusLine
from napari_etch._widgets.correct_preview import Preview
from napari_etch._widgets.correct_reading import MapReader
from napari_etch._widgets.correct_restore import (
    RestoreBox,
    Restorer,
    held,
    left_behind,
    removed_text,
    restored_layer,
)
from napari_etch._widgets.correct_reviewing import Reviewing
from napari_etch._widgets.correct_saved import SavedLine
from napari_etch._widgets.correct_session import CorrectSession
from napari_etch._widgets.correct_sessions import Sessions, awaited, leave
from napari_etch._widgets.correct_target import (
    can_copy,
    journal_folders,
    lost_boundary_text,
    micrograph_of,
    no_section,
    nothing_open,
    refusal,
    section_at,
    unfit_boundary,
    unsized_text,
)
from napari_etch._widgets.correct_verdicts import Verdict
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.keys import CORRECT_BINDINGS, UNDO_BINDINGS, bind_keys
from napari_etch._widgets.scroll import UprightScroll
from napari_etch.corrections import Restored, Summary, summary_of, user_folder
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer


def parted_text(session: CorrectSession) -> str:
    """Return what to do where lines of 0 lie between the grains; empty where none do."""
    if not session.is_parted:
        return ""
    return (
        f"Lines of 0 part the grains of “{session.layer.name}”, so there are no boundaries to join "
        "or to review: make an editable copy, in which the grains touch."
    )


class CorrectDock(Dock):
    """Tools, undo, review and restoring for one map at a time.

    It chooses the map; `gestures` makes the edits, `reviewing` leads the walk.

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
        self._trouble = ""
        self._said_trouble = ""
        self._is_beside = False
        self._looked: set[Path] = set()
        self._restoring: dict[str, Summary] = {}
        self.is_gone = False
        self.session: CorrectSession | None = None
        self.form = CorrectForm()
        self.restore_box = RestoreBox()
        self.restorer = Restorer(self)
        self.line = StatusLine(napari_viewer)
        self.saved = SavedLine(napari_viewer)
        self.preview = Preview(napari_viewer)
        self.reader = MapReader(self)
        self.reader.ready.connect(self._refresh)
        self.copier = MapCopier(self)
        self.sessions = Sessions(self._folder, lambda: self.form.options().value, self)
        self.gestures = Gestures(
            napari_viewer, self.form, self.preview, self.line, self.why_not, self
        )
        self.mouse = self.gestures.mouse
        self.reviewing = Reviewing(
            napari_viewer, self.preview, self.mouse, self.line, self.why_not, self
        )
        self.review_box, self.walk = self.reviewing.box, self.reviewing.walk
        self._lay_out()
        self.layers = CorrectLayers(napari_viewer, self.form)
        self._connect()
        bind_keys(napari_viewer, self, CORRECT_BINDINGS | UNDO_BINDINGS)
        self._refresh()

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        for widget in (
            self.restore_box,
            self.form,
            self.gestures.hint,
            self.line,
            self.review_box,
            self.saved,
        ):
            column.addWidget(widget)
        for line in (self.gestures.hint, self.line):
            line.keep_room(2)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        self.layers.changed.connect(self._refresh)
        self.form.copy.clicked.connect(self.copy_layer)
        self.copier.began.connect(self._on_copying)
        self.copier.copied.connect(self._on_copied)
        self.copier.failed.connect(self._on_not_copied)
        self._allow_copy()
        self.restore_box.wanted.connect(self.restore)
        self.restorer.restored.connect(self._on_restored)
        self.restorer.failed.connect(self._on_not_restored)
        self.sessions.edited.connect(self._on_edited)
        self.sessions.reviewed.connect(self.reviewing.count)
        self.sessions.reviewed.connect(self.saved.look)
        self.sessions.reviewed.connect(self.gestures.allow_steps)
        self.sessions.turned.connect(self._on_turned)
        self.sessions.said.connect(self._on_journal)
        self._viewer.dims.events.current_step.connect(self._on_slider)
        self._viewer.dims.events.ndisplay.connect(self._refresh)
        # `self` is half gone when Qt says destroyed: only what was captured here may be used.
        layers, gone, sessions = self.layers, self.__dict__, self.sessions.opened
        dims, on_slider, refresh = self._viewer.dims, self._on_slider, self._refresh

        def end() -> None:
            gone.update(is_gone=True)
            layers.disconnect_viewer()
            dims.events.current_step.disconnect(on_slider)
            dims.events.ndisplay.disconnect(refresh)
            for session in sessions.values():
                leave(session)

        self.destroyed.connect(end)

    def leave_window(self) -> None:
        """Put the tool away and let go of the mouse: a tool without its dock cannot be left."""
        self.is_gone = True  # what still comes opens no session
        self._take(None)
        for session in self.sessions.all():
            leave(session)
        self.sessions.opened.clear()

    # -- which map -------------------------------------------------------------------------------

    def why_not(self) -> str:
        """Return why nothing can be corrected now, as one sentence; empty when something can."""
        layer = self.layers.grains()
        if layer is None:
            return nothing_open(self._viewer.layers)
        if self._viewer.dims.ndisplay != 2:
            return "Switch to the flat (2D) view to correct grains."
        return refusal(layer) or self._trouble or self._beside()

    def _refresh(self, _event: object = None) -> None:
        if self.is_gone:
            return
        self._trouble = ""
        removed = self._close_gone()
        before, layer = self.session, self.layers.grains()
        self._take(self._session_of(layer) if isinstance(layer, Labels) else None)
        self._look_for_journals()
        trouble, self._is_beside = self.why_not(), bool(self._beside())
        parted = "" if self.session is None or trouble else parted_text(self.session)
        self.form.copy.setVisible(bool(trouble or parted) and can_copy(layer))
        self.gestures.allow(trouble)
        self.reviewing.allow()
        if not trouble and isinstance(layer, Labels):
            there = self._viewer.layers
            trouble = parted or unfit_boundary(there, layer) or unsized_text(there, layer).strip()
        # What was said of another map does not stay.
        if trouble != self._said_trouble or self.session is not before:
            self._said_trouble = trouble
            self.line.say_trouble(trouble)
        if removed:  # by mistake, perhaps: napari does not bring layers back
            self.restore_box.offer(removed, more=True)
            self.line.say_trouble(removed_text(removed[-1]))
        self.reviewing.count()

    def _session_of(self, layer: Labels) -> CorrectSession | None:
        if refusal(layer):
            return None
        image = micrograph_of(self._viewer.layers, layer, whole=False)
        reading = None
        if self.sessions.find(layer) is None:
            reading = self.reader.of(layer)
            if reading is None:
                self._trouble = f"Reading “{layer.name}” …"
                return None
        try:
            session = self.sessions.of(layer, self.layers.boundary(), image, reading)
        except EditError as error:
            self._trouble = str(error)
            return None
        self._drop_restored(session)
        return session

    def _take(self, session: CorrectSession | None) -> None:
        if session is not self.session:
            self.preview.remove()
            self.gestures.watch(session)
            self.reviewing.watch(session)
            self.saved.watch(session)
            self.session = session
        self._show_section()

    def _close_gone(self) -> list[Summary]:
        """Close the sessions of layers that were removed; return the journals that hold work."""
        there = {str(layer.unique_id) for layer in self._viewer.layers}
        held = []
        for session in self.sessions.gone(there):
            if session is self.session:
                self._take(None)
            path = session.journal.path
            session.close()
            session.deleteLater()
            summary = None if path is None else summary_of(path)
            held += [] if summary is None else [summary]
        return held

    def _show_section(self) -> None:
        session = self.session
        if session is None or not session.is_stack:
            return
        at, _ = section_at(session.layer, self._viewer.dims)
        if at != session.section:
            session.show_section(at)
            self.walk.stop()
            self.mouse.drop()
            self.line.say_trouble(self._said_trouble)  # the rest was of the other section
            self.reviewing.allow()
            self.reviewing.count()

    def _on_slider(self, _event: object = None) -> None:
        self._show_section()
        if self._is_beside != bool(self._beside()):
            self._refresh()

    def _beside(self) -> str:
        """Return what to do where the slider is beside the map; empty where it is not."""
        session = self.session
        return "" if session is None else no_section(session.layer, self._viewer.dims)

    def copy_layer(self) -> None:
        """Add an editable copy of the layer that cannot be corrected."""
        layer = self.layers.grains()
        if layer is not None:
            self.copier.ask(layer)

    def _on_copying(self, layer: Layer) -> None:
        self._allow_copy()
        self.line.say(f"Copying “{layer.name}” …")

    def _on_copied(self, layer: Layer, copy: Labels) -> None:
        self._allow_copy()
        if layer not in self._viewer.layers:
            self.line.say(f"“{layer.name}” was removed meanwhile, so it was not copied.")
            return
        layer.visible = False
        self._viewer.add_layer(copy)
        self.line.say(f"“{copy.name}” can be corrected; “{layer.name}” stays as it is.")

    def _on_not_copied(self, _layer: Layer, why: str) -> None:
        self._allow_copy()
        self.line.say_trouble(why)

    def _allow_copy(self) -> None:
        """Let nobody ask for a second copy while one is made."""
        busy = self.copier.layer
        self.form.copy.setEnabled(busy is None)
        self.form.copy.setToolTip(
            "Add a copy in memory, every label in one piece; lines of 0 between grains go to the "
            "nearest one."
            if busy is None
            else f"Wait for the copy of “{busy.name}”."
        )

    def _on_edited(self, step: Step) -> None:
        self.gestures.allow_steps()
        self.saved.look()
        self.walk.refresh()
        if step.kind != EDIT:
            done = "Undone" if step.kind == UNDO else "Done again"
            self.line.say(f"{done}{self._out_of_sight(step)}.")

    def _out_of_sight(self, step: Step) -> str:
        """Return in which sections a step was made when they are not the one that is shown."""
        session = self.session
        if session is None or not session.is_stack or len(step.window) != 3:
            return ""
        first, last = step.window[0].start, step.window[0].stop - 1
        if (first, last) == (session.section, session.section):
            return ""
        return f" in section {first}" if first == last else f" in sections {first} to {last}"

    def _on_turned(self, session: CorrectSession, kind: str, verdict: Verdict) -> None:
        """Say which verdict was taken back or given again, and show what it is about."""
        is_here = session is self.session and verdict.section == session.section
        done = "Took back" if kind == UNDO else "Gave again"
        said = f"{done} {verdict.about}"
        where = f" in section {verdict.section}" if session.is_stack and not is_here else ""
        self.line.say(f"{said}{where}.")
        if is_here and kind == UNDO and verdict.stop is not None:
            self.walk.show_again(verdict.stop, f"{said}.")

    # -- journal ---------------------------------------------------------------------------------

    def _look_for_journals(self) -> None:
        """Offer what was left behind, in folders of maps that were opened since, too."""
        maps = [layer for layer in self._viewer.layers if isinstance(layer, Labels)]
        folders = {self._folder}.union(*(journal_folders(each, self._folder) for each in maps))
        new = folders - self._looked
        self._looked |= new
        if new:
            ours = awaited(self._viewer.layers)
            found = [each for each in left_behind(sorted(new)) if each.path not in ours]
            self.restore_box.offer(found, more=True)

    def restore(self, summary: Summary) -> None:
        """Add the map of a journal that was left behind, as soon as it is read."""
        current = self.layers.grains()
        base = current.data if isinstance(current, Labels) and not refusal(current) else None
        self.restore_box.set_busy(True)
        self.restorer.ask(summary, base)

    def _on_restored(self, summary: Summary, back: Restored) -> None:
        self.restore_box.set_busy(False)
        layer = restored_layer(summary, back)
        self.sessions.remember(layer, dict(back.notes), back.edits)
        self._restoring[str(layer.unique_id)] = summary
        self.restore_box.drop(summary, delete=False)
        for other in self._viewer.layers:  # what it was before would shine through
            if isinstance(other, Labels) and (other.name, other.ndim) == (summary.name, layer.ndim):
                other.visible = False
        self._viewer.add_layer(layer)
        said = f"Restored “{layer.name}” with {held(summary.edits, summary.verdicts)}."
        missing = unsized_text(self._viewer.layers, layer)
        self.line.say(said + (missing or lost_boundary_text(self._viewer.layers, layer)))

    def _on_not_restored(self, why: str) -> None:
        self.restore_box.set_busy(False)
        self.line.say_trouble(why)

    def _drop_restored(self, session: CorrectSession) -> None:
        """Delete the journal that a map was restored from, once its own holds all of it."""
        summary = self._restoring.pop(str(session.layer.unique_id), None)
        if summary is not None and session.journal.flush():
            self.restore_box.drop(summary, delete=True)

    def _on_journal(self, text: str) -> None:
        if "again" in text:
            self.line.say(text)
        else:
            self.line.say_trouble(text)

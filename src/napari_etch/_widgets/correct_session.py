"""One grain map under correction: its editor, its history, its journal and its review."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.correct_facets import FacetTour
from napari_etch._widgets.correct_history import EDIT, UNDO, HistoryGuard, Indices, Pixels, Step
from napari_etch._widgets.correct_parts import Parts, parts_of
from napari_etch._widgets.correct_reading import Reading, read
from napari_etch._widgets.correct_restore import about_layer, place_note
from napari_etch._widgets.correct_stack import region_of
from napari_etch._widgets.correct_target import (
    GreyView,
    is_classes,
    journal_folders,
    names_of_classes,
    window_under,
)
from napari_etch._widgets.correct_tour import BoundaryTour
from napari_etch._widgets.correct_verdicts import VerdictSteps
from napari_etch._widgets.layers import finest
from napari_etch._widgets.placement import place_events
from napari_etch._widgets.track_rows import AreaChange, GrainRows
from napari_etch.corrections import Journal, Review, State
from napari_etch.corrections.frames import NAME
from napari_etch.corrections.past import Past
from napari_etch.grains.editing import Change, EditError, GrainEditor, is_tiling

if TYPE_CHECKING:
    from napari.layers import Image, Labels

Window2 = tuple[slice, slice]


class CorrectSession(QObject):
    """Keeps a layer, its index, its journal and its review in step, whoever edits the layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        What is corrected; `correct_target.refusal` finds nothing against it.
    user_folder : pathlib.Path
        Where journals go that cannot lie beside the data.
    boundary, image : napari.layers.Image, optional
        What lies under it; for a class map, the probability of a class in place of the boundary.
    notes : mapping, optional
        What a journal says about the states of its grains or facets.
    edits : int, optional
        How many edits of that journal are in the map.
    reading : Reading, optional
        What is known of the map as it is now.
    chosen_class : callable, optional
        Returns the class that is chosen in the dock.

    Signals
    -------
    edited : object
        A `Step` was made, undone or redone.
    reviewed
        States, boundaries or the estimate changed.
    turned : str, object
        Undo or redo took a `Verdict` back, or gave it again.
    said : str
        Something the user should know, such as a journal that cannot be written.
    """

    edited = Signal(object)
    turned = Signal(str, object)
    reviewed = Signal()
    said = Signal(str)

    def __init__(
        self,
        layer: Labels,
        user_folder: Path,
        *,
        boundary: Image | None = None,
        image: Image | None = None,
        notes: Mapping[str, Any] | None = None,
        edits: int = 0,
        reading: Reading | None = None,
        chosen_class: Callable[[], int] = lambda: 1,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.layer = layer
        self.boundary = boundary
        self.image = image
        self.is_classes = is_classes(layer)
        self.section = 0
        self._user_folder = user_folder
        self._editors: dict[int, GrainEditor] = {}
        self._own: str | None = None
        self._is_stale = False
        self._top = int(layer.data.max(initial=0))
        self.last_region: tuple[Window2, npt.NDArray[np.bool_]] | None = None
        self.last_parts: Parts | None = None
        reading = reading or read(layer)
        self._refuse_pieces(reading)
        self._indices = reading.indices
        self.is_parted = reading.is_parted
        self._grains = BoundaryTour(self, notes)
        self._facets = FacetTour(self, notes or {}, chosen_class)
        self.tour: BoundaryTour | FacetTour = self._facets if self.is_classes else self._grains
        self._past: Past[Any] = Past()
        self._rows = GrainRows(layer)
        self.last_said = ""
        self.journal = self._open_journal(edits)
        self.verdicts = VerdictSteps()
        self.guard = HistoryGuard(layer, self._mend, self._on_step, self._turn_verdict)
        layer.events.data.connect(self._on_data)
        layer.events.name.connect(self._on_name)
        for event in place_events(layer):
            event.connect(self._on_place)

    def close(self) -> None:
        """Let go of the layer; a journal without edits or verdicts is deleted."""
        self.tour.stop()
        self.guard.release()
        self.layer.events.data.disconnect(self._on_data)
        self.layer.events.name.disconnect(self._on_name)
        for event in place_events(self.layer):
            event.disconnect(self._on_place)
        self.journal.close(keep=self.journal.is_worth_keeping)

    # -- the map ---------------------------------------------------------------------------------

    @property
    def is_stack(self) -> bool:
        """Whether there are sections."""
        return bool(self.layer.ndim == 3)

    def section_map(self, section: int | None = None) -> npt.NDArray[np.integer]:
        """Return the map of a section, a view."""
        at = self.section if section is None else section
        grains: npt.NDArray[np.integer] = self.layer.data[at] if self.is_stack else self.layer.data
        return grains

    def show_section(self, section: int) -> None:
        """Work in another section from now on."""
        self.section = section

    @property
    def review(self) -> Review:
        """What is known about the grains of the section shown."""
        return self._grains.review

    def editor(self, section: int | None = None) -> GrainEditor:
        """Return the editor of a section; making it reads the section once."""
        if self._is_stale:
            self._start_anew()
        at = (self.section if section is None else section) if self.is_stack else 0
        if at not in self._editors:
            self._editors[at] = GrainEditor(
                self.section_map(at),
                boundary=None if self.is_classes else self.under(self.boundary, at),
                image=self._grey(at),
                tiling=not self.is_classes,
                index=self._indices.pop(at, None),
                class_names=names_of_classes(self.layer) if self.is_classes else None,
            )
            self._editors[at].locked = self.review.accepted
        if (
            self.is_stack and not self.is_classes
        ):  # a number that is new in this section must be new in all
            self._editors[at].reserve(self._top)
        return self._editors[at]

    def set_under(self, boundary: Image | None, image: Image | None) -> None:
        """Take other layers for the boundary map and the micrograph."""
        if boundary is self.boundary and image is self.image:
            return
        is_other = boundary is not self.boundary
        self.boundary, self.image = boundary, image
        self._editors.clear()
        if is_other or not self.is_classes:
            self.tour.forget()  # the second opinion came from the micrograph

    def do(self, change: Change, *, is_drawn: bool = False) -> None:
        """Make a change to the section shown, as one undo step.

        Boundaries that the user has drawn are right; others are for the review to ask about.
        """
        if self.is_classes:
            self._facets.refuse_accepted(change)
        self.last_region = region_of(self, change) if self.is_stack else None
        has_parts = self.is_stack and not self.is_classes
        self.last_parts = parts_of(self.editor(), change) if has_parts else None
        (rows, columns), values = change.pixels
        indices: Indices = (rows, columns)
        if self.is_stack:
            indices = (np.full(rows.shape, self.section, np.intp), rows, columns)
        self.write(indices, values, change.message)
        if is_drawn and not self.is_classes:
            self._grains.drew(change)

    def new_label(self) -> int:
        """Return a number that no grain of any section has."""
        most = int(np.iinfo(self.layer.data.dtype).max)
        if self._top >= most:
            raise EditError(
                f"All {most} labels that {self.layer.data.dtype} can hold are in use: "
                "convert the grain map to int32."
            )
        return self._top + 1

    def write(self, indices: Indices, values: npt.NDArray[np.integer], did: str) -> None:
        """Change pixels of the layer as one undo step; every section must tile afterwards."""
        if self.guard.is_in_stroke:
            raise EditError("A stroke of the brush is under way: finish it first.")
        self._own = did
        try:
            self.guard.write(indices, values)
        finally:
            self._own = None

    def under(self, layer: Image | None, section: int) -> Any:
        """Return the data of a layer that lies under a section; None without one."""
        window = None if layer is None else window_under(layer, self.layer)
        if layer is None or window is None:  # it was moved away meanwhile
            return None
        data = finest(layer)
        if not self.is_stack:
            return data[window]
        return data[window[0].start + section][window[1:]]

    def _grey(self, section: int) -> Any:
        data = self.under(self.image, section)
        return None if data is None else GreyView(data, rgb=bool(self.image and self.image.rgb))

    def _refuse_pieces(self, reading: Reading) -> None:
        if reading.tiles:
            return
        if self.is_stack:
            raise EditError(
                f"“{self.layer.name}” has grains in several pieces within a section: make an "
                "editable copy, where one piece keeps the number and the others get numbers of "
                "their own."
            )
        raise EditError(
            f"“{self.layer.name}” has labels in several pieces: make an editable copy, "
            "where every piece is a grain of its own."
        )

    # -- undo and redo ---------------------------------------------------------------------------

    def can(self, kind: str) -> bool:
        """Return whether there is a step, of pixels or a verdict, to undo or to redo."""
        if self.verdicts.next(kind) is not None:
            return True
        return self.guard.can_undo if kind == UNDO else self.guard.can_redo

    @property
    def last(self) -> object:
        """The step that undo would take back, as an object to compare with; None without one."""
        return self.verdicts.next(UNDO) or self.guard.last

    def _turn_verdict(self, kind: str) -> bool:
        """Take a verdict back, or give it again, where that is the step that undo or redo means."""
        verdict = self.verdicts.turn(kind)
        if verdict is not None:
            self.reviewed.emit()
            self.turned.emit(kind, verdict)
        return verdict is not None

    # -- what happens to the map -----------------------------------------------------------------

    def _sections_of(self, step: Step) -> list[tuple[int, Window2, npt.NDArray[np.integer]]]:
        """Return section, window in it, and what was there before, for each section of a step."""
        if not self.is_stack:
            return [(0, (step.window[0], step.window[1]), step.before)]
        window = (step.window[1], step.window[2])
        start = step.window[0].start
        return [(start + at, window, part) for at, part in enumerate(step.before)]

    def _mend(self, step: Step) -> Pixels | None:
        """Return what brings the tiling back after an edit by another hand."""
        self._indices.clear()  # one that was not used yet does not know of the edit
        if self.is_classes:
            return self._unpainted(step)
        if self._own is not None:
            return None
        found = []
        for section, window, before in self._sections_of(step):
            editor = self.editor(section)
            editor.noted(window)
            if step.kind == EDIT:
                change = editor.repair(window, before=before)
            elif _tiles(editor, window, before):
                continue  # what is undone may well change a grain that was accepted since
            else:  # a step from before the session
                change = editor.repair(window)
            if change is not None:
                (rows, columns), values = change.pixels
                found.append((np.full(rows.shape, section, np.intp), rows, columns, values))
        if not found:
            return None
        sections, rows, columns, values = (
            np.concatenate(each) for each in zip(*found, strict=True)
        )
        return ((sections, rows, columns) if self.is_stack else (rows, columns)), values

    def _unpainted(self, step: Step) -> Pixels | None:
        """Return what gives accepted facets back what a brush has painted over."""
        if self._own is not None or step.kind != EDIT:
            return None
        hit = np.zeros(step.before.shape, bool)
        for section, window, _ in self._sections_of(step):
            here = hit[section - step.window[0].start] if self.is_stack else hit
            here[...] = self._facets.protected(section, window)
        hit &= step.before != step.after
        if not hit.any():
            return None
        indices = tuple(
            at + axis.start for at, axis in zip(np.nonzero(hit), step.window, strict=True)
        )
        return indices, step.before[hit]

    def _on_step(self, step: Step) -> None:
        changed = step.before != step.after
        labels = set(np.unique(step.before[changed]).tolist())
        labels |= set(np.unique(step.after[changed]).tolist())
        labels.discard(0)
        self._top = max(self._top, int(step.after.max(initial=0)))
        self.verdicts.stepped(step.kind)
        did = self._own or "Painted."
        self.journal.record(step.window, step.before, step.after, kind=step.kind, did=did)
        if self.is_classes:
            self._note_facets(step)
        else:
            self._note_grains(step, labels)
            if self.is_stack:
                self._rows.note(self._area_changes(step, labels))
        self.edited.emit(step)

    def _note_facets(self, step: Step) -> None:
        changed = step.before != step.after
        sections = self._sections_of(step)
        earlier = self._earlier(
            step, {(at, repr(window)): self._facets.known(at, window) for at, window, _ in sections}
        )
        for section, window, _ in sections:
            here = changed[section - step.window[0].start] if self.is_stack else changed
            self._facets.edited(section, window, here, earlier.get((section, repr(window))))

    def _earlier(self, step: Step, known: dict[Any, Any]) -> dict[Any, Any]:
        """Return what was known before what a step takes back; nothing for an edit."""
        if step.kind == EDIT:
            self._past.edit(known)
            return {}
        found = self._past.undo(known) if step.kind == UNDO else self._past.redo(known)
        return found or {}

    def _note_grains(self, step: Step, labels: set[int]) -> None:
        for section, window, _ in self._sections_of(step):
            if self._own is not None or step.kind == EDIT:
                self.editor(section).noted(window)
        there = {label for label in labels if self._exists(label, step)}
        earlier = self._earlier(step, {label: self.review.state(label) for label in labels})
        now = {label: State.EDITED if label in there else State.UNREVIEWED for label in labels}
        now.update({label: state for label, state in earlier.items() if label in there})
        for state in State:
            self.set_state([label for label, its in now.items() if its is state], state)
        self._grains.edited(labels)

    def _area_changes(self, step: Step, labels: set[int]) -> list[AreaChange]:
        found = []
        for section, _, before in self._sections_of(step):
            editor = self.editor(section)
            after = step.after[section - step.window[0].start]
            for label in labels:
                more = int(np.count_nonzero(after == label)) - int(
                    np.count_nonzero(before == label)
                )
                area = editor.area(label)
                found.append(AreaChange(section, label, area - more, area))
        return found

    def _exists(self, label: int, step: Step) -> bool:
        return any(
            self.editor(section).area(label) > 0 for section, _, _ in self._sections_of(step)
        )

    def _on_data(self, _event: Any = None) -> None:
        # The granularity slider cuts up to fifty times a second: look again only when needed.
        self._is_stale = True
        self._indices.clear()
        self._past.clear()
        self.verdicts.clear()
        self.tour.forget()

    def _on_place(self, _event: Any = None) -> None:
        self.journal.note(**place_note(self.layer))

    def _on_name(self, _event: Any = None) -> None:
        self.journal.note(**{NAME: self.layer.name})

    def _start_anew(self) -> None:
        """Take the data for a new map: it was replaced, by a script or by the slider."""
        self._is_stale = False
        self._editors.clear()
        self._top = int(self.layer.data.max(initial=0))
        self._rows = GrainRows(self.layer)
        self.tour.start_anew()
        self.journal.close(keep=self.journal.is_worth_keeping)
        self.journal = self._open_journal()

    def _open_journal(self, edits: int = 0) -> Journal:
        layer = self.layer
        journal = Journal(
            layer.data,
            layer.name,
            journal_folders(layer, self._user_folder),
            about=about_layer(layer, has_classes=self.is_classes),
            on_news=self._say,
            edits=edits,
        )
        if self.notes:
            journal.note(**self.notes)
        return journal

    @property
    def notes(self) -> dict[str, Any]:
        """What a journal is told of states and verdicts when it begins."""
        return {**self._grains.notes, **self._facets.notes}

    def _say(self, text: str) -> None:
        """Called from the journal's thread; the session may be gone by then.

        The journal may speak before anyone listens: `last_said` keeps the sentence for them.
        """
        self.last_said = text
        with suppress(RuntimeError):
            self.said.emit(text)

    def say_again(self) -> None:
        """Say the journal's last sentence once more."""
        self.said.emit(self.last_said)

    # -- review ----------------------------------------------------------------------------------

    def set_state(self, labels: Iterable[int], state: State) -> None:
        """Give grains a state, and write it down."""
        self._grains.set_state(labels, state)

    def lock(self, label: int, *, is_locked: bool) -> None:
        """Protect a grain from all tools, or no longer."""
        for editor in self._editors.values():
            (editor.locked.add if is_locked else editor.locked.discard)(label)


def _tiles(editor: GrainEditor, window: Window2, before: npt.NDArray[np.integer]) -> bool:
    """Return whether the grains that changed in a window are in one piece each."""
    now = editor.grains[window]
    changed = now != before
    labels = np.union1d(now[changed], before[changed]).tolist()
    boxes = [editor.bounding_box(label) for label in labels if editor.area(label)]
    if not boxes:
        return True
    rows, columns = zip(*boxes, strict=True)
    # A pixel more: a grain that reaches the window's side may go on outside, and is not judged.
    whole = (
        slice(max(0, min(axis.start for axis in rows) - 1), max(axis.stop for axis in rows) + 1),
        slice(
            max(0, min(axis.start for axis in columns) - 1), max(axis.stop for axis in columns) + 1
        ),
    )
    return is_tiling(editor.grains, whole)

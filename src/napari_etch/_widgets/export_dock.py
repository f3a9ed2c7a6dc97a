"""The Export dock: labels to files that other programs read, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_etch._widgets.class_tables import first_table
from napari_etch._widgets.controller import RunController
from napari_etch._widgets.correct_line import StatusLine
from napari_etch._widgets.correct_target import fits, is_classes, own_micrograph
from napari_etch._widgets.dock import Dock
from napari_etch._widgets.export_form import ExportForm
from napari_etch._widgets.export_layers import (
    can_export,
    correct_docks,
    groups_of,
    is_reviewed,
    jobs_of,
)
from napari_etch._widgets.export_run import ExportChoice, run_export
from napari_etch._widgets.import_box import ImportBox, Importer
from napari_etch._widgets.import_layers import shared_ignore_text
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import axes_of
from napari_etch._widgets.recut_layers import is_as_made
from napari_etch._widgets.run import Failed
from napari_etch._widgets.scroll import UprightScroll
from napari_etch._widgets.status import RunBar
from napari_etch.grains.class_table import ClassTableError
from napari_etch.labels import Exported, ExportRequest, LabelsError
from napari_etch.labels.exporting import check_target

if TYPE_CHECKING:
    import napari

NO_LABELS = "Open or segment an image first: there are no labels to export."
NONE_TICKED = "Tick at least one layer above."
NO_FOLDER = "Choose the folder of the new set."


class ExportLayers(LayerWatch):
    """Keeps the list of layers in step with the viewer; see `LayerWatch`."""

    WATCHED = frozenset({"inserted", "removed", "reordered", "name", "scale"})

    def __init__(self, viewer: Any, form: ExportForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        self._known: set[str] = set()
        self._listen()
        self.refresh()

    def _on_active(self, _event: Any = None) -> None:
        self._soon.start()

    def look_soon(self) -> None:
        """Look at the layers when what happens now is through."""
        self._soon.start()

    def chosen(self) -> list[Labels]:
        """Return the ticked layers, topmost first."""
        found = (self._find(identity) for identity in self._form.ticked())
        return [layer for layer in found if isinstance(layer, Labels)]

    def refresh(self) -> None:
        """Fill in the layers anew; new ones over an image are ticked unless one of them is."""
        ticked = self._form.ticked()
        rows = []
        for layer in reversed(self._viewer.layers):
            if not can_export(layer):
                continue
            identity = str(layer.unique_id)
            image = own_micrograph(self._viewer.layers, layer)
            under = "no image" if image is None else image.name
            under += "" if image is None or fits(image, layer) else ", a part of it"
            rows.append((f"{layer.name} ← {under}", identity))
            if identity not in self._known and image is not None:
                ticked = [each for each in ticked if not self._is_succeeded(each, layer)]
                ticked = ticked or [identity]
            self._known.add(identity)
        self._form.set_layers(rows, ticked)
        self.changed.emit()

    def _is_succeeded(self, ticked: str, new: Labels) -> bool:
        """Return whether a new map stands for a ticked one, as a restored one, which is hidden."""
        old = self._find(ticked)
        if old is None or old.visible or not new.visible:
            return False
        if is_classes(old) != is_classes(new) or axes_of(old) != axes_of(new):
            return False
        images = [own_micrograph(self._viewer.layers, each) for each in (old, new)]
        return images[0] == images[1] and is_as_made(new) <= is_as_made(old)


class ExportDock(Dock):
    """Writes label layers with their images as a set, and reads annotations onto an image.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    ask_folder : callable, optional
        Asks for the folder of an export; returns None when the user cancels.
    ask_path : callable, optional
        Asks for what is imported, see `Importer`.
    """

    def __init__(
        self,
        napari_viewer: napari.viewer.Viewer,
        *,
        ask_folder: Callable[[QWidget], Path | None] | None = None,
        ask_path: Callable[[QWidget, str], Path | None] | None = None,
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._ask_folder = ask_folder or _ask_folder
        self._heard: WeakSet[Any] = WeakSet()
        self._remark = ""
        self.form = ExportForm()
        self.run_bar = RunBar()
        self.line = StatusLine(napari_viewer)
        self.import_box = ImportBox()
        self.importer = Importer(napari_viewer, self.import_box, ask_path)
        self.controller = RunController(None, self, run=run_export)
        self._lay_out()
        self.layers = ExportLayers(napari_viewer, self.form)
        self._connect()
        self._refresh()

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.addWidget(self.form)
        column.addWidget(self.run_bar)
        column.addWidget(self.line)
        column.addSpacing(6)
        column.addWidget(self.import_box)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(UprightScroll(inner))

    def _connect(self) -> None:
        self.form.changed.connect(self._refresh)
        self.form.browse_wanted.connect(self.browse)
        self.layers.changed.connect(self._refresh)
        self.run_bar.button.clicked.connect(self.toggle_run)
        self.controller.progressed.connect(self.run_bar.show_progress)
        self.controller.ended.connect(self._on_ended)
        self.importer.said.connect(self._say)
        layers = self.layers
        # `self` is half gone when Qt says destroyed: only what was captured here may be used.
        self.destroyed.connect(lambda: layers.disconnect_viewer())

    def showEvent(self, event: Any) -> None:
        """Look anew when the dock comes to the front."""
        super().showEvent(event)
        self._refresh()

    def enterEvent(self, event: Any) -> None:
        """Look anew when the pointer comes: a Correct dock may have been opened meanwhile."""
        super().enterEvent(event)
        self._refresh()

    def _hear_of_reviews(self) -> None:
        """Listen to the Correct docks that are open; Qt forgets those that are closed."""
        for dock in correct_docks(self._viewer):
            if dock not in self._heard:
                self._heard.add(dock)
                dock.sessions.reviewed.connect(self.layers.look_soon)

    # -- what can be done now --------------------------------------------------------------------

    def why_not(self) -> str:
        """Return why nothing can be exported now, as one sentence; empty when it can."""
        if not any(can_export(layer) for layer in self._viewer.layers):
            return NO_LABELS
        chosen = self.layers.chosen()
        if not chosen:
            return NONE_TICKED
        _groups, trouble = groups_of(self._viewer.layers, chosen)
        if trouble:
            return trouble
        form = self.form
        out = form.out()
        if out is None:
            return NO_FOLDER
        labels, kinds = form.labels.currentData(), form.chosen_format().kinds
        if labels != "auto" and labels not in kinds:
            return f"{form.chosen_format().title} holds {' and '.join(kinds)}: choose one of them."
        if "classes" not in kinds and all(is_classes(layer) for layer in chosen):
            return f"{form.chosen_format().title} holds {' and '.join(kinds)}, and no classes."
        try:
            form.chosen_split()
            form.chosen_tiles()
            check_target(out, overwrite=form.overwrite.isChecked())
        except (LabelsError, OSError) as error:
            return str(error).replace("add --overwrite to replace it", "tick below to replace it")
        return ""

    def _refresh(self, _event: object = None) -> None:
        self.importer.refresh()
        self._hear_of_reviews()
        self.form.offer_reviewed(is_reviewed(self._viewer, self.layers.chosen()))
        self.form.show_overwrite(self._is_export_there())
        if not self.controller.is_running:
            self._show_ready()

    def _is_export_there(self) -> bool:
        out = self.form.out()
        if out is None:
            return False
        try:
            check_target(out)
        except (LabelsError, OSError):
            try:
                check_target(out, overwrite=True)
            except (LabelsError, OSError):
                return False
            return True
        return False

    def _show_ready(self) -> None:
        why_not = self.why_not()
        bar = self.run_bar
        bar.show_ready(why_not)
        bar.button.setText("Export")
        bar.button.setToolTip(why_not or "Write the set into the folder.")

    # -- export ----------------------------------------------------------------------------------

    def browse(self) -> None:
        """Ask for the folder of the set."""
        found = self._ask_folder(self)
        if found is not None:
            self.form.folder.setText(str(found))

    def toggle_run(self) -> None:
        """Export, or cancel the export that is under way."""
        if self.controller.is_running:
            self.controller.cancel()
            self.run_bar.show_cancelling()
            self.run_bar.button.setToolTip("It stops after the image that is being written.")
            return
        why_not = self.why_not()
        if why_not:
            self._say(why_not, True)
            return
        self.run()

    def run(self) -> None:
        """Export what is chosen."""
        groups, _trouble = groups_of(self._viewer.layers, self.layers.chosen())
        jobs = jobs_of(self._viewer, groups, self.form.specimen.text().strip())
        try:
            choice = ExportChoice(self._request(), self.form.reviewed.isChecked())
        except ClassTableError as error:
            self._say(str(error), True)
            return
        self.run_bar.show_running()
        self.run_bar.button.setToolTip("Stop; nothing stays behind.")
        self._say("", False)
        images = {str(group.image.unique_id): group.image for group in groups}
        self._remark = shared_ignore_text(self._viewer.layers, list(images.values()))
        self.controller.start(jobs, choice)  # type: ignore[arg-type]

    def _request(self) -> ExportRequest:
        form, out = self.form, self.form.out()
        assert out is not None
        return ExportRequest(
            out,
            form.chosen_format().name,
            labels=form.labels.currentData(),
            split=form.chosen_split(),
            tiles=form.chosen_tiles(),
            options=replace(form.chosen_options(), table=first_table(self.layers.chosen())),
            overwrite=form.overwrite.isChecked(),
        )

    def _on_ended(self, outcome: Any) -> None:
        self._refresh()
        if isinstance(outcome, Exported):
            lines = outcome.report.lines(6)
            lines += [self._remark] if self._remark else []
            said = "\n".join([f"Exported {lines[0][:-1]} to {outcome.out}.", *lines[1:]])
            self._say(said, bool(outcome.report.skipped))
        elif isinstance(outcome, Failed):
            self._say(outcome.message, True)
        else:
            self._say("Cancelled: nothing was written.", False)

    def _say(self, text: str, trouble: bool) -> None:
        if trouble:
            self.line.say_trouble(text)
        else:
            self.line.say(text)


def _ask_folder(parent: QWidget) -> Path | None:
    chosen = QFileDialog.getExistingDirectory(parent, "Folder of the new set")
    return Path(chosen) if chosen else None

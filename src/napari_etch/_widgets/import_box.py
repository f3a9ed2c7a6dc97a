"""The part of the Export dock that reads annotations onto an open image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.controller import RunController
from napari_etch._widgets.export_layers import images_of
from napari_etch._widgets.export_run import ImportChoice, Imported, run_import
from napari_etch._widgets.form import add, combo_box
from napari_etch._widgets.import_layers import imported_layers
from napari_etch._widgets.layers import source_of
from napari_etch._widgets.made_from import image_id_of
from napari_etch._widgets.repair_layers import section_shown
from napari_etch._widgets.run import Failed
from napari_etch.grains.class_table import ClassTable, ClassTableError
from napari_etch.labels.stacking import AnnotatedStack

if TYPE_CHECKING:
    from napari.components import ViewerModel

NO_IMAGE = "Open the image first: labels are imported onto it."
CONVENTIONS = (
    ("This project's", "project"),
    ("Published fractography code", "published"),
)
#: Of a stack: whether a number that is in two sections is one grain.
NUMBERS = (("As in the file", False), ("Anew in each section", True))
KINDS = (("As the file says", "auto"), ("Grains", "grains"), ("Classes", "classes"))
_FILTER = "Annotations (*.json *.zip *.roi *.h5 *.hdf5 *.tif *.tiff *.png *.npy);;All files (*)"
#: What is chosen in the box of class tables to look for a file.
_OTHER = "other"


class ImportBox(QGroupBox):
    """Chooses an image and a file, and shows the report."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Import labels", parent)
        self.image = combo_box("The image that the labels belong to; it follows the selection.")
        self.kind = combo_box("What the regions or numbers in the file are.")
        self.table = combo_box("What the classes are called; a JSON file tells of other ones.")
        self.convention = combo_box(
            "The published code's masks have 1 for transgranular and 2 for intergranular, and it "
            "adds overlapping polygons up in 8 bits."
        )
        self.numbers = combo_box(
            "Of a stack. As in the file: a number in two sections is one grain. Anew: the numbers "
            "of each section begin behind those of the section before."
        )
        self.file = QPushButton("From a file…")
        self.folder = QPushButton("From a folder…")
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setMaximumHeight(110)
        self.report.setToolTip("What was read, and what was skipped or changed and why.")
        self.report.hide()
        for text, value in KINDS:
            self.kind.addItem(text, value)
        for text, value in CONVENTIONS:
            self.convention.addItem(text, value)
        for text, anew in NUMBERS:
            self.numbers.addItem(text, anew)
        self.table.addItem("Fracture modes", None)
        self.table.addItem("From a file…", _OTHER)
        self._lay_out()

    def _lay_out(self) -> None:
        form = self._form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add(form, "Image", self.image)
        add(form, "Labels", self.kind)
        add(form, "Classes", self.table)
        add(form, "Convention", self.convention)
        add(form, "Numbers", self.numbers)
        self.show_numbers(False)
        row = QHBoxLayout()
        row.addWidget(self.file)
        row.addWidget(self.folder)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addLayout(row)
        column.addWidget(self.report)

    def show_images(self, images: list[Image], chosen: str | None, why_not: str) -> None:
        """Fill in the images, and enable the buttons or say why not."""
        self.image.blockSignals(True)
        self.image.clear()
        for image in images:
            self.image.addItem(image.name, str(image.unique_id))
        self.image.setCurrentIndex(max(0, self.image.findData(chosen)) if images else -1)
        self.image.blockSignals(False)
        tips = (
            (self.file, "VIA, COCO, LabelMe, ImageJ regions, HDF5 or a mask."),
            (self.folder, "OME-Zarr, YOLO, StarDist, Cellpose, a training folder, masks."),
        )
        for button, tip in tips:
            button.setEnabled(not why_not)
            button.setToolTip(why_not or tip)

    def show_numbers(self, shown: bool) -> None:
        """Show the row about grain numbers, which only a stack needs."""
        self._form.setRowVisible(self.numbers, shown)

    def show_report(self, text: str) -> None:
        """Show what was read."""
        self.report.setPlainText(text)
        self.report.show()


class Importer(QObject):
    """Reads a file in a thread, and adds its labels as layers over the image.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    box : ImportBox
    ask_path : callable, optional
        Asks for ``file``, ``folder`` or ``table``; returns None when the user cancels.

    Signals
    -------
    said : str, bool
        A line for the user, and whether it is trouble.
    """

    said = Signal(str, bool)

    def __init__(
        self,
        viewer: ViewerModel,
        box: ImportBox,
        ask_path: Callable[[QWidget, str], Path | None] | None = None,
    ) -> None:
        super().__init__(box)
        self._viewer, self._box = viewer, box
        #: The layer that the choice followed last.
        self._followed = ""
        self._ask_path = ask_path or ask_for_annotations
        self._tables: dict[str, ClassTable] = {}
        self._last_table = 0
        self._choice: tuple[ImportChoice, str] | None = None
        self.controller = RunController(None, self, run=run_import)
        self.controller.ended.connect(self._on_ended)
        box.file.clicked.connect(lambda: self.ask("file"))
        box.folder.clicked.connect(lambda: self.ask("folder"))
        box.table.activated.connect(self._on_table)
        box.image.currentIndexChanged.connect(lambda _index: self._show_numbers())

    @property
    def is_running(self) -> bool:
        """Whether a file is being read."""
        return self.controller.is_running

    def refresh(self) -> None:
        """Look at the images that are open."""
        images = list(images_of(self._viewer.layers))
        active = self._viewer.layers.selection.active
        chosen = self._box.image.currentData()
        if active is not None and str(active.unique_id) != self._followed:
            self._followed = str(active.unique_id)
            chosen = image_id_of(active, images) or chosen
        why_not = "" if images else NO_IMAGE
        if self.is_running:
            why_not = "A file is being read: wait for its end."
        self._box.show_images(images, chosen, why_not)
        self._show_numbers()

    def _show_numbers(self) -> None:
        image = self._find(self._box.image.currentData())
        self._box.show_numbers(image is not None and source_of(image).is_stack)

    def ask(self, what: str) -> None:
        """Ask for a file or a folder and read it."""
        path = self._ask_path(self._box, what)
        if path is not None:
            self.read(path)

    def read(self, path: Path) -> None:
        """Read annotations onto the chosen image."""
        identity = self._box.image.currentData()
        image = self._find(identity)
        if image is None or self.is_running:
            self.said.emit("A file is being read: wait." if self.is_running else NO_IMAGE, True)
            return
        box = self._box
        file = Path(image.source.path).stem if image.source.path else image.name
        *sections, height, width = source_of(image).axes
        choice = ImportChoice(
            path=path,
            names=tuple(dict.fromkeys((image.name, file))),
            shape=(height, width),
            sections=sections[0] if sections else None,
            shown=section_shown(self._viewer, image) or 0,
            anew=box.numbers.currentData(),
            table=self._tables.get(str(box.table.currentData())),
            convention=box.convention.currentData(),
            kind=box.kind.currentData(),
        )
        self._choice = choice, identity
        box.report.hide()  # it was about another file
        self.said.emit(f"Reading {path.name}…", False)
        self.controller.start(choice, None)  # type: ignore[arg-type]
        self.refresh()

    def _find(self, identity: str | None) -> Image | None:
        found = (each for each in self._viewer.layers if str(each.unique_id) == identity)
        layer = next(found, None)
        return layer if isinstance(layer, Image) else None

    def _on_ended(self, outcome: Any) -> None:
        self.refresh()
        if isinstance(outcome, Failed):
            self.said.emit(outcome.message, True)
        elif isinstance(outcome, Imported) and self._choice is not None:
            self._add(outcome, *self._choice)

    def _add(self, outcome: Imported, choice: ImportChoice, identity: str) -> None:
        image = self._find(identity)
        lines = outcome.report.lines()
        self._box.show_report("\n".join(lines))
        if image is None:
            self.said.emit("The image was closed meanwhile, so nothing was added.", True)
            return
        layers = imported_layers(outcome.each, outcome.table, image, str(choice.path))
        for layer in layers:
            self._viewer.add_layer(layer)
        names = " and ".join(f"“{layer.name}”" for layer in layers)
        remarks = len(outcome.report.remarks)
        more = "" if not remarks else f" {remarks} remark{'s' * (remarks != 1)} below."
        if isinstance(outcome.each, AnnotatedStack):
            count, total = len(outcome.each.sections), outcome.each.shape[0]
            more = f" {count} of {total} sections have labels.{more}"
        self.said.emit(f"Added {names} from {choice.path.name}.{more}", False)

    def _on_table(self, index: int) -> None:
        """Ask for the file of a class table."""
        table = self._box.table
        if table.itemData(index) != _OTHER:
            self._last_table = index
            return
        table.setCurrentIndex(self._last_table)
        path = self._ask_path(self._box, "table")
        if path is None:
            return
        try:
            self._tables[str(path)] = ClassTable.read(path)
        except ClassTableError as error:
            self.said.emit(str(error), True)
            return
        if table.findData(str(path)) < 0:
            table.insertItem(table.count() - 1, path.stem, str(path))
        self._last_table = table.findData(str(path))
        table.setCurrentIndex(self._last_table)


def ask_for_annotations(parent: QWidget, what: str) -> Path | None:
    """Ask for a file or a folder in a dialog."""
    if what == "folder":
        chosen = QFileDialog.getExistingDirectory(parent, "Import labels")
    elif what == "table":
        chosen, _ = QFileDialog.getOpenFileName(parent, "Class table", "", "JSON (*.json)")
    else:
        chosen, _ = QFileDialog.getOpenFileName(parent, "Import labels", "", _FILTER)
    return Path(chosen) if chosen else None

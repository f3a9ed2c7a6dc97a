"""The controls of the Export dock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.choices import IDENTITY, items_of, set_ticks, ticked_in
from napari_etch._widgets.correct_line import TextLine
from napari_etch._widgets.form import add, combo_box
from napari_etch.labels import FORMATS, Format, Split, Tiles, WriteOptions

LABELS = (
    ("All that there are", "auto"),
    ("Grains", "grains"),
    ("Classes", "classes"),
    ("Boundaries", "boundary"),
)
IMAGE_FORMATS = (("TIFF", "tiff"), ("PNG", "png"))
SPLIT_BY = (
    ("Images of one specimen", "specimen"),
    ("Nothing: each image by itself", "image"),
)


class ExportForm(QWidget):
    """What is exported, where to, and how.

    Signals
    -------
    changed
        The user or the dock changed something that matters.
    browse_wanted
        The user wants to choose a folder in a dialog.
    """

    changed = Signal()
    browse_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers = QListWidget()
        self.layers.setMaximumHeight(78)
        self.layers.setToolTip(
            "Tick the label layers to export, each with the image it lies over. Grains and "
            "classes of one image go together."
        )
        self.format = combo_box("For which program the labels are.")
        self.about = TextLine("The files that are made, and what the format cannot hold.")
        self.labels = combo_box(
            "Which labels are written. Boundaries are drawn between grains as lines of the width "
            "below."
        )
        self.line_width = _pixels(1, 51, 3, "Width of the lines of boundaries.")
        self.image_format = combo_box("Files of images and masks.")
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Folder of the new set")
        self.folder.setToolTip("A folder that is new or empty; the set is in it when it is whole.")
        self.browse = QPushButton("…")
        self.browse.setFixedWidth(32)
        self.browse.setToolTip("Choose a folder.")
        self.specimen = QLineEdit()
        self.specimen.setPlaceholderText("not told")
        self.specimen.setToolTip("Images of one specimen stay together when the set is split.")
        self.split = QCheckBox("Split for training and test")
        self.split.setToolTip("Into folders train, val and test, each a set of its own.")
        self.shares = QLineEdit("70, 15, 15")
        self.shares.setToolTip("Shares of train, val and test.")
        self.split_by = combo_box(
            "What stays in one part: images of one specimen look alike, so a model that has seen "
            "one knows the others."
        )
        self.tiles = QCheckBox("Cut into tiles")
        self.tiles.setToolTip("Cut images into square tiles.")
        self.tile_size = _pixels(16, 16384, 512, "Side of a tile.")
        self.overlap = _pixels(0, 8192, 64, "What neighbouring tiles share at least.")
        self.reviewed = QCheckBox("Only what was reviewed")
        self.polygons = QCheckBox("Outlines in place of run lengths")
        self.overwrite = QCheckBox("Replace the export that is there")
        self._lay_out()
        self._fill()
        self._connect()
        self.show_format()

    # -- building --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        form = self._form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        add(form, "Layers", self.layers)
        add(form, "Format", self.format)
        form.addRow("", self.about)
        add(form, "Labels", self.labels)
        add(form, "Line width", self.line_width)
        add(form, "Files", self.image_format)
        form.addRow("", self.polygons)
        add(form, "Folder", self.folder, _row(self.folder, self.browse))
        form.addRow("", self.overwrite)
        add(form, "Specimen", self.specimen)
        form.addRow("", self.reviewed)
        form.addRow("", self.split)
        add(form, "Shares", self.shares)
        add(form, "Together", self.split_by)
        form.addRow("", self.tiles)
        add(form, "Side", self.tile_size)
        add(form, "Overlap", self.overlap)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)

    def _fill(self) -> None:
        for each in FORMATS.values():
            self.format.addItem(each.title, each.name)
        for text, value in LABELS:
            self.labels.addItem(text, value)
        for text, value in IMAGE_FORMATS:
            self.image_format.addItem(text, value)
        for text, value in SPLIT_BY:
            self.split_by.addItem(text, value)
        self.polygons.setToolTip(
            "Grains with holes stay run lengths, for COCO adds the polygons of a grain up."
        )

    def _connect(self) -> None:
        for combo in (self.format, self.labels, self.image_format, self.split_by):
            combo.currentIndexChanged.connect(lambda _index: self._on_changed())
        for line in (self.folder, self.shares, self.specimen):
            line.textChanged.connect(lambda _text: self._on_changed())
        for box in (self.split, self.tiles, self.reviewed, self.polygons, self.overwrite):
            box.toggled.connect(lambda _on: self._on_changed())
        for spin in (self.tile_size, self.overlap, self.line_width):
            spin.valueChanged.connect(lambda _value: self._on_changed())
        self.layers.itemChanged.connect(lambda _item: self._on_changed())
        self.browse.clicked.connect(self.browse_wanted)

    def _on_changed(self) -> None:
        self.show_format()
        self.changed.emit()

    # -- what is shown ---------------------------------------------------------------------------

    def show_format(self) -> None:
        """Show the options that the chosen format has."""
        form, chosen = self._form, self.chosen_format()
        self.about.setText(f"{chosen.layout}. {chosen.loses}".strip())
        form.setRowVisible(self.image_format, chosen.name == "pairs")
        form.setRowVisible(self.polygons, chosen.name == "coco")
        form.setRowVisible(self.line_width, self.labels.currentData() == "boundary")
        for widget in (self.shares, self.split_by):
            form.setRowVisible(widget, self.split.isChecked())
        for spin in (self.tile_size, self.overlap):
            form.setRowVisible(spin, self.tiles.isChecked())

    def show_overwrite(self, shown: bool) -> None:
        """Offer to replace an export, where there is one."""
        self._form.setRowVisible(self.overwrite, shown)
        if not shown:
            self.overwrite.setChecked(False)

    def offer_reviewed(self, offered: bool) -> None:
        """Enable the choice of what was reviewed, or say why it makes no sense."""
        self.reviewed.setEnabled(offered)
        self.reviewed.setToolTip(
            "All other grains are marked in an ignore mask, and nothing is learnt from them."
            if offered
            else "Nothing of the ticked layers was reviewed: accept or edit grains in the Correct "
            "dock, which has to be open."
        )
        if not offered:
            self.reviewed.setChecked(False)

    def set_layers(self, rows: Sequence[tuple[str, str]], ticked: Sequence[str]) -> None:
        """Fill in (text, identity) of the layers and tick some, without signals."""
        set_ticks(self.layers, rows, ticked)

    def tick(self, identity: str, on: bool = True) -> None:
        """Tick a layer as the user does."""
        for item in items_of(self.layers):
            if item.data(IDENTITY) == identity:
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def ticked(self) -> list[str]:
        """Return the identities of the ticked layers."""
        return ticked_in(self.layers)

    # -- what is chosen --------------------------------------------------------------------------

    def chosen_format(self) -> Format:
        """Return the format that is chosen."""
        return FORMATS[self.format.currentData()]

    def out(self) -> Path | None:
        """Return the folder; None while there is none."""
        text = self.folder.text().strip()
        return Path(text).expanduser() if text else None

    def chosen_split(self) -> Split | None:
        """Return the split.

        Raises
        ------
        LabelsError
            When the shares are none.
        """
        if not self.split.isChecked():
            return None
        return Split.parse(self.shares.text(), self.split_by.currentData())

    def chosen_tiles(self) -> Tiles | None:
        """Return the tiles.

        Raises
        ------
        LabelsError
            When they cannot be.
        """
        if not self.tiles.isChecked():
            return None
        return Tiles(self.tile_size.value(), self.overlap.value())

    def chosen_options(self) -> WriteOptions:
        """Return the options of the format; the class table is the dock's to add."""
        return WriteOptions(
            image_format=self.image_format.currentData(),
            line_width=self.line_width.value(),
            polygons=self.polygons.isChecked(),
        )

    def choose(self, combo: QComboBox, value: str) -> None:
        """Choose an entry by its value."""
        combo.setCurrentIndex(combo.findData(value))


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for at, widget in enumerate(widgets):
        row.addWidget(widget, int(at == 0))
    return row


def _pixels(low: int, high: int, value: int, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setSuffix(" px")
    box.setToolTip(tip)
    return box

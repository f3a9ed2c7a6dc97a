"""The controls of the Fracture dock."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.form import DEVICES, add, combo_box
from napari_etch._widgets.wrap_label import WrapLabel
from napari_etch.grains.class_table import ClassTable

NO_OUTLINES = "No outlines"
_SWATCH = 12


class FractureForm(QWidget):
    """What is mapped, by what, and what leads it.

    Signals
    -------
    changed
        Something that matters for a run changed.
    class_chosen : int
        The class with which areas are outlined was chosen.
    """

    changed = Signal()
    class_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = combo_box("The SEM image. It follows the layer that is selected in the list.")
        self.about = WrapLabel()
        self.model = combo_box(
            "The network that maps the image and that outlines correct; or the outlines alone."
        )
        self.outlines = combo_box(
            "Areas that you outlined: a Labels layer of class numbers, or a Shapes layer. The map "
            "follows them."
        )
        self.draw = QPushButton("Outline areas")
        self.classes = combo_box(
            "The class of the areas that you outline next; of a Shapes layer also of the shapes "
            "that are selected."
        )
        self.table = QPushButton("Classes…")
        self.table.setToolTip(
            "Read a class table (JSON, as etch export writes it), for other or more classes."
        )
        self.train = QPushButton("Train the network on this…")
        self.device = combo_box("Where the network runs.")
        self.least = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.least.setRange(0.0, 1.0)
        self.least.setToolTip(
            "Pixels less sure than this stay unlabelled. 0: every pixel is given."
        )
        self.areas = WrapLabel()
        self.areas.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.areas.setToolTip("Share of the labelled area, with its 95 % interval.")
        self._lay_out()
        set_choices(self.device, DEVICES, "auto")
        for box in (self.image, self.model, self.outlines, self.device):
            box.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.classes.currentIndexChanged.connect(self._on_class)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        add(form, "Image", self.image)
        form.addRow("", self.about)
        add(form, "Network", self.model)
        row = QHBoxLayout()
        row.addWidget(self.outlines, 1)
        row.addWidget(self.draw)
        add(form, "Outlines", self.outlines, row)
        of_class = QHBoxLayout()
        of_class.addWidget(self.classes, 1)
        of_class.addWidget(self.table)
        add(form, "Class", self.classes, of_class)
        add(form, "Device", self.device)
        add(form, "Least sure", self.least)
        form.addRow("", self.train)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)

    def show_classes(self, table: ClassTable) -> None:
        """Offer the classes of a table, each with its colour."""
        chosen = self.classes.currentData()
        set_choices(self.classes, [(table.names[n], n) for n in table.ids], chosen)
        for row, number in enumerate(table.ids):
            swatch = QPixmap(_SWATCH, _SWATCH)
            swatch.fill(QColor(table.colours[number]))
            self.classes.setItemIcon(row, QIcon(swatch))

    def _on_class(self, _index: int) -> None:
        number = self.classes.currentData()
        if number is not None:
            self.class_chosen.emit(int(number))

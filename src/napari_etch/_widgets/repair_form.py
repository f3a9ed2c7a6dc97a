"""The controls of the Repair dock."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.form import DEVICES, add, combo_box
from napari_etch._widgets.wrap_label import WrapLabel

KINDS = (
    ("Automatic", "auto"),
    ("Boundary map", "map"),
    ("Micrograph", "micrograph"),
    ("Grains", "grains"),
)
POLARITIES = (
    ("Automatic", "auto"),
    ("Dark on bright", "dark"),
    ("Bright on dark", "bright"),
)
USUAL_LEAST = 0.5


class RepairForm(QWidget):
    """What is repaired, and how.

    Signals
    -------
    changed
        Something that matters for a run changed.
    least_moved : float
        The slider of the least confidence moved.
    """

    changed = Signal()
    least_moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layer = combo_box(
            "What to repair: a boundary map, a micrograph or grains. It follows the layer that is "
            "selected in the layer list."
        )
        self.about = WrapLabel()
        self.kind = combo_box(
            "What the layer is. Automatic tells a boundary map, whose grains are flat, from a "
            "micrograph, in which the boundaries are found first."
        )
        self.polarity = combo_box(
            "Whether the lines of the boundary map are dark or bright. Automatic takes what there "
            "is less of."
        )
        self.device = combo_box("Where the network runs.")
        self.least = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._lay_out()
        for box, choices in (
            (self.kind, KINDS),
            (self.polarity, POLARITIES),
            (self.device, DEVICES),
        ):
            set_choices(box, choices, "auto")
            box.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.layer.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.least.valueChanged.connect(self.least_moved)

    def _lay_out(self) -> None:
        self.least.setRange(0.0, 1.0)
        self.least.setDecimals(2)
        self.least.setSingleStep(0.01)  # type: ignore[arg-type]  # superqt's own slider takes floats
        self.least.setPageStep(0.1)  # type: ignore[arg-type]
        self.least.setValue(USUAL_LEAST)
        self.least.setToolTip(
            "Bridges less sure than this are not made. After a run, moving it takes bridges away "
            "and brings them back at once; below the value of the run, run again for more."
        )
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        add(form, "Layer", self.layer)
        form.addRow("", self.about)
        add(form, "Kind", self.kind)
        add(form, "Lines", self.polarity)
        add(form, "Device", self.device)
        add(form, "Least sure", self.least)
        self._form = form
        self.hint = WrapLabel()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.hint)

    def show_kinds(self, *, grains: bool, polarity: bool) -> None:
        """Show what is asked about an image; a grains layer is nothing but grains."""
        self._form.setRowVisible(self.kind, not grains)
        self._form.setRowVisible(self.polarity, polarity and not grains)

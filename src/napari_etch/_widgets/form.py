"""The controls of the Segment dock and what they mean as settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.keys import tip
from napari_etch._widgets.pixel_size import PixelSizeBox
from napari_etch._widgets.wrap_label import WrapLabel

DEVICES = (
    ("Automatic", "auto"),
    ("CPU", "cpu"),
    ("NVIDIA GPU (CUDA)", "cuda"),
    ("Apple GPU (MPS)", "mps"),
)
QUALITIES = (("Best", "best"), ("Fast", "fast"))
GAPS = (("Automatic", None), ("Close all", True), ("Leave", False))
WHOLE_IMAGE = "Whole image"


class ModelEntry(Protocol):
    """What the form needs to know about a model."""

    @property
    def name(self) -> str:
        """Short name."""

    @property
    def title(self) -> str:
        """Name as shown."""

    @property
    def description(self) -> str:
        """One sentence."""

    @property
    def ready(self) -> bool:
        """Whether it can run now."""

    @property
    def why_not(self) -> str:
        """What is missing when it cannot."""


class SettingsForm(QWidget):
    """Image, model, region and options as a form.

    Signals
    -------
    changed
        The user or the dock changed something that matters for a run.
    granularity_moved : float
        The granularity slider moved.
    """

    changed = Signal()
    granularity_moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = combo_box(
            "The image to segment. It follows the layer that is selected in the layer list."
        )
        self.about_image = WrapLabel()
        self.pixel_size = PixelSizeBox()
        self.model = combo_box("The model that finds the boundaries.")
        self.region = combo_box(
            "The part of the image to segment: all of it, or a rectangle, ellipse or polygon of a "
            "Shapes layer (the selected one, otherwise the last one drawn)."
        )
        self.draw = QPushButton("Draw…")
        self.sections = combo_box("Which sections of the stack to segment; each is cut on its own.")
        self.sections.addItems(["All sections", "The section shown"])
        self.grain_size = _grain_size_box()
        self.quality = combo_box(
            "Best averages several scales and orientations of the image; fast makes one pass."
        )
        self.close_gaps = combo_box(
            "Let boundaries that end go on to the next one, as behind precipitates or where "
            "etching failed. Automatic: the generalist does so at quality Best where many end, "
            "other models leave gaps. A run takes up to half longer. The Repair dock goes bridge "
            "by bridge."
        )
        self.device = combo_box("Where the network runs.")
        self.skip_info_bar = check_box(
            "Leave out bars and blank surroundings",
            "Look for the bar with scale and date at the bottom of an SEM frame, for a scale bar "
            "that is burned into the image with its number, and for what is blank around the "
            "specimen: page, round field stop, rim of a mosaic. No grains are made there.",
        )
        self.fill_scratches = check_box(
            "Look past scratches",
            "Straight lines across the grains that the model took for boundaries are filled in, "
            "and it looks again. Untick it where such lines are boundaries.",
        )
        self.granularity = _granularity_slider()
        self._lay_out()
        self._fill()
        self._connect()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        region = QHBoxLayout()
        region.addWidget(self.region, 1)
        region.addWidget(self.draw)
        add(form, "Image", self.image)
        form.addRow("", self.about_image)
        add(form, "Pixel size", self.pixel_size)
        add(form, "Model", self.model)
        add(form, "Region", self.region, region)
        add(form, "Sections", self.sections)
        add(form, "Grain size", self.grain_size)
        add(form, "Quality", self.quality)
        add(form, "Gaps", self.close_gaps)
        add(form, "Device", self.device)
        form.addRow("", self.skip_info_bar)
        form.addRow("", self.fill_scratches)
        add(form, "Granularity", self.granularity)
        form.addRow("", self._slider_ends())
        self._form = form
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)

    @staticmethod
    def _slider_ends() -> QHBoxLayout:
        ends = QHBoxLayout()
        for text in ("fewer grains", "more grains"):
            end = QLabel(text)
            end.setStyleSheet("font-size: 11px;")
            ends.addWidget(end)
        ends.insertStretch(1, 1)
        ends.addSpacing(44)  # under the number at the end of the slider
        return ends

    def _fill(self) -> None:
        for text, value in DEVICES:
            self.device.addItem(text, value)
        for text, value in QUALITIES:
            self.quality.addItem(text, value)
        self.region.addItem(WHOLE_IMAGE, None)
        for text, choice in GAPS:
            self.close_gaps.addItem(text, choice)
        self.show_sections(False)

    def _connect(self) -> None:
        for combo in (self.image, self.model, self.region, self.sections):
            combo.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.granularity.valueChanged.connect(self.granularity_moved)

    def show_sections(self, shown: bool) -> None:
        """Show the row that chooses sections, which only a stack needs."""
        self._form.setRowVisible(self.sections, shown)

    def set_models(self, models: Sequence[ModelEntry], chosen: str) -> None:
        """Fill in the models; those that cannot run are greyed out and say why."""
        set_choices(self.model, [(entry.title, entry.name) for entry in models], chosen)
        for row, entry in enumerate(models):
            item_ready(self.model, row, entry.ready, entry.why_not or entry.description)

    def set_offered(self, offered: frozenset[str] | None) -> None:
        """Enable the options that the chosen model has; None when that is not known yet."""
        for name in ("grain_size", "quality", "close_gaps", "fill_scratches"):
            widget: QWidget = getattr(self, name)
            on = offered is None or name in offered
            widget.setEnabled(on)
            usual = widget.property("usual_tip")
            widget.setToolTip(usual if on else "The chosen model has no such option.")

    def choose_device(self, device: str) -> None:
        """Choose a device by its short name; an unknown one leaves Automatic."""
        self.device.setCurrentIndex(max(0, self.device.findData(device)))


def add(form: QFormLayout, text: str, field: QWidget, row: QLayout | None = None) -> None:
    """Add a labelled row; the label has the tooltip of its field, and readers of screens say it."""
    label = QLabel(text)
    label.setToolTip(field.toolTip())
    form.addRow(label, field if row is None else row)
    call(field, text)


def call(field: QWidget, text: str) -> None:
    """Give a field, and what can be typed or moved in it, the name that a screen reader says.

    Qt takes the label of a row only where it made that itself.
    """
    for part in (field, *field.findChildren(QWidget)):
        if part.focusPolicy() != Qt.FocusPolicy.NoFocus and not isinstance(part, QAbstractButton):
            part.setAccessibleName(text)


def item_ready(combo: QComboBox, row: int, ready: bool, text: str) -> None:
    """Enable or grey out an entry of a combo box and give it a tooltip."""
    model = combo.model()
    if isinstance(model, QStandardItemModel):
        item = model.item(row)
        if item is not None:
            item.setEnabled(ready)
            item.setToolTip(text)


def combo_box(text: str) -> QComboBox:
    """Return an empty combo box with a tooltip, as wide as the form lets it be."""
    combo = QComboBox()
    combo.setToolTip(text)
    combo.setProperty("usual_tip", text)
    # Long layer names must not make the dock wide.
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(10)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def check_box(text: str, tip: str) -> QCheckBox:
    """Return a ticked check box with a tooltip."""
    box = QCheckBox(text)
    box.setToolTip(tip)
    box.setProperty("usual_tip", tip)
    box.setChecked(True)
    return box


def _grain_size_box() -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, 2000)
    box.setSuffix(" px")
    box.setSpecialValueText("Automatic")
    text = (
        "Roughly how wide a grain is (mean intercept), in pixels. "
        "Automatic measures it on the image; give a number where that fails."
    )
    box.setToolTip(text)
    box.setProperty("usual_tip", text)
    return box


def _granularity_slider() -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(0.0, 1.0)
    slider.setDecimals(2)
    slider.setSingleStep(0.01)  # type: ignore[arg-type]  # superqt's own slider takes floats
    slider.setPageStep(0.1)  # type: ignore[arg-type]
    slider.setValue(0.5)
    slider.setToolTip(
        tip(
            "How readily a doubtful boundary separates two grains. "
            "After a run it cuts the grains again at once, without running the model.",
            "fewer",
            "more",
        )
    )
    return slider

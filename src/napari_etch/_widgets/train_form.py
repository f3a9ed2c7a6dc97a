"""The controls of the Train dock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.choices import set_choices, set_ticks, ticked_in
from napari_etch._widgets.form import DEVICES, WHOLE_IMAGE, add, check_box, combo_box
from napari_etch._widgets.train_labels_form import LabelRows
from napari_etch._widgets.wrap_label import WrapLabel
from napari_etch.training.fit_request import MOST_SECTIONS

LEARN_FROM = (("The image alone, no labels", "image"), ("Corrected labels", "labels"))
STARTS = (
    ("From this image alone", "scratch"),
    ("This image and the generalist", "both"),
    ("Adapt the generalist", "generalist"),
)
SECTIONS = ("All sections", "The section shown")
ROWS_SHOWN = 3
MOST_MINUTES = 120.0
MOST_SEED = 999_999


class TrainForm(QWidget):
    """Images, region, start, name, time and device.

    Signals
    -------
    changed
        The user changed something.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.learn_from = combo_box(
            "The image alone: what boundaries look like is learnt from the pixels.\n"
            "Corrected labels: a model learns from grain maps that you have corrected."
        )
        self.labels = LabelRows(self)
        self.images = _image_list()
        #: Whether the user ticked images; until then the selected layer is ticked.
        self.ticked_by_hand = False
        self.about_images = WrapLabel()
        self.region = combo_box(
            "The part to learn from: all of it, or a shape of a Shapes layer. A typical part "
            "without scratches and stains is enough, and faster."
        )
        self.draw = QPushButton("Draw…")
        self.sections = combo_box(
            "Which sections of a stack to learn from. Of more than "
            f"{MOST_SECTIONS}, {MOST_SECTIONS} evenly spread ones are looked at."
        )
        self.start = combo_box(
            "From this image alone: learns in minutes what boundaries look like here.\n"
            "This image and the generalist: the same, and its answers are averaged with those of "
            "the model that knows many materials.\n"
            "Adapt the generalist: takes that model a little further."
        )
        self.name = QLineEdit()
        self.name.setToolTip("Name of the model in your library.")
        self.minutes = _minutes_box()
        self.seed = _seed_box()
        self.device = combo_box("Where the network learns.")
        self.skip_info_bar = check_box(
            "Leave out bars and blank surroundings",
            "Nothing is learnt from the bar with scale and date of an SEM frame, from a scale "
            "bar that is burned into the image with its number, or from what is blank around "
            "the specimen.",
        )
        self._lay_out()
        self._fill()
        self._connect()

    def _lay_out(self) -> None:
        form = self._form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        region = QHBoxLayout()
        region.addWidget(self.region, 1)
        region.addWidget(self.draw)
        add(form, "Learn from", self.learn_from)
        self.labels.add_to(form)
        add(form, "Images", self.images)
        form.addRow("", self.about_images)
        self._region_row = region
        add(form, "Region", self.region, region)
        add(form, "Sections", self.sections)
        add(form, "Start", self.start)
        add(form, "Name", self.name)
        add(form, "Time limit", self.minutes)
        add(form, "Seed", self.seed)
        add(form, "Device", self.device)
        form.addRow("", self.skip_info_bar)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)

    def _fill(self) -> None:
        for text, value in LEARN_FROM:
            self.learn_from.addItem(text, value)
        self.region.addItem(WHOLE_IMAGE, None)
        self.sections.addItems(SECTIONS)
        self._has_sections = False
        self._show_rows()
        for text, value in STARTS:
            self.start.addItem(text, value)
        for text, value in DEVICES:
            self.device.addItem(text, value)

    def _connect(self) -> None:
        self.learn_from.currentIndexChanged.connect(self._on_learn_from)
        self.labels.changed.connect(self._on_learn_from)
        self.images.itemChanged.connect(self._on_ticked)
        self.region.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.sections.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.start.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.name.textChanged.connect(lambda _text: self.changed.emit())

    def _on_ticked(self, _item: QListWidgetItem) -> None:
        self.ticked_by_hand = bool(self.ticked())
        self.changed.emit()

    def set_images(self, images: Sequence[tuple[str, str]], ticked: Sequence[str]) -> None:
        """Fill in (name, identity) of the images and tick some, without signals."""
        set_ticks(self.images, images, ticked)

    def ticked(self) -> list[str]:
        """Return the identities of the ticked images."""
        return ticked_in(self.images)

    def set_regions(self, regions: Sequence[tuple[str, str]], chosen: Any) -> None:
        """Fill in (name, identity) of the Shapes layers, without signals."""
        set_choices(self.region, [(WHOLE_IMAGE, None), *regions], chosen)

    def show_sections(self, shown: bool) -> None:
        """Show the row that chooses sections, which only a stack needs."""
        self._has_sections = shown
        self._form.setRowVisible(self.sections, shown and not self.from_labels)

    @property
    def from_labels(self) -> bool:
        """Whether labels are learnt from, not the image alone."""
        return bool(self.learn_from.currentData() == "labels")

    def _on_learn_from(self, _index: int = 0) -> None:
        self._show_rows()
        self.changed.emit()

    def _show_rows(self) -> None:
        alone = not self.from_labels
        for field in (self.images, self.about_images, self._region_row, self.start):
            self._form.setRowVisible(field, alone)
        self.show_sections(self._has_sections)
        self.labels.show_rows(not alone)

    @property
    def all_sections(self) -> bool:
        """Whether all sections of a stack are learnt from, not only the one shown."""
        return self.sections.currentIndex() == 0

    def set_busy(self, busy: bool) -> None:
        """Lock the form while a fit runs; every control then says why."""
        for widget in self._controls():
            if widget.property("usual_tip") is None:
                widget.setProperty("usual_tip", widget.toolTip())
            widget.setEnabled(not busy)
            usual = widget.property("usual_tip")
            widget.setToolTip("Wait for the end, or stop it." if busy else usual)
        if not busy:
            self._show_rows()  # some rows are locked by what is chosen in others

    def _controls(self) -> tuple[QWidget, ...]:
        return (
            self.learn_from,
            *self.labels.controls(),
            self.images,
            self.region,
            self.sections,
            self.start,
            self.name,
            self.minutes,
            self.seed,
            self.device,
            self.skip_info_bar,
        )


def _image_list() -> QListWidget:
    images = QListWidget()
    images.setToolTip(
        "The images to learn from: one, or several of the same specimen.\n"
        "The selected layer is ticked until you tick others."
    )
    images.setSelectionMode(QListWidget.SelectionMode.NoSelection)
    images.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    images.setSpacing(1)
    images.setFixedHeight(ROWS_SHOWN * (images.fontMetrics().height() + 10))
    images.setMinimumWidth(120)
    images.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return images


def _minutes_box() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, MOST_MINUTES)
    box.setDecimals(1)
    box.setSuffix(" min")
    box.setSpecialValueText("Automatic")
    box.setToolTip(
        "After so long the best so far is kept. Automatic ends when nothing gets better any more."
    )
    return box


def _seed_box() -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, MOST_SEED)
    box.setToolTip(
        "The same seed gives the same model again, another one another model, about as good.\n"
        "Try it when a fit disappoints."
    )
    return box

"""The rows of the Train dock for a training on labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_etch._widgets.choices import IDENTITY, items_of, set_choices, set_ticks, ticked_in
from napari_etch._widgets.form import add, combo_box, item_ready

#: What a trainer is called in the list; others go by their name.
TRAINED = {
    "generalist": "Generalist",
    "repair": "Repair of broken boundaries",
    "wpunet": "WPU-Net (stacks)",
    "dinov2": "DINOv2 decoder",
    "fracture": "Fracture modes",
}
SOURCES = (("Layers of this window", "layers"), ("A training folder", "folder"))
KINDS = (("Grain maps", "grains"), ("Boundary masks", "boundary"), ("Class maps", "classes"))
SHIPPED = "Its own weights"
#: What the decoder on a vision transformer learns.
TARGETS = (("Boundaries between grains", "grains"), ("A mask of the grains", "mask"))
ROWS_SHOWN = 3
REVIEWED_TIP = (
    "Learn only where grains were accepted or edited in the Correct dock; the rest of the map is "
    "neither right nor wrong."
)
JUDGED_TIP = (
    "Learn only where facets were accepted or edited in the Correct dock; the rest of the map is "
    "neither right nor wrong. Outlined areas always count."
)


class LabelRows(QWidget):
    """Model, pairs of image and labels or a folder, and what of them counts.

    Not shown itself: its fields are rows of the dock's form, see `add_to`.

    Signals
    -------
    changed
        The user changed something.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self.model = combo_box("The model to train.")
        self.start = combo_box("The weights to go on from: the model's own, or one of yours.")
        self.backbone = combo_box(
            "The frozen vision transformer under the decoder. A public one is downloaded once."
        )
        self.target = combo_box(
            "Boundaries between grains, for counting and measuring them.\n"
            "A mask, as published: what is labelled is grain, the rest is not; grains that touch "
            "are one."
        )
        self.source = combo_box("Where the labels are: layers that are open, or a folder.")
        self.pairs = _pair_list()
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("with images/ and labels/")
        self.folder.setToolTip(
            "A folder with images/ and labels/ of equal names, perhaps ignore/ and specimens.csv; "
            "the Export dock and etch export write such folders."
        )
        self.browse = QPushButton("Browse…")
        self.browse.setToolTip("Choose the training folder.")
        self.kind = combo_box("What the files in labels/ are.")
        self.reviewed = QCheckBox("Only reviewed grains")
        self.reviewed.setToolTip(REVIEWED_TIP)
        self._form: QFormLayout | None = None
        self._fill()
        self._connect()

    def _fill(self) -> None:
        from napari_etch.training.trainers import TRAINERS

        for name in sorted(TRAINERS, key=lambda name: (name != "generalist", name)):
            self.model.addItem(TRAINED.get(name, name), name)
        for text, value in TARGETS:
            self.target.addItem(text, value)
        self._fill_backbones()
        for text, value in SOURCES:
            self.source.addItem(text, value)
        for text, value in KINDS:
            self.kind.addItem(text, value)
        self.set_starts([], None)

    def _fill_backbones(self) -> None:
        from napari_etch.models.backbones import COMPACT_NAME, PUBLIC, weights_path

        self.backbone.addItem("Compact (bundled)", COMPACT_NAME)
        item_ready(self.backbone, 0, True, "Comes with the package and works offline.")
        for row, public in enumerate(PUBLIC.values(), start=1):
            here = weights_path(public.name).exists()
            how = "on this machine" if here else f"{public.megabytes} MB to download"
            self.backbone.addItem(f"{public.name} ({how})", public.name)
            item_ready(self.backbone, row, True, f"{public.source}; licence {public.licence}.")

    def _connect(self) -> None:
        for combo in (self.model, self.start, self.backbone, self.source, self.kind):
            combo.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.folder.textChanged.connect(lambda _text: self.changed.emit())
        self.reviewed.toggled.connect(lambda _on: self.changed.emit())
        self.pairs.itemChanged.connect(lambda _item: self.changed.emit())
        self.browse.clicked.connect(self._browse)

    def add_to(self, form: QFormLayout) -> None:
        """Add the rows to a form."""
        self._form = form
        folder = self._folder_row = QHBoxLayout()
        folder.addWidget(self.folder, 1)
        folder.addWidget(self.browse)
        add(form, "Model", self.model)
        add(form, "Go on from", self.start)
        add(form, "Backbone", self.backbone)
        add(form, "Decoder learns", self.target)
        add(form, "Labels", self.source)
        add(form, "Pairs", self.pairs)
        add(form, "Folder", self.folder, folder)
        add(form, "Files are", self.kind)
        form.addRow("", self.reviewed)

    def show_rows(self, shown: bool) -> None:
        """Show the rows that matter now, or none."""
        assert self._form is not None
        layers = self.source.currentData() == "layers"
        for field in (self.model, self.start, self.source):
            self._form.setRowVisible(field, shown)
        decoder = self.model.currentData() == "dinov2"
        for field in (self.backbone, self.target):
            self._form.setRowVisible(field, shown and decoder)
        own = self.start.currentData() is not None
        self.backbone.setEnabled(not own)
        self.backbone.setToolTip(
            "Your model keeps the backbone that it was trained on."
            if own
            else self.backbone.property("usual_tip")
        )
        self._form.setRowVisible(self.pairs, shown and layers)
        self._form.setRowVisible(self.reviewed, shown and layers)
        self._form.setRowVisible(self._folder_row, shown and not layers)
        self._form.setRowVisible(self.kind, shown and not layers)

    def options(self) -> dict[str, Any]:
        """Return what only the chosen model's trainer knows."""
        if self.model.currentData() != "dinov2":
            return {}
        found = {"target": self.target.currentData()}
        if self.start.currentData() is None:
            found["backbone"] = self.backbone.currentData()
        return found

    def set_pairs(self, pairs: Sequence[tuple[str, str]], ticked: Sequence[str]) -> None:
        """Fill in (text, identity of the labels) and tick some, without signals."""
        set_ticks(self.pairs, pairs, ticked)

    def ticked(self) -> list[str]:
        """Return the identities of the ticked labels."""
        return ticked_in(self.pairs)

    def tick_only(self, identities: Sequence[str]) -> None:
        """Tick these labels and no others, without signals."""
        named = [(item.text(), item.data(IDENTITY)) for item in items_of(self.pairs)]
        self.set_pairs(named, identities)

    def set_starts(self, own: Sequence[tuple[str, str]], chosen: str | None) -> None:
        """Offer the model's own weights, and (title, name) of models of the library."""
        set_choices(self.start, [(SHIPPED, None), *own], chosen)

    def offer_reviewed(self, count: int) -> None:
        """Offer to learn from reviewed grains only where there are any."""
        text = f"Only reviewed grains ({count})" if count else "Only reviewed grains"
        none = "No grain of these maps was accepted or edited in the Correct dock yet."
        self._offer(text, count > 0, REVIEWED_TIP if count else none)

    def offer_judged(self, some: bool) -> None:
        """Offer to learn only where class maps were reviewed, where any was."""
        none = "No facet of these maps was accepted or edited in the Correct dock yet."
        self._offer("Only reviewed facets", some, JUDGED_TIP if some else none)

    def _offer(self, text: str, some: bool, tip: str) -> None:
        self.reviewed.setText(text)
        self.reviewed.setEnabled(some)
        self.reviewed.setToolTip(tip)
        self.reviewed.setProperty("usual_tip", tip)

    def controls(self) -> tuple[QWidget, ...]:
        """Return what is locked while something is learnt."""
        return (
            self.model,
            self.start,
            self.backbone,
            self.target,
            self.source,
            self.pairs,
            self.folder,
            self.browse,
            self.kind,
            self.reviewed,
        )

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Training folder", self.folder.text())
        if chosen:
            self.folder.setText(str(Path(chosen)))


def _pair_list() -> QListWidget:
    pairs = QListWidget()
    pairs.setToolTip(
        "Images with the labels to learn from: grain maps, class maps, or outlined areas (Labels, "
        "or Shapes with a feature “class”). A layer goes with the image it was made from, any "
        "other with an image of its size."
    )
    pairs.setSelectionMode(QListWidget.SelectionMode.NoSelection)
    pairs.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    pairs.setSpacing(1)
    pairs.setFixedHeight(ROWS_SHOWN * (pairs.fontMetrics().height() + 10))
    pairs.setMinimumWidth(120)
    pairs.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return pairs

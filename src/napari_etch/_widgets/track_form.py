"""The controls of the Track dock."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.form import add, call, check_box, combo_box
from napari_etch._widgets.wrap_label import WrapLabel

METHODS = (
    ("All sections at once", "global"),
    ("Largest overlap", "overlap"),
    ("Nearest centroid", "centroid"),
    ("Pair classifier", "pairs"),
)


class TrackForm(QWidget):
    """What is tracked, and how.

    Signals
    -------
    changed
        Something that matters for a run changed.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layer = combo_box(
            "Grains of a stack, found section by section. It follows the layer that is selected in "
            "the layer list."
        )
        self.about = WrapLabel()
        self.method = combo_box(
            "All sections at once is the best; the others go from one section to the next, as "
            "published, and are there to compare with."
        )
        self.align = QCheckBox("Align the sections")
        self.align.setToolTip(
            "Move the sections over each other first, by whole pixels. Grains that all lean to one "
            "side are straightened by it."
        )
        self.absorb = QCheckBox("Absorb grains of one section")
        self.absorb.setToolTip(
            "Give grains that are in one inner section only to the neighbour that they share most "
            "with."
        )
        self.fill = check_box(
            "Draw bad sections", "Draw blank and damaged sections from those on both sides."
        )
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        add(form, "Grains", self.layer)
        form.addRow("", self.about)
        add(form, "Method", self.method)
        for box in (self.align, self.absorb, self.fill):
            form.addRow("", box)
        set_choices(self.method, METHODS, "global")
        self.layer.currentIndexChanged.connect(lambda _index: self.changed.emit())


class GrainBox(QGroupBox):
    """One grain through the sections, and grains in 3D."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("3D grains", parent)
        self.about = WrapLabel()
        self.follow = QCheckBox("Follow the selected grain")
        self.follow.setToolTip(
            "Keep the selected grain in the middle of the view while you move through the sections."
        )
        self.first = QPushButton("To its first section")
        self.last = QPushButton("To its last section")
        self.chosen = QLineEdit()
        self.chosen.setPlaceholderText("the selected grain")
        self.chosen.setToolTip("Numbers of grains, such as 3, 7, 12-15.")
        call(self.chosen, "Grains")
        self.show_3d = QPushButton("Show in 3D")
        column = QVBoxLayout(self)
        column.addWidget(self.about)
        column.addWidget(self.follow)
        for row in ((self.first, self.last), (QLabel("Grains"), self.chosen, self.show_3d)):
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget)
            column.addLayout(line)

    def allow(self, trouble: str, *, in_3d: bool) -> None:
        """Enable what can be used now, or say why it cannot."""
        self.show_3d.setText("Back to sections" if in_3d else "Show in 3D")
        tips = {
            self.first: "Go to the section where the selected grain begins.",
            self.last: "Go to the section where the selected grain ends.",
            self.show_3d: "Return to the sections."
            if in_3d
            else "Show the surfaces of these grains and turn the view to 3D.",
        }
        for button, tip in tips.items():
            button.setEnabled(not trouble)
            button.setToolTip(trouble or tip)
        self.follow.setEnabled(not trouble)
        self.chosen.setEnabled(not trouble)


def numbers_in(text: str, most: int = 60) -> list[int]:
    """Return the grain numbers that a text names, such as ``3, 7, 12-15``.

    Raises
    ------
    ValueError
        When it is no list of numbers, or there are more than `most`.
    """
    found: list[int] = []
    for part in text.replace(";", ",").replace(" ", ",").split(","):
        if not part:
            continue
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise ValueError(f"“{part}” is no grain number: write numbers such as 3, 7, 12-15.")
        last = int(high) if dash else int(low)
        if last - int(low) >= most or len(found) >= most:
            raise ValueError(f"Choose at most {most} grains at a time.")
        found.extend(range(int(low), last + 1))
    return list(dict.fromkeys(found))

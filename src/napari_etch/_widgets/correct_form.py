"""The controls of the Correct dock."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.correct_review_box import action_button
from napari_etch._widgets.correct_target import classes_of
from napari_etch._widgets.correct_tools import TOOLS, Options
from napari_etch._widgets.form import add, check_box, combo_box
from napari_etch._widgets.keys import CORRECT_BINDINGS, tip

NO_BOUNDARY = "None"
COLUMNS = 3
#: Of any row of options, px: what lies below keeps its place when another tool shows its own.
ROW_HEIGHT = 30

#: Which row of options a tool shows.
ROWS = {
    "split": "snap",
    "redraw": "snap",
    "join": "through",
    "delete": "absorb",
    "smooth": "radius",
    "wand": "tolerance",
    "recut": "granularity",
    "classify": "value",
}


class CorrectForm(QWidget):
    """What is corrected, the tools, their options, and undo.

    Signals
    -------
    grains_chosen, boundary_chosen
        The user chose another layer.
    tool_clicked : str
        The button of a tool was clicked.
    granularity_moved : float
        The slider of cutting again was moved.
    """

    grains_chosen = Signal()
    boundary_chosen = Signal()
    tool_clicked = Signal(str)
    granularity_moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grains = combo_box("The grain map to correct. It follows the selected layer.")
        self.boundary = combo_box(
            "The boundary map that cuts and the review follow; without one cuts follow the stroke. "
            "For classes, the probability of one of two: the review begins where it is unsure."
        )
        self.copy = QPushButton("Make an editable copy")
        self.tools = {name: _tool_button(name) for name in TOOLS}
        self.undo = QPushButton("Undo")
        self.undo.setToolTip("Take back the last step, of any tool or brush (Ctrl+Z).")
        self.redo = QPushButton("Redo")
        self.redo.setToolTip("Make the step again (Ctrl+Shift+Z).")
        self.copy_on = action_button(
            "Repeat in the next section",
            "copy",
            "Make the last gesture in the next section too, if the same grains lie there.",
        )
        self.part = action_button(
            "New number from here on",
            "part",
            "The grain under the mouse gets a number of its own in this and all later sections.",
        )
        for button in (self.copy_on, self.part):
            button.setToolTip(button.property("usual_tip"))
        self._is_stack = self._has_classes = False
        self.outlines = action_button(
            "Outlines",
            "outlines",
            "Show the outlines of grains instead of their areas: neighbours may have like colours.",
        )
        self.outlines.setCheckable(True)
        self.outlines.setToolTip(self.outlines.property("usual_tip"))
        self._make_options()
        self._lay_out()
        self._connect()
        self.show_sections(False)
        self.show_options("")

    def options(self) -> Options:
        """Return what is chosen."""
        return Options(
            snap=self.snap.isChecked(),
            absorb=bool(self.absorb.currentData()),
            tolerance=float(self.tolerance.value()),
            radius=float(self.radius.value()),
            granularity=round(float(self.granularity.value()), 4),
            value=int(self.value.currentData()),
            through=self.through.isChecked(),
        )

    def name_boundary(self, text: str) -> None:
        """Call the second layer by what it is: a boundary map, or the probability of a class."""
        self._boundary_label.setText(text)

    def check_tool(self, name: str) -> None:
        """Press the button of a tool; of none with an empty name."""
        self._group.setExclusive(False)
        for each, button in self.tools.items():
            button.setChecked(each == name)
        self._group.setExclusive(True)
        self.show_options(name)

    def show_options(self, tool: str) -> None:
        """Show the row of options that belongs to a tool."""
        wanted = ROWS.get(tool, "")
        if wanted == "through" and not self._is_stack:
            wanted = ""
        if self._has_classes:
            wanted = "value"  # the review sets classes too
        for row, field in self._rows.items():
            if row != wanted:
                self._options.setRowVisible(field, False)
        if wanted:  # last: two rows at a time would push away what lies below
            self._options.setRowVisible(self._rows[wanted], True)

    def show_sections(self, is_stack: bool, *, has_classes: bool = False) -> None:
        """Show what only a stack needs, or only a map of classes."""
        self._is_stack, self._has_classes = is_stack, has_classes
        self.copy_on.setVisible(is_stack)
        self.part.setVisible(is_stack)

    def show_classes(self, names: Mapping[int, str]) -> None:
        """Offer the classes of a map; the one that is chosen stays so, if the map has it."""
        rows = [(f"{value} {name}", value) for value, name in names.items()]
        chosen = self.value.currentData()
        set_choices(self.value, rows, chosen if chosen in names else rows[1][1])

    def allow(self, why_not: Callable[[str], str]) -> None:
        """Enable the tools for which `why_not` returns nothing; the others say why not."""
        for name, button in self.tools.items():
            trouble = why_not(name)
            button.setEnabled(not trouble)
            button.setToolTip(trouble or tip(TOOLS[name].tip, name))

    def _make_options(self) -> None:
        self.snap = check_box(
            "Follow the boundary map", "Off, or with Shift held, the cut is exactly the stroke."
        )
        self.through = QCheckBox("In all sections")
        self.through.setToolTip(
            "A click joins the two 3D grains wherever they lie side by side; off, in this section."
        )
        self.absorb = combo_box("What becomes of the place of a deleted grain.")
        self.absorb.addItem("Neighbours take its place", True)
        self.absorb.addItem("It becomes 0, not a grain", False)
        self.tolerance = _slider(0.01, 0.5, 0.1, "How much brighter or darker the region may get.")
        self.radius = _slider(1, 10, 2, "Details of the outline smaller than this go, px.")
        self.granularity = _slider(
            0, 1, 0.5, "Fewer or more grains in the region drawn last; moves at once."
        )
        self.value = combo_box("The class that the tool sets, and the review with R.")
        self.show_classes(classes_of(None))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add(form, "Grains", self.grains)
        add(form, "Boundary", self.boundary)
        label = form.labelForField(self.boundary)
        assert isinstance(label, QLabel)
        self._boundary_label = label
        column.addLayout(form)
        column.addWidget(self.copy)
        grid = QGridLayout()
        grid.setSpacing(4)
        self._group = QButtonGroup(self)
        for at, button in enumerate(self.tools.values()):
            self._group.addButton(button)
            grid.addWidget(button, at // COLUMNS, at % COLUMNS)
        column.addLayout(grid)
        self._options = QFormLayout()
        self._options.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._rows: dict[str, QWidget] = {
            "snap": self.snap,
            "through": self.through,
            "absorb": self.absorb,
            "radius": self.radius,
            "tolerance": self.tolerance,
            "granularity": self.granularity,
            "value": self.value,
        }
        texts = ("", "", "Place", "Radius", "Tolerance", "Granularity", "Class")
        for text, field in zip(texts, self._rows.values(), strict=True):
            if text:
                add(self._options, text, field)
            else:
                self._options.addRow(field)
        place = QWidget()
        place.setLayout(self._options)
        self._options.setContentsMargins(0, 0, 0, 0)
        place.setMinimumHeight(ROW_HEIGHT)
        column.addWidget(place)
        column.addWidget(self.copy_on)
        column.addWidget(self.part)
        steps = QHBoxLayout()
        steps.addWidget(self.undo)
        steps.addWidget(self.redo)
        steps.addWidget(self.outlines)
        column.addLayout(steps)

    def _connect(self) -> None:
        self.grains.currentIndexChanged.connect(lambda _index: self.grains_chosen.emit())
        self.boundary.currentIndexChanged.connect(lambda _index: self.boundary_chosen.emit())
        self.granularity.valueChanged.connect(self.granularity_moved)
        for name, button in self.tools.items():
            button.clicked.connect(lambda _on=False, name=name: self.tool_clicked.emit(name))


def _tool_button(name: str) -> QPushButton:
    button = QPushButton()
    button.setText(f"{TOOLS[name].title} ({CORRECT_BINDINGS[name].shown})")
    button.setCheckable(True)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setMinimumHeight(26)
    return button


def _slider(low: float, high: float, value: float, text: str) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setDecimals(2)
    slider.setValue(value)
    slider.setToolTip(text)
    return slider

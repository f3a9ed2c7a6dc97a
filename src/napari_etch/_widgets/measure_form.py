"""The controls of the Measure dock."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QListWidget,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.choices import IDENTITY, items_of, set_choices, set_ticks, ticked_in
from napari_etch._widgets.correct_line import TextLine
from napari_etch._widgets.form import add, call, combo_box
from napari_etch._widgets.measure_plot import DistributionPlot
from napari_etch._widgets.measure_table import GrainTable
from napari_etch._widgets.pixel_size import PixelSizeBox

#: What is drawn over the grains, and by which method it is counted.
PATTERNS = (
    ("No pattern", ""),
    ("Lines (Heyn)", "heyn"),
    ("Three circles (Abrams)", "abrams"),
    ("One circle (Hilliard)", "hilliard"),
    ("Circles and lines (E112)", "combined"),
)
#: How often circles are laid over a field.
PLACEMENTS = (("Circles at several places", "several"), ("Circles once, in the middle", "single"))
OWN_COLOURS = "grain numbers"
TOGETHER = "Fields measured together"
#: What can be saved: file name, words on the button, what it holds.
EXPORTS = (
    ("grains.csv", "CSV", "The table of grains."),
    (
        "measure.xlsx",
        "Excel",
        "All numbers: grain sizes, fields, grains, structure, a sheet each.",
    ),
    ("measure.json", "JSON", "Everything that was measured, for programs."),
    ("report.html", "Report", "A report with pictures that opens in any browser."),
    ("report.pdf", "PDF", "The report on one page."),
)


_NAME = IDENTITY + 1


class MeasureForm(QWidget):
    """What is measured, and what came out.

    Parameters
    ----------
    theme : str
        Of napari's.
    trouble : QLabel
        Says what has to be settled before there are numbers.
    parent : QWidget, optional

    Signals
    -------
    grains_chosen, placements_chosen, pattern_chosen, colour_chosen, compared, plot_chosen
        The user chose something else.
    export_wanted : str
        The button of a file was clicked.
    """

    grains_chosen = Signal()
    placements_chosen = Signal()
    pattern_chosen = Signal()
    colour_chosen = Signal()
    compared = Signal()
    plot_chosen = Signal()
    export_wanted = Signal(str)

    def __init__(self, theme: str, trouble: QLabel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grains = combo_box("The grain map to measure. It follows the selected layer.")
        self.pixel_size = PixelSizeBox()
        self.trouble = trouble
        self.sizes = _size_table()
        self.pattern = combo_box(
            "Draws the test lines or circles over the grains with every place that was counted: "
            "yellow crossings, pink triple points, blue tangents, white line ends."
        )
        for text, value in PATTERNS:
            self.pattern.addItem(text, value)
        self.placement = combo_box(
            "Which placement is drawn; behind each, what it counted. The row is their sum."
        )
        self.placements = combo_box(
            "One placement of circles is a small sample. At several places: circles of half the "
            "largest size, on a grid all over the field. Once: as large as they fit."
        )
        for text, value in PLACEMENTS:
            self.placements.addItem(text, value)
        self.counted = TextLine("What the pattern counted.")
        self.about = TextLine("Interval, largest grain and segmentation.")
        self.compare = QListWidget()
        self.compare.setMaximumHeight(84)
        call(self.compare, TOGETHER)
        self.compare.setToolTip(
            "Tick the grain layers that are fields of one specimen, or that you want to compare: "
            "each gets a column, and their mean the interval over fields."
        )
        self.colour = combo_box("Colours the grains of the layer by a column of the table.")
        self.table = GrainTable()
        call(self.table, "Grains")
        self.column = combo_box("What is shown of each grain.")
        call(self.column, "What is shown")
        self.by_area = QCheckBox("by area")
        self.by_area.setToolTip("Each grain weighs its area instead of 1.")
        self.plot = DistributionPlot(theme)
        self.range_text = TextLine("What lies in the blue range.")
        self.exports = {name: _export_button(text, tip) for name, text, tip in EXPORTS}
        self.tabs = QTabWidget()
        call(self.tabs, "What is measured")
        self._lay_out()
        self._connect()

    def show_placements(self, counts: Sequence[float]) -> None:
        """Offer the placements of a pattern by what they counted; hidden where there is one."""
        rows = [(f"All {len(counts)}: {sum(counts):g}", -1)]
        rows += [(f"{at + 1}: {count:g}", at) for at, count in enumerate(counts)]
        set_choices(self.placement, rows, self.placement.currentData())
        self._sizes_form.setRowVisible(self.placement, len(counts) > 1)

    def set_layers(self, rows: Sequence[tuple[str, str]], ticked: frozenset[str]) -> None:
        """Offer layers for comparison as (name, id); those in `ticked` are compared."""
        set_ticks(self.compare, rows, ticked)
        self.compare.blockSignals(True)
        for item in items_of(self.compare):
            item.setData(_NAME, item.text())
        self.compare.blockSignals(False)

    def number_layers(self, order: Sequence[str]) -> None:
        """Write before the name of each compared layer which column of the sizes is its own."""
        self.compare.blockSignals(True)
        for row in range(self.compare.count()):
            item = self.compare.item(row)
            if item is None:
                continue
            layer_id, name = (item.data(role) for role in (IDENTITY, _NAME))
            known = len(order) > 1 and layer_id in order
            item.setText(f"{order.index(layer_id) + 1}: {name}" if known else name)
        self.compare.blockSignals(False)

    def ticked(self) -> list[str]:
        """Return the layers that are compared."""
        return ticked_in(self.compare)

    def show_sizes(self, heads: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> None:
        """Show grain sizes: titles, and of each row its cells as (text, tooltip)."""
        self.sizes.setColumnCount(len(heads))
        self.sizes.setRowCount(len(rows))
        self.sizes.setHorizontalHeaderLabels(list(heads))
        for at, cells in enumerate(rows):
            for column, (text, tip) in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(tip)
                self.sizes.setItem(at, column, item)
        header = self.sizes.horizontalHeader()
        if header is not None and heads:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def allow_exports(self, why_not: str) -> None:
        """Enable the buttons, or say why nothing can be saved."""
        for name, _text, tip in EXPORTS:
            self.exports[name].setEnabled(not why_not)
            own = f"{why_not} 3D and Areas have a Save of their own." if why_not else tip
            self.exports[name].setToolTip(own)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add(form, "Pixel size", self.pixel_size)
        add(form, "Grains", self.grains)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.trouble)
        self.tabs.addTab(self._sizes_tab(), "Grain size")
        self.tabs.addTab(self._grains_tab(), "Grains")
        self.tabs.addTab(self._plot_tab(), "Distribution")
        column.addWidget(self.tabs, 1)
        save = QHBoxLayout()
        save.setSpacing(4)
        save.addWidget(QLabel("Save"))
        for button in self.exports.values():
            save.addWidget(button)
        column.addLayout(save)

    def _sizes_tab(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add(form, "Placements", self.placements)
        add(form, "Pattern", self.pattern)
        add(form, "Shown", self.placement)
        self._sizes_form = form
        self.show_placements([])
        column.addWidget(self.sizes, 1)
        column.addWidget(self.about)
        column.addLayout(form)
        column.addWidget(self.counted)
        compare = QLabel(TOGETHER)
        compare.setToolTip(self.compare.toolTip())
        column.addWidget(compare)
        column.addWidget(self.compare)
        return page

    def _grains_tab(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add(form, "Colour by", self.colour)
        column.addLayout(form)
        column.addWidget(self.table, 1)
        return page

    def _plot_tab(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        row = QHBoxLayout()
        row.addWidget(self.column, 1)
        row.addWidget(self.by_area)
        column.addLayout(row)
        column.addWidget(self.plot, 1)
        column.addWidget(self.range_text)
        return page

    def _connect(self) -> None:
        for combo, signal in (
            (self.grains, self.grains_chosen),
            (self.placements, self.placements_chosen),
            (self.pattern, self.pattern_chosen),
            (self.placement, self.pattern_chosen),
            (self.colour, self.colour_chosen),
            (self.column, self.plot_chosen),
        ):
            combo.currentIndexChanged.connect(lambda _index, signal=signal: signal.emit())
        self.by_area.toggled.connect(lambda _on: self.plot_chosen.emit())
        self.compare.itemChanged.connect(lambda _item: self.compared.emit())
        for name, button in self.exports.items():
            button.clicked.connect(lambda _on=False, name=name: self.export_wanted.emit(name))


def _size_table() -> QTableWidget:
    table = QTableWidget()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setMinimumSize(350, 180)
    table.setToolTip("ASTM grain size number G by each method.")
    call(table, "Grain size")
    rows = table.verticalHeader()
    if rows is not None:
        rows.hide()
        # beside several fields the name of a method takes two lines
        rows.setMinimumSectionSize(22)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    return table


def _export_button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setMinimumWidth(20)
    return button

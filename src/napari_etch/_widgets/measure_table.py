"""The table of grains as Qt shows it: sortable, and linked by the label of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, tuple[str, str]]

#: The least width of a column, px.
COLUMN_WIDTH = 92

#: Column of the table of grains → what a reader sees, with its unit, and what it is.
COLUMNS: dict[str, tuple[str, str]] = {
    "label": ("grain", "Number of the grain in the layer."),
    "area_um2": ("area µm²", "Area of the grain."),
    "ecd_um": ("diameter µm", "Diameter of the circle of equal area."),
    "perimeter_um": ("perimeter µm", "Length of the outline, by Crofton's formula."),
    "feret_max_um": ("Feret max µm", "Greatest width between two parallel lines."),
    "feret_min_um": ("Feret min µm", "Least width between two parallel lines."),
    "area_px": ("area px", "Area of the grain."),
    "ecd_px": ("diameter px", "Diameter of the circle of equal area."),
    "perimeter_px": ("perimeter px", "Length of the outline, by Crofton's formula."),
    "feret_max_px": ("Feret max px", "Greatest width between two parallel lines."),
    "feret_min_px": ("Feret min px", "Least width between two parallel lines."),
    "aspect_ratio": ("aspect ratio", "Long over short axis of the ellipse with equal moments."),
    "orientation_deg": ("orientation °", "Long axis, anticlockwise from the x axis."),
    "circularity": ("circularity", "4π area / perimeter²; 1 is a circle."),
    "convexity": ("convexity", "Area over that of the convex hull; 1 has no hollow."),
    "neighbours": ("neighbours", "Grains that share a side with it."),
    "touches_border": ("at border", "Cut by the frame or by the edge of the specimen."),
    "boundary_confidence": ("boundary", "Mean of the boundary map along its outline."),
}

#: The same of the table of grains in space; lengths are in px where the voxel is not known.
COLUMNS_3D: dict[str, tuple[str, str]] = {
    "label": ("grain", "Number of the grain in the layer."),
    "volume": ("volume µm³", "By its voxels."),
    "eqd": ("diameter µm", "Diameter of the ball of equal volume."),
    "surface": ("surface µm²", "By Crofton's formula in thirteen directions."),
    "sphericity": ("sphericity", "Surface of that ball over the grain's own; 1 is a ball."),
    "faces": ("faces", "Grains that share a face with it."),
    "touches_border": ("at border", "Cut by a side of the stack, or beside 0 that is no pore."),
    "sections": ("sections", "In how many sections it is."),
}


def shown_columns(table: pd.DataFrame, columns: Columns = COLUMNS) -> list[str]:
    """Return the columns to show: sizes in µm where they are known, in pixels otherwise."""
    calibrated = "area_um2" in table.columns
    return [
        name
        for name in columns
        if name in table.columns and not (calibrated and name.endswith("_px"))
    ]


class GrainModel(QAbstractTableModel):
    """A pandas table without a copy; sorting turns an order of rows."""

    def __init__(self, parent: QObject | None = None, columns: Columns = COLUMNS) -> None:
        super().__init__(parent)
        self._known = columns
        self._names: list[str] = []
        self._columns: list[np.ndarray] = []
        self._order = np.zeros(0, np.int64)
        self._labels = np.zeros(0, np.int64)
        self._sorted: tuple[int, Any] | None = None

    def set_table(self, table: pd.DataFrame | None) -> None:
        """Show another table, in the order that was chosen."""
        self.beginResetModel()
        self._names = [] if table is None else shown_columns(table, self._known)
        self._columns = [] if table is None else [table[name].to_numpy() for name in self._names]
        self._labels = np.zeros(0, np.int64) if table is None else table["label"].to_numpy()
        self._order = np.arange(self._labels.size)
        self._apply_order()
        self.endResetModel()

    def label_at(self, row: int) -> int:
        """Return the grain of a row."""
        return int(self._labels[self._order[row]])

    def row_of(self, label: int) -> int | None:
        """Return the row of a grain; None when it is not in the table."""
        found = np.flatnonzero(self._labels[self._order] == label)
        return int(found[0]) if found.size else None

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of grains."""
        return 0 if parent is not None and parent.isValid() else int(self._order.size)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole or not index.isValid():
            return None
        return cell_text(self._columns[index.column()][self._order[index.row()]])

    def headerData(
        self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the title of a column."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self._names):
            return None
        title, meaning = self._known[self._names[section]]
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        return meaning if role == Qt.ItemDataRole.ToolTipRole else None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        labels = [self.label_at(index.row()) for index in before]
        self._sorted = (column, order)
        self._apply_order()
        rows = dict(zip(self._labels[self._order].tolist(), range(self._order.size), strict=True))
        now = [
            self.index(rows[label], index.column())
            for label, index in zip(labels, before, strict=True)
        ]
        self.changePersistentIndexList(before, now)  # the chosen row stays that of its grain
        self.layoutChanged.emit()

    def _apply_order(self) -> None:
        if self._sorted is None or not 0 <= self._sorted[0] < len(self._columns):
            return
        column, order = self._sorted
        self._order = np.argsort(self._columns[column], kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            self._order = self._order[::-1]


def cell_text(value: Any) -> str:
    """Return a number with as many digits as a reader can use."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else ""
    if isinstance(value, int | np.integer):
        return str(int(value))
    return f"{float(value):.4g}" if np.isfinite(value) else ""


class GrainTable(QTableView):
    """The table in the dock.

    Signals
    -------
    chosen : int
        The user chose the row of a grain.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None, columns: Columns = COLUMNS) -> None:
        super().__init__(parent)
        self.grains = GrainModel(self, columns)
        self.setModel(self.grains)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMinimumHeight(200)
        rows = self.verticalHeader()
        if rows is not None:
            rows.hide()
            rows.setDefaultSectionSize(22)
        self._told = False
        self.setToolTip("Click a row, and its grain flashes. Click a title to sort by it.")
        selection = self.selectionModel()
        if selection is not None:
            selection.currentRowChanged.connect(self._on_row)
        self.clicked.connect(self._on_click)

    def show_table(self, table: pd.DataFrame | None) -> None:
        """Show another table; the chosen grain stays chosen where it still exists."""
        label, before = self.chosen_label(), self.grains.columnCount()
        self.grains.set_table(table)
        if self.grains.columnCount() != before:  # else they are as wide as the user made them
            self._widen()
        if label is not None:
            self.show_label(label)

    def _widen(self) -> None:
        """Make each column as wide as its title."""
        heads = self.horizontalHeader()
        assert heads is not None
        for column in range(self.grains.columnCount()):
            self.setColumnWidth(column, max(COLUMN_WIDTH, heads.sectionSizeHint(column)))

    def chosen_label(self) -> int | None:
        """Return the grain whose row is chosen."""
        index = self.currentIndex()
        return self.grains.label_at(index.row()) if index.isValid() else None

    def show_label(self, label: int) -> bool:
        """Choose the row of a grain without a signal, and scroll to it."""
        row = self.grains.row_of(label)
        if row is None:
            return False
        self._told = True
        index = self.grains.index(row, 0)
        self.setCurrentIndex(index)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self._told = False
        return True

    def _on_row(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid() and not self._told and self.hasFocus():
            self.chosen.emit(self.grains.label_at(current.row()))

    def _on_click(self, index: QModelIndex) -> None:
        self.chosen.emit(self.grains.label_at(index.row()))

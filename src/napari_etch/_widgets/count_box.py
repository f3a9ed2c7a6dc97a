"""The Count button of the Segment dock and the table of what was counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.count_run import LayerCount
from napari_etch._widgets.counter import counted_now
from napari_etch._widgets.save_path import ask_save_path, with_suffix
from napari_etch.counting import GrainCount

if TYPE_CHECKING:
    from napari.components import LayerList

#: Heading, and what it is.
HEADINGS = (
    ("image", "The image; of a stack, with the section."),
    ("grains", "Every grain in the field once, however little of it the field shows."),
    ("95 %", "Limits between which the number lies; none for a map that was corrected by hand."),
    (
        "per mm²",
        "By the rules of the border: a grain inside counts 1, at the edge ½, at a corner ¼.",
    ),
)
ROWS_SHOWN = 4


class CountBox(QWidget):
    """Count, the counts so far, and a button that saves them.

    Signals
    -------
    said : str, bool
        What happened, and whether it is trouble.
    """

    said = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.count = QPushButton("Count")
        self.save = QPushButton("Save counts…")
        self.save.setToolTip(
            "Write the counts as a table: image, count, low, high, density_per_mm2 and where the "
            "grains lie, as etch count."
        )
        self.table = _table()
        self._counted: list[LayerCount] = []
        buttons = QHBoxLayout()
        buttons.addWidget(self.count, 1)
        buttons.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.table)
        self.save.clicked.connect(self._ask_and_save)
        self._show()

    def offer(self, trouble: str, tip: str) -> None:
        """Enable Count, or say in its tooltip why it cannot be pressed now."""
        self.count.setEnabled(not trouble)
        self.count.setToolTip(trouble or tip)

    def add(self, counted: LayerCount) -> None:
        """Add the rows of a layer, in place of its earlier ones."""
        others = [each for each in self._counted if not counted.source.is_again(each.source)]
        self._counted = [*others, counted]
        self._show()

    def look(self, layers: LayerList) -> None:
        """Let names and densities follow layers that were renamed or given a pixel size."""
        now = [counted_now(each, layers) for each in self._counted]
        if any(one is not other for one, other in zip(now, self._counted, strict=True)):
            self._counted = now
            self._show()

    def rows(self) -> list[tuple[str, GrainCount]]:
        """Return name and count of every section that was counted."""
        found = []
        images = [counted.source.image for counted in self._counted]
        taken: list[str] = []
        for counted in self._counted:
            source = counted.source
            # two models on one image: only the layers tell them apart
            name = source.image if images.count(source.image) == 1 else source.name
            taken.append(name)
            if taken.count(name) > 1:  # of two folders, one after the other
                name = f"{name} ({taken.count(name)})"
            many = len(counted.sections) > 1
            found += [
                (f"{name} [{index}]" if many else name, section)
                for index, section in enumerate(counted.sections)
            ]
        return found

    def _show(self) -> None:
        rows = self.rows()
        self.table.setVisible(bool(rows))
        self.save.setVisible(bool(rows))
        self.table.setRowCount(len(rows))
        for row, (name, found) in enumerate(rows):
            between = "–" if found.low is None else f"{found.low} to {found.high}"
            density = "–" if found.density_per_mm2 is None else f"{found.density_per_mm2:.4g}"
            for column, text in enumerate((name, str(found.count), between, density)):
                item = QTableWidgetItem(text)
                item.setToolTip(found.sentence)
                if column:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.table.setItem(row, column, item)
        if rows:
            self.table.scrollToBottom()
        shown = min(max(len(rows), 1), ROWS_SHOWN)
        lines, header = self.table.verticalHeader(), self.table.horizontalHeader()
        assert lines is not None and header is not None
        high = header.sizeHint().height() + lines.defaultSectionSize() * shown
        self.table.setFixedHeight(high + 4)

    def _ask_and_save(self) -> None:
        path = ask_save_path(self, "Save counts", "counts.csv", "Tables (*.csv);;All files (*)")
        if path is not None:
            self.save_to(path)

    def save_to(self, path: Path) -> None:
        """Write the table; what goes wrong is said in one sentence."""
        from napari_etch.results import write_counts

        path = with_suffix(path, ".csv")
        rows = self.rows()
        try:
            write_counts(path, rows)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self.said.emit(f"{path} could not be written ({reason}): choose another place.", True)
            return
        counts = "1 count" if len(rows) == 1 else f"{len(rows)} counts"
        self.said.emit(f"{counts} saved in {path}.", False)


def _table() -> QTableWidget:
    table = QTableWidget(0, len(HEADINGS))
    table.setAccessibleName("Counts")
    for column, (text, what) in enumerate(HEADINGS):
        heading = QTableWidgetItem(text)
        heading.setToolTip(what)
        table.setHorizontalHeaderItem(column, heading)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    rows, header = table.verticalHeader(), table.horizontalHeader()
    assert rows is not None and header is not None
    rows.hide()
    rows.setDefaultSectionSize(table.fontMetrics().height() + 8)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return table

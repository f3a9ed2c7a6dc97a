"""Boxes and lists that are filled again whenever the layers change, without saying so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QListWidget, QListWidgetItem

#: napari styles the boxes of buttons and not those of lists: an unticked one was as good as unseen.
_BOXES = """
QListWidget::indicator { width: 12px; height: 12px; border: 1px solid #7f8794; border-radius: 2px; }
QListWidget::indicator:checked {
    background-color: #4a6ad0; border-color: #4a6ad0; image: url("theme_dark:/check.svg");
}
QListWidget::indicator:disabled { border-color: #767b84; }
QListWidget::indicator:checked:disabled { background-color: #767b84; }
"""
#: Where an item of a list keeps the identity of what it stands for.
IDENTITY = Qt.ItemDataRole.UserRole


def set_choices(combo: QComboBox, choices: Sequence[tuple[str, Any]], chosen: Any) -> None:
    """Fill a combo box with (text, value) and choose a value, without signals."""
    combo.blockSignals(True)
    combo.clear()
    for text, value in choices:
        combo.addItem(text, value)
    combo.setCurrentIndex(max(0, combo.findData(chosen)) if choices else -1)
    combo.blockSignals(False)


def chosen_instead(combo: QComboBox, before: Any, text: str) -> str:
    """Return a sentence where a combo box that was filled again lost what was chosen before.

    Parameters
    ----------
    combo : QComboBox
        Of models.
    before, text : object, str
        The value and the text that were chosen; a value of None is none.
    """
    if before is None or combo.currentData() in (None, before):
        return ""
    return (
        f"“{text}” was renamed or deleted: “{combo.currentText()}” is chosen now. Choose another "
        "model if that is not the one you want."
    )


def set_ticks(box: QListWidget, rows: Sequence[tuple[str, str]], ticked: Collection[str]) -> None:
    """Fill a list with (text, identity) that can be ticked, and tick some, without signals."""
    if not box.styleSheet():
        box.setStyleSheet(_BOXES)
        box.setSpacing(1)
    box.blockSignals(True)
    box.clear()
    for text, identity in rows:
        item = QListWidgetItem(text)
        item.setData(IDENTITY, identity)
        item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
        on = Qt.CheckState.Checked if identity in ticked else Qt.CheckState.Unchecked
        item.setCheckState(on)
        item.setToolTip(text)
        box.addItem(item)
    box.blockSignals(False)


def items_of(box: QListWidget) -> list[QListWidgetItem]:
    """Return the items of a list, topmost first."""
    items = (box.item(row) for row in range(box.count()))
    return [item for item in items if item is not None]


def ticked_in(box: QListWidget) -> list[str]:
    """Return the identities of the ticked items of a list."""
    checked = Qt.CheckState.Checked
    return [item.data(IDENTITY) for item in items_of(box) if item.checkState() == checked]

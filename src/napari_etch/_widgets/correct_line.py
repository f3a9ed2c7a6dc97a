"""The line of the Correct dock that says what happened last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

if TYPE_CHECKING:
    from napari.components import ViewerModel


class TextLine(QLabel):
    """An empty line of text that wraps; `text` is its tooltip."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setToolTip(text)

    def keep_room(self, lines: int) -> None:
        """Be as high as so many lines at least, so that what lies below keeps its place."""
        self.setMinimumHeight(lines * self.fontMetrics().lineSpacing() + 2)


class StatusLine(TextLine):
    """Says what happened, in the theme's warning colour when it is trouble."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__("What happened last.")
        self._viewer = viewer

    def say(self, text: str) -> None:
        """Say what happened."""
        self.setStyleSheet("")
        self.setText(text)

    def say_trouble(self, text: str) -> None:
        """Say why something did not happen."""
        self.setStyleSheet(f"color: {get_theme(self._viewer.theme).warning.as_hex()};")
        self.setText(text)

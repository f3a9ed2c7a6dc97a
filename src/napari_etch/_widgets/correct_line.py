"""The line of the Correct dock that says what happened last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt

from napari_etch._widgets.trouble_colour import trouble_colour
from napari_etch._widgets.wrap_label import WrapLabel

if TYPE_CHECKING:
    from napari.components import ViewerModel


#: What napari's style sheet leaves free above and below a text, together, and a pixel a line.
PADDING = 12


class TextLine(WrapLabel):
    """An empty line of text that wraps; `text` is its tooltip."""

    _lines = 0

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setToolTip(text)

    def keep_room(self, lines: int) -> None:
        """Be as high as so many lines at least, so that what lies below keeps its place."""
        self._lines = lines
        self.changeEvent(None)

    def changeEvent(self, event: QEvent | None) -> None:
        """Measure a line anew: napari's style sheet changes the font after the dock was built."""
        if event is not None:
            super().changeEvent(event)
        if self._lines:
            self.setMinimumHeight(self._lines * self.fontMetrics().lineSpacing() + PADDING)


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
        self.setStyleSheet(f"color: {trouble_colour(self._viewer.theme)};")
        self.setText(text)

"""A label that wraps, whatever it has to say."""

from __future__ import annotations

import re

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QLabel

#: A word of so many letters need not be broken.
SHORT = 24
_LONG = re.compile(rf"\S{{{SHORT + 1},}}")
_BREAK = "\u200b"  # shown as nothing; a line may end there
_KEPT = "\u00a0"  # a space at which no line ends
#: A number and its unit: "10" at the end of a line and "s" at the start of the next are no time.
_MEASURED = re.compile(r"(?<=\d) (?=(?:h|min|s|px|%|nm|µm|mm)\b|%)")


class WrapLabel(QLabel):
    """Text over several lines, in which the long name of a file breaks, too.

    Qt breaks between words alone, so that a label, and all docks beside it, were as wide as the
    longest name.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setText(text)

    def setText(self, text: str | None) -> None:
        """Show a text."""
        super().setText(breakable(text or ""))

    def sizeHint(self) -> QSize:
        """Return the size that the text needs at its present width.

        Qt's own hint is for a narrow block, and forms keep its height: a line had room for two.
        """
        hint = super().sizeHint()
        return QSize(hint.width(), self.heightForWidth(max(self.width(), hint.width())))

    def text(self) -> str:
        """Return the text as it was given."""
        return super().text().replace(_BREAK, "").replace(_KEPT, " ")


def breakable(text: str) -> str:
    """Return a text in which long words can be broken, and a number stays with its unit.

    Words are broken after their signs, or anywhere.
    """

    def broken(word: re.Match[str]) -> str:
        parts = re.sub(r"([-_./\\])", rf"\1{_BREAK}", word[0]).split(_BREAK)
        pieces = (part[at : at + SHORT] for part in parts for at in range(0, len(part), SHORT))
        return _BREAK.join(pieces)

    return _LONG.sub(broken, _MEASURED.sub(_KEPT, text))

"""What was known before each edit, so that what is undone no longer counts as edited."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Known = TypeVar("Known")
#: More steps than any undo history holds.
_MOST = 1000


class Past(Generic[Known]):
    """Two stacks beside those of an undo history: what was known before each of its steps."""

    def __init__(self) -> None:
        self._undo: deque[Known] = deque(maxlen=_MOST)
        self._redo: deque[Known] = deque(maxlen=_MOST)

    def clear(self) -> None:
        """Forget everything: the history begins anew."""
        self._undo.clear()
        self._redo.clear()

    def edit(self, known: Known) -> None:
        """Take down what was known before an edit; nothing can be redone any more."""
        self._undo.append(known)
        self._redo.clear()

    def undo(self, known: Known) -> Known | None:
        """Return what was known before the edit that is undone, None where that was not seen.

        Parameters
        ----------
        known : Known
            What is known now: `redo` returns it.
        """
        self._redo.append(known)
        return self._undo.pop() if self._undo else None

    def redo(self, known: Known) -> Known | None:
        """Return what was known before the undo that is taken back, None where that was not seen.

        Parameters
        ----------
        known : Known
            What is known now: `undo` returns it.
        """
        self._undo.append(known)
        return self._redo.pop() if self._redo else None

"""Verdicts of the review as steps among those of napari's undo history, which knows pixels only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from napari_etch._widgets.correct_history import EDIT, UNDO

#: More than any undo history holds.
_MOST = 1000


@dataclass(frozen=True, eq=False)
class Verdict:
    """Something that the user said and that changed no pixel.

    Attributes
    ----------
    about : str
        What it is called in a sentence, such as “the verdict on facet 3”.
    section : int
        Where it was given.
    stop : pair of int or None
        What the walk showed.
    back, again : callable
        Take it back; give it again.
    """

    about: str
    section: int
    stop: tuple[int, int] | None
    back: Callable[[], object]
    again: Callable[[], object]


@dataclass(frozen=True, eq=False)
class Tied:
    """What goes with a step of pixels: taken back when it is undone, given again when redone."""

    back: Callable[[], object]
    again: Callable[[], object]


class VerdictSteps:
    """Knows when undo means a verdict: when none of the pixels' steps came after it."""

    def __init__(self) -> None:
        self._depth = 0
        self._tied: dict[int, list[Tied]] = {}
        self._undo: deque[tuple[int, Verdict]] = deque(maxlen=_MOST)
        self._redo: list[tuple[int, Verdict]] = []

    def clear(self) -> None:
        """Forget all of them: the history begins anew."""
        self._undo.clear()
        self._redo.clear()
        self._tied.clear()

    def stepped(self, kind: str) -> None:
        """Take note of a step of the history."""
        at = self._depth if kind == UNDO else self._depth + 1
        self._depth += -1 if kind == UNDO else 1
        if kind == EDIT:
            self._redo.clear()
            self._tied = {
                depth: each for depth, each in self._tied.items() if at - _MOST < depth < at
            }
        for tied in self._tied.get(at, ()):
            (tied.back if kind == UNDO else tied.again)()

    def tie(self, tied: Tied) -> None:
        """Let something go with the step of pixels that was just made."""
        self._tied.setdefault(self._depth, []).append(tied)

    def take(self, verdict: Verdict) -> None:
        """Take note of a verdict that was just given."""
        self._undo.append((self._depth, verdict))
        self._redo.clear()

    def next(self, kind: str) -> Verdict | None:
        """Return the verdict that undo or redo means now; None where it means pixels."""
        steps = self._undo if kind == UNDO else self._redo
        return steps[-1][1] if steps and steps[-1][0] == self._depth else None

    def turn(self, kind: str) -> Verdict | None:
        """Take that verdict back, or give it again; return it."""
        verdict = self.next(kind)
        if verdict is None:
            return None
        if kind == UNDO:
            self._redo.append(self._undo.pop())
            verdict.back()
        else:
            self._undo.append(self._redo.pop())
            verdict.again()
        return verdict

    def find(self, section: int, stop: tuple[int, int]) -> Verdict | None:
        """Return the last verdict on a stop of the walk that stands."""
        for _, verdict in reversed(self._undo):
            if (verdict.section, verdict.stop) == (section, stop):
                return verdict
        return None

    def drop(self, verdict: Verdict) -> None:
        """Forget a verdict that another one replaces."""
        kept = [each for each in self._undo if each[1] is not verdict]
        self._undo = deque(kept, maxlen=_MOST)

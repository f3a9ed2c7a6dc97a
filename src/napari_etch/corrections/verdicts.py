"""What the user said about boundaries, in a form that outlives the review that asked.

A review is made anew when another boundary map or section is chosen, and ends with napari. What was
said is not to be asked again: boundaries found right, by the numbers of their grains, and lines
where none is missing, by their pixels, for these mean the same whatever the grains are called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.review import Pair, State

Line = npt.NDArray[np.int64]

_RIGHT, _NONE = "right", "none"
#: In place of True for a boundary that the user drew: it need not be asked about.
_DRAWN = "drawn"
_NO_VERDICTS = (None, str(State.EDITED), str(State.UNREVIEWED), _DRAWN)


def is_verdict(value: Any) -> bool:
    """Return whether a note of a journal is something that the user has judged.

    That a grain was edited, or a boundary drawn, follows from an edit, which counts as that; where
    a layer lies, which is noted as a dict, was not judged. Notes are what JSON can hold, so they
    compare as plain values do.
    """
    return not isinstance(value, dict) and value not in _NO_VERDICTS


class Verdicts:
    """Verdicts on the boundaries of every section of a map, and their notes for the journal."""

    def __init__(self) -> None:
        self._right: dict[int, dict[Pair, bool | str]] = {}
        self._lines: dict[int, dict[tuple[int, int], Line]] = {}

    def right(self, section: int) -> frozenset[Pair]:
        """Return the boundaries that were found right."""
        return frozenset(self._right.get(section, ()))

    def dismissed(self, section: int) -> list[Line]:
        """Return the lines, int64 (n, 2), at which no boundary is missing."""
        return list(self._lines.get(section, {}).values())

    def keep(self, section: int, pair: Pair) -> dict[str, Any]:
        """Take down that a boundary is right; return the note for the journal."""
        return self._keep(section, pair, True)

    def draw(self, section: int, pairs: Iterable[Pair]) -> dict[str, Any]:
        """Take down that boundaries are right because they were drawn; return the notes."""
        notes: dict[str, Any] = {}
        for pair in pairs:
            notes |= self._keep(section, pair, _DRAWN)
        return notes

    def _keep(self, section: int, pair: Pair, value: bool | str) -> dict[str, Any]:
        pair = (min(pair), max(pair))
        self._right.setdefault(section, {})[pair] = value
        return {_right_key(section, pair): value}

    def forget(self, section: int, pairs: Iterable[Pair]) -> dict[str, Any]:
        """Forget boundaries that are no more; return the notes for the journal."""
        known = self._right.get(section, {})
        gone = known.keys() & set(pairs)
        for pair in gone:
            del known[pair]
        return {_right_key(section, pair): None for pair in sorted(gone)}

    def dismiss(self, section: int, line: Line) -> dict[str, Any]:
        """Take down that no boundary is missing along a line; return the note for the journal."""
        if not len(line):
            return {}
        at = (int(line[0, 0]), int(line[0, 1]))
        self._lines.setdefault(section, {})[at] = line
        return {f"{_NONE} {section} {at[0]} {at[1]}": line.ravel().tolist()}

    def notes(self) -> dict[str, Any]:
        """Return all notes, for a new journal."""
        found: dict[str, Any] = {}
        for section, pairs in self._right.items():
            found.update({_right_key(section, pair): how for pair, how in pairs.items()})
        for section, lines in self._lines.items():
            for (y, x), line in lines.items():
                found[f"{_NONE} {section} {y} {x}"] = line.ravel().tolist()
        return found

    @classmethod
    def from_notes(cls, notes: Mapping[str, Any]) -> Verdicts:
        """Return the verdicts of a journal's notes."""
        made = cls()
        for key, value in notes.items():
            kind, *where = key.split(" ")
            if value is None or kind not in (_RIGHT, _NONE) or len(where) != 3:
                continue
            section, one, two = map(int, where)
            if kind == _RIGHT:
                made._keep(section, (one, two), value)
            else:
                made.dismiss(section, np.array(value, np.int64).reshape(-1, 2))
        return made


def _right_key(section: int, pair: Pair) -> str:
    return f"{_RIGHT} {section} {min(pair)} {max(pair)}"

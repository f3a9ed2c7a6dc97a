"""Reading a journal: the map as it was last, and what was noted about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.errors import JournalError
from napari_etch.corrections.frames import (
    BLOCK,
    COMPLETE,
    EDIT,
    HEADER,
    MAGIC,
    NAME,
    NOTE,
    Frame,
    read_frames,
)
from napari_etch.corrections.verdicts import is_verdict


@dataclass(frozen=True)
class Summary:
    """What a journal is about, without its pixels."""

    path: Path
    about: dict[str, Any]
    edits: int
    complete: bool
    changed: float
    verdicts: int = 0

    @property
    def name(self) -> str:
        """Name of the layer."""
        return str(self.about.get(NAME, self.path.stem))


@dataclass(frozen=True, eq=False)
class Restored:
    """A map brought back.

    Attributes
    ----------
    grains : ndarray of int
        The map as it was after the last edit that reached the disk.
    about : dict
        What the journal was told about the layer when it began.
    notes : dict
        The last value of every note, such as the review state of a grain.
    edits : int
        Number of edits since the map was taken into correction.
    """

    grains: npt.NDArray[np.integer]
    about: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)
    edits: int = 0


def summary_of(path: Path) -> Summary | None:
    """Return what a journal is about; None for a file that is not a readable journal."""
    about: dict[str, Any] | None = None
    edits, complete = 0, False
    notes: dict[str, Any] = {}
    try:
        for found in _frames(path):
            if found.kind == HEADER:
                about = found.meta()
            elif found.kind == COMPLETE:
                complete, edits = True, edits + found.meta()["edits"]
                notes.update(found.meta()["notes"])
            elif found.kind == EDIT:
                edits += 1
            elif found.kind == NOTE:
                notes.update(found.meta())
        changed = path.stat().st_mtime
    except (JournalError, OSError):
        return None
    if about is None:
        return None
    verdicts = sum(is_verdict(value) for value in notes.values())
    if notes.get(NAME):  # the layer was renamed since
        about = {**about, NAME: notes[NAME]}
    return Summary(path, about, edits, complete, changed, verdicts)


def read_journal(path: Path, base: npt.NDArray[np.integer] | None = None) -> Restored:
    """Bring back the map that a journal holds.

    Parameters
    ----------
    path : pathlib.Path
        The journal.
    base : ndarray of int, optional
        The map as it was before its first edit. Needed only when the process ended within the
        first moments, before the journal held a copy of the map.

    Returns
    -------
    Restored
        The map, a new array, and the notes.

    Raises
    ------
    JournalError
        If the file is no journal, or holds no whole map and `base` does not fit.
    """
    frames = list(_frames(path))
    if not frames or frames[0].kind != HEADER:
        raise JournalError(f"{path} holds no map: it ends before its first entry; discard it.")
    about = frames[0].meta()
    notes: dict[str, Any] = {}
    edits = 0
    is_copied = any(found.kind == COMPLETE for found in frames)
    if not is_copied and base is None:
        raise JournalError(
            f"{path} ends before it held the whole map: open the map that was corrected, and "
            "restore onto that."
        )
    grains = _start(path, about, None if is_copied else base)
    for found in frames:
        if found.kind == BLOCK and is_copied:
            grains[found.window()] = found.arrays()[0]
        elif found.kind == COMPLETE:
            edits += found.meta()["edits"]
            notes.update(found.meta()["notes"])
        elif found.kind == NOTE:
            notes.update(found.meta())
        elif found.kind == EDIT:
            _apply(path, grains, found, check=not is_copied)
            edits += 1
    return Restored(grains, about, notes, edits)


def _start(
    path: Path, about: dict[str, Any], base: npt.NDArray[np.integer] | None
) -> npt.NDArray[np.integer]:
    shape, dtype = tuple(about["shape"]), np.dtype(about["dtype"])
    if base is None:
        return np.zeros(shape, dtype)
    if base.shape != shape:
        raise JournalError(
            f"{path} is about a map of {_size(shape)}, the layer has {_size(base.shape)}: "
            "open the map that was corrected."
        )
    return np.array(base, dtype=dtype)


def _apply(path: Path, grains: npt.NDArray[np.integer], edit: Frame, *, check: bool) -> None:
    before, after = edit.arrays()
    window = edit.window()
    if check and not np.array_equal(grains[window], before):
        raise JournalError(
            f"{path} does not go with this map: edit {edit.sequence} found other grains there; "
            "open the map as it was before the corrections."
        )
    grains[window] = after


def _frames(path: Path) -> Iterator[Frame]:
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise JournalError(f"{path} is not a journal of corrections: choose another file.")
            yield from read_frames(file)
    except OSError as error:
        raise JournalError(
            f"{path} cannot be read ({error.strerror or error}): check that it is still there."
        ) from error


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(str(edge) for edge in shape)

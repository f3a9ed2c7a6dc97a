"""The journal of a repair: verdicts on bridges and edits of its grains survive a crash."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch._widgets.correct_restore import left_behind, place_note, read_back
from napari_etch._widgets.placement import place_events
from napari_etch._widgets.repair_bridges import Bridges
from napari_etch._widgets.repair_layers import Result
from napari_etch._widgets.repair_pack import (
    RepairPack,
    new_pack_name,
    read_pack,
    sweep,
    write_pack,
)
from napari_etch.corrections import (
    Journal,
    JournalError,
    Summary,
    journals_in,
    summary_of,
    user_folder,
)

#: What a journal's header calls the file of its repair.
_PACK = "repair"
_ACCEPTED, _REJECTED, _LEAST = "accepted", "rejected", "least"


def repairs_folder() -> Path:
    """Return where journals of repairs lie; those of the Correct dock are in the folder above."""
    return user_folder() / "repairs"


class RepairJournal:
    """Writes down what becomes of a repair, in the thread of a `Journal`.

    The journal holds the closed grains and a note for each verdict; beside it lies the repair
    itself, which is written once.

    Parameters
    ----------
    result : Result
        Its layers, as they are now.
    folder : pathlib.Path
        Where to.
    written : str, optional
        Name of the file in that folder which holds the repair already.
    on_news : callable, optional
        See `Journal`; called from its thread.
    """

    def __init__(
        self,
        result: Result,
        folder: Path,
        *,
        written: str = "",
        on_news: Callable[[str], None] | None = None,
    ) -> None:
        self._result = result
        self._on_news = on_news or (lambda _text: None)
        self._known: npt.NDArray[np.integer] = np.array(result.pack.repaired.grains)
        self._noted: dict[str, Any] = {}
        self._path = folder / (written or new_pack_name())
        self._writing = threading.Thread(target=self._write, args=(result.pack,), daemon=True)
        if not written:
            self._writing.start()
        self.journal = Journal(
            self._known,
            result.grains.name,
            [folder],
            about={_PACK: self._path.name, "kind": "repair"},
            on_news=on_news,
        )
        self._on_place()
        for event in place_events(result.grains):
            event.connect(self._on_place)
        self.look()

    def _write(self, pack: RepairPack) -> None:
        try:
            write_pack(pack, self._path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._on_news(
                f"The repair cannot be saved in {self._path.parent} ({reason}), so its verdicts "
                "would be lost in a crash: make room there and run it again."
            )

    def look(self) -> None:
        """Write down what has changed since the last look: pixels of grains, and verdicts."""
        grains = np.asarray(self._result.grains.data)
        if grains.shape == self._known.shape:
            self._look_at(grains)
        notes = notes_of(self._result.bridges)
        changed = {key: value for key, value in notes.items() if self._noted.get(key) != value}
        changed |= {key: None for key in self._noted if key not in notes}
        self._noted = notes
        self.journal.note(**changed)

    def _on_place(self, _event: Any = None) -> None:
        self.journal.note(**place_note(self._result.grains))

    def _look_at(self, grains: npt.NDArray[np.integer]) -> None:
        differs = grains != self._known
        rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
        if not len(rows):
            return
        window = (
            slice(int(rows[0]), int(rows[-1]) + 1),
            slice(int(columns[0]), int(columns[-1]) + 1),
        )
        before = self._known[window].copy()
        self._known[window] = grains[window]
        self.journal.record(window, before, self._known[window])

    def flush(self) -> bool:
        """Wait until all of it is on disk; return whether it is."""
        if self._writing.is_alive():
            self._writing.join()
        return self._path.exists() and self.journal.flush()

    def close(self) -> None:
        """Write what is left and end; one without edits or verdicts is deleted."""
        for event in place_events(self._result.grains):
            event.disconnect(self._on_place)
        keep = self.journal.is_worth_keeping
        self.journal.close(keep=keep)
        if keep:
            return
        if self._writing.is_alive():
            self._writing.join()
        self._path.unlink(missing_ok=True)


@dataclass(frozen=True, eq=False)
class RestoredRepair:
    """A repair as it was last.

    Attributes
    ----------
    pack : RepairPack
    file : str
        Name of the file that it was read from.
    grains : ndarray of int
        The closed grains with all edits.
    notes : dict
        Verdicts, see `take_notes`, and where the layers lie.
    """

    pack: RepairPack
    file: str
    grains: npt.NDArray[np.integer]
    notes: dict[str, Any]


def repairs_left_behind(folder: Path) -> list[Summary]:
    """Return the journals of repairs that nobody writes any more, the newest first."""
    found = left_behind([folder])
    there = [summary_of(path) for path in journals_in(folder)]
    named = [str(each.about.get(_PACK, "")) for each in there if each is not None]
    with suppress(OSError):
        sweep(folder, named)
    return found


def read_repair(summary: Summary, _base: object = None) -> RestoredRepair:
    """Read a repair with all that became of it.

    Raises
    ------
    JournalError
        When its journal or the file beside it cannot be read.
    """
    file = str(summary.about.get(_PACK, ""))
    if not file or Path(file).name != file:
        raise JournalError(f"{summary.path} is no journal of a repair: discard it.")
    pack = read_pack(summary.path.with_name(file))
    back = read_back(summary, pack.repaired.grains)
    return RestoredRepair(pack, file, back.grains, back.notes)


def notes_of(bridges: Bridges) -> dict[str, Any]:
    """Return the verdicts on bridges as notes for a journal."""
    notes: dict[str, Any] = {}
    for word, judged in ((_ACCEPTED, bridges.accepted), (_REJECTED, bridges.rejected)):
        notes |= {f"{word} {index + 1}": True for index in np.flatnonzero(judged)}
    if bridges.least:
        notes[_LEAST] = bridges.least
    return notes


def take_notes(bridges: Bridges, notes: Mapping[str, Any]) -> None:
    """Bring back the verdicts that `notes_of` wrote down."""
    for note, value in notes.items():
        word, _, number = note.partition(" ")
        if value is None:
            continue
        if word == _LEAST:
            bridges.least = float(value)
        elif number.isdecimal() and 1 <= int(number) <= len(bridges):
            {_ACCEPTED: bridges.accept, _REJECTED: bridges.reject}[word](int(number))

"""The journal of a grain map's edits: on disk within a second, and never in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.frames import EDIT, NAME, NOTE, Frame, Window, frame, span
from napari_etch.corrections.journal_file import JournalFile
from napari_etch.corrections.places import new_journal_path
from napari_etch.corrections.verdicts import is_verdict

#: Seconds after which a journal that could not be written is tried again.
RETRY_SECONDS = 5.0
#: A journal is written anew when its edits take this many bytes, and twice what the map takes.
COMPACT_BYTES = 8 << 20

_DONE = object()

Entry = tuple[bytes, int, dict[str, Any], tuple[npt.NDArray[np.integer], ...]]


class Journal:
    """Writes down the edits of one map, in a thread of its own.

    A map of 8192² is copied to disk in a second or two while edits go on; each edit is on disk
    (fsync) as soon as the disk allows. What cannot be written is reported through `on_news` and
    tried again with the next edit and every few seconds; then the whole map is written, so nothing
    that was edited meanwhile is missing.

    Parameters
    ----------
    grains : ndarray of int, any number of axes
        The live map, held by reference: edits must be made in place.
    name : str
        Name of the layer.
    folders : sequence of pathlib.Path
        Where to write: the first that can be written.
    about : dict, optional
        What else to remember about the layer; anything JSON can hold.
    on_news : callable, optional
        Called from the journal's thread with a sentence when something cannot be written, and when
        all is well again; `trouble` is the sentence while it lasts.
    compact_bytes : int, optional
        Bytes of edits after which the journal is written anew.
    retry_seconds : float, optional
        See above.
    edits : int, optional
        How many edits are in the map already that no file but a journal holds: it was restored.
    """

    def __init__(
        self,
        grains: npt.NDArray[np.integer],
        name: str,
        folders: Sequence[Path],
        *,
        about: dict[str, Any] | None = None,
        on_news: Callable[[str], None] | None = None,
        compact_bytes: int = COMPACT_BYTES,
        retry_seconds: float = RETRY_SECONDS,
        edits: int = 0,
    ) -> None:
        self._grains = grains
        self._name = name
        self._about = {NAME: name, "began": time.time(), **(about or {})}
        self._folders = tuple(folders)
        self._on_news = on_news or (lambda _text: None)
        self._compact_bytes = compact_bytes
        self._retry_seconds = retry_seconds
        self.edits = self._edits_taken = edits
        self._judged: set[str] = set()
        self.trouble = ""
        # Shared by both threads, under the condition.
        self._changed = threading.Condition()
        self._waiting: list[Entry] = []
        self._sequence = 0
        self._written = 0
        self._has_base = False
        self._is_closing = False
        self._is_unwanted = False
        # Of the journal's thread alone.
        self._file: JournalFile | None = None
        self._copying: Iterator[None] | None = None
        self._taken = 0
        self._notes: dict[str, Any] = {}
        self._next_try = 0.0
        self._thread = threading.Thread(target=self._run, name="etch journal", daemon=True)
        self._thread.start()

    # -- from the thread of the caller -----------------------------------------------------------

    @property
    def path(self) -> Path | None:
        """Where the journal is; None while there is none."""
        return self._file.path if self._file is not None else None

    def record(
        self,
        window: Window,
        before: npt.NDArray[np.integer],
        after: npt.NDArray[np.integer],
        **meta: Any,
    ) -> None:
        """Write down an edit that was just made; returns at once.

        Parameters
        ----------
        window : tuple of slice
            Where, with start and stop on every axis of the map.
        before, after : ndarray of int, shape of the window
            What was and what is there now.
        **meta
            What to remember about it; anything JSON can hold.
        """
        self.edits += 1
        self._add(EDIT, {"window": span(window), **meta}, np.array(before), np.array(after))

    def note(self, **notes: Any) -> None:
        """Remember values by name, None to forget one; the last of each name is restored."""
        if notes:
            for name, value in notes.items():
                (self._judged.add if is_verdict(value) else self._judged.discard)(name)
            self._add(NOTE, notes)

    @property
    def verdicts(self) -> int:
        """How many of the notes are verdicts."""
        return len(self._judged)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether there is more in it than the map as it was found."""
        return self.edits + self.verdicts > 0

    @property
    def is_written(self) -> bool:
        """Whether all of it is on disk, with a copy of the map."""
        with self._changed:
            return self._written >= self._sequence and self._has_base

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all of it is on disk, with a copy of the map; return whether it is."""
        with self._changed:
            wanted = self._sequence
            return self._changed.wait_for(
                lambda: self._written >= wanted and self._has_base, timeout
            )

    def close(self, *, keep: bool = True, timeout: float = 10.0) -> None:
        """Write what is left and end; delete the journal unless it is to be kept."""
        with self._changed:
            self._is_closing = True
            self._is_unwanted = not keep
            self._changed.notify_all()
        self._thread.join(timeout)
        if self._file is not None and not self._thread.is_alive():
            self._file.close(keep=keep)
            self._file = None

    def _add(self, kind: bytes, meta: dict[str, Any], *arrays: npt.NDArray[np.integer]) -> None:
        with self._changed:
            self._sequence += 1
            self._waiting.append((kind, self._sequence, meta, arrays))
            self._changed.notify_all()

    # -- in the journal's thread -----------------------------------------------------------------

    def _run(self) -> None:
        while True:
            entries, is_last = self._take()
            if self._is_unwanted:
                return
            self._turn([frame(*entry[:3], *entry[3]) for entry in entries])
            if is_last and (self._copying is None or self.trouble):
                return

    def _take(self) -> tuple[list[Entry], bool]:
        """Wait for entries or other work; say whether no more will come."""
        with self._changed:
            if not (self._waiting or self._is_closing or self._is_busy()):
                self._changed.wait(self._retry_seconds if self.trouble else None)
            entries, self._waiting = self._waiting, []
            return entries, self._is_closing

    def _is_busy(self) -> bool:
        return self._copying is not None or (self._file is None and not self.trouble)

    def _turn(self, frames: list[Frame]) -> None:
        """Append, and go one block on with a copy; what fails is trouble to report."""
        self._count(frames)
        try:
            file = self._file or self._open()
            file.append(frames)
            if self._wants_copy(file):
                self._copying = file.copy(self._taken, self._edits_taken, dict(self._notes))
            if self._copying is not None and next(self._copying, _DONE) is _DONE:
                self._copying = None
                self._say("")
        except OSError as error:
            self._fail(error)
        with self._changed:
            if self._file is not None and not self._file.is_behind:
                self._written = self._taken
                self._has_base = self._file.copied_size > 0
            self._changed.notify_all()

    def _count(self, frames: list[Frame]) -> None:
        for entry in frames:
            self._taken = entry.sequence
            if entry.kind == EDIT:
                self._edits_taken += 1
            else:
                self._notes.update(entry.meta())

    def _open(self) -> JournalFile:
        refused = ""
        for folder in self._folders:
            try:
                path = new_journal_path(self._name, folder)
                self._file = JournalFile(path, self._grains, self._about)
            except OSError as error:
                refused = refused or f"{folder} cannot be written ({_reason(error)})"
                last = error
                continue
            if refused:
                self._on_news(f"{refused}: corrections are kept in {folder}.")
            return self._file
        raise last

    def _wants_copy(self, file: JournalFile) -> bool:
        if self._copying is not None:
            return False
        if file.is_behind:
            return time.monotonic() >= self._next_try
        if not file.copied_size:
            return True
        return file.size - file.copied_size > max(self._compact_bytes, 2 * file.copied_size)

    def _fail(self, error: OSError) -> None:
        self._copying = None
        # A full disk is not asked again for every stroke: writing the map anew takes a second.
        self._next_try = time.monotonic() + self._retry_seconds
        folder = self._file.path.parent if self._file is not None else self._folders[-1]
        self._say(
            f"Corrections cannot be saved in {folder} ({_reason(error)}): editing goes on; "
            "save the layer, or make room there."
        )

    def _say(self, text: str) -> None:
        if text != self.trouble:
            self.trouble = text
            self._on_news(text or "Corrections are saved again.")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

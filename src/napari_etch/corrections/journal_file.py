"""The file of a journal: appending to it, and writing it anew when it has grown long.

A copy of the whole map takes a second at 8192², and edits do not wait for it. The copy is therefore
taken block by block from the live array, and every edit recorded since it began follows it. An edit
states absolute values, so replaying those edits over blocks that already show them, or not yet,
gives the same map: a database calls that a fuzzy checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.frames import (
    BLOCK,
    COMPLETE,
    HEADER,
    MAGIC,
    Frame,
    frame,
    span,
)
from napari_etch.corrections.places import discard, lock_path, take_lock

#: Pixels of a block: about 20 ms of work, after which waiting edits get their turn.
BLOCK_PIXELS = 1 << 22


class JournalFile:
    """One journal on disk, used from one thread.

    Parameters
    ----------
    path : pathlib.Path
        Where to write; its folder is made.
    grains : ndarray of int
        The live map, held by reference.
    about : dict
        What to remember about the layer; anything JSON can hold.

    Raises
    ------
    OSError
        If the file cannot be made. Every method raises it when the file cannot be written; the
        file then ends with the last entry that was written whole, and `is_behind` is True until
        `copy` came through.
    """

    def __init__(self, path: Path, grains: npt.NDArray[np.integer], about: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.is_behind = False
        self.size = 0
        self.copied_size = 0
        self._grains = grains
        self._about = {**about, "shape": list(grains.shape), "dtype": grains.dtype.str}
        self._tail: list[Frame] | None = None
        self._lock = take_lock(path)
        if self._lock is None:
            raise BlockingIOError(f"{path} is in use")
        try:
            self._file: IO[bytes] = path.open("xb", buffering=0)
            self._write([])
        except OSError:
            self._lock.close()
            raise

    def append(self, frames: Sequence[Frame]) -> None:
        """Write entries and wait until they are on the disk."""
        if self._tail is not None:
            self._tail += frames
        if not self.is_behind and frames:
            self._write(frames)

    def copy(self, sequence: int, edits: int, notes: dict[str, Any]) -> Iterator[None]:
        """Write the file anew: a copy of the map, then what is appended meanwhile.

        Yields after every block, so that the caller can append.

        Parameters
        ----------
        sequence : int
            Number of the last entry so far.
        edits : int
            Number of edits so far, which the copy stands for.
        notes : dict
            All notes so far.
        """
        part = self.path.with_name(self.path.name + ".part")
        self._tail = []
        try:
            with part.open("wb", buffering=0) as file:
                write_all(file, MAGIC + frame(HEADER, sequence, self._about).packed())
                for window in blocks(self._grains.shape):
                    block = frame(BLOCK, sequence, {"window": span(window)}, self._grains[window])
                    write_all(file, block.packed())
                    yield
                done = frame(COMPLETE, sequence, {"edits": edits, "notes": notes})
                write_all(file, done.packed() + b"".join(entry.packed() for entry in self._tail))
                os.fsync(file.fileno())
            self._file.close()
            part.replace(self.path)
            sync_folder(self.path.parent)
            self._file = self.path.open("ab", buffering=0)
            self.size = self.copied_size = self.path.stat().st_size
            self.is_behind = False
        except OSError:
            self.is_behind = True
            self._reopen()
            raise
        finally:
            self._tail = None
            part.unlink(missing_ok=True)

    def close(self, *, keep: bool) -> None:
        """Let go of the file; delete it unless it is to be kept."""
        self._file.close()
        if self._lock is not None:
            self._lock.close()
        with suppress(OSError):  # on Windows another napari may be looking at it
            if keep:
                lock_path(self.path).unlink(missing_ok=True)
            else:
                discard(self.path)

    def _write(self, frames: Sequence[Frame]) -> None:
        packed = b"".join(entry.packed() for entry in frames)
        if self.size == 0:
            packed = MAGIC + frame(HEADER, 0, self._about).packed() + packed
        try:
            write_all(self._file, packed)
            os.fsync(self._file.fileno())
        except OSError:
            self.is_behind = True
            self._file.truncate(self.size)
            raise
        self.size += len(packed)

    def _reopen(self) -> None:
        if self._file.closed:
            self._file = self.path.open("ab", buffering=0)


def blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Cut a map along its first axis into blocks of about `BLOCK_PIXELS`."""
    if 0 in shape:
        return
    row = max(1, int(np.prod(shape[1:])))
    step = max(1, BLOCK_PIXELS // row)
    rest = tuple(slice(0, edge) for edge in shape[1:])
    for start in range(0, shape[0], step):
        yield (slice(start, min(start + step, shape[0])), *rest)


def write_all(file: IO[bytes], packed: bytes) -> None:
    """Write all of it: an unbuffered write may take only a part before the disk is full."""
    view = memoryview(packed)
    while view:
        view = view[file.write(view) :]


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a power cut, where the system can do that."""
    if os.name == "nt":  # pragma: no cover
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Where journals lie, what they are called, and which of them nobody writes any more."""

from __future__ import annotations

import os
import re
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import IO

SUFFIX = ".etch-journal"
LOCK_SUFFIX = ".lock"
#: Journals of maps that were never saved are kept that long after their last edit.
KEEP_DAYS = 60


def user_folder() -> Path:
    """Return the folder for journals of layers that come from no file."""
    import platformdirs

    return Path(platformdirs.user_data_dir("napari-etch", appauthor=False)) / "corrections"


def new_journal_path(name: str, folder: Path) -> Path:
    """Return a path in `folder` that no journal has yet.

    Parameters
    ----------
    name : str
        Name of the layer; what a file name cannot hold is left out.
    folder : pathlib.Path
        It need not exist.
    """
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "grains"
    return folder / f"{plain}-{uuid.uuid4().hex[:8]}{SUFFIX}"


def journals_in(folder: Path, *, in_use: bool = False) -> list[Path]:
    """Return the journals in a folder that no running napari writes, the newest first.

    With `in_use` those that one does write, and no others.
    """
    try:
        found = [path for path in folder.iterdir() if path.name.endswith(SUFFIX)]
        dated = [(path.stat().st_mtime, path) for path in found]
    except OSError:
        return []
    return [path for _, path in sorted(dated, reverse=True) if is_in_use(path) == in_use]


def forget_old(folder: Path, *, days: float = KEEP_DAYS) -> list[Path]:
    """Delete the journals in a folder that nobody touched for `days`; return them."""
    limit = time.time() - 86400 * days
    forgotten = []
    for path in journals_in(folder):
        with suppress(OSError):  # another napari looks at it, or has just deleted it
            if path.stat().st_mtime < limit:
                discard(path)
                forgotten.append(path)
    return forgotten


def discard(path: Path) -> None:
    """Delete a journal and its lock."""
    path.unlink(missing_ok=True)
    lock_path(path).unlink(missing_ok=True)


def lock_path(path: Path) -> Path:
    """Return the file whose lock says that the journal is being written."""
    return path.with_name(path.name + LOCK_SUFFIX)


def is_in_use(path: Path) -> bool:
    """Return whether a running process writes the journal."""
    if not lock_path(path).exists():
        return False
    lock = take_lock(path)
    if lock is None:
        return True
    lock.close()
    return False


def take_lock(path: Path) -> IO[bytes] | None:
    """Lock a journal for this process; None when another has it.

    The operating system lets go of the lock when the process ends, however it ends, so that a
    journal without a holder is one that was left behind. Where the file system has no locks the
    journal counts as free.

    Raises
    ------
    OSError
        If the lock file cannot be made.
    """
    file = lock_path(path).open("ab")
    try:
        _lock(file)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        return file
    return file


if os.name == "nt":  # pragma: no cover

    def _lock(file: IO[bytes]) -> None:
        import msvcrt

        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except PermissionError as error:
            raise BlockingIOError from error

else:

    def _lock(file: IO[bytes]) -> None:
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

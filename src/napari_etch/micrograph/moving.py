"""Giving files and folders their names, on Windows with patience."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# After so long each what could not be moved is tried once more.
_SCANNED_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8) if sys.platform == "win32" else ()


def move(path: Path, target: Path) -> None:
    """Give a file or folder another name; a file of that name is replaced.

    What was just written is looked into by the virus scanner of Windows, and cannot be moved while
    that lasts, nor can the folder that it lies in.

    Parameters
    ----------
    path, target : Path
        On one disk. They may be the same, which only tries whether it can be moved.

    Raises
    ------
    OSError
        When it cannot be moved, nor a moment later.
    """
    # On Windows a folder is renamed only, and so is a file to its own name.
    give_name = path.replace if path.is_file() and path != target else path.rename
    for pause in _SCANNED_SECONDS:
        try:
            give_name(target)
            return
        except PermissionError:
            time.sleep(pause)
    give_name(target)

"""Names that a file can have on every system."""

from __future__ import annotations

import re

from napari_etch.models.library import is_device

_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def file_name(name: str) -> str:
    """Return a name as files can have it on Windows, too; "image" where nothing is left of it.

    There a colon writes into a hidden part of another file, dots and spaces at the end are lost,
    and *aux.tif* is a device. Hidden files are no part of a set, so no dot is left in front either.

    Parameters
    ----------
    name : str
        Without folder; an ending, where it has one, counts as a part of it.
    """
    plain = _FORBIDDEN.sub("-", readable(name)).strip(" .") or "image"
    return f"{plain}-image" if is_device(plain) else plain


def readable(name: str) -> str:
    """Return the name of a file as text: a question mark for what is none, as on Linux in Latin-1.

    Tables and reports are UTF-8 and have no place for it, and none for signs that control a
    terminal, or end a line.
    """
    return _CONTROL.sub("?", name.encode("utf-8", "replace").decode("utf-8"))

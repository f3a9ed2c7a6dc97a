"""The user's own models: a folder of models that were fitted, trained or imported here.

Each model is a folder ``NAME/`` with the files of `napari_etch.models.weights_file`. It is written
under a hidden name and renamed, so a model in the library is complete or not there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_etch.micrograph.moving import move
from napari_etch.models.errors import ModelError
from napari_etch.models.weights_file import (
    CARD,
    SHIPPED,
    THUMBNAIL,
    WEIGHTS,
    pack_model,
    read_card,
    read_model,
    read_thumbnail,
)

#: Environment variable that names another folder: for tests, and machines with a shared library.
ENVIRONMENT = "ETCH_MODELS"
#: Entry of the card that the library keeps its own notes in.
ENTRY = "library"
#: Folders that Windows does not let anyone make.
_DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)\d)(\..*)?", re.IGNORECASE)
#: Unfinished folders of a process that was killed are swept away after that many seconds.
_STALE = 86400.0


@dataclass(frozen=True)
class Notes:
    """What is remembered about a model beside its weights.

    Attributes
    ----------
    title : str
        The name as the user wrote it.
    sources : tuple of str
        Names of the images it learnt from.
    made : str
        Date and time, ISO 8601 with the zone.
    start : str
        What it started from, such as ``scratch``.
    losses : dict
        Last values of the terms that were learnt by.
    """

    title: str
    sources: tuple[str, ...] = ()
    made: str = ""
    start: str = ""
    losses: dict[str, float] = field(default_factory=dict)

    @classmethod
    def now(cls, title: str, **others: Any) -> Notes:
        """Return notes with the present time."""
        return cls(title, made=datetime.now().astimezone().isoformat("T", "seconds"), **others)

    @classmethod
    def of_card(cls, card: dict[str, Any], name: str) -> Notes:
        """Return the notes in a card; of one that was made elsewhere what its entries tell."""
        entry = card.get(ENTRY)
        if not isinstance(entry, dict):
            return cls(str(card.get("title", name)), made=str(card.get("date", "")))
        losses = entry.get("losses")
        return cls(
            title=str(entry.get("title", name)),
            sources=tuple(str(source) for source in entry.get("sources", ())),
            made=str(entry.get("made", "")),
            start=str(entry.get("start", "")),
            losses=losses if isinstance(losses, dict) else {},
        )

    def into_card(self, card: dict[str, Any]) -> dict[str, Any]:
        """Return the card with these notes in it."""
        entry = {
            "title": self.title,
            "sources": list(self.sources),
            "made": self.made,
            "start": self.start,
            "losses": self.losses,
        }
        return {**card, "title": self.title, ENTRY: entry}


@dataclass(frozen=True)
class LibraryModel:
    """One model of the library.

    Attributes
    ----------
    name : str
        What ``etch segment --model`` takes; the name of its folder.
    path : pathlib.Path
        The folder.
    notes : Notes
    architecture : str
        Empty when the card cannot be read.
    size : int
        Bytes on disk.
    trouble : str
        One sentence on why it cannot be used; empty when it can.
    """

    name: str
    path: Path
    notes: Notes
    architecture: str
    size: int
    trouble: str = ""

    @property
    def title(self) -> str:
        """Name as the user wrote it."""
        return self.notes.title

    @property
    def thumbnail(self) -> Path | None:
        """The picture of what it finds, where there is one."""
        path = self.path / THUMBNAIL
        return path if path.is_file() else None


def library_folder() -> Path:
    """Return the folder of the user's models; it need not exist."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return Path(given).expanduser()
    import platformdirs

    return platformdirs.user_data_path("napari-etch", appauthor=False) / "models"


def list_library() -> list[LibraryModel]:
    """Return the models of the library, the newest first; one that is spoiled says so."""
    try:
        folders = [
            path
            for path in library_folder().iterdir()
            if not path.name.startswith(".") and (path / CARD).is_file()
        ]
    except OSError:
        return []
    models = [_described(path) for path in folders]
    return sorted(models, key=lambda model: (_made(model), model.name), reverse=True)


def find_model(name: str) -> LibraryModel | None:
    """Return the model of a name, None when the library has none.

    The words of a title do, too, as they were given when it was made: "My steel" is My-steel.
    """
    if not name or Path(name).name != name or name.startswith("."):
        return None
    for called in (name, "-".join(name.split())):
        path = library_folder() / called
        if (path / CARD).is_file():
            return _described(path)
    return None


def own_model(name: str) -> LibraryModel:
    """Return a model of the library by its name, as `find_model` does.

    Raises
    ------
    ModelError
        When there is none of that name.
    """
    model = find_model(name)
    if model is None and name in {path.name for path in SHIPPED.iterdir()}:
        raise ModelError(
            f"{name} comes with napari-etch and is no model of your library: every installation "
            "has it"
        )
    if model is None:
        raise ModelError(f"There is no model {name!r} in the library: see “etch models list”.")
    return model


def _described(path: Path) -> LibraryModel:
    size = sum(item.stat().st_size for item in path.iterdir() if item.is_file())
    try:
        card = read_card(path)
    except ModelError as error:
        return LibraryModel(path.name, path, Notes(path.name), "", size, str(error))
    trouble = ""
    if not (path / WEIGHTS).is_file():
        trouble = f"{path} lacks {WEIGHTS}: delete the model and fit or import it again."
    notes = Notes.of_card(card, path.name)
    return LibraryModel(path.name, path, notes, str(card["architecture"]), size, trouble)


def _made(model: LibraryModel) -> float:
    try:
        return datetime.fromisoformat(model.notes.made).timestamp()
    except ValueError:
        return model.path.stat().st_mtime


# -- names ---------------------------------------------------------------------------------------


def plain_name(title: str) -> str:
    """Return a title as a name for files and shells, such as ``Steel-4``."""
    plain = re.sub(r"[^\w.-]+", "-", title).strip("-._")[:60].rstrip("-._") or "model"
    return f"{plain}-model" if is_device(plain) else plain


def is_device(name: str) -> bool:
    """Return whether Windows takes a name for that of a device, with any ending."""
    return _DEVICES.fullmatch(name) is not None


def is_free(name: str) -> bool:
    """Return whether a name is that of no model; case does not tell names apart."""
    try:
        taken = {path.name.casefold() for path in library_folder().iterdir()}
    except OSError:
        taken = set()
    shipped = {path.name.casefold() for path in SHIPPED.iterdir()}
    return name.casefold() not in taken | shipped


def free_title(title: str) -> str:
    """Return a title whose name is free: the given one, or with a number behind it."""
    title = " ".join(title.split()) or "model"
    number, tried = 1, title
    while not is_free(plain_name(tried)):
        number += 1
        # the end of a long title is cut off in the name, and the number with it
        tried = f"{title[:50].rstrip()} {number}"
    return tried


# -- changes -------------------------------------------------------------------------------------


def add_model(folder: str | os.PathLike[str], notes: Notes) -> LibraryModel:
    """Copy a model into the library.

    Parameters
    ----------
    folder : str or path
        A model's folder or `.etch` file; it stays as it is.
    notes : Notes
        Its title is numbered when it is taken.

    Returns
    -------
    LibraryModel
        As it is in the library.

    Raises
    ------
    ModelError
        When the model is incomplete.
    OSError
        When the library cannot be written.
    """
    folder = Path(folder)
    stored = read_model(folder)
    with _unfinished_copy(folder, stored.weights) as unfinished:
        return _settle(unfinished, stored.card, notes)


def replace_model(name: str, folder: Path, notes: Notes) -> LibraryModel:
    """Put another model in the place of one of the library; name and title stay.

    Parameters
    ----------
    name : str
        Name of a model of the library.
    folder : pathlib.Path
        The model's folder or `.etch` file that takes its place; it stays as it is.
    notes : Notes
        Of the one that takes its place.

    Returns
    -------
    LibraryModel
        As it is in the library.

    Raises
    ------
    ModelError
        When there is no such model, or the other one is incomplete.
    OSError
        When the library cannot be written; the model is then what it was.
    """
    model = own_model(name)
    stored = read_model(folder)
    with _unfinished_copy(folder, stored.weights) as unfinished:
        _write_card(unfinished, replace(notes, title=model.title).into_card(stored.card))
        _take_the_place(unfinished, model.path)
    return _described(model.path)


def _take_the_place(new: Path, old: Path) -> None:
    """Rename a folder to one that is there, which is deleted; when that fails it stays."""
    doomed = _set_aside(old)
    try:
        move(new, old)
    except BaseException:
        move(doomed, old)
        doomed.parent.rmdir()
        raise
    shutil.rmtree(doomed.parent, ignore_errors=True)


def _set_aside(path: Path) -> Path:
    """Rename a model's folder into a hidden one of the library, and return where it is."""
    aside = Path(tempfile.mkdtemp(prefix=".part-", dir=path.parent)) / path.name
    move(path, aside)
    return aside


@contextmanager
def _unfinished_copy(folder: Path, weights: bytes) -> Iterator[Path]:
    """Give a hidden folder of the library with weights and picture of a model, but no card.

    It is deleted when what is done with it fails.
    """
    picture = read_thumbnail(folder)
    library = library_folder()
    library.mkdir(parents=True, exist_ok=True)
    _sweep(library)
    unfinished = Path(tempfile.mkdtemp(prefix=".part-", dir=library))
    try:
        unfinished.chmod(0o755)  # a shared library is for others, too
        (unfinished / WEIGHTS).write_bytes(weights)
        if picture:
            (unfinished / THUMBNAIL).write_bytes(picture)
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _settle(unfinished: Path, card: dict[str, Any], notes: Notes) -> LibraryModel:
    """Write the card and give the folder the first free name."""
    for _ in range(100):
        title = free_title(notes.title)
        _write_card(unfinished, replace(notes, title=title).into_card(card))
        target = unfinished.parent / plain_name(title)
        try:
            move(unfinished, target)
        except OSError:
            if not target.exists():
                raise
            continue  # another process took the name meanwhile
        return _described(target)
    raise ModelError(f"There is no free name for {notes.title!r}: choose another one.")


def rename_model(name: str, title: str) -> LibraryModel:
    """Give a model another title, and the name that goes with it.

    Raises
    ------
    ModelError
        When there is no such model, or the name is taken or empty.
    """
    model = own_model(name)
    title = " ".join(title.split())
    new = plain_name(title)
    if not title:
        raise ModelError("A model needs a name: give at least one letter.")
    if new.casefold() != name.casefold() and not is_free(new):
        raise ModelError(f"There is a model {new!r} already: choose another name.")
    target = model.path.with_name(new)
    if new != name:
        move(model.path, target)
    _write_card(target, replace(model.notes, title=title).into_card(read_card(target)))
    return _described(target)


def delete_model(name: str) -> None:
    """Delete a model for good.

    Raises
    ------
    ModelError
        When there is no such model.
    """
    model = own_model(name)
    # Renamed first: a deletion that is interrupted leaves no half model behind.
    shutil.rmtree(_set_aside(model.path).parent)


def export_model(name: str, file: Path, *, overwrite: bool = False) -> Path:
    """Write a model as one `.etch` file, to give to others or to keep.

    Parameters
    ----------
    name : str
        Name of a model of the library.
    file : pathlib.Path
        Where to; the suffix is added when it is missing.
    overwrite : bool
        Replace a file that is there.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ModelError
        When there is no such model, it is incomplete, or the file exists.
    """
    return pack_model(own_model(name).path, file, overwrite=overwrite)


def _write_card(folder: Path, card: dict[str, Any]) -> None:
    partial = folder / f"{CARD}.part"
    partial.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    move(partial, folder / CARD)


def _sweep(library: Path) -> None:
    """Remove what processes that were killed left half-written."""
    limit = time.time() - _STALE
    for path in library.glob(".part-*"):
        try:
            old = path.stat().st_mtime < limit
        except OSError:  # its owner has just finished it
            continue
        if old:
            shutil.rmtree(path, ignore_errors=True)

"""Where a model that was learnt goes: a folder, one file, or the library."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from napari_etch.cli.console import bad_input, refuse


@dataclass(frozen=True)
class Target:
    """Where the model goes."""

    out: str
    library: bool
    overwrite: bool

    def check(self) -> None:
        """Refuse what cannot be written, before any work."""
        from napari_etch.models.library import is_free, library_folder, plain_name
        from napari_etch.models.weights_file import SUFFIX
        from napari_etch.results import check_replaceable

        if self.library:
            _check_writable(library_folder())
            if not self.overwrite and not is_free(plain_name(self.out)):
                refuse(
                    f"your library has a model {plain_name(self.out)!r}: choose another name, "
                    "or add --overwrite"
                )
            return
        path = Path(self.out)
        if path.suffix == SUFFIX and path.is_dir():
            refuse(f"{path} is a folder: choose another name for the file")
        if path.exists() and not self.overwrite:
            refuse(f"{path} exists: choose another name, or add --overwrite")
        if path.exists() and path.suffix != SUFFIX and not _is_model(path):
            refuse(f"{path} is no model, and only a model is replaced: choose another name")
        if path.is_dir():
            with bad_input():
                check_replaceable(path)
        _check_writable(path.absolute().parent)

    def write(self, folder: Path) -> str:
        """Put a finished model there and return where it is, in words.

        Raises
        ------
        OSError
            When it cannot be written; it says where the model then is, which took long to learn.
        """
        try:
            return self._written(folder)
        except OSError as error:
            kept = _rescued(folder)
            raise OSError(
                f"{self.out} could not be written ({error.strerror or error}): {kept}"
            ) from error

    def _written(self, folder: Path) -> str:
        from napari_etch.models.weights_file import SUFFIX, pack_model

        if self.library:
            return self._into_library(folder)
        path = Path(self.out)
        if path.suffix == SUFFIX:
            return str(pack_model(folder, path, overwrite=self.overwrite))
        _replace(folder, path)
        return str(path)

    def _into_library(self, folder: Path) -> str:
        from napari_etch.models.library import (
            Notes,
            add_model,
            find_model,
            plain_name,
            replace_model,
        )
        from napari_etch.models.weights_file import read_card

        name = plain_name(self.out)
        notes = replace(Notes.of_card(read_card(folder), name), title=self.out)
        if self.overwrite and find_model(name) is not None:
            return f"{replace_model(name, folder, notes).name} in your library"
        return f"{add_model(folder, notes).name} in your library"


def _rescued(folder: Path) -> str:
    """Copy a model to where nothing deletes it at once, and tell where."""
    try:
        rescued = Path(tempfile.mkdtemp(prefix="etch-model-")) / "model"
        shutil.copytree(folder, rescued)
    except OSError:  # there is no room anywhere
        return "nor could the model be kept elsewhere, so make room and learn it again"
    return f"the model is in {rescued}"


def _check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written to: it would lose what was learnt."""
    from napari_etch.results import check_writable

    above = folder
    while not (above.exists() or above.is_symlink() or above == above.parent):
        above = above.parent
    if not above.is_dir():
        refuse(f"{above} is no folder, so no model can be written there: choose another place")
    with bad_input():
        check_writable(folder)


def _is_model(path: Path) -> bool:
    from napari_etch.micrograph.reading import is_of_system
    from napari_etch.models.weights_file import CARD

    if not path.is_dir():
        return False
    return (path / CARD).is_file() or all(is_of_system(each.name) for each in path.iterdir())


def _replace(folder: Path, path: Path) -> None:
    """Move a model to where another one may be, which is gone only when the new one is there.

    Files that are no part of a model, such as notes, stay.
    """
    from napari_etch.models.weights_file import CARD, THUMBNAIL, WEIGHTS
    from napari_etch.results import files_in, folder_beside, replace_folder

    ours = (CARD, WEIGHTS, THUMBNAIL)
    kept = [name for name in files_in(path) if name not in ours] if path.is_dir() else []
    with folder_beside(path.absolute()) as beside:
        for name in files_in(folder):
            shutil.copyfile(folder / name, beside / name)
        replace_folder(beside, path, kept)

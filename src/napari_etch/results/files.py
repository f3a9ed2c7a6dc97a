"""Names of the files that a run leaves on disk, and how a folder or a file is written whole."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_etch.measure.report_files import (
    EXCEL_FILE,
    FIELDS_FILE,
    HTML_FILE,
    JSON_FILE,
    PDF_FILE,
    TABLE_FILE,
)
from napari_etch.micrograph.moving import move

BOUNDARY_FILE = "boundary.tif"
GRAINS_FILE = "grains.tif"
SUMMARY_FILE = "summary.json"
OVERLAY_FILE = "overlay.png"
# Only of an aligned stack.
SHIFTS_FILE = "shifts.csv"
ADDED_FILE = "added.tif"
BRIDGES_FILE = "bridges.csv"
RESULT_FILES = (BOUNDARY_FILE, GRAINS_FILE, TABLE_FILE, SUMMARY_FILE, OVERLAY_FILE)
REPAIR_FILES = (
    BOUNDARY_FILE,
    GRAINS_FILE,
    ADDED_FILE,
    BRIDGES_FILE,
    SUMMARY_FILE,
    OVERLAY_FILE,
)
FRACTURE_FILE = "fracture.tif"
FRACTURE_TABLE_FILE = "fracture.csv"
CONFIDENCE_FILE = "confidence.tif"
FACETS_FILE = "facets.csv"
# What a fracture map leaves; the facets only where grains are given.
FRACTURE_FILES = (
    FRACTURE_FILE,
    CONFIDENCE_FILE,
    FRACTURE_TABLE_FILE,
    FACETS_FILE,
    SUMMARY_FILE,
    OVERLAY_FILE,
)
# The grains of stacks in space, of a track or of a measurement.
VOLUME_FILE = "grains3d.csv"
# One result takes the place of another, whatever made them.
ALL_FILES = tuple(dict.fromkeys((*RESULT_FILES, SHIFTS_FILE, *REPAIR_FILES, *FRACTURE_FILES)))

# What a measurement leaves: the first four always, the others where they are asked for.
MEASURE_FILES = (JSON_FILE, TABLE_FILE, FIELDS_FILE, HTML_FILE, EXCEL_FILE, PDF_FILE)


# What a run leaves when it is killed is removed by a later one after so long, and its lock passed.
LEFT_SECONDS, LOCK_SECONDS = 86_400.0, 5.0
# Names are of 255 bytes at most, and hidden ones are longer than those they become.
_LONGEST_BYTES = 200


PathLike = str | os.PathLike[str]


class ResultExistsError(ValueError):
    """There already is a result where one should be written."""


def check_free(folder: Path, names: Sequence[str] = ALL_FILES, *, overwrite: bool = False) -> None:
    """Raise ResultExistsError when a folder holds results.

    Parameters
    ----------
    folder : Path
        Where a result is to go; it need not exist.
    names : sequence of str
        The files that must not be there.
    overwrite : bool
        They may be there, if they can be replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise ResultExistsError(f"{folder} is a file: choose another output folder")
    if overwrite:
        check_closed(*(folder / name for name in names))
        return
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise ResultExistsError(
            f"{folder} already holds {taken[0]}: add --overwrite to replace it, "
            "or choose another output folder"
        )


class NotWritableError(ResultExistsError):
    """Nothing can be written where a result should be."""


def check_writable(*places: Path) -> None:
    """Raise NotWritableError where a folder cannot be made or filled, before any work.

    It is tried, for permissions do not tell of disks that are full or read-only.

    Parameters
    ----------
    *places : Path
        Folders; of one that does not exist yet the one above that does is tried.
    """
    for place in places:
        while not (place.exists() or place.is_symlink()) and place != place.parent:
            place = place.parent
        try:
            # not with mkdtemp, which tries ten thousand names in a folder of Windows' own
            tried = place / f".etch-{secrets.token_hex(8)}"
            tried.mkdir()
            tried.rmdir()
        except OSError as error:
            shown = place if place.name else place.resolve()  # not "."
            raise NotWritableError(
                f"{shown} may not be written to ({error.strerror or error}): choose another "
                "place, or change its permissions"
            ) from None


def check_closed(*files: Path) -> None:
    """Raise NotWritableError for files that are there and cannot be replaced.

    On Windows that is one that Excel or ImageJ has open. Such a file cannot be renamed either, not
    even to its own name, which changes nothing elsewhere.
    """
    for file in files:
        try:
            if file.is_file():
                move(file, file)
        except OSError as error:
            raise NotWritableError(
                f"{file} cannot be replaced ({error.strerror or error}): close it in the program "
                "that has it open, or choose another place"
            ) from None


def write_whole(
    folder: Path,
    write: Callable[[Path], None],
    names: Sequence[str] = ALL_FILES,
    *,
    overwrite: bool = True,
) -> None:
    """Let `write` fill a folder beside `folder`, and move the files into it when all are there.

    What is called as one of `names` and is not written anew was left by an earlier run, and goes.
    Two runs may write the same result at once: each fills a folder of its own, and they move their
    files one after the other.

    Raises
    ------
    ResultExistsError
        Without `overwrite`, when another run has put a result there meanwhile; with it, when a
        file there cannot be replaced. Nothing is changed then.
    """
    folder = named(folder)
    with folder_beside(folder) as unfinished:
        write(unfinished)
        with one_at_a_time(folder):
            check_free(folder, names, overwrite=overwrite)  # none is moved before all can be
            _move_into_place(unfinished, folder, names)


def named(folder: Path) -> Path:
    """Return a folder by a path that ends with its name, which ``.`` and ``..`` do not."""
    return folder.resolve() if folder.name in ("", "..") else folder


@contextmanager
def folder_beside(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` to fill and rename; what is left of it goes at the end.

    Its name is no other run's, so two of them do not mix.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_away(folder)
    unfinished = folder.with_name(f"{_hidden(folder)}.unfinished.{secrets.token_hex(4)}")
    unfinished.mkdir()
    try:
        yield unfinished
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _hidden(path: Path) -> str:
    """Return what a hidden name beside a path begins with; a long name leaves room for the rest."""
    name = path.name
    while len(os.fsencode(name)) > _LONGEST_BYTES:
        name = name[:-1]
    return f".{name}"


def _clear_away(folder: Path) -> None:
    """Remove what runs that were killed have left beside a folder, a day ago or longer."""
    for left in folder.parent.glob(f"{glob.escape(_hidden(folder))}.unfinished*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep other runs from moving their files into a folder, or replacing it, meanwhile.

    Moving takes a moment; a lock that is older was left by a run that was killed.
    """
    lock = folder.with_name(f"{_hidden(folder)}.moving")
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            if time.monotonic() > until:
                break
            time.sleep(0.05)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.rmdir()


def check_replaceable(folder: Path) -> None:
    """Raise ResultExistsError for what `replace_folder` must not replace, whatever it holds.

    A shell in a folder that is replaced, or in one inside it, sees nothing any more.
    """
    if folder.exists() and not folder.is_dir():
        raise ResultExistsError(f"{folder} is a file: choose another folder")
    if Path.cwd() == folder.resolve():
        raise ResultExistsError(f"{folder} is the folder that you are in: choose another one")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise ResultExistsError(f"you are in a folder inside {folder}: leave it first")


def files_in(folder: Path) -> list[str]:
    """Return the files of a folder and of those in it, links too, by their paths within it."""
    found = []
    for path, folders, files in os.walk(folder):
        inside = Path(path)
        links = [name for name in folders if (inside / name).is_symlink()]
        found += [(inside / name).relative_to(folder).as_posix() for name in (*files, *links)]
    return sorted(found)


def replace_folder(unfinished: Path, folder: Path, keep: Sequence[str] = ()) -> None:
    """Give a finished folder its name; an earlier one goes when the new one is in its place.

    Parameters
    ----------
    unfinished : Path
        On the same disk as `folder`.
    folder : Path
        What is there is replaced as a whole; it comes back when the new one cannot be put there.
    keep : sequence of str
        Files of the earlier folder, as of `files_in`, that the new one takes along.

    Raises
    ------
    ResultExistsError
        When the new folder has a file of that name itself; nothing is changed then.
    """
    for name in keep:
        _take_along(folder, unfinished, name)
    if not folder.exists():
        move(unfinished, folder)
        return
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    move(folder, old)
    try:
        move(unfinished, folder)
    except OSError:
        move(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _take_along(folder: Path, unfinished: Path, name: str) -> None:
    """Give a file of a folder a second place in another one: nothing is lost where a move ends."""
    there = unfinished / name
    if there.exists():
        raise ResultExistsError(
            f"{folder / name} was put there by somebody else, and a file of that name is to be "
            "written: move it away, or choose another folder"
        )
    there.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(folder / name, there, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a disk or a system without second names
        shutil.copy2(folder / name, there, follow_symlinks=False)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; the file is renamed once it is written whole.

    Parameters
    ----------
    path : Path
        An earlier file there is replaced; when writing fails it stays, and nothing else is left.

    Yields
    ------
    Path

    Raises
    ------
    OSError
        When an earlier file there cannot be replaced, such as one that Excel has open on Windows.
    """
    # two runs may write the same file at once
    unfinished = path.with_name(f"{_hidden(path)}.{os.getpid()}.part")
    try:
        yield unfinished
        try:
            move(unfinished, path)
        except OSError as error:  # of the name that the user knows
            raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _move_into_place(unfinished: Path, folder: Path, names: Sequence[str]) -> None:
    if not folder.exists():
        move(unfinished, folder)
        return
    for name in names:
        if (folder / name).is_dir():  # one does not take the place of another while it holds files
            shutil.rmtree(folder / name)
        if (unfinished / name).exists():
            move(unfinished / name, folder / name)
        else:  # left by an earlier run that made more
            (folder / name).unlink(missing_ok=True)

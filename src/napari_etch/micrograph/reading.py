"""Reading micrographs from files and folders."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_etch.micrograph.calibration import Calibration
from napari_etch.micrograph.choice import ALL, COLOURS, Choice, Which, find_channel, pick
from napari_etch.micrograph.colour import grey_section
from napari_etch.micrograph.czi import read_czi
from napari_etch.micrograph.errors import MicrographError, SeveralImagesError
from napari_etch.micrograph.hdf5 import read_hdf5
from napari_etch.micrograph.image import Micrograph, without_bars
from napari_etch.micrograph.lif import read_lif
from napari_etch.micrograph.pixels import canonical
from napari_etch.micrograph.raster import read_raster
from napari_etch.micrograph.sidecars import read_sidecar
from napari_etch.micrograph.tags import tiff_calibration
from napari_etch.micrograph.tiff import RawImage, read_tiff
from napari_etch.micrograph.tiff_series import main_series
from napari_etch.micrograph.zarr_images import is_zarr, read_zarr

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp"})
"""Endings (lower case) of the files that a folder's images are picked from."""

Read = TypeVar("Read")

_OF_SYSTEMS = (".ds_store", "thumbs.db", "desktop.ini")
_SAME_SIZE = 1e-3
_MAGIC = {
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"\x89HDF": "HDF5",
    b"ZISRAWFI": "CZI",
}
# Files of arrays, several of them perhaps.
_HELD = {"CZI": read_czi, "HDF5": read_hdf5, "LIF": read_lif, "Zarr": read_zarr}


def read_micrograph(
    path: str | os.PathLike[str],
    *,
    pixel_size_um: float | None = None,
    keep_info_bar: bool = False,
    stack: bool | None = None,
    series: Which | None = None,
    channel: Which | None = None,
) -> Micrograph:
    """Read a micrograph, or a stack of sections, with its pixel size.

    The content decides about the format, not the ending of the name. Samples of a pixel are a
    colour; pages are sections, also when there are three of them. Pixels stay where they are
    stored, as in napari: how a camera was held (EXIF orientation) turns nothing, or labels would
    fit no more. Where a file holds several images or channels, one of them is to be chosen.

    Parameters
    ----------
    path : str or path
        A TIFF, PNG, JPEG or BMP file, a folder of them (sorted by the numbers in their names), an
        HDF5 file (also of the published serial sections, `micrograph.iron`), a Zarr folder, or a
        file of Zeiss's (CZI) or Leica's (LIF, LOF) programs.
    pixel_size_um : float, optional
        Edge of a pixel in µm; goes before what the file states (see `Calibration.conflict`).
    keep_info_bar : bool
        Treat an SEM information bar and a burned-in scale bar as specimen. False: they are found
        and masked.
    stack : bool, optional
        True: a folder or several pages become a ``(z, y, x)`` stack, one image a stack of one. None
        or False: one image is wanted, and several are an error.
    series : int or str, optional
        Of a file with several images (in CZI scenes): the number of one, from 0, or its name; of
        HDF5 and Zarr the number or path of a data set.
    channel : int or str, optional
        Of an image with several channels: the number of one, from 0, or its name; ``"red"``,
        ``"green"`` and ``"blue"`` of a colour image.

    Returns
    -------
    Micrograph

    Raises
    ------
    MicrographError
        If it cannot be read or is not what was asked for; the message is one sentence.
    """
    source = Path(path)
    typed = None if pixel_size_um is None else Calibration(pixel_size_um, "typed")
    read = _read_folder if is_image_folder(source) else _read_file
    micrograph, row = read(source, typed, bool(stack), Choice(series, channel))
    if stack and not micrograph.is_stack:
        micrograph = replace(micrograph, data=_section(micrograph)[None])
    return micrograph if keep_info_bar else without_bars(micrograph, info_bar_row=row)


def stated_calibration(path: Path, choice: Choice = ALL) -> Calibration | None:
    """Return the pixel size that a file, or what lies beside it, states; None when nothing does.

    Of a TIFF file no pixels are read.

    Parameters
    ----------
    path : pathlib.Path
    choice : Choice
        Of the series of a file with several.

    Raises
    ------
    MicrographError
        When it cannot be read, or its pixels are stated not to be square.
    """
    if _guarded(path, lambda: _kind(path)) != "TIFF":
        return read_micrograph(path, keep_info_bar=True, stack=True, **choice.asked).calibration

    def look() -> tuple[Calibration | None, int, int]:
        import tifffile

        with tifffile.TiffFile(path) as tif:
            series = main_series(tif, path.name, choice.series)
            page = series.keyframe
            found = tiff_calibration(tif, series, path.name)
            return found, int(page.imagelength), int(page.imagewidth)

    found, height, width = _guarded(path, look)
    return found or read_sidecar(path, height, width).calibration


def read_numbers(path: Path, choice: Choice = ALL) -> np.ndarray:
    """Return the numbers of an image or a stack as they stand in a file.

    Those of a micrograph become float32, which has no room for all labels.

    Parameters
    ----------
    path : pathlib.Path
        As `read_micrograph` takes it, but for folders of images.
    choice : Choice

    Returns
    -------
    ndarray, shape (y, x) or (z, y, x), colours behind it

    Raises
    ------
    MicrographError
        When it cannot be read or is not what was asked for.
    """
    data = _guarded(path, lambda: _decode(path, True, False, choice)).data
    return data[0] if data.ndim == 3 and len(data) == 1 else data


def is_of_a_microscope(path: Path) -> bool:
    """Return whether a file is one of a microscope maker's own format."""
    try:
        return path.is_file() and _kind(path) in ("CZI", "LIF")
    except (OSError, MicrographError):
        return False


def is_image_folder(path: Path) -> bool:
    """Return whether a path is a folder of images; one of Zarr is a file in this respect."""
    try:
        return path.is_dir() and not is_zarr(path)
    except OSError:  # a folder above it may not be entered; opening the file will say so
        return False


def _read_file(
    path: Path, typed: Calibration | None, stack: bool, choice: Choice
) -> tuple[Micrograph, int | None]:
    """One file; also the first row of its information bar where the metadata tell."""
    raw = _guarded(path, lambda: _raw_image(path, stack, typed is not None, choice))
    data = canonical(raw.data, path.name, rgb=raw.rgb)
    micrograph = Micrograph(
        data,
        path.stem,
        raw.calibration,
        path,
        choice=raw.choice,
        distance_um=raw.distance_um if stack else None,
    )
    row = raw.info_bar_row
    if micrograph.calibration is None or row is None:
        sidecar = read_sidecar(path, micrograph.height, micrograph.width)
        row = sidecar.info_bar_row if row is None else row
        micrograph = replace(micrograph, calibration=micrograph.calibration or sidecar.calibration)
    if typed is not None:
        calibration = replace(typed, stated=micrograph.calibration)
        micrograph = replace(micrograph, calibration=calibration)
    return micrograph, row


def _raw_image(path: Path, stack: bool, typed: bool, choice: Choice) -> RawImage:
    """Decode a file; a pixel size that cannot be used does not matter where another is typed."""
    if not typed:
        return _decode(path, stack, True, choice)
    with suppress(Exception):  # whatever else is wrong is raised once more
        return _decode(path, stack, True, choice)
    return _decode(path, stack, False, choice)


def _guarded(path: Path, decode: Callable[[], Read]) -> Read:
    """Turn whatever a decoder raises into one sentence."""
    try:
        return decode()
    except MicrographError:
        raise
    except FileNotFoundError as error:
        raise MicrographError(f"{path} does not exist; check the name and the folder.") from error
    except PermissionError as error:
        raise MicrographError(f"{path} may not be read; check its permissions.") from error
    except MemoryError as error:
        raise MicrographError(
            f"{path.name} does not fit into memory; cut it into smaller images."
        ) from error
    except Exception as error:  # decoders raise anything on damaged files
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise MicrographError(
            f"{path.name} is damaged, truncated or of an unsupported kind ({reason}); open it in "
            "the program that wrote it and save it again as TIFF or PNG."
        ) from error


def _decode(path: Path, stack: bool, calibrate: bool, choice: Choice) -> RawImage:
    kind = _kind(path)
    if kind == "TIFF":
        return read_tiff(path, stack=stack, calibrate=calibrate, choice=choice)
    if kind in _HELD:
        return _HELD[kind](path, stack=stack, calibrate=calibrate, choice=choice)
    if choice.series is not None:
        pick(choice.series, [""], path.name, "series", "series")  # or it says that there is one
    raw = read_raster(path, calibrate=calibrate)
    samples = raw.data.shape[-1] if raw.rgb else 1
    names = COLOURS if samples > 2 else ()
    channel, taken = find_channel({"S": samples}, names, choice, path.name)
    data, axes = channel.of(raw.data, "YXS" if raw.rgb else "YX")
    return replace(raw, data=data, rgb="S" in axes, choice=taken)


def _kind(path: Path) -> str:
    """Return the format of a file by its first bytes."""
    if path.is_dir():
        return "Zarr"
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise MicrographError(f"{path.name} is empty (0 bytes); copy it again from its source.")
    kind = next((k for magic, k in _MAGIC.items() if head.startswith(magic)), None)
    if kind is None and head.startswith(b"p\0\0\0") and head[8:9] == b"*":
        kind = "LIF"
    if kind is None:
        raise MicrographError(
            f"{path.name} is not a TIFF, PNG, JPEG, BMP, CZI, LIF or HDF5 file, whatever its name "
            "says; convert it to one of them."
        )
    return kind


def _read_folder(
    folder: Path, typed: Calibration | None, stack: bool, choice: Choice
) -> tuple[Micrograph, int | None]:
    files = image_files(folder)
    name = folder.resolve().name if folder.name in ("", "..") else folder.name
    if len(files) > 1 and not stack:
        raise SeveralImagesError(f"{folder} holds {len(files)} images", "name one of them.")
    sections = [_read_file(file, typed, False, choice) for file in files]
    if len(sections) == 1:
        return replace(sections[0][0], name=name, path=folder), sections[0][1]
    images = [m for m, _ in sections]
    rows = {row for _, row in sections}
    data = _stacked(images)
    calibration = _common_calibration(images, name) if typed is None else _typed(images, typed)
    taken = images[0].choice
    stacked = Micrograph(data, name, calibration, folder, choice=taken)
    return stacked, rows.pop() if len(rows) == 1 else None


def image_files(folder: Path) -> list[Path]:
    """Images of a folder, sorted by the numbers in their names.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    list of pathlib.Path
        Files with an ending in `IMAGE_SUFFIXES`; hidden files and subfolders are skipped.

    Raises
    ------
    MicrographError
        If there are none, or the folder may not be read.
    """
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise MicrographError(f"{folder} may not be read; check its permissions.") from error
    files = [
        entry
        for entry in entries
        if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file() and entry.name[0] != "."
    ]
    if not files:
        raise MicrographError(f"{folder} holds no TIFF, PNG, JPEG or BMP image.")
    return sorted(files, key=lambda file: natural_key(file.name))


def is_of_system(name: str) -> bool:
    """Return whether a file is one that macOS or Windows puts into folders that it shows."""
    return name.lower() in _OF_SYSTEMS


def is_hidden(name: str) -> bool:
    """Return whether a file is hidden, or the system's own: those of Windows have no dot."""
    return name.startswith(".") or is_of_system(name)


def composed(name: str) -> str:
    """Return a name with each umlaut as one sign (Unicode's NFC).

    File names from macOS have them in two; tables, annotation files and keyboards do not.
    """
    return unicodedata.normalize("NFC", name)


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key that puts ``s2`` before ``s10``.

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple
    """
    parts = re.split(r"(\d+)", name.lower())
    key = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p)
    return key, name


def _stacked(images: list[Micrograph]) -> np.ndarray:
    first = images[0]
    for image in images[1:]:
        if (image.height, image.width) != (first.height, first.width):
            raise MicrographError(
                f"{image.name} is {image.height} × {image.width} pixels but {first.name} is "
                f"{first.height} × {first.width}; the sections of a stack must be of equal size."
            )
    return canonical(np.stack([_section(image) for image in images]), first.name, rgb=False)


def _section(image: Micrograph) -> np.ndarray:
    """Return the pixels of an image as those of a section, (y, x)."""
    return grey_section(image.data) if image.is_rgb else image.data


def _typed(images: list[Micrograph], typed: Calibration) -> Calibration:
    """Return the typed pixel size, with what the first section that contradicts it states."""
    found = [m.calibration for m in images if m.calibration is not None]
    return next((each for each in found if each.conflict), typed)


def _common_calibration(images: list[Micrograph], folder: str) -> Calibration | None:
    known = [m.calibration for m in images if m.calibration is not None]
    if not known:
        return None
    sizes = [c.pixel_size_um for c in known]
    if max(sizes) - min(sizes) > _SAME_SIZE * max(sizes):
        raise MicrographError(
            f"The images in {folder} differ in pixel size ({min(sizes):.5g} to "
            f"{max(sizes):.5g} µm); sort them into folders or give --pixel-size."
        )
    return known[0]

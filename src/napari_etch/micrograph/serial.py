"""Stacks of grain maps, read and written section by section."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.errors import MicrographError
from napari_etch.micrograph.label_picture import read_label_picture
from napari_etch.micrograph.reading import image_files
from napari_etch.micrograph.tags import tiff_calibration
from napari_etch.micrograph.tiff import _check_complete
from napari_etch.micrograph.tiff_series import main_series

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

Section = npt.NDArray[Any]
Read = TypeVar("Read")

_TIFF = (".tif", ".tiff")
# A section with more pieces than this for each of its numbers is a line drawing or a picture, one
# with pieces of less than this many px a noisy picture.
_PIECES_A_LABEL = 20
_LEAST_PIECE_PX = 6
_WHOLE = 2.0**53  # beyond it floats have no odd numbers, and further on integers have no place


@dataclass(frozen=True, eq=False)
class SectionStack(Sequence[Section]):
    """Grain maps of a stack; each is read when it is asked for.

    Attributes
    ----------
    path : pathlib.Path
        File or folder.
    shape : tuple of int
        (z, y, x).
    pixel_size_um : float or None
        Edge of a pixel within a section, as the file states it.
    """

    path: Path
    shape: tuple[int, int, int]
    pixel_size_um: float | None
    _load: Callable[[int], Section]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        at = range(len(self))[int(index)]
        section = whole_floats(_guarded(self.path, lambda: self._load(at)))
        if section.shape != self.shape[1:]:
            raise MicrographError(
                f"section {at} of {self.path} has shape {section.shape} and the first "
                f"{self.shape[1:]}: the sections of a stack must be grey and of equal size"
            )
        return section

    def __iter__(self) -> Iterator[Section]:
        return (self[index] for index in range(len(self)))


def whole_floats(labels: Section) -> Section:
    """Return floats that are whole numbers as integers, and any other array as it is.

    ImageJ's images of 32 bits are floats, label maps among them. NaN, where nothing was measured,
    is no grain.
    """
    if labels.dtype.kind != "f":
        return labels
    if labels.dtype.itemsize < 4:  # of 16 bits, in which no large number can be compared
        wider = whole_floats(labels.astype(np.float32))
        return labels if wider.dtype.kind == "f" else wider
    blank = np.isnan(labels)
    whole = np.where(blank, 0, labels) if blank.any() and not blank.all() else labels
    if not (np.abs(whole) < _WHOLE).all() or (whole != np.rint(whole)).any():
        return labels
    return whole.astype(np.int64)


def open_grain_stack(path: str | os.PathLike[str]) -> SectionStack:
    """Open a stack of grain maps without reading it.

    Parameters
    ----------
    path : str or path
        A TIFF file with a section on each page, an NPY file (z, y, x), or a folder of images of one
        section each, sorted by the numbers in their names.

    Returns
    -------
    SectionStack

    Raises
    ------
    MicrographError
        When it is not there, holds fewer than two sections, or what it holds are no grain maps.
    """
    source = Path(path)
    if not source.exists():
        raise MicrographError(f"{source} does not exist; check the name and the folder.")
    if source.is_dir():
        stack = _open_folder(source)
    elif source.suffix.lower() == ".npy":
        stack = _open_npy(source)
    elif source.suffix.lower() in _TIFF:
        stack = _open_tiff(source)
    else:
        raise MicrographError(
            f"{source} is one image: give a TIFF or NPY file with a stack of grain maps, or a "
            "folder of numbered sections"
        )
    if len(stack) < 2:
        raise MicrographError(f"{source} holds one section: tracking needs at least two")
    _refuse_pictures(stack)
    return stack


def write_grain_stack(
    path: str | os.PathLike[str],
    sections: Iterable[npt.NDArray[np.int32]],
    shape: tuple[int, int, int],
    *,
    voxel_size_um: tuple[float | None, float | None, float | None] = (None, None, None),
) -> None:
    """Write a stack of grain maps as OME-TIFF, section by section.

    Parameters
    ----------
    path : str or path
        Where to; it does not appear under this name before it is whole.
    sections : iterable of ndarray of int32, shape (y, x)
    shape : tuple of int
        (z, y, x).
    voxel_size_um : tuple of float or None
        Edges of a voxel along z, y and x in µm; None is not known.

    Raises
    ------
    OSError
        When the disk does not take it.
    """
    import tifffile

    target = Path(path)
    temporary = target.with_name(f".{target.name}.part")
    sizes = {
        f"PhysicalSize{axis}": size
        for axis, size in zip("ZYX", voxel_size_um, strict=True)
        if size is not None
    }
    units = {f"{name}Unit": "µm" for name in sizes}
    big = 4 * int(np.prod(shape, dtype=np.int64)) >= 2**32 - 2**25
    try:
        with tifffile.TiffWriter(temporary, ome=True, bigtiff=big) as writer:
            writer.write(
                iter(sections),
                shape=shape,
                dtype=np.int32,
                photometric="minisblack",
                compression="zlib",
                software="napari-etch",
                metadata={"axes": "ZYX", **sizes, **units},
            )
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _guarded(path: Path, read: Callable[[], Read]) -> Read:
    """Turn whatever a decoder raises into one sentence."""
    try:
        return read()
    except MicrographError:
        raise
    except PermissionError as error:
        raise MicrographError(f"{path} may not be read; check its permissions.") from error
    except Exception as error:  # decoders raise anything on damaged files
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise MicrographError(
            f"{path} is damaged or of an unsupported kind ({reason}); write it again as TIFF."
        ) from error


def _open_folder(folder: Path) -> SectionStack:
    files = image_files(folder)

    def load(index: int) -> Section:
        return _guarded(files[index], lambda: _read_section(files[index]))

    first = load(0)
    if first.ndim != 2:
        raise MicrographError(
            f"{files[0]} has shape {first.shape}: each file of a folder must be one grain map "
            "(y, x)"
        )
    return SectionStack(folder, (len(files), *first.shape), _stated_size(files[0]), load)


def _read_section(file: Path) -> Section:
    """Return the numbers of a file as they stand in it."""
    if file.suffix.lower() in _TIFF:
        import tifffile

        return np.squeeze(tifffile.imread(file))
    return read_label_picture(file)


def _open_npy(path: Path) -> SectionStack:
    array = _guarded(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False))
    shape = _checked_shape(path, array.shape)
    return SectionStack(path, shape, None, lambda index: np.asarray(array[index]))


def _open_tiff(path: Path) -> SectionStack:
    import tifffile

    def look() -> SectionStack:
        with tifffile.TiffFile(path) as tif:
            series = main_series(tif, path.name)
            _check_complete(tif, series, path, True)
            sizes = tuple(n for n in series.shape if n > 1) if series.ndim > 3 else series.shape
            shape = _checked_shape(path, sizes)
            whole = None if len(series.pages) == shape[0] else series.asarray().reshape(shape)
            size = _calibrated(tif, series, path)
        if whole is not None:  # pages of a file that lists only its first
            return SectionStack(path, shape, size, lambda index: whole[index])
        return SectionStack(path, shape, size, _PageReader(path))

    return _guarded(path, look)


class _PageReader:
    """Reads pages of a TIFF file, which it opens for each: no handle is left open behind it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, index: int) -> Section:
        import tifffile

        with tifffile.TiffFile(self.path) as tif:
            page = main_series(tif, self.path.name).pages[index]
            if page is None:
                raise MicrographError(f"{self.path} has no section {index}; write it again.")
            return np.asarray(page.asarray())


def _checked_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3 or shape[-1] in (2, 3, 4):
        raise MicrographError(
            f"{path} has shape {shape}: a stack of grain maps is (z, y, x), a section on each page"
        )
    return shape[0], shape[1], shape[2]


def _calibrated(tif: TiffFile, series: TiffPageSeries, path: Path) -> float | None:
    """Return the pixel size that is stated; oblong pixels, which no one number tells, have none."""
    try:
        found = tiff_calibration(tif, series, path.name)
    except MicrographError:
        return None
    return None if found is None else found.pixel_size_um


def _stated_size(file: Path) -> float | None:
    if file.suffix.lower() not in _TIFF:
        return None
    import tifffile

    with tifffile.TiffFile(file) as tif:
        return _calibrated(tif, main_series(tif, file.name), file)


def _refuse_pictures(stack: SectionStack) -> None:
    """Refuse micrographs and drawn lines, which are whole numbers, too."""
    section = stack[len(stack) // 2]
    if section.dtype.kind not in "iu":
        raise MicrographError(
            f"{stack.path} holds {section.dtype} numbers, which are no grains: "
            "make grain maps with etch segment"
        )
    if section.min() < 0:
        raise MicrographError(f"{stack.path} holds negative numbers, which are no grains")
    refuse_picture(section, str(stack.path))


def refuse_picture(section: Section, name: str) -> None:
    """Refuse a micrograph or drawn lines where a grain map is wanted.

    Parameters
    ----------
    section : np.ndarray
        Whole numbers from 0, (y, x).
    name : str
        What the message calls it.

    Raises
    ------
    MicrographError
        When its values lie in far more pieces than grains do.
    """
    import cc3d

    inside = section[section > 0]
    labels = np.unique(inside).size
    pieces = int(cc3d.connected_components(section.astype(np.int64), connectivity=8).max())
    if pieces > min(_PIECES_A_LABEL * max(labels, 1), max(inside.size // _LEAST_PIECE_PX, 1)):
        raise MicrographError(
            f"{name} holds {pieces} pieces of {labels} values in a section, so it is a "
            "picture or drawn lines and no grain map: make grain maps with etch segment or "
            "etch repair"
        )


def is_picture(section: Section) -> bool:
    """Return whether whole numbers (y, x) from 0 are what `refuse_picture` refuses."""
    try:
        refuse_picture(section, "")
    except MicrographError:
        return True
    return False

"""Reading TIFF files: which pages are the image, and their pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.micrograph.axes import count_sections, in_order
from napari_etch.micrograph.calibration import Calibration
from napari_etch.micrograph.choice import ALL, COLOURS, Choice, find_channel
from napari_etch.micrograph.errors import MicrographError
from napari_etch.micrograph.pixels import apply_palette
from napari_etch.micrograph.tags import stated_distance, tiff_calibration, tiff_info_bar_row
from napari_etch.micrograph.tiff_series import channel_names, main_series

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

_MINISWHITE, _PALETTE = 0, 3
_COLOURS = {5: "CMYK", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB"}  # of no microscope
_SECTION_AXES = "ZTIQ"  # Z, time, and tifffile's "sequence" and "unknown"
_MAX_SAMPLES = 4  # of a colour with alpha
_UNSPECIFIED = 0  # of a sample that is not said to be alpha
# Deflate cannot do better than 1032; more than that in a large file is a damaged header.
_MAX_COMPRESSION = 1100
_PLAUSIBLE_BYTES = 500_000_000
# Types of whole numbers that no camera writes: what holds them are labels.
_LABEL_TYPES = ("int32", "uint32", "int64", "uint64")


@dataclass(frozen=True)
class RawImage:
    """Pixels as a file holds them, and what the file says about them.

    Attributes
    ----------
    data : numpy.ndarray
        ``(y, x)``, ``(y, x, s)``, ``(z, y, x)`` or ``(z, y, x, s)``.
    rgb : bool
        Whether the last axis holds samples.
    calibration : Calibration or None
    info_bar_row : int or None
    choice : Choice
        Which series and channel of the file they are.
    distance_um : float or None
        From section to section of a stack.
    """

    data: np.ndarray
    rgb: bool
    calibration: Calibration | None = None
    info_bar_row: int | None = None
    choice: Choice = ALL
    distance_um: float | None = None

    @property
    def sections(self) -> int:
        """Number of images; 1 for a plain image."""
        return int(self.data.shape[0]) if self.data.ndim == 3 + self.rgb else 1


def read_tiff(path: Path, *, stack: bool, calibrate: bool, choice: Choice = ALL) -> RawImage:
    """Read the image or stack of a TIFF file.

    Thumbnails and the lower levels of a pyramid are skipped: the image is the largest series, where
    none is chosen.

    Parameters
    ----------
    path : pathlib.Path
    stack : bool
        Whether several pages are wanted.
    calibrate : bool
        Whether to look for the pixel size (not when it was typed).
    choice : Choice
        Of series and channel.

    Returns
    -------
    RawImage

    Raises
    ------
    MicrographError
        When several pages are found where one is wanted, for several channels or series and none
        chosen, unsupported colour spaces, truncated files and pixels that are not square.
    """
    import tifffile

    with tifffile.TiffFile(path) as tif:
        series = main_series(tif, path.name, choice.series)
        page = series.keyframe
        _check_complete(tif, series, path, stack)
        axes = _axes(series)
        sizes = dict(zip(axes, series.shape, strict=True))
        names = channel_names(tif, series)
        later = int(page.photometric) == _PALETTE and sizes.get("C", 1) == 1  # once it has colours
        channel, taken = find_channel(sizes, names, ALL if later else choice, path.name)
        sizes.pop(channel.axis, None)
        count_sections(sizes, path.name, sections=_SECTION_AXES, unit="pages", stack=stack)
        data, axes = channel.of(series.asarray(), axes)
        data, axes = in_order(data, axes)
        data, rgb = _samples(data, "S" in axes, page, path.name)
        if later:
            sizes = {"S": 3} if rgb else {}
            channel, taken = find_channel(sizes, COLOURS if rgb else (), choice, path.name)
            data, rgb = (data[..., channel.number], False) if channel.axis else (data, rgb)
        calibration = tiff_calibration(tif, series, path.name) if calibrate else None
        distance = stated_distance(tif, series)
        return RawImage(data, rgb, calibration, tiff_info_bar_row(page), taken, distance)


def holds_labels(path: Path) -> bool:
    """Return whether the pixels of a file are of a type that only labels have."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            return str(tif.series[0].dtype) in _LABEL_TYPES
    except (tifffile.TiffFileError, IndexError, OSError):
        return False


def middle_page(path: Path) -> np.ndarray:
    """Return the pixels of one page of a TIFF file, that in the middle of a stack.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            pages = tif.series[0].pages
            page = pages[len(pages) // 2]
            return np.asarray((page or tif.series[0].keyframe).asarray())
    except Exception as error:  # decoders raise anything on damaged files
        raise ValueError(f"{path.name} cannot be read: copy it again from its source") from error


def refuse_truncated(path: Path) -> None:
    """Raise MicrographError for a TIFF of labels that ends before its pixels or pages do.

    tifffile gives the first page of such a stack, or zeros, and labels would be missing.
    """
    import tifffile

    with tifffile.TiffFile(path) as tif:
        if tif.series:
            _check_complete(tif, tif.series[0], path, len(tif.pages) > 1)


def _check_complete(tif: TiffFile, series: TiffPageSeries, path: Path, stack: bool) -> None:
    """Refuse a truncated file: missing strips would be zeros, missing pages not be missed."""
    size = path.stat().st_size
    lost = [at for at, page in enumerate(series.pages) if page is None]
    if lost and series.dataoffset is None:  # else it is one block, of which no page is listed
        raise MicrographError(
            f"{path.name} lists pages that are not there (page {lost[0]} is the first), which may "
            "be in files of their own; put all files of the set into one folder."
        )
    end = max(_data_ends(series), default=0)
    if series.dataoffset is not None:
        end = max(end, series.dataoffset + series.nbytes)
    if end > size or _has_lost_pages(tif, size, stack):
        raise MicrographError(
            f"{path.name} is truncated: it ends before its pixels do; copy it again from its "
            "source."
        )
    if series.nbytes > max(_PLAUSIBLE_BYTES, size * _MAX_COMPRESSION):
        raise MicrographError(
            f"{path.name} claims {series.nbytes / 1e9:.1f} GB of pixels in a file of "
            f"{size / 1e6:.1f} MB; its header is damaged, so copy it again from its source."
        )


def _data_ends(series: TiffPageSeries) -> Iterator[int]:
    for page in series.pages:
        if page is not None:
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
                yield offset + count


def _has_lost_pages(tif: TiffFile, size: int, stack: bool) -> bool:
    """Whether the last page that was found names a next one beyond the end of the file.

    Where one image is wanted, a lone page is believed to be alone unless its description counts
    more: rubbish in that place is no reason to refuse it.
    """
    counted = tif.is_imagej or tif.is_shaped or tif.is_ome
    if len(tif.pages) == 1 and not (stack or counted):
        return False
    layout, file = tif.tiff, tif.filehandle
    start = tif.pages[len(tif.pages) - 1].offset
    file.seek(start)
    tags = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))[0]
    file.seek(start + layout.tagnosize + tags * layout.tagsize)
    following = file.read(layout.offsetsize)
    if len(following) < layout.offsetsize:
        return True
    return bool(struct.unpack(layout.offsetformat, following)[0] >= size)


def _axes(series: TiffPageSeries) -> str:
    """Return the axes of a series, its samples as channels where they are no colours.

    Those are more than four, and two of which none is said to be alpha.
    """
    samples = dict(zip(series.axes, series.shape, strict=True)).get("S", 1)
    alpha = any(int(each) != _UNSPECIFIED for each in series.keyframe.extrasamples)
    if samples > _MAX_SAMPLES or (samples == 2 and not alpha):
        return str(series.axes).replace("C", "Q").replace("S", "C")
    return str(series.axes)


def _samples(
    data: np.ndarray, has_samples: bool, page: TiffPage, name: str
) -> tuple[np.ndarray, bool]:
    """Grey values or colours, whatever the photometric interpretation."""
    photometric = int(page.photometric)
    if photometric in _COLOURS:
        raise MicrographError(
            f"{name} is stored in {_COLOURS[photometric]} colours; save it as grey or RGB."
        )
    if photometric == _PALETTE and page.colormap is not None and data.dtype.kind == "u":
        palette = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
        data = apply_palette(data[..., 0] if has_samples else data, palette)
        return data, data.shape[-1:] == (3,) and data.ndim >= 3
    if photometric == _MINISWHITE and data.dtype.kind in "ub":
        data = ~data if data.dtype.kind == "b" else _inverted(data, page)
    return data, has_samples


def _inverted(data: np.ndarray, page: Any) -> np.ndarray:
    return np.asarray((1 << int(page.bitspersample)) - 1, dtype=data.dtype) - data

"""Which series of a TIFF file is the image, what its channels are called, and its OME metadata."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from typing import TYPE_CHECKING

from napari_etch.micrograph.choice import COLOURS, Which, listed, pick
from napari_etch.micrograph.errors import MicrographError, SeveralSeriesError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

_MAX_THUMBNAIL = 0.5  # of the image's area; the first lower level of a pyramid has a quarter
_RGB, _YCBCR = 2, 6


def main_series(tif: TiffFile, name: str, wanted: Which | None = None) -> TiffPageSeries:
    """Return the series of a file that is its image: the one wanted, or the only large one.

    Parameters
    ----------
    tif : tifffile.TiffFile
    name : str
        The file's name, for the message.
    wanted : int, str or None
        Number among all series of the file, or name. None: thumbnails and the lower levels of a
        pyramid are skipped.

    Raises
    ------
    MicrographError
        When there is none, or there are several and none is wanted.
    """
    if wanted is not None:
        at = pick(wanted, _series_names(tif), name, "series", "series")
        chosen = tif.series[at]
        if not _is_image(chosen):
            raise MicrographError(f"{name} has no image in its series {wanted}; choose another.")
        return chosen
    usable = [s for s in tif.series if _is_image(s)]
    if not usable:
        raise MicrographError(f"{name} is a TIFF file without an image in it.")

    def area(series: TiffPageSeries) -> int:
        return int(series.keyframe.imagelength) * int(series.keyframe.imagewidth)

    usable.sort(key=area, reverse=True)
    if len(usable) > 1 and area(usable[1]) > _MAX_THUMBNAIL * area(usable[0]):
        several = listed(_described(tif), "series", "series")
        raise SeveralSeriesError(
            f"{name} holds images of different kinds or sizes, {several}",
            tuple(_series_names(tif)),
        )
    return usable[0]


def channel_names(tif: TiffFile, series: TiffPageSeries) -> tuple[str, ...]:
    """Return what a file calls the channels of a series; empty where they have no names."""
    sizes = dict(zip(series.axes, series.shape, strict=True))
    count = sizes.get("C", 1)
    if count < 2:
        is_colour = int(series.keyframe.photometric) in (_RGB, _YCBCR)
        return COLOURS[: sizes.get("S", 1)] if is_colour and sizes.get("S", 1) > 2 else ()
    element = ome_image(tif, series)
    if element:
        channels = re.findall(r"<(?:\w+:)?Channel\b[^>]*>", element)
        return tuple(_attribute(each, "Name") for each in channels[:count])
    labels = [str(each) for each in (tif.imagej_metadata or {}).get("Labels") or []]
    alike = [set(labels[at::count]) for at in range(count)]  # one for each section, too
    return tuple(each.pop() for each in alike) if all(len(each) == 1 for each in alike) else ()


def ome_image(tif: TiffFile, series: TiffPageSeries | None) -> str:
    """Return the ``Image`` element of OME-XML that tells of a series; empty where none does.

    None as a series stands for the first.
    """
    text = tif.ome_metadata or ""
    found = re.findall(r"<(?:\w+:)?Image\b.*?</(?:\w+:)?Image\s*>", text, re.DOTALL)
    if not found:
        return text  # damaged, perhaps, but what there is may do
    if series is None or len(found) == 1:
        return str(found[0])
    known = [each for each in tif.series if each.kind == "ome"]
    if len(known) == len(found):  # tifffile leaves out what has no pixels in the file
        return str(next((e for e, s in zip(found, known, strict=True) if s is series), ""))
    return _by_name(found, series)


def _by_name(found: Sequence[str], series: TiffPageSeries) -> str:
    page = series.keyframe
    size = (str(page.imagewidth), str(page.imagelength))
    fitting = [e for e in found if (_attribute(e, "SizeX"), _attribute(e, "SizeY")) == size]
    named = [e for e in fitting if _attribute(e, "Name") == series.name]
    best = named or fitting
    return str(best[0]) if len(best) == 1 else ""


def _attribute(element: str, key: str) -> str:
    """Return the first attribute of that name in an element, or in those inside it."""
    match = re.search(rf"\b{key}\s*=\s*([\"'])(.*?)\1", element, re.DOTALL)
    return "" if match is None else unescape(match.group(2))


def _is_image(series: TiffPageSeries) -> bool:
    return {"Y", "X"} <= set(series.axes) and series.size > 0


def _series_names(tif: TiffFile) -> list[str]:
    return [str(each.name) for each in tif.series]


def _described(tif: TiffFile) -> list[str]:
    """Return the name and size of each series, as a sentence lists them."""
    found = []
    for each in tif.series:
        sizes = dict(zip(each.axes, each.shape, strict=True))
        text = f"{each.name}: " if each.name else ""
        text += f"{sizes.get('Y', 0)} × {sizes.get('X', 0)} px"
        if sizes.get("C", 1) > 1:
            text += f" in {sizes['C']} channels"
        found.append(text)
    return found

"""Pixel size and information bar from what microscopes and programs write into TIFF files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_etch.micrograph.calibration import (
    Calibration,
    is_editor_dpi,
    micrometres_per,
    square_calibration,
)
from napari_etch.micrograph.tiff_series import ome_image

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

_ZEISS, _FEI_SFEG, _FEI_HELIOS, _TESCAN, _OLYMPUS = 34118, 34680, 34682, 50431, 33560
_METRE = 1e6
_INCH, _CENTIMETRE = 2, 3
_MAX_BAR_SHARE = 0.3


def tiff_calibration(tif: TiffFile, series: TiffPageSeries, name: str) -> Calibration | None:
    """Pixel size of a series as a TIFF file states it, from the most to the least reliable place.

    Parameters
    ----------
    tif : tifffile.TiffFile
    series : tifffile.TiffPageSeries
        The image.
    name : str
        The image's name, for messages.

    Returns
    -------
    Calibration or None
        None when the file states nothing, or only a screen or print resolution.

    Raises
    ------
    MicrographError
        If the pixels are stated not to be square.
    """
    page = series.keyframe
    for reader in (_zeiss, _fei, _tescan, _olympus):
        found = reader(page, name)
        if found is not None:
            return found
    return _ome(tif, series, name) or _imagej(tif, page, name) or _resolution(page, name)


def tiff_info_bar_row(page: TiffPage) -> int | None:
    """First row of the information bar where the metadata state it (FEI/Thermo, Tescan).

    Parameters
    ----------
    page : tifffile.TiffPage

    Returns
    -------
    int or None
        None when nothing is stated or the statement does not fit the page.
    """
    height = int(page.imagelength)
    fei = _fei_sections(page)
    rows = _number(_get(fei, "Image", "ResolutionY"))
    if rows is None:
        rows = _number(_get(fei, "Scan", "ResolutionY"))
    if rows is None:
        strip = _number(_search(r"ImageStripSize", _tag_text(page, _TESCAN)))
        rows = None if strip is None else height - strip
    return plausible_bar_row(rows, height)


def plausible_bar_row(row: float | None, height: int) -> int | None:
    """`row` when a bar may begin there in an image of this height, else None.

    Parameters
    ----------
    row : float or None
    height : int

    Returns
    -------
    int or None
    """
    if row is None or not height * (1 - _MAX_BAR_SHARE) <= row < height:
        return None
    return int(row)


def _zeiss(page: TiffPage, name: str) -> Calibration | None:
    values = _tag_value(page, _ZEISS)
    if not isinstance(values, Mapping):
        return None
    source = f"Zeiss tag {_ZEISS}"
    # The image's own pixel size first: the other one is that of the live screen.
    for key in ("ap_image_pixel_size", "ap_pixel_size"):
        entry = values.get(key)
        if entry is None or len(entry) < 2:
            continue
        text = " ".join(str(part) for part in entry[1:])
        size = _length_um(text)
        if size is not None:
            return square_calibration(size, None, source, name)
    unnamed = values.get("", ())
    size = _number(unnamed[3]) if len(unnamed) > 3 else None
    return square_calibration(None if size is None else size * _METRE, None, source, name)


def _fei_sections(page: TiffPage) -> Mapping[str, Any]:
    for tag in (_FEI_HELIOS, _FEI_SFEG):
        value = _tag_value(page, tag)
        if isinstance(value, Mapping) and value:
            return value
    return {}


def _fei(page: TiffPage, name: str) -> Calibration | None:
    sections = _fei_sections(page)
    tag = _FEI_HELIOS if isinstance(_tag_value(page, _FEI_HELIOS), Mapping) else _FEI_SFEG
    for section in ("Scan", "EScan", "IScan"):
        width = _number(_get(sections, section, "PixelWidth"))
        height = _number(_get(sections, section, "PixelHeight"))
        if width is not None:
            return square_calibration(
                width * _METRE,
                None if height is None else height * _METRE,
                f"FEI/Thermo tag {tag}",
                name,
            )
    return None


def _tescan(page: TiffPage, name: str) -> Calibration | None:
    return tescan_calibration(_tag_text(page, _TESCAN), f"Tescan tag {_TESCAN}", name)


def tescan_calibration(text: str, source: str, name: str) -> Calibration | None:
    """Pixel size from Tescan's ``PixelSizeX`` and ``PixelSizeY``, which are in metres.

    Parameters
    ----------
    text : str
        The tag or the header file.
    source, name : str
        See `square_calibration`.

    Returns
    -------
    Calibration or None
    """
    width, height = (_number(_search(f"PixelSize{axis}", text)) for axis in "XY")
    return square_calibration(
        None if width is None else width * _METRE,
        None if height is None else height * _METRE,
        source,
        name,
    )


def _olympus(page: TiffPage, name: str) -> Calibration | None:
    values = _tag_value(page, _OLYMPUS)
    if not isinstance(values, Mapping):
        return None
    width, height = _number(values.get("pixelsizex")), _number(values.get("pixelsizey"))
    return square_calibration(
        None if width is None else width * _METRE,
        None if height is None else height * _METRE,
        f"Olympus tag {_OLYMPUS}",
        name,
    )


def _ome(tif: TiffFile, series: TiffPageSeries, name: str) -> Calibration | None:
    pixels = _ome_pixels(tif, series)
    if pixels is None:
        return None
    x, y = (_physical_size(pixels.group(), axis) for axis in "XY")
    return square_calibration(x, y, "OME-XML", name)


def _physical_size(pixels: str, axis: str) -> float | None:
    """Return the step along an axis that an OME element states, µm."""
    size = _attribute(pixels, f"PhysicalSize{axis}")
    unit = _attribute(pixels, f"PhysicalSize{axis}Unit") or "µm"
    scale, number = micrometres_per(unit), _number(size)
    return None if scale is None or number is None else number * scale


def _ome_pixels(tif: TiffFile, series: TiffPageSeries | None) -> re.Match[str] | None:
    return re.search(r"<(?:\w+:)?Pixels\b[^>]*>", ome_image(tif, series))


def stated_distance(tif: TiffFile, series: TiffPageSeries | None = None) -> float | None:
    """Return how far the sections of a stack are apart as a TIFF file states it, µm.

    Of the first series, where none is given.
    """
    pixels = _ome_pixels(tif, series)
    if pixels is not None:
        return _physical_size(pixels.group(), "Z")
    metadata = tif.imagej_metadata or {}
    scale = micrometres_per(str(metadata.get("zunit") or metadata.get("unit", "")))
    number = _number(metadata.get("spacing"))
    return None if scale is None or number is None else number * scale


def _attribute(element: str, key: str) -> str | None:
    from html import unescape

    match = re.search(rf"\b{key}\s*=\s*([\"'])(.*?)\1", element)
    return None if match is None else unescape(match.group(2))


def _imagej(tif: TiffFile, page: TiffPage, name: str) -> Calibration | None:
    metadata = tif.imagej_metadata or {}
    unit = str(metadata.get("unit", ""))
    scale = micrometres_per(unit)
    if scale is None:
        return None
    sides = _sides(page, scale, micrometres_per(str(metadata.get("yunit", ""))))
    if sides[0] is None or (unit.strip().lower() in ("inch", "cm") and is_editor_dpi(sides[0])):
        return None
    return square_calibration(*sides, "ImageJ", name)


def _resolution(page: TiffPage, name: str) -> Calibration | None:
    unit = page.tags.get(296)
    scales = {_INCH: micrometres_per("inch"), _CENTIMETRE: micrometres_per("cm")}
    # 1, or no unit tag: what ImageJ, Zeiss and others write when they mean nothing by it.
    scale = None if unit is None else scales.get(int(unit.value))
    if scale is None:
        return None
    sides = _sides(page, scale)
    if sides[0] is None or is_editor_dpi(sides[0]):
        return None
    return square_calibration(*sides, "TIFF resolution tags", name)


def _sides(
    page: TiffPage, unit_um: float, y_unit_um: float | None = None
) -> tuple[float | None, float | None]:
    """Sides of a pixel in µm from the X and Y resolution tags, in pixels per unit."""
    sides: list[float | None] = []
    for code, um in ((282, unit_um), (283, y_unit_um or unit_um)):
        tag = page.tags.get(code)
        side = None
        if tag is not None:
            value = tag.value
            count, units = value if isinstance(value, tuple) else (value, 1)
            side = um * units / count if count > 0 and units > 0 else None
        sides.append(side)
    return sides[0], sides[1]


def _tag_value(page: TiffPage, code: int) -> Any:
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def _tag_text(page: TiffPage, code: int) -> str:
    value = _tag_value(page, code)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, tuple):  # a BYTE array that is too short for tifffile to keep as bytes
        return bytes(v & 255 for v in value if isinstance(v, int)).decode("latin-1")
    return value if isinstance(value, str) else ""


def _search(key: str, text: str) -> str | None:
    match = re.search(rf"\b{key}\s*=\s*([-+0-9.,eE]+)", text)
    return None if match is None else match.group(1)


def _get(sections: Mapping[str, Any], section: str, key: str) -> Any:
    values = sections.get(section)
    return values.get(key) if isinstance(values, Mapping) else None


def _number(value: Any) -> float | None:
    """A positive number from a number or a text, decimal comma included."""
    try:
        number = float(str(value).strip().replace(",", "."))
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None


def _length_um(text: str) -> float | None:
    """µm of a text such as ``7.344 nm``."""
    match = re.fullmatch(r"\s*([-+0-9.,eE]+)\s*(\S+)\s*", text)
    if match is None:
        return None
    number, scale = _number(match.group(1)), micrometres_per(match.group(2))
    return None if number is None or scale is None else number * scale

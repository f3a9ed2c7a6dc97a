"""Text files that JEOL, Hitachi and Tescan microscopes write beside their images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from napari_etch.micrograph.calibration import Calibration, micrometres_per, square_calibration
from napari_etch.micrograph.tags import plausible_bar_row, tescan_calibration

_MAX_BYTES = 1_000_000  # a sidecar has a few kilobytes; a larger .txt is something else


@dataclass(frozen=True)
class Sidecar:
    """What a sidecar states.

    Attributes
    ----------
    calibration : Calibration or None
    info_bar_row : int or None
        First row of the information bar, where stated.
    """

    calibration: Calibration | None = None
    info_bar_row: int | None = None


def read_sidecar(path: Path, height: int, width: int) -> Sidecar:
    """Look for a sidecar of an image and read it.

    Parameters
    ----------
    path : pathlib.Path
        The image ``DIR/STEM.EXT``; ``STEM.txt``, ``STEM.EXT.txt``, ``STEM.hdr`` and Tescan's
        ``STEM-EXT.hdr`` beside it are tried, with endings in either case.
    height, width : int
        Rows and columns of the image.

    Returns
    -------
    Sidecar
        Empty when there is none or it states nothing.

    Raises
    ------
    MicrographError
        If the pixels are stated not to be square.
    """
    extension = path.suffix[1:]
    for stem in (path.stem, path.name, f"{path.stem}-{extension}"):
        for ending in ("hdr", "HDR", "txt", "TXT"):
            text = _text(path.with_name(f"{stem}.{ending}"))
            found = _parse(text, path.name, height, width) if text else Sidecar()
            if found != Sidecar():
                return found
    return Sidecar()


def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return ""
        raw = path.read_bytes()
    except OSError:
        return ""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):  # Hitachi may write UTF-16
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _parse(text: str, name: str, height: int, width: int) -> Sidecar:
    if "$CM_" in text or "$SM_MICRON" in text:
        return _jeol(text, name, height, width)
    if re.search(r"^\s*PixelSizeX\s*=", text, re.MULTILINE):
        strip = re.search(r"^\s*ImageStripSize\s*=\s*(\d+)", text, re.MULTILINE)
        row = plausible_bar_row(height - int(strip.group(1)), height) if strip else None
        return Sidecar(tescan_calibration(text, "Tescan sidecar", name), row)
    if "ImageFile]" in text:  # [SemImageFile], [TemImageFile]
        return _hitachi(text, name, height, width)
    return Sidecar()


def _jeol(text: str, name: str, height: int, width: int) -> Sidecar:
    bar = re.search(r"\$SM_MICRON_BAR\s+(\d+\.?\d*)", text)
    marker = re.search(r"\$SM_MICRON_MARKER\s+(\d+\.?\d*)\s*(\S+)", text)
    size = re.search(r"\$CM_FULL_SIZE\s+(\d+)\s+(\d+)", text)
    if _was_resized(size, width):
        return Sidecar()
    row = plausible_bar_row(float(size.group(2)), height) if size else None
    unit = micrometres_per(marker.group(2)) if marker else None
    if bar is None or marker is None or unit is None or not float(bar.group(1)) > 0:
        return Sidecar(None, row)
    pixel = float(marker.group(1)) * unit / float(bar.group(1))
    return Sidecar(square_calibration(pixel, None, "JEOL sidecar", name), row)


def _hitachi(text: str, name: str, height: int, width: int) -> Sidecar:
    nanometres = re.search(r"^\s*PixelSize\s*=\s*(\d+[.,]?\d*)", text, re.MULTILINE)
    size = re.search(r"^\s*DataSize\s*=\s*(\d+)\s*x\s*(\d+)", text, re.MULTILINE)
    if nanometres is None or _was_resized(size, width):
        return Sidecar()
    row = plausible_bar_row(float(size.group(2)), height) if size else None
    pixel = float(nanometres.group(1).replace(",", ".")) / 1000
    return Sidecar(square_calibration(pixel, None, "Hitachi sidecar", name), row)


def _was_resized(size: re.Match[str] | None, width: int) -> bool:
    """Whether the sidecar speaks of another width, so that its pixel is not this image's."""
    return size is not None and int(size.group(1)) != width

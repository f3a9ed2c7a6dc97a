"""Which picture a result was made from: said in its summary, and found again.

A file's name says little: the same name may lie in another folder, and where a command is run has
nothing to do with it. So a summary holds the whole path and a hash of the pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.micrograph import MicrographError, read_micrograph
from napari_etch.micrograph.align import moved_by
from napari_etch.micrograph.around import KnownSurroundings, SoughtSurroundings, around_of
from napari_etch.micrograph.scale_bar import KnownBar, ScaleBar
from napari_etch.micrograph.surroundings import MOUNT

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.micrograph.align import SectionShift


def pixel_hash(data: np.ndarray) -> str:
    """Return the SHA-256 of the pixels of an image, its type and shape included."""
    digest = hashlib.sha256(f"{data.dtype.str} {data.shape}".encode())
    for part in data if data.ndim == 3 else [data]:  # of a stack no copy is made as a whole
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def said_of_image(micrograph: Micrograph) -> dict[str, Any]:
    """Return what a summary says of the image, under the key "image"."""
    path = micrograph.path
    return {
        "name": micrograph.name,
        "path": None if path is None else str(path.resolve()),
        "section": micrograph.section,
        "pixels_sha256": pixel_hash(micrograph.data),
        "width_px": micrograph.width,
        "height_px": micrograph.height,
        "sections": len(micrograph.data) if micrograph.is_stack else 1,
        "is_stack": micrograph.is_stack,
        "series": micrograph.choice.series,
        "channel": micrograph.choice.channel,
        "channel_name": micrograph.choice.channel_name or None,
        "info_bar_row": micrograph.info_bar_row,
        "scale_bar": _said_of_bars(micrograph),
        "surroundings": _said_of_surroundings(micrograph),
        "printed_scale": _said_of_scale(micrograph),
    }


def _said_of_bars(micrograph: Micrograph) -> Any:
    """Return where a scale bar was left out, px: of a stack in each section; None for nowhere."""
    said = [bar and bar.to_json() for bar in micrograph.scale_bars]
    if not any(said):
        return None
    return said if micrograph.is_stack else said[0]


def _said_of_surroundings(micrograph: Micrograph) -> Any:
    """Return in words what around the specimen was left out: of a stack in each section."""
    found = [each.found for each in micrograph.around]
    if not any(found):
        return None
    words = [each and each.words for each in found]
    return words if micrograph.is_stack else words[0]


def _said_of_scale(micrograph: Micrograph) -> Any:
    """Return what a scale bar says; None where there is none or it could not be read."""
    bar = micrograph.printed_scale
    if bar is None:
        return None
    return {"text": bar.text, "length_px": bar.length, "pixel_size_um": bar.pixel_size_um}


def _known_bars(about: Mapping[str, Any]) -> tuple[KnownBar, ...]:
    """Return the scale bars that `said_of_image` told of."""
    said = about.get("scale_bar")
    listed = said if isinstance(said, list) else [said]
    if not any(listed):
        return ()
    return tuple(KnownBar(bar and ScaleBar.from_json(bar)) for bar in listed)


def said_of_shifts(shifts: Sequence[SectionShift]) -> list[list[int]]:
    """Return what a summary says of an alignment: (y, x) of each section, px."""
    return [[each.y, each.x] for each in shifts]


def likely_paths(folder: Path, summary: Mapping[str, Any]) -> Iterator[Path]:
    """Yield where the image of a result may be: where it was, or beside the result.

    Parameters
    ----------
    folder : Path
        Of the result.
    summary : mapping
        Its `summary.json`.
    """
    stated = str((summary.get("image") or {}).get("path") or "")
    if not stated:
        return
    path = Path(stated)
    yield path
    home = folder.resolve()
    elsewhere = PureWindowsPath(stated).name  # another system may have written it
    for above in (home.parent, home.parent.parent):  # moved together, or by an earlier version
        yield above / path.name
        if path.name != elsewhere:
            yield above / elsewhere


def read_source(path: Path, summary: Mapping[str, Any], pixel_size_um: float | None) -> Micrograph:
    """Return the image of a result as it was segmented: its section, and moved if it was aligned.

    Parameters
    ----------
    path : Path
    summary : mapping
        Of the result.
    pixel_size_um : float or None
        Goes before what the file says.

    Raises
    ------
    napari_etch.micrograph.MicrographError
        When it cannot be read, or is not that image.
    """
    about = summary.get("image") or {}
    section = about.get("section")
    stack = bool(about.get("is_stack", int(about.get("sections") or 1) > 1))
    micrograph = read_micrograph(
        path,
        pixel_size_um=pixel_size_um,
        keep_info_bar=True,
        stack=True if isinstance(section, int) else stack,
        series=about.get("series"),
        channel=about.get("channel"),
    )
    if isinstance(section, int):
        if not micrograph.is_stack or section >= len(micrograph.data):
            raise MicrographError(f"{path} has no section {section}, which was segmented.")
        micrograph = list(micrograph.sections())[section]
    row = about.get("info_bar_row")
    micrograph = replace(micrograph, info_bar_row=row if isinstance(row, int) else None)
    shifts = summary.get("alignment")
    if not (shifts and micrograph.is_stack and len(shifts) == len(micrograph.data)):
        micrograph = replace(micrograph, bars=_known_bars(about))
        return replace(micrograph, around=_around_as_told(micrograph, about))
    micrograph = replace(micrograph, around=_around_as_told(micrograph, about))
    micrograph = moved_by(micrograph, [(int(y), int(x)) for y, x in shifts])
    return replace(micrograph, bars=_known_bars(about))  # told of after the alignment


def _around_as_told(
    micrograph: Micrograph, about: Mapping[str, Any]
) -> tuple[SoughtSurroundings | KnownSurroundings, ...]:
    """Return what was left out around the specimen; not always was a mount looked for."""
    said = about.get("surroundings")
    listed = said if isinstance(said, list) else [said]
    sought = around_of(micrograph)
    if not any(listed) or len(listed) != len(sought):
        return ()
    return tuple(
        replace(each, mount=MOUNT in str(words)) if words else KnownSurroundings(None)
        for each, words in zip(sought, listed, strict=True)
    )


def is_source(micrograph: Micrograph, summary: Mapping[str, Any]) -> bool:
    """Return whether an image, as `read_source` gives it, is the one that a result was made from.

    Results of earlier versions do not say; of them the size must do.
    """
    about = summary.get("image") or {}
    known = about.get("pixels_sha256")
    if known is not None:
        return bool(pixel_hash(micrograph.data) == known)
    size = about.get("height_px"), about.get("width_px")
    return None in size or size == (micrograph.height, micrograph.width)

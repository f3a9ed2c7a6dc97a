"""What the commands take for images, and what they tell of one that was read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.cli.console import note
from napari_etch.results import ALL_FILES, SUMMARY_FILE

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph


_PICTURES = tuple(name for name in ALL_FILES if name.endswith((".tif", ".png")))


def sized(micrograph: Micrograph, name: str, by_bar: bool) -> Micrograph:
    """Return an image with the pixel size of its scale bar, where that is asked for and needed."""
    if not by_bar or micrograph.calibration is not None:
        return micrograph
    found = micrograph.sized_by_bar()
    if not micrograph.bars:
        note(f"{name}: --keep-info-bar looks for no scale bar, so the pixel size is not known")
    elif found.calibration is None:
        note(f"{name}: no scale bar could be read, so the pixel size is not known")
    else:
        note(f"{name}: {found.pixel_size_um:.3g} µm a pixel by the {found.calibration.source}")
    return found


def tell_reading(micrograph: Micrograph, name: str, *, takes_size: bool = True) -> None:
    """Tell what is left out of an image, and where its file contradicts what was typed.

    Where no pixel size is known, what a scale bar says of it, if the command takes one.
    """
    if not micrograph.is_stack and _is_blank(micrograph):
        note(f"{name}: it is blank, so what is found in it means nothing")
    if micrograph.info_bar_row is not None:
        note(f"{name}: the information bar from row {micrograph.info_bar_row} down is left out")
    bar = micrograph.scale_bar_words()
    if bar:
        note(f"{name}: {bar} is left out")
    around = micrograph.surroundings_words()
    if around:
        note(f"{name}: {around}")
    calibration = micrograph.calibration
    scale = micrograph.printed_scale_words() if takes_size or calibration is not None else ""
    if scale and calibration is None and micrograph.printed_scale is not None:
        size = f"{micrograph.printed_scale.pixel_size_um:.3g}"
        scale += f": if that is right, --pixel-size {size}"
    if scale:
        note(f"{name}: {scale}")
    if calibration is not None and calibration.conflict:
        note(f"{name}: {calibration.conflict}")


def _is_blank(micrograph: Micrograph) -> bool:
    """Return whether all pixels of an image have one value."""
    import numpy as np

    return bool(np.nanmin(micrograph.data) == np.nanmax(micrograph.data))


def _tell_labels(micrograph: Micrograph, name: str) -> None:
    from napari_etch.micrograph.line_map import looks_labelled

    first = next(iter(micrograph.sections()))
    if looks_labelled(first.data):
        note(
            f"{name}: it looks like a grain map and no micrograph; etch measure, count and repair "
            "take one as it is"
        )


def tell_density(per_mm2: float | None, pixel_size_um: float | None, name: str) -> None:
    """Tell of as many grains per mm² as a pixel size in nm or mm gives."""
    from napari_etch.measure.field import unusual_density_words

    unusual = unusual_density_words(per_mm2, pixel_size_um)
    if unusual:
        note(f"{name}: {unusual}")


def tell_margins(micrograph: Micrograph, name: str) -> None:
    """Tell of a blank margin that is not left out: it becomes a grain, and grains seem larger.

    And of a grain map in place of a micrograph, in which a network finds other grains.
    """
    from napari_etch.micrograph.luminance import grey_values
    from napari_etch.micrograph.margins import find_margins, margin_trouble

    _tell_labels(micrograph, name)
    for section in micrograph.sections():
        if section.surroundings is not None:
            continue
        grey = grey_values(section.data, is_rgb=section.is_rgb)
        margins = find_margins(grey[: section.info_bar_row])
        if margins:
            of = f"{name} section {section.section}" if micrograph.is_stack else name
            note(f"{of}: {margin_trouble(margins)}: cut it off first")
            return  # of a stack the first section tells


def refuse_result(path: Path) -> None:
    """Raise ValueError for results: their maps and their overlay are no micrographs.

    Those of a folder would pass for the sections of a stack, and a network finds grains in each.
    """
    if path.name in _PICTURES and (path.parent / SUMMARY_FILE).is_file():
        raise ValueError(
            f"{path} is part of a result, no micrograph: name the image that it was made from"
        )
    if (path / SUMMARY_FILE).is_file() and any((path / name).is_file() for name in _PICTURES):
        raise ValueError(
            f"{path} is a result, no folder of images: name the image that it was made from "
            "(etch measure, track, repair and export take results with grains)"
        )

"""The folder that a segmentation leaves on disk: its files and how they are written."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch import __version__
from napari_etch.grains import boundary_lines
from napari_etch.measure import SizeSummary, grain_table, summarise_sizes
from napari_etch.micrograph import write_tiff

if TYPE_CHECKING:
    import pandas as pd

    from napari_etch.micrograph import Micrograph
    from napari_etch.segmentation import Segmentation

BOUNDARY_FILE = "boundary.tif"
GRAINS_FILE = "grains.tif"
TABLE_FILE = "grains.csv"
SUMMARY_FILE = "summary.json"
OVERLAY_FILE = "overlay.png"
RESULT_FILES = (BOUNDARY_FILE, GRAINS_FILE, TABLE_FILE, SUMMARY_FILE, OVERLAY_FILE)

# Vermilion: far from every grey in hue, and told from it by colour-blind readers too.
LINE_COLOUR = (255, 80, 0)


class ResultExistsError(ValueError):
    """There already is a result where one should be written."""


def check_free(folder: Path) -> None:
    """Raise ResultExistsError when a folder holds results.

    Parameters
    ----------
    folder : Path
        Where a result is to go; it need not exist.
    """
    if folder.exists() and not folder.is_dir():
        raise ResultExistsError(f"{folder} is a file: choose another output folder")
    taken = [name for name in RESULT_FILES if (folder / name).exists()]
    if taken:
        raise ResultExistsError(
            f"{folder} already holds {taken[0]}: add --overwrite to replace it, "
            "or choose another output folder"
        )


def write_segmentation(
    segmentation: Segmentation, folder: Path, *, overwrite: bool = False
) -> SizeSummary:
    """Write a segmentation into a folder, all files or none.

    Parameters
    ----------
    segmentation : Segmentation
        What to write.
    folder : Path
        Is made, with its parents. Other files in it stay.
    overwrite : bool
        Replace an earlier result.

    Returns
    -------
    SizeSummary
        Grain count and size, as written to ``summary.json``.

    Raises
    ------
    ResultExistsError
        When there is an earlier result and `overwrite` is not set.
    OSError
        When the disk does not take it.
    """
    if not overwrite:
        check_free(folder)
    sizes = summarise_sizes(segmentation.grains, segmentation.micrograph.pixel_size_um)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        _write_files(segmentation, sizes, unfinished)
        _move_into_place(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return sizes


def overlay_rgb(micrograph: Micrograph, grains: np.ndarray) -> np.ndarray:
    """Draw the outlines of grains over their micrograph.

    Parameters
    ----------
    micrograph : Micrograph
        One image, (y, x) or (y, x, 3).
    grains : np.ndarray
        Grain map, int, (y, x).

    Returns
    -------
    np.ndarray
        uint8, (y, x, 3), lines one pixel wide.
    """
    if micrograph.is_rgb and micrograph.data.dtype == np.uint8:
        image = micrograph.data.copy()
    else:
        grey = (255 * micrograph.grey()).round().astype(np.uint8)
        image = np.repeat(grey[..., None], 3, axis=-1)
    image[boundary_lines(grains)] = LINE_COLOUR
    return image


def _write_files(segmentation: Segmentation, sizes: SizeSummary, folder: Path) -> None:
    pixel_size = segmentation.micrograph.pixel_size_um
    write_tiff(folder / BOUNDARY_FILE, segmentation.boundary, pixel_size_um=pixel_size)
    write_tiff(folder / GRAINS_FILE, segmentation.grains, pixel_size_um=pixel_size)
    _table(segmentation).to_csv(folder / TABLE_FILE, index=False, float_format="%.6g")
    summary = json.dumps(summary_of(segmentation, sizes), indent=1, allow_nan=False)
    (folder / SUMMARY_FILE).write_text(summary + "\n", encoding="utf-8")
    (folder / OVERLAY_FILE).write_bytes(_overlay_png(segmentation))


def _move_into_place(unfinished: Path, folder: Path) -> None:
    if not folder.exists():
        unfinished.rename(folder)
        return
    for name in RESULT_FILES:
        if (unfinished / name).exists():
            (unfinished / name).replace(folder / name)
        else:  # left by an earlier run that made more
            (folder / name).unlink(missing_ok=True)


def _table(segmentation: Segmentation) -> pd.DataFrame:
    """Return the rows of all grains; those of a stack begin with their section, from 0."""
    import pandas as pd

    pixel_size = segmentation.micrograph.pixel_size_um
    if not segmentation.micrograph.is_stack:
        return grain_table(segmentation.grains, pixel_size_um=pixel_size)
    tables = []
    for index, section in enumerate(segmentation.grains):
        table = grain_table(section, pixel_size_um=pixel_size)
        table.insert(0, "section", index)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def summary_of(segmentation: Segmentation, sizes: SizeSummary) -> dict[str, Any]:
    """Return what ``summary.json`` says: what was measured, from which image, made by what.

    Parameters
    ----------
    segmentation : Segmentation
        The result.
    sizes : SizeSummary
        Its grain sizes.

    Returns
    -------
    dict
        Ready for JSON; what is not known is None.
    """
    micrograph = segmentation.micrograph
    calibration = micrograph.calibration
    return plain(
        {
            "image": {
                "name": micrograph.name,
                "path": micrograph.path,
                "width_px": micrograph.width,
                "height_px": micrograph.height,
                "sections": len(micrograph.data) if micrograph.is_stack else 1,
                "info_bar_row": micrograph.info_bar_row,
            },
            "pixel_size_um": micrograph.pixel_size_um,
            "pixel_size_source": calibration.source if calibration else None,
            **asdict(sizes),
            "model": segmentation.model,
            "weights_hash": segmentation.weights_hash,
            "parameters": segmentation.parameters,
            "napari_etch": __version__,
            "device": segmentation.device,
            "seconds": round(segmentation.seconds, 3),
            "notices": segmentation.notices,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: numpy numbers become Python's, NaN None, the rest text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _overlay_png(segmentation: Segmentation) -> bytes:
    """Return the overlay, of a stack that of its middle section, as a PNG file."""
    import imagecodecs

    sections = list(segmentation.micrograph.sections())
    middle = len(sections) // 2
    stacked = segmentation.micrograph.is_stack
    grains = segmentation.grains[middle] if stacked else segmentation.grains
    return bytes(imagecodecs.png_encode(overlay_rgb(sections[middle], grains)))

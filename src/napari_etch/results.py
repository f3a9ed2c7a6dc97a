"""The folder of results that a run leaves on disk: its files, and how it is written."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch import __version__
from napari_etch.grains import boundary_lines
from napari_etch.measure import SizeSummary, grain_table, summarise_sizes
from napari_etch.measure.report_files import (
    EXCEL_FILE,
    HTML_FILE,
    JSON_FILE,
    PDF_FILE,
    TABLE_FILE,
    csv_bytes,
    excel_bytes,
    html_bytes,
    json_bytes,
    pdf_bytes,
)
from napari_etch.micrograph import write_tiff
from napari_etch.micrograph.large import let_go

if TYPE_CHECKING:
    import pandas as pd

    from napari_etch.fractography import ClassArea, FractureMap
    from napari_etch.measure.report import Report
    from napari_etch.micrograph import Micrograph
    from napari_etch.repairing import Repaired
    from napari_etch.segmentation import Segmentation

BOUNDARY_FILE = "boundary.tif"
GRAINS_FILE = "grains.tif"
SUMMARY_FILE = "summary.json"
OVERLAY_FILE = "overlay.png"
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
# One result takes the place of another, whatever made them.
_ALL_FILES = tuple(dict.fromkeys((*RESULT_FILES, *REPAIR_FILES, *FRACTURE_FILES)))

# What a measurement leaves: the first three always, the others where they are asked for.
MEASURE_FILES = (JSON_FILE, TABLE_FILE, HTML_FILE, EXCEL_FILE, PDF_FILE)

# Vermilion: far from every grey in hue, and told from it by colour-blind readers too.
LINE_COLOUR = (255, 80, 0)
# Of the line of a bridge, from one as sure as not to a certain one: far from the lines' own colour,
# and light over black lines, dark over white grains.
UNSURE_COLOUR, SURE_COLOUR = (215, 0, 215), (0, 165, 255)


class ResultExistsError(ValueError):
    """There already is a result where one should be written."""


def check_free(folder: Path, names: Sequence[str] = _ALL_FILES) -> None:
    """Raise ResultExistsError when a folder holds results.

    Parameters
    ----------
    folder : Path
        Where a result is to go; it need not exist.
    names : sequence of str
        The files that must not be there.
    """
    if folder.exists() and not folder.is_dir():
        raise ResultExistsError(f"{folder} is a file: choose another output folder")
    taken = [name for name in names if (folder / name).exists()]
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
    let_go(segmentation.grains)
    write_whole(folder, lambda unfinished: _write_files(segmentation, sizes, unfinished))
    return sizes


def write_repair(
    repaired: Repaired,
    micrograph: Micrograph,
    folder: Path,
    *,
    about: dict[str, Any] | None = None,
    overwrite: bool = False,
) -> SizeSummary:
    """Write a closed boundary network into a folder, all files or none.

    Parameters
    ----------
    repaired : Repaired
        What to write.
    micrograph : Micrograph
        What it was made from, (y, x) or (y, x, 3).
    folder : Path
        Is made, with its parents. Other files in it stay.
    about : dict, optional
        What else ``summary.json`` shall say.
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
    pixel_size = micrograph.pixel_size_um
    sizes = summarise_sizes(repaired.grains, pixel_size)
    summary = plain({**_repair_summary(repaired, micrograph, sizes), **(about or {})})

    def write(unfinished: Path) -> None:
        for name, picture in (
            (BOUNDARY_FILE, repaired.boundary),
            (GRAINS_FILE, repaired.grains),
            (ADDED_FILE, repaired.added),
        ):
            write_tiff(unfinished / name, picture, pixel_size_um=pixel_size)
        table = bridge_table(repaired, pixel_size)
        table.to_csv(unfinished / BRIDGES_FILE, index=False, float_format="%.6g")
        text = json.dumps(summary, indent=1, allow_nan=False)
        (unfinished / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")
        picture = repair_rgb(repaired, micrograph)
        (unfinished / OVERLAY_FILE).write_bytes(_png(picture))

    write_whole(folder, write)
    return sizes


def write_fracture(
    found: FractureMap,
    folder: Path,
    *,
    grains: np.ndarray | None = None,
    overwrite: bool = False,
) -> tuple[ClassArea, ...]:
    """Write a map of fracture modes into a folder, all files or none.

    Parameters
    ----------
    found : FractureMap
        What to write.
    folder : Path
        Is made, with its parents. Other files in it stay.
    grains : np.ndarray, optional
        Grain map of the image, int, (y, x): a table of the mode of each facet is written, too.
    overwrite : bool
        Replace an earlier result.

    Returns
    -------
    tuple of ClassArea
        The area of each class, as written to ``fracture.csv``.

    Raises
    ------
    ResultExistsError
        When there is an earlier result and `overwrite` is not set.
    ValueError
        When the grains are those of another image.
    OSError
        When the disk does not take it.
    """
    from napari_etch.fractography import class_areas, facet_modes
    from napari_etch.fractography.reporting import area_table, map_summary, mode_rgb

    if not overwrite:
        check_free(folder)
    pixel_size = found.micrograph.pixel_size_um
    areas = class_areas(found.classes, found.table, specimen=found.field, pixel_size_um=pixel_size)
    tables = {FRACTURE_TABLE_FILE: area_table(areas)}
    if grains is not None:
        tables[FACETS_FILE] = facet_modes(
            found.classes, grains, found.table, pixel_size_um=pixel_size
        )
    about = {"napari_etch": __version__, "made": datetime.now(UTC).isoformat(timespec="seconds")}
    summary = plain({**_about_image(found.micrograph), **map_summary(found, areas), **about})

    def write(unfinished: Path) -> None:
        write_tiff(unfinished / FRACTURE_FILE, found.classes, pixel_size_um=pixel_size)
        write_tiff(unfinished / CONFIDENCE_FILE, found.confidence, pixel_size_um=pixel_size)
        for name, table in tables.items():
            table.to_csv(unfinished / name, index=False, float_format="%.6g")
        text = json.dumps(summary, indent=1, allow_nan=False)
        (unfinished / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")
        (unfinished / OVERLAY_FILE).write_bytes(_png(mode_rgb(found)))

    write_whole(folder, write)
    return areas


def write_report(
    report: Report,
    folder: Path,
    *,
    excel: bool = False,
    pdf: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a measurement into a folder, all files or none.

    Parameters
    ----------
    report : Report
        What to write.
    folder : Path
        Is made, with its parents. Other files in it stay.
    excel, pdf : bool
        Write ``measure.xlsx`` and ``report.pdf``, too.
    overwrite : bool
        Replace an earlier measurement.

    Raises
    ------
    ResultExistsError
        When there is an earlier one and `overwrite` is not set.
    OSError
        When the disk does not take it.
    """
    if not overwrite:
        check_free(folder, MEASURE_FILES)

    def write(unfinished: Path) -> None:
        for name in MEASURE_FILES:
            if (name != EXCEL_FILE or excel) and (name != PDF_FILE or pdf):
                (unfinished / name).write_bytes(report_file(report, name))

    write_whole(folder, write, MEASURE_FILES)


def report_file(report: Report, name: str) -> bytes:
    """Return one of the files of a measurement.

    Parameters
    ----------
    report : Report
    name : str
        One of `MEASURE_FILES`.
    """
    if name == JSON_FILE:
        return json_bytes(report, plain)
    makers = {
        TABLE_FILE: csv_bytes,
        HTML_FILE: html_bytes,
        EXCEL_FILE: excel_bytes,
        PDF_FILE: pdf_bytes,
    }
    return makers[name](report)


def write_whole(
    folder: Path, write: Callable[[Path], None], names: Sequence[str] = _ALL_FILES
) -> None:
    """Let `write` fill a folder beside `folder`, and move the files into it when all are there.

    What is called as one of `names` and is not written anew was left by an earlier run, and goes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        write(unfinished)
        _move_into_place(unfinished, folder, names)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def bridge_table(repaired: Repaired, pixel_size_um: float | None = None) -> pd.DataFrame:
    """Return a row for each bridge: how sure and how long it is, and where it runs.

    Parameters
    ----------
    repaired : Repaired
    pixel_size_um : float, optional
        Edge of a pixel; without it the column ``length_um`` is left out.

    Returns
    -------
    pandas.DataFrame
        ``bridge``, ``confidence``, ``length_px`` and the pixels (row y, column x) where it begins,
        where its middle is and where it ends.
    """
    import pandas as pd

    rows = []
    for bridge in repaired.bridges:
        row = {
            "bridge": bridge.id,
            "confidence": bridge.confidence,
            "length_px": bridge.length,
        }
        if pixel_size_um is not None:
            row["length_um"] = bridge.length * pixel_size_um
        places = {"start": 0, "middle": len(bridge.path) // 2, "end": -1}
        for name, at in places.items():
            y, x = bridge.path[at]
            row |= {f"{name}_y_px": int(y), f"{name}_x_px": int(x)}
        rows.append(row)
    length = ["length_px"] if pixel_size_um is None else ["length_px", "length_um"]
    ends = [f"{name}_{axis}_px" for name in ("start", "middle", "end") for axis in "yx"]
    return pd.DataFrame(rows, columns=["bridge", "confidence", *length, *ends])


def repair_rgb(repaired: Repaired, micrograph: Micrograph) -> np.ndarray:
    """Draw the bridges over what they close, each in the colour of its confidence.

    Over a micrograph the lines that were found are drawn too.

    Parameters
    ----------
    repaired : Repaired
    micrograph : Micrograph
        What was repaired, (y, x) or (y, x, 3).

    Returns
    -------
    np.ndarray
        uint8, (y, x, 3).
    """
    if repaired.kind == "grains":
        lines = np.where(repaired.boundary >= 0.5, np.uint8(0), np.uint8(255))
        image = np.repeat(lines[..., None], 3, axis=-1)
    else:
        image = _rgb(micrograph)
    if repaired.kind == "micrograph":
        image[boundary_lines(repaired.grains)] = LINE_COLOUR
    bridged = repaired.added > 0
    image[bridged] = bridge_colours(repaired.added[bridged])
    return image


def bridge_colours(confidence: np.ndarray) -> np.ndarray:
    """Return the colours of bridges, uint8 (n, 3), of their confidence, (n,) in [0, 1].

    At a half and below it is `UNSURE_COLOUR`, at 1 `SURE_COLOUR`.
    """
    share = np.clip(2 * confidence[:, None] - 1, 0, 1)
    colours = (1 - share) * np.array(UNSURE_COLOUR) + share * np.array(SURE_COLOUR)
    return np.asarray(colours.round(), np.uint8)


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
    image = _rgb(micrograph)
    image[boundary_lines(grains)] = LINE_COLOUR
    return image


def _rgb(micrograph: Micrograph) -> np.ndarray:
    """Return a micrograph as a new picture to draw on, uint8 (y, x, 3)."""
    if micrograph.is_rgb and micrograph.data.dtype == np.uint8:
        return micrograph.data.copy()
    grey = (255 * micrograph.grey()).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _write_files(segmentation: Segmentation, sizes: SizeSummary, folder: Path) -> None:
    pixel_size = segmentation.micrograph.pixel_size_um
    for name, array in (
        (BOUNDARY_FILE, segmentation.boundary),
        (GRAINS_FILE, segmentation.grains),
    ):
        write_tiff(folder / name, array, pixel_size_um=pixel_size)
        let_go(array)
    _table(segmentation).to_csv(folder / TABLE_FILE, index=False, float_format="%.6g")
    summary = json.dumps(summary_of(segmentation, sizes), indent=1, allow_nan=False)
    (folder / SUMMARY_FILE).write_text(summary + "\n", encoding="utf-8")
    (folder / OVERLAY_FILE).write_bytes(_overlay_png(segmentation))


def _move_into_place(unfinished: Path, folder: Path, names: Sequence[str]) -> None:
    if not folder.exists():
        unfinished.rename(folder)
        return
    for name in names:
        if (folder / name).is_dir():  # one does not take the place of another while it holds files
            shutil.rmtree(folder / name)
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
        let_go(segmentation.grains)
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
    return plain(
        {
            **_about_image(segmentation.micrograph),
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


def _about_image(micrograph: Micrograph) -> dict[str, Any]:
    calibration = micrograph.calibration
    return {
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
    }


def _repair_summary(
    repaired: Repaired, micrograph: Micrograph, sizes: SizeSummary
) -> dict[str, Any]:
    confidence = [bridge.confidence for bridge in repaired.bridges]
    return {
        **_about_image(micrograph),
        **asdict(sizes),
        "kind": repaired.kind,
        "polarity": repaired.polarity or None,
        "bridges": len(confidence),
        "least_confidence": min(confidence, default=None),
        "mean_confidence": float(np.mean(confidence)) if confidence else None,
        "added_px": int(np.count_nonzero(repaired.added)),
        "parameters": repaired.parameters,
        "napari_etch": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


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
    sections = list(segmentation.micrograph.sections())
    middle = len(sections) // 2
    stacked = segmentation.micrograph.is_stack
    grains = segmentation.grains[middle] if stacked else segmentation.grains
    return _png(overlay_rgb(sections[middle], grains))


def _png(picture: np.ndarray) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(picture))

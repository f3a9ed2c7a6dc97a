"""A map of fracture modes on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_etch.micrograph import write_tiff
from napari_etch.results.about import about_image, made_now, plain, write_summary
from napari_etch.results.files import (
    CONFIDENCE_FILE,
    FACETS_FILE,
    FRACTURE_FILE,
    FRACTURE_TABLE_FILE,
    OVERLAY_FILE,
    PathLike,
    check_free,
    write_whole,
)
from napari_etch.results.pictures import png

if TYPE_CHECKING:
    from napari_etch.fractography import ClassArea, FractureMap


def write_fracture(
    found: FractureMap,
    folder: PathLike,
    *,
    grains: np.ndarray | None = None,
    overwrite: bool = False,
) -> tuple[ClassArea, ...]:
    """Write a map of fracture modes into a folder, all files or none.

    Parameters
    ----------
    found : FractureMap
        What to write.
    folder : str or path
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

    folder = Path(folder)
    if not overwrite:
        check_free(folder)
    pixel_size = found.micrograph.pixel_size_um
    areas = class_areas(found.classes, found.table, specimen=found.field, pixel_size_um=pixel_size)
    tables = {FRACTURE_TABLE_FILE: area_table(areas)}
    if grains is not None:
        tables[FACETS_FILE] = facet_modes(
            found.classes, grains, found.table, pixel_size_um=pixel_size
        )
    said = {**about_image(found.micrograph), **map_summary(found, areas), **made_now()}
    summary = plain(said)

    def write(unfinished: Path) -> None:
        write_tiff(unfinished / FRACTURE_FILE, found.classes, pixel_size_um=pixel_size)
        write_tiff(unfinished / CONFIDENCE_FILE, found.confidence, pixel_size_um=pixel_size)
        for name, table in tables.items():
            table.to_csv(unfinished / name, index=False, float_format="%.6g")
        write_summary(unfinished, summary)
        (unfinished / OVERLAY_FILE).write_bytes(png(mode_rgb(found)))

    write_whole(folder, write, overwrite=overwrite)
    return areas

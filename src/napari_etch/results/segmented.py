"""A segmentation on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch.measure import SizeSummary, grain_table, summarise_sizes
from napari_etch.micrograph import write_tiff
from napari_etch.micrograph.large import let_go
from napari_etch.results.about import about_image, made_now, plain, write_summary
from napari_etch.results.files import (
    BOUNDARY_FILE,
    GRAINS_FILE,
    OVERLAY_FILE,
    SHIFTS_FILE,
    TABLE_FILE,
    PathLike,
    check_free,
    write_whole,
)
from napari_etch.results.pictures import overlay_rgb, png
from napari_etch.results.shifts import write_shifts
from napari_etch.results.source_image import said_of_shifts

if TYPE_CHECKING:
    import pandas as pd

    from napari_etch.micrograph.align import SectionShift
    from napari_etch.segmentation import Segmentation


def write_segmentation(
    segmentation: Segmentation,
    folder: PathLike,
    *,
    overwrite: bool = False,
    shifts: Sequence[SectionShift] = (),
) -> SizeSummary:
    """Write a segmentation into a folder, all files or none.

    Parameters
    ----------
    segmentation : Segmentation
        What to write.
    folder : str or path
        Is made, with its parents. Other files in it stay.
    overwrite : bool
        Replace an earlier result.
    shifts : sequence of SectionShift
        Where the sections of a stack were moved before; none when it was not aligned.

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
    folder = Path(folder)
    if not overwrite:
        check_free(folder)
    sizes = summarise_sizes(segmentation.grains, segmentation.micrograph.pixel_size_um)
    let_go(segmentation.grains)
    write_whole(
        folder,
        lambda unfinished: _write_files(segmentation, sizes, shifts, unfinished),
        overwrite=overwrite,
    )
    return sizes


def _write_files(
    segmentation: Segmentation,
    sizes: SizeSummary,
    shifts: Sequence[SectionShift],
    folder: Path,
) -> None:
    micrograph = segmentation.micrograph
    for name, array in (
        (BOUNDARY_FILE, segmentation.boundary),
        (GRAINS_FILE, segmentation.grains),
    ):
        write_tiff(
            folder / name,
            array,
            pixel_size_um=micrograph.pixel_size_um,
            distance_um=micrograph.distance_um,
        )
        let_go(array)
    _table(segmentation).to_csv(folder / TABLE_FILE, index=False, float_format="%.6g")
    said = summary_of(segmentation, sizes)
    if shifts:
        said["alignment"] = said_of_shifts(shifts)
        write_shifts(folder / SHIFTS_FILE, shifts)
    write_summary(folder, said)
    (folder / OVERLAY_FILE).write_bytes(_overlay_png(segmentation))


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
            **about_image(segmentation.micrograph),
            **asdict(sizes),
            "model": segmentation.model,
            "weights_hash": segmentation.weights_hash,
            "parameters": segmentation.parameters,
            "device": segmentation.device,
            "seconds": round(segmentation.seconds, 3),
            "notices": segmentation.notices,
            **made_now(),
        }
    )


def _overlay_png(segmentation: Segmentation) -> bytes:
    """Return the overlay, of a stack that of its middle section, as a PNG file."""
    sections = list(segmentation.micrograph.sections())
    middle = len(sections) // 2
    stacked = segmentation.micrograph.is_stack
    grains = segmentation.grains[middle] if stacked else segmentation.grains
    return png(overlay_rgb(sections[middle], grains))

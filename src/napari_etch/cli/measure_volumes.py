"""The grains of stacks in space, beside what is measured in their sections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.cli.console import note
from napari_etch.cli.maps import map_of, read_corrected
from napari_etch.measure.report_files import JSON_FILE
from napari_etch.results import VOLUME_FILE

if TYPE_CHECKING:
    import pandas as pd


def volume_table(
    paths: Sequence[Path], pixel_size_um: float, distance_um: float, *, corrections: bool = True
) -> pd.DataFrame:
    """Return the grains of stacks in space, with the stack of each in the first column.

    Raises
    ------
    ValueError
        When no stack was given, or its sections are numbered one by one.
    """
    import pandas as pd

    from napari_etch.measure.volume import grain_table_3d, runs_through

    tables = []
    for path in paths:
        file = map_of(path)
        grains, _ = read_corrected(file, corrections)
        if grains.ndim != 3:
            raise ValueError(f"{file} is a single section: --section-distance is for stacks")
        table = grain_table_3d(grains, voxel_size_um=(distance_um, pixel_size_um, pixel_size_um))
        if not runs_through(table):
            raise ValueError(
                f"the sections of {file} are numbered one by one, so these are no grains in space: "
                "run etch track first and measure its grains3d.tif"
            )
        tell_distance(file, distance_um, str(path))
        table.insert(0, "stack", str(path))
        tables.append(table)
    return pd.concat(tables)


def distance_of(file: Path) -> float | None:
    """Return how far the sections of a stack are apart as its file states it, µm."""
    import tifffile

    from napari_etch.micrograph.tags import stated_distance

    if not file.is_file() or file.suffix.lower() not in (".tif", ".tiff"):
        return None
    with tifffile.TiffFile(file) as tif:
        return stated_distance(tif)


def tell_distance(file: Path, typed_um: float, name: str) -> None:
    """Tell where a stack states another distance of its sections: volumes go by the typed one."""
    from napari_etch.micrograph.calibration import SAME_PIXEL

    stated = distance_of(file)
    if stated is not None and abs(stated / typed_um - 1) > SAME_PIXEL:
        note(
            f"{name}: the file states {stated:g} µm from section to section; {typed_um:g} as typed "
            "was used"
        )


def volumes_of_earlier(out: Path) -> Path | None:
    """Return the 3D table of an earlier measurement, which goes where this one has none.

    Tracks keep theirs.
    """
    from napari_etch.cli.track_files import TRACKS_FILE

    earlier = (out / JSON_FILE).exists() and not (out / TRACKS_FILE).exists()
    return out / VOLUME_FILE if earlier else None

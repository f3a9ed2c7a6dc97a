"""The table of grain counts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.results.file_names import readable
from napari_etch.results.files import PathLike, whole_file

if TYPE_CHECKING:
    from napari_etch.counting import GrainCount

#: Columns of the table of `etch count` and of the Segment dock.
COUNT_COLUMNS = (
    "image",
    "count",
    "low",
    "high",
    "density_per_mm2",
    "inside",
    "at_edge",
    "at_corner",
)


def write_counts(out: PathLike, rows: Sequence[tuple[str, GrainCount]]) -> None:
    """Write a table of counts under a temporary name, then rename it.

    Parameters
    ----------
    out : str or path
        A CSV file; an earlier one is replaced.
    rows : sequence of (str, GrainCount)
        What the image is called, and its count. Limits and density are empty where they are not
        known.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COUNT_COLUMNS)
        for name, item in rows:
            density = "" if item.density_per_mm2 is None else f"{item.density_per_mm2:.6g}"
            border = (item.n_inside, item.n_edge, item.n_corner)
            table.writerow([readable(name), item.count, item.low, item.high, density, *border])

"""A closed boundary network on disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.measure import SizeSummary, summarise_sizes
from napari_etch.micrograph import write_tiff
from napari_etch.results.about import about_image, made_now, plain, write_summary
from napari_etch.results.files import (
    ADDED_FILE,
    BOUNDARY_FILE,
    BRIDGES_FILE,
    GRAINS_FILE,
    OVERLAY_FILE,
    PathLike,
    check_free,
    write_whole,
)
from napari_etch.results.pictures import png, repair_rgb

if TYPE_CHECKING:
    import pandas as pd

    from napari_etch.micrograph import Micrograph
    from napari_etch.repairing import Repaired


def write_repair(
    repaired: Repaired,
    micrograph: Micrograph,
    folder: PathLike,
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
    folder : str or path
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
    folder = Path(folder)
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
        write_summary(unfinished, summary)
        picture = repair_rgb(repaired, micrograph)
        (unfinished / OVERLAY_FILE).write_bytes(png(picture))

    write_whole(folder, write, overwrite=overwrite)
    return sizes


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


def _repair_summary(
    repaired: Repaired, micrograph: Micrograph, sizes: SizeSummary
) -> dict[str, Any]:
    confidence = [bridge.confidence for bridge in repaired.bridges]
    return {
        **about_image(micrograph),
        **asdict(sizes),
        "kind": repaired.kind,
        "polarity": repaired.polarity or None,
        "bridges": len(confidence),
        "least_confidence": min(confidence, default=None),
        "mean_confidence": float(np.mean(confidence)) if confidence else None,
        "added_px": int(np.count_nonzero(repaired.added)),
        "parameters": repaired.parameters,
        **made_now(),
    }

"""The class maps of ``etch measure``: the area fraction of each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_etch.cli.maps import read_corrected, taken_words
from napari_etch.measure import AreaFraction, area_fraction
from napari_etch.results import FRACTURE_FILE


def area_fractions(
    paths: Sequence[Path], *, corrections: bool = True
) -> tuple[dict[str, AreaFraction], list[str]]:
    """Return the area fraction of each class of class maps (ASTM E562).

    Parameters
    ----------
    paths : sequence of Path
        Class maps, or results of ``etch fracture``.
    corrections : bool
        Take those of the Correct dock that lie beside a result.

    Returns
    -------
    dict of str to AreaFraction
    list of str
        What is to be told of the corrections.
    """
    if not paths:
        return {}, []
    files = [path / FRACTURE_FILE if path.is_dir() else path for path in paths]
    read = [read_corrected(file, corrections) for file in files]
    maps = [classes for classes, _ in read]
    told = [
        f"{path}: {taken_words(correction)}"
        for path, (_, correction) in zip(paths, read, strict=True)
        if correction is not None
    ]
    values = sorted({int(value) for each in maps for value in np.unique(each)} - {0})
    if len(values) > 20:
        raise ValueError(
            f"{paths[0]} holds {len(values)} values, so it is no class map: "
            "give a map of a few classes, not of grains"
        )
    return {f"class {value}": area_fraction(maps, value) for value in values}, told

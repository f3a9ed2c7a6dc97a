"""The class maps of ``etch measure``: the area fraction of each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_etch.cli.maps import read_corrected, same_images, taken_words
from napari_etch.grains.class_table import ClassTable
from napari_etch.measure import AreaFraction, area_fraction
from napari_etch.results import FRACTURE_FILE, read_summary

_TOGETHER = "measure maps of one class table together"


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
        By the names that the results give their classes, else as ``class 1``.
    list of str
        What is to be told of the corrections.
    """
    if not paths:
        return {}, []
    files = [path / FRACTURE_FILE if path.is_dir() else path for path in paths]
    read = [read_corrected(file, corrections) for file in files]
    maps = [_checked(path, classes) for path, (classes, _) in zip(paths, read, strict=True)]
    told = [
        f"{path}: {taken_words(correction)}"
        for path, (_, correction) in zip(paths, read, strict=True)
        if correction is not None
    ]
    told += same_images(
        (str(path), read_summary(file.parent))
        for path, file in zip(paths, files, strict=True)
        if file.name == FRACTURE_FILE
    )
    values = sorted({int(value) for each in maps for value in np.unique(each)} - {0})
    if len(values) > 20:
        raise ValueError(
            f"{paths[0]} holds {len(values)} values, so it is no class map: "
            "give a map of a few classes, not of grains"
        )
    names = _names(files)
    return {
        names.get(value, f"class {value}"): area_fraction(maps, value) for value in values
    }, told


def _checked(path: Path, classes: np.ndarray) -> np.ndarray:
    if classes.ndim != 2 or classes.dtype.kind not in "iu" or classes.min(initial=0) < 0:
        raise ValueError(f"{path} is no class map: it needs whole numbers from 0, (y, x)")
    return classes


def _names(files: Sequence[Path]) -> dict[int, str]:
    """Return what the results that the maps lie in call their classes; empty of plain files.

    Raises
    ------
    ValueError
        When two of them call one number differently, which makes two classes of it, or number one
        class differently.
    """
    called: dict[int, tuple[str, Path]] = {}
    numbered: dict[str, tuple[int, Path]] = {}
    for folder in (file.parent for file in files if file.name == FRACTURE_FILE):
        table = read_summary(folder).get("class_table")
        for value, name in (ClassTable.from_json(table).names if table else {}).items():
            first, where = called.setdefault(value, (name, folder))
            if first != name:
                raise ValueError(
                    f"class {value} is {first} in {where} and {name} in {folder}: {_TOGETHER}"
                )
            number, where = numbered.setdefault(name, (value, folder))
            if number != value:
                raise ValueError(
                    f"{name} is class {number} in {where} and {value} in {folder}: {_TOGETHER}"
                )
    return {value: name for value, (name, _) in called.items()}

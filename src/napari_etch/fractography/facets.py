"""The mode of each facet where facets are known: the class that most of it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable

if TYPE_CHECKING:
    import pandas as pd


def facet_modes(
    classes: npt.NDArray[np.integer],
    grains: npt.NDArray[np.integer],
    table: ClassTable,
    *,
    pixel_size_um: float | None = None,
) -> pd.DataFrame:
    """Return a row for each facet: its area, its mode by majority and how large that majority is.

    Parameters
    ----------
    classes : integers, shape (y, x)
        Class map, 0 unlabelled.
    grains : integers, shape (y, x)
        Grain map, 0 no grain.
    table : ClassTable
    pixel_size_um : float, optional
        Edge of a pixel; without it ``area_um2`` is left out.

    Returns
    -------
    pandas.DataFrame
        ``facet``, ``area_px``, ``area_um2``, ``class``, ``mode``, ``share`` (of the facet's
        labelled area that has the mode), ``labelled`` (share of the facet that has any class). A
        facet without a labelled pixel has class 0 and a share of NaN.

    Raises
    ------
    ValueError
        When the maps differ in size.
    """
    import pandas as pd

    if classes.shape != grains.shape:
        raise ValueError(
            f"the class map {classes.shape} and the grain map {grains.shape} differ in size: take "
            "the grains of the same image"
        )
    numbers, flat = np.unique(grains, return_inverse=True)
    flat = flat.ravel()
    area = np.bincount(flat, minlength=len(numbers))
    per_class = np.stack(
        [
            np.bincount(flat, (classes == number).ravel(), minlength=len(numbers))
            for number in table.ids
        ],
        1,
    )
    labelled = per_class.sum(1)
    best = per_class.argmax(1)
    with np.errstate(invalid="ignore"):
        share = per_class.max(1) / labelled
    mode = np.where(labelled > 0, np.array(table.ids)[best], 0)
    columns = {
        "facet": numbers,
        "area_px": area,
        "class": mode,
        "mode": [table.names[int(each)] for each in mode],
        "share": share,
        "labelled": labelled / area,
    }
    found = pd.DataFrame(columns)
    if pixel_size_um is not None:
        found.insert(2, "area_um2", area * pixel_size_um**2)
    return found[found["facet"] > 0].reset_index(drop=True)

"""Area fractions: a grid of points (ASTM E562) and the count of all pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.checks import check_grain_map
from napari_etch.measure.statistics import Mean, mean_of_fields

GRID_POINTS = 100


@dataclass(frozen=True)
class AreaFraction:
    """Share of a class in the section.

    Attributes
    ----------
    point_fraction : Mean
        By points, with the interval over fields, in 0 … 1.
    points : int
        Points of the grid that were on the specimen, over all fields.
    pixel_fraction : float
        By all pixels.
    """

    point_fraction: Mean
    points: int
    pixel_fraction: float


def area_fraction(
    fields: Sequence[np.ndarray], value: int, *, points: int = GRID_POINTS
) -> AreaFraction:
    """Return the area fraction of a class over fields.

    Parameters
    ----------
    fields : sequence of np.ndarray
        Class maps, integers, (y, x); 0 is off the specimen.
    value : int
        The class, above 0.
    points : int
        Points of the square grid on each field, about.

    Returns
    -------
    AreaFraction

    Raises
    ------
    ValueError
        Without a field, for a map that is none, or when no point falls on the specimen.

    Notes
    -----
    ASTM E562: a point on the line between two classes counts ½. Here that is a point beside which,
    within half a pixel, both classes lie.
    """
    if value < 1:
        raise ValueError(
            f"class {value} cannot be counted: 0 is off the specimen, classes start at 1"
        )
    shares, seen, hit, on = [], 0, 0, 0
    for classes in fields:
        classes = check_grain_map(classes, "the area fraction")
        found, specimen = _on_grid(classes, value, points)
        if specimen == 0:
            raise ValueError("a field shows no specimen: leave it out")
        shares.append(found / specimen)
        seen += specimen
        hit += int(np.count_nonzero(classes == value))
        on += int(np.count_nonzero(classes))
    mean = mean_of_fields(shares)
    return AreaFraction(mean, seen, hit / on)


def _on_grid(classes: np.ndarray, value: int, points: int) -> tuple[float, int]:
    """Return the weighted hits of a class and the points on the specimen."""
    height, width = classes.shape
    step = math.sqrt(height * width / points)
    rows = np.arange(step / 2, height, step) - 0.5
    columns = np.arange(step / 2, width, step) - 0.5
    y, x = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    corners = []
    for down in (-0.5, 0.5):
        for right in (-0.5, 0.5):
            at = np.clip(np.rint(y + down / 2), 0, height - 1).astype(int)
            over = np.clip(np.rint(x + right / 2), 0, width - 1).astype(int)
            corners.append(classes[at, over])
    around = np.stack(corners)
    own = classes[
        np.clip(np.rint(y), 0, height - 1).astype(int),
        np.clip(np.rint(x), 0, width - 1).astype(int),
    ]
    hits = around == value
    weight = np.where(hits.all(axis=0), 1.0, np.where(hits.any(axis=0), 0.5, 0.0))
    specimen = own > 0
    return float(weight[specimen].sum()), int(specimen.sum())

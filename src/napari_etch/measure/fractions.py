"""Area fractions: a grid of points (ASTM E562) and the count of all pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.checks import check_grain_map
from napari_etch.measure.statistics import Mean, mean_of_fields

GRID_POINTS = 100


@dataclass(frozen=True, eq=False)
class PointGrid:
    """The points of the grid that lie on the specimen, and what they fall on.

    Attributes
    ----------
    points : ndarray of float, (n, 2)
        Rows and columns, px.
    around : ndarray of int, (4, n)
        The classes within half a pixel of each.
    """

    points: np.ndarray
    around: np.ndarray

    def weights(self, value: int) -> np.ndarray:
        """Return what each point counts for a class: 1, on a line between two classes ½, or 0."""
        hits = self.around == value
        return np.where(hits.all(axis=0), 1.0, np.where(hits.any(axis=0), 0.5, 0.0))


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
            f"Class {value} cannot be counted: 0 is off the specimen, classes start at 1."
        )
    shares, seen, hit, on = [], 0, 0, 0
    for classes in fields:
        grid = point_grid(classes, points)
        specimen = len(grid.points)
        if specimen == 0:
            raise ValueError("A field shows no specimen: leave it out.")
        shares.append(float(grid.weights(value).sum()) / specimen)
        seen += specimen
        hit += int(np.count_nonzero(classes == value))
        on += int(np.count_nonzero(classes))
    mean = mean_of_fields(shares)
    return AreaFraction(mean, seen, hit / on)


def point_grid(classes: np.ndarray, points: int = GRID_POINTS) -> PointGrid:
    """Lay a square grid of points over a field.

    Parameters
    ----------
    classes : np.ndarray
        Class map, integers, (y, x); 0 is off the specimen.
    points : int
        How many, about.

    Raises
    ------
    ValueError
        When the map is none or empty, or there is less than one point.
    """
    classes = check_grain_map(classes, "The area fraction")
    if points < 1:
        raise ValueError(f"A grid of {points} points counts nothing: give at least one.")
    height, width = classes.shape
    if not classes.size:
        raise ValueError("A field has no pixels: leave it out.")
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
    own = classes[
        np.clip(np.rint(y), 0, height - 1).astype(int),
        np.clip(np.rint(x), 0, width - 1).astype(int),
    ]
    on = own > 0
    return PointGrid(np.stack([y, x], axis=1)[on], np.stack(corners)[:, on])

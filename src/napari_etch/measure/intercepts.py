"""Lineal intercepts."""

from __future__ import annotations

import math

import numpy as np

from napari_etch.measure.checks import check_grain_map


def mean_intercept_px(grains: np.ndarray) -> float:
    """Return the mean lineal intercept of a grain map, in pixels.

    Every row and every column is a test line; a boundary is crossed where two neighbouring pixels
    of a line belong to different grains. Steps to or from 0 (no specimen) are neither line nor
    crossing.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x), without gaps between grains.

    Returns
    -------
    float
        Length of test line per boundary crossing, px; NaN when no line crosses a boundary.

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers.

    Notes
    -----
    l = L_T / P (ASTM E112, Heyn's method with intersections), over lines in the two directions of
    the image. For elongated grains this is not the mean over all directions.
    """
    length, crossings = count_crossings(grains)
    return length / crossings if crossings else math.nan


def count_crossings(grains: np.ndarray) -> tuple[int, int]:
    """Return the length of all rows and columns on the specimen and their boundary crossings.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x).

    Returns
    -------
    length : int
        Steps from a pixel of a grain to the next, px.
    crossings : int
        Such steps that lead from one grain into another.
    """
    grains = check_grain_map(grains, "the intercept count")
    length = crossings = 0
    for ahead, behind in ((grains[1:], grains[:-1]), (grains[:, 1:], grains[:, :-1])):
        on_specimen = (ahead > 0) & (behind > 0)
        length += int(np.count_nonzero(on_specimen))
        crossings += int(np.count_nonzero(on_specimen & (ahead != behind)))
    return length, crossings

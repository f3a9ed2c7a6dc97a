"""ASTM grain size numbers, and the planimetric count they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.checks import check_grain_map, check_pixel_size, check_positive
from napari_etch.measure.holes import Holes, holes_of
from napari_etch.measure.shape import grains_at_edge

# E112: 2 ** (G - 1) grains in a square inch at a magnification of 100.
GRAINS_PER_MM2_AT_G1 = (100 / 25.4) ** 2
# E112 ties the intercept scale to 0.32 mm at G 0 by definition, not by geometry.
INTERCEPT_MM_AT_G0 = 0.32
UM2_PER_MM2 = 1e6
UM_PER_MM = 1e3


def astm_grain_number_from_density(grains_per_mm2: float) -> float:
    """Return the ASTM grain size number of a number of grains per area.

    Parameters
    ----------
    grains_per_mm2 : float
        Grains per mm² of section, N_A.

    Returns
    -------
    float
        G = log2(N_A) - 2.954199.

    Raises
    ------
    ValueError
        When the density is not a positive number.

    Notes
    -----
    ASTM E112: 2 ** (G - 1) grains per square inch at 100×. The printed constant -2.954 is the
    rounded 1 - log2((100 / 25.4) ** 2).
    """
    check_positive(grains_per_mm2, "the number of grains per mm²")
    return math.log2(grains_per_mm2 / GRAINS_PER_MM2_AT_G1) + 1


def density_from_astm_grain_number(number: float) -> float:
    """Return the grains per mm² of section that an ASTM grain size number stands for.

    Parameters
    ----------
    number : float
        ASTM grain size number G; E112's "00" is -1.

    Returns
    -------
    float
        N_A in grains per mm².
    """
    return GRAINS_PER_MM2_AT_G1 * 2.0 ** (number - 1)


def iso643_grain_number_from_density(grains_per_mm2: float) -> float:
    """Return the ISO 643 grain size number of a number of grains per area.

    Parameters
    ----------
    grains_per_mm2 : float
        Grains per mm² of section, m.

    Returns
    -------
    float
        G = log2(m) - 3, 0.046 below ASTM's.

    Raises
    ------
    ValueError
        When the density is not a positive number.

    Notes
    -----
    m = 8 · 2^G, recalled, not checked against the text of ISO 643.
    """
    check_positive(grains_per_mm2, "the number of grains per mm²")
    return math.log2(grains_per_mm2) - 3


def astm_grain_number_from_area(area_um2: float) -> float:
    """Return the ASTM grain size number of a mean grain area.

    Parameters
    ----------
    area_um2 : float
        Mean area of a grain in the section, µm².

    Returns
    -------
    float
        G = 2 log2(254) + 1 - log2(area).

    Raises
    ------
    ValueError
        When the area is not a positive number.
    """
    check_positive(area_um2, "the mean grain area in µm²")
    return astm_grain_number_from_density(UM2_PER_MM2 / area_um2)


def astm_grain_number_from_intercept(intercept_um: float) -> float:
    """Return the ASTM grain size number of a mean lineal intercept.

    Parameters
    ----------
    intercept_um : float
        Mean length of a test line inside a grain, µm.

    Returns
    -------
    float
        G = 2 log2(320) - 2 log2(intercept), zero at 320 µm.

    Raises
    ------
    ValueError
        When the intercept is not a positive number.
    """
    check_positive(intercept_um, "the mean intercept in µm")
    return -2 * math.log2(intercept_um / (INTERCEPT_MM_AT_G0 * UM_PER_MM))


@dataclass(frozen=True)
class PlanimetricResult:
    """A planimetric count over a whole field.

    Attributes
    ----------
    grain_count : int
        Grains in the map, however little of them the field shows.
    n_inside, n_edge, n_corner : int
        Grains wholly inside, cut by the edge of the field, and covering a corner of it.
    equivalent_count : float
        Whole grains that the field is worth.
    area_mm2 : float
        Area that was counted over.
    grains_per_mm2 : float
        N_A.
    grain_number : float
        ASTM grain size number G.
    """

    grain_count: int
    n_inside: int
    n_edge: int
    n_corner: int
    equivalent_count: float
    area_mm2: float
    grains_per_mm2: float
    grain_number: float


def astm_planimetric(
    grains: np.ndarray, pixel_size_um: float, holes: Holes | None = None
) -> PlanimetricResult:
    """Count the grains of a field by Saltykov's rectangle and convert to ASTM G.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x): positive labels that tile the field, 0 where there is no
        specimen (mount, information bar). Lines of 0 between grains must be filled first.
    pixel_size_um : float
        Edge of a pixel, µm.
    holes : Holes, optional
        Of this map, where they are known; they take longer to find than the rest.

    Returns
    -------
    PlanimetricResult
        The count and what follows from it.

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers, holds no grain, or the pixel size is not a
        positive number.

    Notes
    -----
    A grain inside counts 1, one cut by the edge ½, and the four grains at the corners ¼ each
    (ASTM E112, Jeffries' method with Saltykov's rectangle). Where the specimen does not reach a
    corner of its bounding rectangle (an irregular mask, a round field), that corner turns from
    +¼ into -¼ and its grains stay edge grains: Euler's formula gives N = inside + ½ edge - 1 for a
    window without corners, the correction that Heping and Xing (J. ASTM Int. 2011, JAI103476)
    found for Jeffries' circle. A large hole inside adds 1 for the same reason, a pore nothing (see
    `holes_of`).
    """
    grains = check_grain_map(grains, "astm_planimetric")
    check_pixel_size(pixel_size_um)
    labels, areas = np.unique(grains[grains > 0], return_counts=True)
    if labels.size == 0:
        raise ValueError("the grain map holds no grain: there is nothing to count")
    corners = _corner_labels(grains)
    at_corner = np.unique(corners[corners > 0])
    holes = holes or holes_of(grains)
    at_edge = np.setdiff1d(grains_at_edge(grains, holes), at_corner)
    inside = int(labels.size - at_edge.size - at_corner.size)
    corner_share = 0.5 * np.count_nonzero(corners) - 1  # four corners: 4 × ¼
    corner_share += holes.n_large
    count = float(max(inside + 0.5 * at_edge.size + corner_share, 1.0))
    area_mm2 = float(areas.sum()) * pixel_size_um**2 / UM2_PER_MM2
    density = count / area_mm2
    return PlanimetricResult(
        grain_count=int(labels.size),
        n_inside=inside,
        n_edge=int(at_edge.size),
        n_corner=int(at_corner.size),
        equivalent_count=count,
        area_mm2=area_mm2,
        grains_per_mm2=density,
        grain_number=astm_grain_number_from_density(density),
    )


def _corner_labels(grains: np.ndarray) -> np.ndarray:
    """Return the labels at the four corners of the specimen's bounding rectangle."""
    rows = np.flatnonzero((grains > 0).any(axis=1))
    columns = np.flatnonzero((grains > 0).any(axis=0))
    return grains[np.ix_(rows[[0, -1]], columns[[0, -1]])].ravel()

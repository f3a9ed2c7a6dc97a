"""Grain size in different directions, and what follows for the boundary in space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.checks import check_pixel_size
from napari_etch.measure.counting import count_pattern
from napari_etch.measure.junctions import Junctions, find_junctions
from napari_etch.measure.patterns import heyn_pattern

ANGLES_DEG = tuple(float(angle) for angle in range(0, 180, 15))
_LINES_ACROSS = 36


@dataclass(frozen=True)
class Direction:
    """Intercepts along one direction.

    Attributes
    ----------
    angle_deg : float
        Of the test lines, anticlockwise from the x axis.
    per_mm : float
        P_L, intersections per mm of test line.
    mean_intercept_um : float
        1 / P_L.
    """

    angle_deg: float
    per_mm: float
    mean_intercept_um: float


@dataclass(frozen=True)
class Anisotropy:
    """How grain size depends on direction.

    Attributes
    ----------
    directions : tuple of Direction
        Ascending in angle.
    index : float
        AI, P_L across the elongation over P_L along it; 1 for equiaxed grains.
    along_deg : float
        Direction of the longest intercepts.
    boundary_per_area, boundary_per_volume : float
        L_A = π/2 · P_L in mm/mm² and S_V = 2 P_L in mm²/mm³, from the mean over all directions.
    """

    directions: tuple[Direction, ...]
    index: float
    along_deg: float
    boundary_per_area: float
    boundary_per_volume: float


def anisotropy(
    grains: np.ndarray,
    pixel_size_um: float,
    *,
    angles_deg: Sequence[float] = ANGLES_DEG,
    junctions: Junctions | None = None,
) -> Anisotropy:
    """Measure P_L along lines in many directions.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x).
    pixel_size_um : float
        Edge of a pixel, µm.
    angles_deg : sequence of float
        Directions, equally spread over [0, 180).
    junctions : Junctions, optional
        Of the same map, when they are known already.

    Returns
    -------
    Anisotropy

    Raises
    ------
    ValueError
        When the map is none, the pixel size is not positive, or no line meets a boundary.

    Notes
    -----
    AI compares the measured directions nearest to the elongation and to its right angle; the
    elongation is the minimum of two harmonics of 2θ through all directions.
    S_V = 2 P_L holds for any structure when the lines have all directions in space; from one
    section it assumes that the section is typical. (AI, S_V, L_A: recalled, standard stereology.)
    """
    check_pixel_size(pixel_size_um)
    if junctions is None:
        junctions = find_junctions(grains)
    found = []
    for angle in sorted(angles_deg):
        spacing = max(2.0, min(grains.shape) / _LINES_ACROSS)
        pattern = heyn_pattern(
            (grains.shape[0], grains.shape[1]), angles_deg=(angle,), spacing=spacing
        )
        count = count_pattern(grains, pattern, junctions=junctions)
        length_mm = count.length_px * pixel_size_um / 1000
        per_mm = count.intersections / length_mm if length_mm else 0.0
        found.append(Direction(angle, per_mm, 1000 / per_mm if per_mm else math.inf))
    return course_of(tuple(found))


def course_of(directions: tuple[Direction, ...]) -> Anisotropy:
    """Return index and elongation from P_L in several directions.

    Parameters
    ----------
    directions : tuple of Direction
        Ascending in angle, equally spread over [0, 180).

    Raises
    ------
    ValueError
        When no line met a boundary.
    """
    rates = np.array([each.per_mm for each in directions])
    if not rates.any():
        raise ValueError("no test line meets a boundary: the map shows a single grain")
    angles = np.array([each.angle_deg for each in directions])
    along = _elongation(np.radians(angles), rates)
    least, across = (
        float(rates[np.abs((angles - towards + 90) % 180 - 90).argmin()])
        for towards in (along, along + 90)
    )
    mean = float(rates.mean())
    index = across / least if least else math.inf
    return Anisotropy(directions, index, along, math.pi / 2 * mean, 2 * mean)


def _elongation(angles: np.ndarray, rates: np.ndarray) -> float:
    """Return the direction of the fewest intersections, degrees, from a smooth course over θ."""
    terms = [np.ones_like(angles)]
    for order in (2, 4) if angles.size >= 6 else (2,):
        terms += [np.cos(order * angles), np.sin(order * angles)]
    if angles.size < len(terms):
        return float(np.degrees(angles[rates.argmin()]))
    weights = np.linalg.lstsq(np.stack(terms, axis=1), rates, rcond=None)[0]
    fine = np.radians(np.arange(180.0))
    course = np.zeros_like(fine)
    for number in range(1, len(weights), 2):
        order = number + 1
        course += weights[number] * np.cos(order * fine)
        course += weights[number + 1] * np.sin(order * fine)
    return float(course.argmin())

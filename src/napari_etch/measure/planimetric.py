"""Jeffries' circle, triple points, and mean areas: how many grains there are in an area."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_etch.measure.checks import check_grain_map, check_positive
from napari_etch.measure.counting import PARTS, parts_of
from napari_etch.measure.holes import Holes, holes_of
from napari_etch.measure.junctions import Junctions, find_junctions
from napari_etch.measure.runs import runs_of
from napari_etch.measure.shape import grains_at_edge

# E112's test circle on the image, mm².
JEFFRIES_CIRCLE_MM2 = 5000.0
# The circle beside a hole is at least this part of the largest one in the frame: a smaller one
# would be a sample of little of the field.
_LEAST_PART = 0.6
_LOOKED_AT = 1024  # blocks along the longer side of a large field

# Centre (row, column) and radius, px.
_Circle = tuple[tuple[float, float], float]


def jeffries_multiplier(magnification: float) -> float:
    """Return the f of N_A = f · (inside + ½ cut) for a circle of 5000 mm² on the image.

    Parameters
    ----------
    magnification : float
        Of the image.

    Returns
    -------
    float
        magnification² / 5000, per mm².

    Raises
    ------
    ValueError
        When the magnification is not a positive number.
    """
    check_positive(magnification, "the magnification")
    return magnification**2 / JEFFRIES_CIRCLE_MM2


@dataclass(frozen=True)
class CircleCount:
    """Jeffries' planimetric count.

    Attributes
    ----------
    centre, radius : tuple of float, float
        Of the circle, px.
    n_inside, n_cut : int
        Grains wholly inside, and grains that its line cuts.
    area_px : float
        Area of the circle without pores (`holes_of`).
    """

    centre: tuple[float, float]
    radius: float
    n_inside: int
    n_cut: int
    area_px: float

    @property
    def count(self) -> float:
        """Grains as ASTM E112 has it: inside + ½ cut, one too many on average."""
        return self.n_inside + 0.5 * self.n_cut

    @property
    def corrected(self) -> float:
        """Grains without the excess of one (Heping and Xing, J. ASTM Int. 2011, JAI103476)."""
        return self.count - 1


def count_circle(
    grains: np.ndarray,
    centre: tuple[float, float] | None = None,
    radius: float | None = None,
    holes: Holes | None = None,
) -> CircleCount | None:
    """Count the grains in a circle, by default the largest one in the specimen's frame.

    Where that one meets something else, such as a scale bar, it is the largest one that lies on the
    specimen, if it is not much smaller.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x); 0 is off the specimen.
    centre : tuple of float, optional
        Row and column, px.
    radius : float, optional
        px.
    holes : Holes, optional
        Of this map, where they are known; they take longer to find than the rest.

    Returns
    -------
    CircleCount or None
        None when part of the circle is off the specimen, or no large circle lies on it; pores are
        part of the specimen.

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers, or holds no grain.
    """
    grains = check_grain_map(grains, "Jeffries' count")
    holes = holes or holes_of(grains)
    pores = holes.pores
    if centre is None and radius is None:
        centre, radius = _largest_circle((grains > 0) | pores)
    else:
        middle, largest = _framed_circle(grains)
        centre = middle if centre is None else centre
        radius = largest if radius is None else radius
    inside = disc(grains.shape, centre, radius)
    within = grains[inside & ~pores]
    if within.size == 0 or not within.all():
        return None
    labels = np.unique(within)
    # the line does not cut a grain that ends just inside of it, but the frame may
    beyond = np.union1d(grains[~inside], grains_at_edge(grains, holes))
    cut = np.intersect1d(labels, beyond)
    area = math.pi * radius**2 - np.count_nonzero(inside & pores)
    return CircleCount(
        centre, float(radius), int(labels.size - cut.size), int(cut.size), float(area)
    )


def disc(
    shape: tuple[int, ...], centre: tuple[float, float], radius: float
) -> npt.NDArray[np.bool_]:
    """Return where a circle is, bool (y, x): centre (row, column) and radius in px."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    inside: npt.NDArray[np.bool_] = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    return inside


def _framed_circle(grains: np.ndarray) -> _Circle:
    """Return centre and radius, px, of the largest circle in the frame of the specimen."""
    top, left, bottom, right = specimen_frame(grains)
    middle = (top + bottom - 1) / 2, (left + right - 1) / 2
    return middle, min(bottom - top, right - left) / 2


def _largest_circle(specimen: npt.NDArray[np.bool_]) -> _Circle:
    """Return the circle of the frame, or beside a hole one that lies on the specimen.

    That of the frame, which does not fit, where there is none of nearly its size.
    """
    framed = _framed_circle(specimen)
    if specimen[disc(specimen.shape, *framed)].all():
        return framed
    free = _free_circle(specimen)
    return free if free[1] >= _LEAST_PART * framed[1] else framed


def _free_circle(specimen: npt.NDArray[np.bool_]) -> _Circle:
    """Return centre and radius, px, of the largest circle that lies on the specimen.

    Of a large field only blocks are looked at, so that it may be a little too small.
    """
    from scipy import ndimage as ndi

    block = max(1, max(specimen.shape) // _LOOKED_AT)
    padded = np.pad(specimen, [(0, -side % block) for side in specimen.shape])
    rows, columns = (side // block for side in padded.shape)
    blocks = padded.reshape(rows, block, columns, block).all(axis=(1, 3))
    away = ndi.distance_transform_edt(np.pad(blocks, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(away.argmax()), away.shape)
    # what is off the specimen lies anywhere in a block, and begins half a pixel before its middle
    radius = block * float(away.max()) - (block - 1) / math.sqrt(2) - 0.5
    to_px = (block - 1) / 2
    return (block * float(row) + to_px, block * float(column) + to_px), radius


def specimen_frame(grains: np.ndarray) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right (ends excluded), px, of what is above 0 in a map (y, x).

    Raises
    ------
    ValueError
        When the map holds no grain.
    """
    rows = np.flatnonzero((grains > 0).any(axis=1))
    columns = np.flatnonzero((grains > 0).any(axis=0))
    if rows.size == 0:
        raise ValueError("the grain map holds no grain: there is nothing to count")
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


@dataclass(frozen=True)
class TriplePointCount:
    """Grains from triple points.

    Attributes
    ----------
    triple_points : int
        P, a point of four grains counted twice.
    area_px : float
        Area of the specimen.
    """

    triple_points: int
    area_px: float

    @property
    def count(self) -> float:
        """½ P + 1 grains, as the rule is written: for a field that is a world of its own."""
        return 0.5 * self.triple_points + 1

    @property
    def corrected(self) -> float:
        """½ P grains: in a field cut out of a large section there are two points a grain."""
        return 0.5 * self.triple_points


def count_triple_points(
    grains: np.ndarray, *, junctions: Junctions | None = None
) -> TriplePointCount:
    """Count the triple points of a grain map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x); 0 is off the specimen.
    junctions : Junctions, optional
        Of the same map, when they are known already.

    Returns
    -------
    TriplePointCount

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers.
    """
    grains = check_grain_map(grains, "the triple-point count")
    if junctions is None:
        junctions = find_junctions(grains)
    return TriplePointCount(junctions.triple_points, float(np.count_nonzero(grains)))


@dataclass(frozen=True, eq=False)
class InteriorGrains:
    """The grains that the border does not cut, with their unbiased weights.

    Attributes
    ----------
    areas_px : ndarray of float, (n,)
        Area of each grain.
    weights : ndarray of float, (n,)
        Miles and Lantuéjoul: W·H / ((W - a)(H - b)) for a grain with a bounding box of a × b in a
        frame of W × H, how many grains of this size the border cuts away.
    frame_px : float
        W·H.
    """

    areas_px: np.ndarray
    weights: np.ndarray
    frame_px: float

    @property
    def mean_area_px(self) -> float:
        """Plain mean, as in ASTM E1382; too small, for large grains are cut more often."""
        return float(self.areas_px.mean()) if self.areas_px.size else math.nan

    @property
    def unbiased_area_px(self) -> float:
        """Weighted mean."""
        if not self.areas_px.size:
            return math.nan
        return float((self.weights * self.areas_px).sum() / self.weights.sum())


def interior_grains(grains: np.ndarray, holes: Holes | None = None) -> InteriorGrains:
    """Return areas and weights of the grains that do not touch the border.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x); 0 is off the specimen, and grains beside it count as cut.
    holes : Holes, optional
        Of this map, where they are known; they take longer to find than the rest.

    Returns
    -------
    InteriorGrains
        Without any grain when all of them touch the border.

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers, or holds no grain.
    """
    grains = check_grain_map(grains, "the mean area")
    top, left, bottom, right = specimen_frame(grains)
    runs = runs_of(grains)
    first = np.full(runs.labels.size, grains.shape[1])
    np.minimum.at(first, runs.index, runs.first)
    last = np.zeros(runs.labels.size, np.int64)
    np.maximum.at(last, runs.index, runs.last)
    upper = np.full(runs.labels.size, grains.shape[0])
    np.minimum.at(upper, runs.index, runs.row)
    lower = np.zeros(runs.labels.size, np.int64)
    np.maximum.at(lower, runs.index, runs.row)
    inside = (runs.labels > 0) & ~np.isin(runs.labels, grains_at_edge(grains, holes))
    height, width = bottom - top, right - left
    tall, wide = (lower - upper + 1)[inside], (last - first + 1)[inside]
    weights = height * width / (np.maximum(height - tall, 1) * np.maximum(width - wide, 1))
    return InteriorGrains(runs.total(runs.length)[inside], weights, float(height * width))


def count_by_parts(grains: np.ndarray, holes: Holes | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return planimetric count and area (px) of the parts of a field, for its interval.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x).
    holes : Holes, optional
        Of this map, where they are known; they take longer to find than the rest.

    Returns
    -------
    count, area : ndarray of float, (PARTS²,)
        A grain counts where its centre is, 1 inside and ½ at the edge of the field.
    """
    runs = runs_of(grains)
    length = runs.length.astype(float)
    area = runs.total(length)
    y = runs.total(runs.row * length) / area
    x = runs.total((runs.first + runs.last) / 2 * length) / area
    weight = np.where(np.isin(runs.labels, grains_at_edge(grains, holes)), 0.5, 1.0)
    weight[runs.labels == 0] = 0
    part = parts_of(np.stack([y, x], axis=1), grains.shape)
    limits = [
        np.ceil(np.arange(PARTS + 1) * size / PARTS - 1e-9).astype(int) for size in grains.shape
    ]
    on = [
        np.count_nonzero(grains[upper:lower, left:right])
        for upper, lower in pairwise(limits[0])
        for left, right in pairwise(limits[1])
    ]
    return np.bincount(part, weights=weight, minlength=PARTS**2), np.array(on, float)

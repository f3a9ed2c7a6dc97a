"""One field, measured by every method."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from napari_etch.grains.wide_grain import wide_grain_words
from napari_etch.measure.astm import UM2_PER_MM2, astm_planimetric
from napari_etch.measure.checks import check_grain_map, check_pixel_size
from napari_etch.measure.counting import PARTS, PatternCount, count_pattern, parts_of
from napari_etch.measure.direction import Anisotropy, anisotropy
from napari_etch.measure.holes import Holes, holes_of
from napari_etch.measure.junctions import Junctions, find_junctions
from napari_etch.measure.methods import method
from napari_etch.measure.parting_lines import close_parting_lines
from napari_etch.measure.patterns import (
    Pattern,
    abrams_pattern,
    combined_pattern,
    heyn_pattern,
    hilliard_pattern,
)
from napari_etch.measure.placements import MakePattern, moved, spread
from napari_etch.measure.planimetric import (
    InteriorGrains,
    count_by_parts,
    count_circle,
    count_triple_points,
    disc,
    interior_grains,
    specimen_frame,
)
from napari_etch.measure.runs import runs_of
from napari_etch.measure.shape import grains_at_edge
from napari_etch.measure.statistics import Mean, ratio_of_parts, student_t
from napari_etch.measure.topology import Topology, topology_of

PLACEMENTS = ("several", "single")
_SINGLE: dict[str, MakePattern] = {
    "abrams": abrams_pattern,
    "hilliard": hilliard_pattern,
    "combined": combined_pattern,
}
# Fewer counts than these, and the standards want another magnification.
LEAST_GRAINS = 50
LEAST_COUNTS = {"heyn": 50, "abrams": 40, "hilliard": 35, "combined": 50}


@dataclass(frozen=True, eq=False)
class FieldMeasurement:
    """What one field gives.

    Attributes
    ----------
    name : str
        Of the field.
    pixel_size_um : float
        Edge of a pixel, µm.
    shape : tuple of int
        Height and width, px.
    area_mm2 : float
        Of the specimen in the field.
    grain_count, interior_count : int
        Grains in the map, and those of them that the border does not cut.
    values : dict of str to float
        The measured quantity of each method that could be used, in its unit.
    counts : dict of str to float
        What each method counted.
    alone : dict of str to Mean
        For each method, mean and interval from this field alone.
    patterns : dict of str to PatternCount
        The intercept counts with their places.
    labels, areas_um2, at_border : ndarray, (n,)
        Of all grains.
    anisotropy : Anisotropy or None
    remarks : tuple of str
        What is wrong with the field, in sentences.
    stack : str
        Of which stack it is a section; empty: of none, it is a field by itself.
    topology : Topology or None
        How coarse and fine grains lie to each other, where they do in one of E1181's ways.
    """

    name: str
    pixel_size_um: float
    shape: tuple[int, int]
    area_mm2: float
    grain_count: int
    interior_count: int
    values: dict[str, float]
    counts: dict[str, float]
    alone: dict[str, Mean]
    # a notebook prints what a cell ends with: these fill pages
    patterns: dict[str, PatternCount] = field(repr=False)
    labels: np.ndarray = field(repr=False)
    areas_um2: np.ndarray = field(repr=False)
    at_border: np.ndarray = field(repr=False)
    anisotropy: Anisotropy | None
    remarks: tuple[str, ...] = ()
    stack: str = ""
    topology: Topology | None = None


# G −5 to 28, grains of 2 mm to 20 nm: what lies outside has nm or mm taken for µm, most likely.
_COMMON_PER_MM2 = (0.25, 2e9)


def unusual_density_words(per_mm2: float | None, pixel_size_um: float | None) -> str:
    """Return what is told of a density that a pixel size in another unit gives; else nothing.

    Parameters
    ----------
    per_mm2 : float or None
        Grains per mm², as far as they are known.
    pixel_size_um : float or None
        What they were counted with.
    """
    if per_mm2 is None or pixel_size_um is None:
        return ""
    if _COMMON_PER_MM2[0] <= per_mm2 <= _COMMON_PER_MM2[1]:
        return ""
    return (
        f"{per_mm2:.3g} grains per mm² are unusual: check that the pixel size, "
        f"{pixel_size_um:g}, is in µm"
    )


class TooFewGrainsError(ValueError):
    """A map that shows no grain, or a single one, which has no mean size."""


@dataclass
class _Found:
    """The values of a field while they are collected."""

    pixel_size_um: float
    values: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    alone: dict[str, Mean] = field(default_factory=dict)

    @property
    def px2_per_mm2(self) -> float:
        return UM2_PER_MM2 / self.pixel_size_um**2

    def add(self, key: str, value: float, count: float, alone: Mean | None) -> None:
        """Keep a value unless nothing was counted."""
        if not (math.isfinite(value) and value > 0):
            return
        self.values[key] = value
        self.counts[key] = count
        self.alone[key] = _around(value, alone)


def _around(value: float, alone: Mean | None) -> Mean:
    """Return the interval of the parts, laid around the value of the whole field."""
    if alone is None or not alone.value or alone.half_width is None:
        return Mean(value, None, 1, "")
    half = alone.half_width * value / alone.value
    return Mean(value, half, alone.n, alone.source, alone.deviation)


def patterns_of(placements: str) -> dict[str, Callable[[tuple[int, int]], Pattern]]:
    """Return what lays the patterns over a field, by method.

    Parameters
    ----------
    placements : str
        ``several``: circles are laid over the field at half size, at places all over it, see
        `placements`; ``single``: once, as large as they fit, in the middle.

    Raises
    ------
    ValueError
        When it is none of these.
    """
    if placements not in PLACEMENTS:
        raise ValueError(f"placements is {placements!r}: choose {' or '.join(PLACEMENTS)}")
    circles = _SINGLE if placements == "single" else {k: spread(v) for k, v in _SINGLE.items()}
    return {"heyn": heyn_pattern, **circles}


def measure_field(
    grains: np.ndarray,
    pixel_size_um: float | None,
    *,
    name: str = "field",
    directions: bool = True,
    placements: str = "several",
) -> FieldMeasurement:
    """Measure one field by every method.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x); 0 is off the specimen. Where lines of 0 part the grains, as in
        drawn maps, they are given to the nearest grain, and a remark says so.
    pixel_size_um : float
        Edge of a pixel, µm.
    name : str
        What the field is called in messages.
    directions : bool
        Measure how the intercepts depend on direction, too.
    placements : str
        How often the circle patterns are laid over the field, see `patterns_of`.

    Returns
    -------
    FieldMeasurement

    Raises
    ------
    TooFewGrainsError
        When the map shows no grain or only one.
    ValueError
        When the pixel size is not known, the map is none, or `placements` is unknown.
    """
    makers = patterns_of(placements)
    try:
        check_pixel_size(pixel_size_um)
        grains = check_grain_map(grains, "the grain size")
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if grains.size == 0 or not (grains > 0).any():
        raise TooFewGrainsError(f"{name}: the map shows no grain, so there is nothing to measure")
    assert pixel_size_um is not None
    runs = runs_of(grains)
    grains, lines = close_parting_lines(grains, runs)
    if lines:
        runs = runs_of(grains)
    real = runs.labels > 0
    if np.count_nonzero(real) < 2:
        raise TooFewGrainsError(
            f"{name}: the map shows a single grain, which has no mean size: "
            "choose a field with more grains, or segment it anew"
        )
    junctions = find_junctions(grains)
    holes = holes_of(grains)
    found = _Found(pixel_size_um)
    inner = _add_planimetric(found, grains, junctions, holes)
    shape = (int(grains.shape[0]), int(grains.shape[1]))
    patterns = {}
    for key, make in makers.items():
        patterns[key] = count_pattern(grains, placed(make, grains), junctions=junctions)
        _add_intercepts(found, key, patterns[key])
    labels, areas_px = runs.labels[real], runs.total(runs.length)[real]
    areas = areas_px * pixel_size_um**2
    return FieldMeasurement(
        name=name,
        pixel_size_um=pixel_size_um,
        shape=shape,
        area_mm2=float(areas.sum()) / UM2_PER_MM2,
        grain_count=int(labels.size),
        interior_count=int(inner.areas_px.size),
        values=found.values,
        counts=found.counts,
        alone=found.alone,
        patterns=patterns,
        labels=labels,
        areas_um2=areas,
        at_border=np.isin(labels, grains_at_edge(grains, holes)),
        anisotropy=_directions(grains, pixel_size_um, junctions) if directions else None,
        remarks=(
            *_remarks_on_lines(name, lines),
            *_remarks_on_pores(name, holes),
            *_remarks_on_a_wide_grain(name, wide_grain_words(grains, labels, areas_px)),
            *_remarks(name, found, inner),
        ),
        topology=topology_of(grains, pixel_size_um, name=name, holes=holes),
    )


def placed(make: Callable[[tuple[int, int]], Pattern], grains: np.ndarray) -> Pattern:
    """Return a pattern laid over what is specimen in a map.

    Parameters
    ----------
    make : callable
        From a shape to a pattern, see `patterns_of`.
    grains : np.ndarray
        Grain map, integers, (y, x).
    """
    top, left, bottom, right = specimen_frame(grains)
    pattern = make((bottom - top, right - left))
    if not (top or left):
        return pattern

    curves = tuple(moved(curve, (top, left)) for curve in pattern.curves)
    return replace(pattern, curves=curves)


def _directions(
    grains: np.ndarray, pixel_size_um: float, junctions: Junctions
) -> Anisotropy | None:
    try:
        return anisotropy(grains, pixel_size_um, junctions=junctions)
    except ValueError:  # no line meets a boundary
        return None


def _add_planimetric(
    found: _Found, grains: np.ndarray, junctions: Junctions, holes: Holes
) -> InteriorGrains:
    per_mm2 = found.px2_per_mm2
    whole = astm_planimetric(grains, found.pixel_size_um, holes)
    counts, areas = count_by_parts(grains, holes)
    parts_of_field = ratio_of_parts(counts, areas)
    for key in ("saltykov", "iso643"):
        found.add(key, whole.grains_per_mm2, whole.equivalent_count, parts_of_field)
    circle = count_circle(grains, holes=holes)
    if circle is not None:
        inside = disc(grains.shape, circle.centre, circle.radius)
        parts = ratio_of_parts(*count_by_parts(np.where(inside, grains, 0)))
        found.add("jeffries", circle.count / circle.area_px * per_mm2, circle.count, parts)
        corrected = circle.corrected
        found.add("jeffries_corrected", corrected / circle.area_px * per_mm2, corrected, parts)
    inner = interior_grains(grains, holes)
    pixel_area = found.pixel_size_um**2
    # the spread of single grains (E1382) holds the truth in 8 of 10 simulated fields only: large
    # grains have large neighbours; the count by parts sees that
    spread = parts_of_field or _spread_of_areas(inner)
    n = float(inner.areas_px.size)
    found.add("mean_area", inner.mean_area_px * pixel_area, n, spread)
    found.add("unbiased_area", inner.unbiased_area_px * pixel_area, n, spread)
    points = count_triple_points(grains, junctions=junctions)
    weight = np.where(junctions.labels[:, 0] > 0, 1.0, 0.5)
    where = parts_of(junctions.points, grains.shape)
    counts = np.bincount(where, weights=weight, minlength=PARTS**2)
    parts = ratio_of_parts(counts, areas)
    for key, count in (
        ("triple_points", points.count),
        ("triple_points_corrected", points.corrected),
    ):
        found.add(key, count / points.area_px * per_mm2, points.triple_points, parts)
    return inner


def _spread_of_areas(inner: InteriorGrains) -> Mean | None:
    """Return E1382's interval from the single grains of a field."""
    n = int(inner.areas_px.size)
    if n < 2:
        return None
    deviation = float(inner.areas_px.std(ddof=1))
    half = student_t(n) * deviation / math.sqrt(n)
    return Mean(inner.mean_area_px, half, n, "grains of one field", deviation)


def _add_intercepts(found: _Found, key: str, count: PatternCount) -> None:
    if not count.length_px:
        return
    per_mm = count.intersections / (count.length_px * found.pixel_size_um / 1000)
    parts = ratio_of_parts(count.part_intersections, count.part_lengths_px)
    found.add(key, per_mm, count.intersections, parts)


def _remarks_on_lines(name: str, share: float) -> tuple[str, ...]:
    if not share:
        return ()
    return (
        f"{name}: the lines of 0 between the grains, {100 * share:.0f} % of the field, were given "
        "to the nearest grain",
    )


def _remarks_on_pores(name: str, holes: Holes) -> tuple[str, ...]:
    if not holes.n_pores:
        return ()
    many = f"{holes.n_pores} holes" if holes.n_pores > 1 else "a hole"
    return (
        f"{name}: {many} in the map, {100 * holes.share:.2g} % of it, no larger than the mean "
        "grain: taken for pores, which cut no grain and are left out of the area",
    )


def _remarks_on_a_wide_grain(name: str, wide: str) -> tuple[str, ...]:
    if not wide:
        return ()
    return (
        f"{name}: {wide}: if that is the mount or the background, make it 0 (Delete in the Correct "
        "dock) and measure again",
    )


def _remarks(name: str, found: _Found, inner: InteriorGrains) -> tuple[str, ...]:
    said = []
    if not inner.areas_px.size:
        said.append(
            f"{name}: all grains are cut by the border, so there is no mean area of whole grains: "
            "choose a lower magnification"
        )
    whole = found.counts.get("saltykov", 0.0)
    if whole < LEAST_GRAINS:
        said.append(
            f"{name}: a count of {whole:.4g} is below the {LEAST_GRAINS} grains of a field in E112"
        )
    unusual = unusual_density_words(found.values.get("saltykov"), found.pixel_size_um)
    if unusual:
        said.append(f"{name}: {unusual}")
    few = [key for key, least in LEAST_COUNTS.items() if found.counts.get(key, 0.0) < least]
    if few:
        counts = ", ".join(
            f"{method(key).title.removeprefix('Intercepts, ')} "
            f"{found.counts.get(key, 0.0):.4g} of {LEAST_COUNTS[key]}"
            for key in few
        )
        said.append(f"{name}: fewer intersections than the patterns should meet ({counts})")
    if "jeffries" not in found.values:
        said.append(f"{name}: no circle fits on the specimen, so Jeffries' count is left out")
    return tuple(said)

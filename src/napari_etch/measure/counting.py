"""Counting where test lines and circles meet grain boundaries, by the rules of ASTM E112."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from napari_etch.measure.checks import check_grain_map
from napari_etch.measure.junctions import Junctions, find_junctions
from napari_etch.measure.patterns import Curve, Pattern

CROSSING, TRIPLE, TANGENT, END = "crossing", "triple point", "tangent", "line end"
# Half the width of a boundary: a test line this close to a triple point hits it, and one this
# close to a boundary that turns back touches it.
REACH_PX = 0.75
_STEP_PX = 0.25
# A hit of a triple point stands for what the line crosses of its three boundaries up to here.
_ARMS_PX = 6.0
# Contacts with one and the same boundary closer than this are one contact: outlines have steps.
_JITTER_PX = 4.0
# A boundary that meets the line at 2° is within `REACH_PX` and a step of it over this length: a
# crossing, but the steps look like many tangents.
_SHALLOW_PX = 40.0
# A corner of a grain that comes this close is a triple point, which is hit or not, and no tangent.
_CORNER_PX = 3.0
# An interval from one field comes from this many parts of it along each side.
PARTS = 3


@dataclass(frozen=True, eq=False)
class PatternCount:
    """What a pattern counts on a field.

    Attributes
    ----------
    pattern : Pattern
        Where its lines and circles lay.
    length_px : float
        Length of test line on the specimen, px.
    intersections : float
        P, with the weights of triple points, tangents and line ends.
    intercepts : float
        N, the grains crossed: one at a line end counts ½, tangents nothing.
    points : ndarray of float, (n, 2)
        Row and column of each counted intersection.
    kinds : ndarray of str, (n,)
        ``crossing``, ``triple point``, ``tangent`` or ``line end``.
    weights : ndarray of float, (n,)
        What each counts.
    chords_px : ndarray of float
        Lengths of test line between neighbouring intersections.
    part_lengths_px, part_intersections : ndarray of float, (PARTS²,)
        Length and count in the parts of the field, for the interval of a single field.
    by_placement : ndarray of float, (pattern.placements,)
        P of each placement of the pattern.
    """

    pattern: Pattern
    length_px: float
    intersections: float
    intercepts: float
    points: np.ndarray
    kinds: np.ndarray
    weights: np.ndarray
    chords_px: np.ndarray
    part_lengths_px: np.ndarray
    part_intersections: np.ndarray
    by_placement: np.ndarray

    @property
    def mean_intercept_px(self) -> float:
        """Length of test line per intersection, px; NaN without any."""
        return self.length_px / self.intersections if self.intersections else math.nan


def count_pattern(
    grains: np.ndarray,
    pattern: Pattern,
    *,
    reach_px: float = REACH_PX,
    junctions: Junctions | None = None,
) -> PatternCount:
    """Count the intersections of a pattern with the grain boundaries of a map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x), without gaps between grains; 0 is off the specimen, where test
        lines have neither length nor intersections.
    pattern : Pattern
        Lines and circles in pixels of the map.
    reach_px : float
        Half the width that a boundary has for the rules of triple points, tangents and line ends.
    junctions : Junctions, optional
        Of the same map, when they are known already.

    Returns
    -------
    PatternCount
        P and N with every intersection.

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers.

    Notes
    -----
    ASTM E112: a crossing counts 1, a tangent 1, a triple point 1½ (2 on Abrams' circles), a line
    end on a boundary ½ and any other line end 0. (The weights are recalled, not checked
    against the text of the standard.) The map knows boundaries without width, so a hit is a
    matter of `reach_px`. A triple point that is hit replaces the crossings of its three boundaries
    that lie within a few pixels.
    """
    grains = check_grain_map(grains, "the intercept count")
    if junctions is None:
        junctions = find_junctions(grains)
    walks = [
        walk
        for curve in pattern.curves
        for walk in _walks(grains, curve, junctions, pattern.triple_weight, reach_px)
    ]
    return _collected(pattern, grains.shape, walks)


@dataclass
class _Event:
    """An intersection while it is being judged."""

    along: float
    labels: frozenset[int]
    kind: str = CROSSING
    weight: float = 1.0
    grains: float = 1.0  # what it adds to N
    point: tuple[float, float] | None = None


@dataclass
class _Walk:
    """A stretch of a curve on the specimen, sampled at equal steps."""

    curve: Curve
    along: np.ndarray
    middle: np.ndarray  # labels on the curve …
    sides: tuple[np.ndarray, np.ndarray]  # … and on either side of it
    round_trip: bool  # a circle without a gap has no ends
    step: float
    events: list[_Event] = field(default_factory=list)

    def points(self, along: np.ndarray) -> np.ndarray:
        return self.curve.at(along)


def _walks(
    grains: np.ndarray, curve: Curve, junctions: Junctions, triple_weight: float, reach: float
) -> Iterator[_Walk]:
    for walk in _stretches(grains, curve, reach):
        _find_crossings(walk)
        _add_near_misses(walk)
        _merge_jitter(walk)
        _take_triple_points(walk, junctions, triple_weight, reach)
        _drop_corners(walk, junctions)
        _weigh_ends(walk, grains, reach)
        yield walk


def _look_up(grains: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the labels at points; 0 outside of the map."""
    rows, columns = np.floor(points + 0.5).astype(np.int64).T
    inside = (rows >= 0) & (rows < grains.shape[0]) & (columns >= 0) & (columns < grains.shape[1])
    labels = np.zeros(len(points), np.int64)
    labels[inside] = grains[rows[inside], columns[inside]]
    return labels


def _stretches(grains: np.ndarray, curve: Curve, reach: float) -> Iterator[_Walk]:
    """Yield the parts of a curve on the specimen; a circle begins inside a grain."""
    count = max(2, math.ceil(curve.length / _STEP_PX))
    step = curve.length / count
    along = (np.arange(count) + 0.5) * step
    middle = _look_up(grains, curve.at(along))
    whole = bool(curve.closed and (middle > 0).all())
    if curve.closed:
        start = _start_of_circle(middle, whole)
        along = np.roll(along, -start)
        along[along < along[0]] += curve.length
        middle = np.roll(middle, -start)
    sides = [_look_up(grains, curve.at(along, aside)) for aside in (-reach, reach)]
    edges = np.flatnonzero(np.diff(np.r_[0, (middle > 0).view(np.int8), 0]))
    for first, last in edges.reshape(-1, 2):
        part = slice(first, last)
        yield _Walk(curve, along[part], middle[part], (sides[0][part], sides[1][part]), whole, step)


def _start_of_circle(middle: np.ndarray, whole: bool) -> int:
    """Return a sample in the middle of a long run, or the first one after a gap."""
    if not whole:
        gaps = np.flatnonzero((middle == 0) & (np.roll(middle, -1) > 0))
        return int(gaps[0] + 1) % middle.size if gaps.size else 0
    changes = np.flatnonzero(middle != np.roll(middle, 1))
    if changes.size == 0:
        return 0
    lengths = np.diff(np.r_[changes, changes[0] + middle.size])
    longest = int(lengths.argmax())
    return int(changes[longest] + lengths[longest] // 2) % middle.size


def _runs(labels: np.ndarray) -> list[tuple[int, int, int]]:
    """Return (label, first, end) of each run."""
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    ends = np.append(starts[1:], labels.size)
    values = labels[starts].tolist()
    return list(zip(values, starts.tolist(), ends.tolist(), strict=True))


def _find_crossings(walk: _Walk) -> None:
    """Find the changes of label; a grain that is only grazed makes one tangent, not two."""
    kept: list[tuple[int, int, int]] = []
    for run in _runs(walk.middle):
        label, _first, end = run
        if len(kept) >= 2 and kept[-2][0] == label:
            other, first, last = kept[-1]
            if any((side[first:last] == label).all() for side in walk.sides):
                _touch(walk, first, last, label, other)
                kept.pop()
                kept[-1] = (label, kept[-1][1], end)
                continue
        kept.append(run)
    for before, after in pairwise(kept):
        at = float(walk.along[after[1]] - walk.step / 2)
        walk.events.append(_Event(at, frozenset((before[0], after[0]))))


def _touch(walk: _Walk, first: int, last: int, label: int, other: int) -> None:
    at = float(walk.along[first] + walk.along[last - 1]) / 2
    walk.events.append(_Event(at, frozenset((label, other)), TANGENT, 1.0, 0.0))


def _add_near_misses(walk: _Walk) -> None:
    """Add the boundaries that turn back just before the curve: as many as just behind it."""
    for side in walk.sides:
        runs = _runs(side)
        for before, run, after in zip(runs, runs[1:], runs[2:], strict=False):
            label, other = before[0], run[0]
            if label == 0 or other == 0 or after[0] != label:
                continue
            if (walk.middle[run[1] : run[2]] == label).all():
                _touch(walk, run[1], run[2], label, other)


def _merge_jitter(walk: _Walk) -> None:
    """Let contacts with one boundary that follow each other closely be one."""
    kept: list[_Event] = []
    latest: dict[frozenset[int], tuple[int, float]] = {}
    for event in sorted(walk.events, key=lambda each: each.along):
        at, contact = latest.get(event.labels, (-1, -math.inf))
        last = kept[at] if at >= 0 else event
        if event.kind == last.kind == CROSSING:
            new = at < 0 or event.along - last.along > _JITTER_PX
        else:  # a row of tangents is followed from one to the next
            new = event.along - contact > _SHALLOW_PX
        latest[event.labels] = (len(kept) if new else at, event.along)
        if new:
            kept.append(event)
        elif event.kind == TANGENT:
            continue
        elif last.kind == TANGENT:
            kept[at] = event
        else:  # there and back again
            kept[at] = _Event(last.along, last.labels, TANGENT, 1.0, 0.0)
    walk.events = sorted(kept, key=lambda each: each.along)


def _drop_corners(walk: _Walk, junctions: Junctions) -> None:
    """Drop the tangents that are corners of grains beside the curve."""
    tangents = [event for event in walk.events if event.kind == TANGENT]
    if not tangents or not len(junctions.points):
        return
    places = walk.points(np.array([event.along for event in tangents]))
    away = np.array([np.abs(junctions.points - place).max(axis=1).min() for place in places])
    corners = {id(each) for each, far in zip(tangents, away, strict=True) if far <= _CORNER_PX}
    walk.events = [event for event in walk.events if id(event) not in corners]


def _take_triple_points(
    walk: _Walk, junctions: Junctions, triple_weight: float, reach: float
) -> None:
    """Let each triple point that is hit stand for the crossings of its boundaries around it."""
    if not len(junctions.points) or not walk.events:
        return
    for number, along in _hits(walk, junctions.points, reach):
        grains = set(junctions.labels[number].tolist()) - {0}
        arms = [
            event
            for event in walk.events
            if abs(event.along - along) <= _ARMS_PX and event.labels <= grains
        ]
        if not arms:
            continue
        point = (float(junctions.points[number, 0]), float(junctions.points[number, 1]))
        passed = sum(event.grains for event in arms)
        labels = frozenset(grains)
        # further hits of the same grains are hits of other points
        walk.events = [event for event in walk.events if all(event is not arm for arm in arms)]
        walk.events.append(_Event(along, labels, TRIPLE, triple_weight, passed, point))
    walk.events.sort(key=lambda each: each.along)


def _hits(walk: _Walk, points: np.ndarray, reach: float) -> list[tuple[int, float]]:
    """Return the junctions that a curve passes within reach, and where along it."""
    along, away = walk.curve.nearest(points)
    if walk.curve.closed:  # a circle is counted from where its walk begins
        along = np.where(along < walk.along[0], along + walk.curve.length, along)
    first, last = walk.along[0] - reach, walk.along[-1] + reach
    hit = np.flatnonzero((away <= reach) & (along >= first) & (along <= last))
    found = zip(hit.tolist(), along[hit].tolist(), strict=True)
    return sorted(found, key=lambda each: each[1])


def _weigh_ends(walk: _Walk, grains: np.ndarray, reach: float) -> None:
    """Let an intersection at the end of a line count ½."""
    if walk.round_trip:
        return
    half = walk.step / 2
    ends = (float(walk.along[0]) - half, float(walk.along[-1]) + half)
    for end, ahead, label in zip(ends, (-reach, reach), walk.middle[[0, -1]].tolist(), strict=True):
        near = [event for event in walk.events if abs(event.along - end) <= reach]
        for event in near:
            event.kind, event.weight, event.grains = END, 0.5, 0.5
        beyond = int(_look_up(grains, walk.points(np.array([end + ahead])))[0])
        if not near and beyond not in (0, label):
            walk.events.append(_Event(end, frozenset((label, beyond)), END, 0.5, 0.5))
    walk.events.sort(key=lambda each: each.along)


def _collected(pattern: Pattern, shape: tuple[int, int], walks: list[_Walk]) -> PatternCount:
    points, kinds, weights, chords, passed = [], [], [], [], 0.0
    lengths = np.zeros(PARTS**2)
    for walk in walks:
        samples = walk.points(walk.along)
        lengths += walk.step * np.bincount(parts_of(samples, shape), minlength=PARTS**2)
        if not walk.events:
            continue
        at = np.array([event.along for event in walk.events])
        drawn = walk.points(at)
        for event, place in zip(walk.events, drawn, strict=True):
            points.append(event.point or (float(place[0]), float(place[1])))
            kinds.append(event.kind)
            weights.append(event.weight)
            passed += event.grains
        through = at[[event.kind != TANGENT for event in walk.events]]
        chords.append(np.diff(through))
        if walk.round_trip and through.size:
            chords.append(np.array([through[0] + walk.curve.length - through[-1]]))
    where = np.array(points, float).reshape(-1, 2)
    weight = np.array(weights, float)
    return PatternCount(
        pattern=pattern,
        length_px=float(sum(walk.step * walk.along.size for walk in walks)),
        intersections=float(weight.sum()),
        intercepts=float(passed),
        points=where,
        kinds=np.array(kinds, dtype=str),
        weights=weight,
        chords_px=np.concatenate(chords) if chords else np.zeros(0),
        part_lengths_px=lengths,
        part_intersections=np.bincount(parts_of(where, shape), weights=weight, minlength=PARTS**2),
        by_placement=_by_placement(pattern, walks),
    )


def _by_placement(pattern: Pattern, walks: list[_Walk]) -> np.ndarray:
    """Return the intersections of each placement of a pattern."""
    each = max(1, len(pattern.curves) // pattern.placements)
    placement = {id(curve): at // each for at, curve in enumerate(pattern.curves)}
    counts = np.zeros(pattern.placements)
    for walk in walks:
        counts[placement[id(walk.curve)]] += sum(event.weight for event in walk.events)
    return counts


def parts_of(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return in which of the PARTS × PARTS equal parts of a field each point lies.

    Parameters
    ----------
    points : ndarray of float, (n, 2)
        Row and column.
    shape : tuple of int
        Of the field.

    Returns
    -------
    ndarray of int64, (n,)
        Row by row from 0.
    """
    part = np.floor((np.asarray(points) + 0.5) * PARTS / np.asarray(shape)).astype(np.int64)
    part = np.clip(part, 0, PARTS - 1)
    return np.asarray(part[:, 0] * PARTS + part[:, 1])

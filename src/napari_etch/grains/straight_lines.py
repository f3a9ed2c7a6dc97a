"""Straight lines of a boundary map that cross its grains: scratches that were taken for boundaries.

A boundary turns wherever another one meets it, some once a mean intercept. A scratch goes straight
on, and the boundaries that it crosses go on behind it. So a line counts when it is straight over
several mean intercepts and boundaries go on across it; a long twin, the side of a rolled grain or
the interface of a coating is straight, too, but what meets it on one side has no counterpart on the
other.

Lines are found by the Hough transform (Duda and Hart 1972), in which each point of a ridge votes
for the directions near its own alone (O'Gorman and Clowes 1976), in one square of the map after
the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["StraightLine", "straight_lines"]

Map = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]

# Side of the squares in which lines are sought, in mean intercepts.
_TILE = 18.0
# A ridge of the map is at least so probable.
_LEAST_RIDGE = 0.1
# Directions in half a turn; points vote for those within so many of their own.
_DIRECTIONS, _GATE = 180, 12
_STEPS = np.arange(-_GATE, _GATE + 1)
_SIN, _COS = (turned(np.arange(_DIRECTIONS) * (np.pi / _DIRECTIONS)) for turned in (np.sin, np.cos))
# A line has points on so much of it, is so long (in mean intercepts; one that crosses grains is
# longer) and so straight, px.
_COVERED, _LONG, _LONGER, _STRAIGHT = 0.7, 2.0, 3.2, 1.6
# Lines looked at in a square.
_MOST = 60
# Boundaries that meet a line are looked for so far beside it, px at a mean intercept of 28; on both
# sides they meet it within so many px.
_BESIDE, _MEET, _INTERCEPT = (4.0, 5.0, 6.0), 3.0, 28.0
# They cross it at this sine at least; more flatly they run along it.
_CROSSING = 0.35
# So many boundaries go on behind a line, and this share of those that meet it.
_LEAST_CROSSED, _SHARE_CROSSED = 2, 0.45
# When the lines are so much of all ridges, they are the boundaries: of squares or bricks.
_MOST_OF_RIDGES = 0.6


@dataclass(frozen=True)
class StraightLine:
    """A straight line in a map.

    Attributes
    ----------
    start, end : tuple of float
        Row and column of its ends, px.
    crosses : bool
        Whether boundaries go on behind it.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    crosses: bool = False

    @property
    def length(self) -> float:
        """Its length, px."""
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))


@dataclass(frozen=True, eq=False)
class _Ridges:
    """Crests of a part of the map: where they are, bool (y, x), and their direction, radians."""

    here: Mask
    direction: Map


def straight_lines(boundary: Map, intercept: float) -> list[StraightLine]:
    """Return the straight lines of a boundary map: those that cross grains first, longest first.

    Parameters
    ----------
    boundary : float32 (y, x) in [0, 1]
        Probability of a boundary.
    intercept : float
        Mean intercept, px: 28 or so is what the limits were set for.

    Returns
    -------
    list of StraightLine
        Those that cross are at least 3.2 mean intercepts long, others two. Empty where none
        crosses, and where those are most of what is there: then they are the grains' sides.
    """
    found, points = _in_squares(boundary, intercept, _LONGER)
    across = sum(line.length for line in found if line.crosses)
    if not across or across > _MOST_OF_RIDGES * points:
        return []
    # shorter ones are many, and say nothing by themselves: most maps end above
    found, _ = _in_squares(boundary, intercept, _LONG)
    return sorted(found, key=lambda line: (not line.crosses, -line.length))


def _in_squares(boundary: Map, intercept: float, long: float) -> tuple[list[StraightLine], int]:
    """Return the straight lines of at least so many intercepts, and how many points ridges have."""
    found: list[StraightLine] = []
    points = 0
    side = max(64, round(_TILE * intercept))
    for top in range(0, boundary.shape[0], side):
        for left in range(0, boundary.shape[1], side):
            ridges = _ridges(boundary[top : top + side, left : left + side])
            points += int(ridges.here.sum())
            for line in _lines(ridges, int(long * intercept)):
                start, end = ((y + top, x + left) for y, x in (line.start, line.end))
                found.append(StraightLine(start, end, _crosses(line, ridges, intercept)))
    return found, points


def _ridges(part: Map) -> _Ridges:
    """Return the crests of a map: larger than what is beside them, across their direction."""
    from scipy.ndimage import gaussian_filter, map_coordinates, sobel

    smooth = gaussian_filter(part.astype(np.float32, copy=False), 1.0)
    down, right = sobel(smooth, 0), sobel(smooth, 1)
    squares = (gaussian_filter(each, 1.5) for each in (down * down, right * right, down * right))
    downs, rights, mixed = squares
    here = smooth > _LEAST_RIDGE
    y, x = np.nonzero(here)
    across = 0.5 * np.arctan2(2 * mixed[y, x], rights[y, x] - downs[y, x])
    step = np.sin(across), np.cos(across)
    beside = [
        map_coordinates(smooth, [y + sign * step[0], x + sign * step[1]], order=1, mode="nearest")
        for sign in (1, -1)
    ]
    here[y, x] = smooth[y, x] >= np.maximum(*beside)
    direction = np.zeros(part.shape, np.float32)
    direction[y, x] = (across + np.pi / 2) % np.pi
    return _Ridges(here, direction)


class _Votes:
    """The Hough transform of the points of ridges, from which points can be taken away.

    A line has direction (sin, cos) of an angle; its place is measured along (cos, -sin) from the
    middle of the part.
    """

    def __init__(self, ridges: _Ridges) -> None:
        places = np.argwhere(ridges.here)
        self.points: Points = places - np.array(ridges.here.shape) / 2
        turned = ridges.direction[ridges.here] / np.pi * _DIRECTIONS
        self.directions = np.round(turned).astype(np.intp) % _DIRECTIONS
        self.free = np.ones(len(places), bool)
        self.reach = int(np.hypot(*ridges.here.shape) / 2) + 3
        self.width = 2 * self.reach + 1
        cells = self._cells(np.arange(len(places)))
        counts = np.bincount(cells.ravel(), minlength=_DIRECTIONS * self.width)
        self.counts = counts.astype(np.int32).reshape(_DIRECTIONS, self.width)

    def place(self, which: npt.NDArray[np.intp], direction: npt.NDArray[np.intp] | int) -> Points:
        """Return where points lie across a direction, px."""
        y, x = self.points[which].T
        return y * _COS[direction] - x * _SIN[direction]

    def along(self, which: npt.NDArray[np.intp], direction: int) -> Points:
        """Return where points lie along a direction, px."""
        y, x = self.points[which].T
        return y * _SIN[direction] + x * _COS[direction]

    def take(self, which: npt.NDArray[np.intp]) -> None:
        """Take points away."""
        self.free[which] = False
        np.subtract.at(self.counts.reshape(-1), self._cells(which).ravel(), 1)

    def best(self) -> tuple[int, int, int]:
        """Return direction, place and votes of the line with most points."""
        sums = self.counts.copy()
        sums[:, 1:] += self.counts[:, :-1]
        sums[:, :-1] += self.counts[:, 1:]
        direction, place = divmod(int(sums.argmax()), self.width)
        return direction, place - self.reach, int(sums[direction, place])

    def forget(self, direction: int, place: int) -> None:
        """Take a line out of what is looked at."""
        middle = place + self.reach
        self.counts[direction, max(0, middle - 1) : middle + 2] = 0

    def near(self, direction: int, place: int) -> npt.NDArray[np.intp]:
        """Return the free points on a line."""
        apart = np.abs(self.directions - direction)
        apart = np.minimum(apart, _DIRECTIONS - apart)
        which = np.flatnonzero((apart <= _GATE) & self.free)
        return which[np.abs(self.place(which, direction) - place) <= _STRAIGHT]

    def _cells(self, which: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return which of the counts, as if in one row, each point votes for."""
        directions = (self.directions[which] + _STEPS[:, None]) % _DIRECTIONS
        places = np.round(self.place(which, directions)).astype(np.intp) + self.reach
        return directions * self.width + places


def _lines(ridges: _Ridges, least: int) -> Iterator[StraightLine]:
    """Yield the straight lines of a part of the map over a length, each point in one of them."""
    if min(ridges.here.shape) < 8:
        return
    votes = _Votes(ridges)
    for _ in range(_MOST):
        direction, place, count = votes.best()
        if count < 0.6 * least:
            return
        which = votes.near(direction, place)
        along = votes.along(which, direction)
        for start, end in _runs(along, least):
            own = which[(along >= start) & (along <= end)]
            yield _fitted(votes, own, direction, ridges.here.shape)
            votes.take(own)
        votes.forget(direction, place)


def _runs(along: Points, least: int) -> list[tuple[float, float]]:
    """Return from where to where points lie densely along a line, over `least` px or more."""
    from scipy.ndimage import uniform_filter1d

    if len(along) < 0.5 * least:
        return []
    first = int(np.floor(along.min()))
    taken = np.zeros(int(np.ceil(along.max())) - first + 1, bool)
    taken[np.round(along - first).astype(int)] = True
    dense = uniform_filter1d(taken.astype(np.float32), least, mode="constant") >= _COVERED
    middles = np.flatnonzero(dense)
    if not len(middles):
        return []
    runs = []
    for group in np.split(middles, np.flatnonzero(np.diff(middles) > least) + 1):
        low, high = max(0, group[0] - least // 2), group[-1] + least // 2
        here = np.flatnonzero(taken[low : high + 1]) + low
        if here[-1] - here[0] >= least:
            runs.append((float(first + here[0]) - 0.5, float(first + here[-1]) + 0.5))
    return runs


def _fitted(
    votes: _Votes, which: npt.NDArray[np.intp], direction: int, shape: tuple[int, ...]
) -> StraightLine:
    """Return the straight line that fits points best, in px of the part."""
    along, place = votes.along(which, direction), votes.place(which, direction)
    slope, offset = np.polyfit(along, place, 1)
    ends = np.array([along.min(), along.max()])
    off = slope * ends + offset
    sin, cos = _SIN[direction], _COS[direction]
    y, x = ends * sin + off * cos + shape[0] / 2, ends * cos - off * sin + shape[1] / 2
    return StraightLine((float(y[0]), float(x[0])), (float(y[1]), float(x[1])))


def _crosses(line: StraightLine, ridges: _Ridges, intercept: float) -> bool:
    """Return whether boundaries go on behind a line."""
    if line.length < _LONGER * intercept:
        return False
    one, other = (_meetings(line, ridges, side, intercept) for side in (1, -1))
    near = _MEET * _coarser(intercept)
    free = list(other)
    crossed = 0
    for place in one:
        apart = [abs(place - each) for each in free]
        if apart and min(apart) <= near:
            free.pop(int(np.argmin(apart)))
            crossed += 1
    most = crossed + max(len(one) - crossed, len(free))
    return crossed >= _LEAST_CROSSED and crossed >= _SHARE_CROSSED * most


def _coarser(intercept: float) -> float:
    """Return how much further away things are than at the usual mean intercept, at least 1."""
    return max(1.0, intercept / _INTERCEPT)


def _meetings(line: StraightLine, ridges: _Ridges, side: int, intercept: float) -> list[float]:
    """Return where along a line boundaries of one of its sides meet it, px from its start."""
    start = np.array(line.start)
    ahead = (np.array(line.end) - start) / line.length
    aside = side * np.array([ahead[1], -ahead[0]])
    along = np.arange(0, line.length)
    places = []
    for off in _BESIDE:
        off *= _coarser(intercept)
        spots = np.rint(start + along[:, None] * ahead + off * aside).astype(int)
        inside = ((spots >= 0) & (spots < ridges.here.shape)).all(axis=1)
        y, x = spots[inside].T
        ridge = ridges.here[y, x]
        angle = ridges.direction[y[ridge], x[ridge]]
        heading = np.stack([np.sin(angle), np.cos(angle)], 1)
        sine = heading @ aside
        crossing = np.abs(sine) >= _CROSSING
        back = off * (heading[crossing] @ ahead) / sine[crossing]
        places.append(along[inside][ridge][crossing] - back)
    met = np.sort(np.concatenate(places))
    groups = np.split(met, np.flatnonzero(np.diff(met) > _MEET) + 1) if len(met) else []
    return [float(group.mean()) for group in groups]

"""Redraw a boundary: the strip between its old and its new course changes owner."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, local
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.pieces import pieces_of
from napari_etch.grains.editing.strokes import Pixels, Points, Run, runs, sampled, stroke_pixels
from napari_etch.grains.editing.tiling import settle
from napari_etch.grains.editing.wire import REACH, wire_along

__all__ = ["redraw", "redrawn_lines"]

_NUB = 3.0  # px: a shorter run only brushes a grain
# A wire that keeps less than this part of the strip as drawn found no boundary but the old one.
_COLLAPSED = 0.3
_SPECK = 2  # px: smaller pieces between stroke and boundary are left where they are


@dataclass(frozen=True, eq=False)
class _Course:
    """The part of a new course that runs through one grain, closed onto its other side."""

    giver: int
    taker: int
    points: Points
    before: int
    behind: int


def redraw(field: Field, path: npt.ArrayLike, *, snap: bool, reach: float = REACH) -> Change:
    """See `GrainEditor.redraw`."""
    courses = _courses(field, path)
    pair = sorted({courses[0].giver, courses[0].taker})
    field.refuse_locked(pair)
    window = field.window_of(pair, margin=1)
    after = np.array(field.grains[window])
    moved = 0
    for course in courses:
        box = local(field.index.box(course.giver), window)
        strip, _ = _bent(field, course, snap, reach)
        after[box][strip] = course.taker
        moved += int(strip.sum())
    if moved == 0:
        raise EditError(
            f"The stroke encloses nothing with the boundary of grains {pair[0]} and {pair[1]}: "
            "draw the new course from one point of the boundary to another."
        )
    outer, settled = settle(field, window, after)
    message = f"Redrew the boundary of grains {pair[0]} and {pair[1]}: {moved} px changed sides."
    change = field.change(outer, settled, message)
    if not change.created:
        return change
    parts = " and ".join(map(str, change.created))
    cut = f"grain {parts} was" if len(change.created) == 1 else f"grains {parts} were"
    return replace(change, message=f"{message} What was cut off is new: {cut} made.")


def redrawn_lines(
    field: Field, path: npt.ArrayLike, *, snap: bool, reach: float = REACH
) -> npt.NDArray[np.float64]:
    """Return the new course (n, 2) that a redraw would take."""
    lines = [_bent(field, course, snap, reach)[1] for course in _courses(field, path)]
    return np.concatenate(lines).astype(float)


def _courses(field: Field, path: npt.ArrayLike) -> list[_Course]:
    """Return the parts of a stroke that bend the boundary of one pair of grains."""
    parts = runs(field.grains, sampled(path))
    if not parts:
        raise EditError("The stroke touches no grain: draw the new course of a boundary.")
    longest = max(parts, key=lambda run: run.length)
    giver = longest.label
    meant = [run for run in parts if run is longest or run.length >= _NUB]
    taker = _partner(field, longest, meant)
    other = {giver: taker, taker: giver}
    return [_closed(field, run, other[run.label]) for run in meant if run.label in other]


def _partner(field: Field, longest: Run, meant: list[Run]) -> int:
    """Return the grain on the other side: the next that the stroke runs in, or else passes by."""
    lengths: dict[int, float] = {}
    for run in meant:
        if run.label != longest.label:
            lengths[run.label] = lengths.get(run.label, 0.0) + run.length
    if lengths:
        return max(lengths, key=lambda label: lengths[label])
    window = field.window_of([longest.label], margin=1)
    part = field.grains[window]
    _, at = _distance_to((part != longest.label) & (part != 0))
    if at is None:
        raise EditError(f"Grain {longest.label} has no neighbour whose boundary could be redrawn.")
    y, x = stroke_pixels(longest.points, window).T
    beside = part[at[0][y, x], at[1][y, x]]
    labels, counts = np.unique(beside, return_counts=True)
    return int(labels[np.argmax(counts)])


def _closed(field: Field, run: Run, taker: int) -> _Course:
    """Return a run closed onto the boundary with `taker` by the shortest ways."""
    window = field.window_of([run.label], margin=1)
    _, at = _distance_to(field.grains[window] == taker)
    if at is None:
        raise EditError(f"Grains {run.label} and {taker} share no boundary to redraw.")
    head = np.zeros((0, 2)) if run.enters else _link(field, run, run.points[0], at)[::-1]
    tail = np.zeros((0, 2)) if run.leaves else _link(field, run, run.points[-1], at)
    points = np.concatenate([head, run.points, tail])
    return _Course(run.label, taker, points, len(head), len(tail))


def _link(field: Field, run: Run, end: Points, at: Pixels) -> Points:
    """Return samples from an end of a run to the last pixel before the nearest pixel `at`."""
    top, left = (s.start for s in field.window_of([run.label], margin=1))
    y, x = np.rint(end).astype(int).tolist()
    goal = np.array([at[0][y - top, x - left] + top, at[1][y - top, x - left] + left], float)
    samples = sampled(np.stack([end, goal]))
    inside = field.grains[tuple(np.rint(samples).astype(int).T)] == run.label
    return samples[: int(np.argmin(inside))] if not inside.all() else samples


def _distance_to(goal: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], Pixels | None]:
    from scipy import ndimage as ndi

    if not goal.any():
        return np.full(goal.shape, np.inf), None
    distance, at = ndi.distance_transform_edt(~goal, return_indices=True)
    return distance, at


def _bent(
    field: Field, course: _Course, snap: bool, reach: float
) -> tuple[npt.NDArray[np.bool_], Pixels]:
    """Return the strip that changes owner, in the giver's box, and the new course."""
    corner = _corner(field, course.giver)
    drawn = stroke_pixels(course.points, field.frame)
    strip = _strip(field, course, drawn - corner)
    if not snap or field.boundary is None:
        return strip, drawn
    line = wire_along(field, course.giver, course.points, course.before, course.behind, reach=reach)
    if line is None:
        return strip, drawn
    snapped = _strip(field, course, line - corner)
    if snapped.sum() < _COLLAPSED * strip.sum():
        return strip, drawn
    return snapped, line


def _corner(field: Field, label: int) -> npt.NDArray[np.intp]:
    box = field.index.box(label)
    return np.array([box[0].start, box[1].start])


def _strip(field: Field, course: _Course, line: Pixels) -> npt.NDArray[np.bool_]:
    """Return which pixels of the giver's box lie between the new course and the taker.

    Of the pieces that the course makes, the strip is the one whose outline is shared with the
    taker alone; the rest of the giver also has other neighbours, or is the larger one.
    """
    box = field.index.box(course.giver)
    part: Labels = field.grains[box]
    grain = part == course.giver
    cut = np.zeros(part.shape, bool)
    keep = ((line >= 0) & (line < part.shape)).all(axis=1)
    cut[tuple(line[keep].T)] = True
    pieces = pieces_of(grain, cut & grain, least=_SPECK)
    n = int(pieces.max())
    strip = np.zeros(part.shape, bool)
    if n < 2:
        return strip
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)[1:]
    shares = [_share(field, course, pieces == i + 1) for i in range(n)]
    rest = min(range(n), key=lambda i: (round(shares[i], 1), -sizes[i]))
    for i in range(n):
        if i != rest and shares[i] > 0.5:
            strip |= pieces == i + 1
    return strip


def _share(field: Field, course: _Course, piece: npt.NDArray[np.bool_]) -> float:
    """Return the part of a piece's outer outline that is shared with the taker."""
    box = field.index.box(course.giver)
    around = np.pad(piece, 1)
    labels = np.zeros(around.shape, np.int64)
    rows, columns = field.window_of([course.giver], margin=1)
    top, left = rows.start - box[0].start + 1, columns.start - box[1].start + 1
    height, width = rows.stop - rows.start, columns.stop - columns.start
    labels[top : top + height, left : left + width] = field.grains[rows, columns]
    beside = np.concatenate(
        [
            labels[1:][around[:-1]],
            labels[:-1][around[1:]],
            labels[:, 1:][around[:, :-1]],
            labels[:, :-1][around[:, 1:]],
        ]
    )
    beside = beside[beside != course.giver]
    return float((beside == course.taker).mean()) if beside.size else 0.0

"""A closed stroke inside a grain, which cuts an island out of it."""

from __future__ import annotations

import numpy as np

from napari_etch.grains.editing.change import Window, grow
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.strokes import Pixels, Points, Run, length_of, stroke_pixels
from napari_etch.grains.editing.wire import wire_between

__all__ = ["is_loop", "loop"]

_GAP = 0.15  # part of its length that may be missing between the ends of a closed stroke
_SHORTEST = 16.0  # px: a shorter one is a scribble
_SIDES = 4  # a closed wire is laid from one to the next of so many points of the stroke


def is_loop(run: Run) -> bool:
    """Return whether a stroke lies inside a grain and comes back to where it began."""
    if run.enters or run.leaves or run.length < _SHORTEST:
        return False
    return float(np.hypot(*(run.points[-1] - run.points[0]))) <= _GAP * run.length


def loop(field: Field, run: Run, *, snap: bool, reach: float) -> Pixels:
    """Return the closed line (n, 2) of a loop: as drawn, or the most probable boundary near it."""
    closing = np.linspace(run.points[-1], run.points[0], max(2, int(_closing(run)) * 2 + 2))
    points = np.concatenate([run.points, closing])
    drawn = stroke_pixels(points, field.frame)
    if not snap or field.boundary is None:
        return drawn
    window = _window(field, points, 3 * reach)
    parts = np.array_split(points, _SIDES)
    anchors = [_anchor(field, part[0], reach) for part in parts]
    sides = []
    for part, one, two in zip(parts, anchors, [*anchors[1:], anchors[0]], strict=True):
        way = np.concatenate([[one], part, [two]])
        side = wire_between(field, run.label, window, way, reach=reach)
        if side is None:
            return drawn
        sides.append(side)
    return np.concatenate(sides)


def _closing(run: Run) -> float:
    return length_of(np.stack([run.points[-1], run.points[0]]))


def _window(field: Field, points: Points, margin: float) -> Window:
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)
    box = slice(int(low[0]), int(high[0]) + 1), slice(int(low[1]), int(high[1]) + 1)
    return grow(box, int(np.ceil(margin)), field.grains.shape)


def _anchor(field: Field, point: Points, reach: float) -> Points:
    """Return the likeliest boundary pixel near a point: probable, and not far away."""
    y, x = np.rint(point).astype(int).tolist()
    window = grow((slice(y, y + 1), slice(x, x + 1)), int(np.ceil(reach)), field.grains.shape)
    boundary = field.boundary_in(window)
    assert boundary is not None
    rows, columns = np.ogrid[window[0], window[1]]
    away = ((rows - point[0]) ** 2 + (columns - point[1]) ** 2) / reach**2
    likely = np.where(field.grains[window] == field.grains[y, x], boundary * np.exp(-away), -1)
    i, j = np.unravel_index(int(np.argmax(likely)), likely.shape)
    return np.array([window[0].start + i, window[1].start + j], float)

"""The live wire: the most probable boundary near a stroke."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Mask, Window, grow
from napari_etch.grains.editing.field import Field, Float
from napari_etch.grains.editing.strokes import Pixels, Points, Run, ray, stroke_pixels

__all__ = ["REACH", "prolonged", "wire", "wire_along", "wire_between"]

REACH = 6.0
"""Px: where the wire strays this far from the stroke, a step costs twice as much."""

_TUBE = 2.5  # times the reach: the wire does not stray further
_SPREAD = 0.5  # px of reach gained with each px beyond the end of the stroke
# The cost of a pixel is -log of its boundary probability: a path's cost is then -log of the
# probability that all of it is boundary. Below the floor the network's values are noise.
_FLOOR, _CEILING = 0.004, 0.97
# The outline of the grain is a boundary too, and would catch the wire: within this many px the
# boundary map counts in proportion to the distance from the outline.
_OUTLINE = 3.0


def prolonged(field: Field, run: Run) -> tuple[Points, int, int]:
    """Return a run led on straight to the outline of its grain at its open ends.

    Returns
    -------
    points : ndarray of float, shape (n, 2)
    before, behind : int
        How many of these points were added at the start and at the end.
    """
    points = run.points
    head = np.zeros((0, 2)) if run.enters else ray(field.grains, run.label, points[::-1])[::-1]
    tail = np.zeros((0, 2)) if run.leaves else ray(field.grains, run.label, points)
    return np.concatenate([head, points, tail]), len(head), len(tail)


def wire(field: Field, run: Run, *, reach: float = REACH) -> Pixels | None:
    """Return the most probable boundary through a grain along a stroke, from outline to outline.

    Parameters
    ----------
    field : Field
        With a boundary map.
    run : Run
        The stroke in this grain; open ends are led on straight, with ever more freedom.
    reach : float
        Px that the wire may stray from the stroke without much cost.

    Returns
    -------
    ndarray of int, shape (n, 2), or None
        Pixels (row, column) of the map, 8-connected; None when no such path exists.
    """
    return wire_along(field, run.label, *prolonged(field, run), reach=reach)


def wire_along(
    field: Field, label: int, points: Points, before: int, behind: int, *, reach: float = REACH
) -> Pixels | None:
    """Return the wire along points of which some were added at the start and at the end.

    Parameters
    ----------
    field, reach
        As for `wire`.
    label : int
        The grain.
    points : ndarray of float, shape (n, 2)
        From outline to outline of the grain, half a pixel apart.
    before, behind : int
        How many of these points were not drawn; there the wire has ever more freedom.
    """
    window = _window(field, label, points, reach, max(before, behind) / 2)
    pixels = stroke_pixels(points, window)
    if pixels.shape[0] < 2:
        return None
    radius = _radius(points, before, behind, reach, pixels.shape[0])
    cost, nearest, depth = _terrain(field, label, window, pixels, radius)
    starts, ends = _ends((cost > 0) & (depth <= 1), nearest, radius, pixels.shape[0])
    return _cheapest(cost, starts, ends, window)


def wire_between(
    field: Field, label: int, window: Window, points: Points, *, reach: float = REACH
) -> Pixels | None:
    """Return the most probable boundary along points, from the first to the last of them.

    Parameters
    ----------
    field, label, reach
        As for `wire_along`.
    window : (slice, slice)
        Holds the points, and whatever the wire may use.
    points : ndarray of float, shape (n, 2)
        All in the grain.
    """
    pixels = stroke_pixels(points, window)
    radius = np.full(pixels.shape[0], reach, np.float32)
    cost, _, _ = _terrain(field, label, window, pixels, radius)
    return _cheapest(cost, pixels[:1], pixels[-1:], window)


def _terrain(
    field: Field, label: int, window: Window, pixels: Pixels, radius: Float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp], Float]:
    """Return the cost of each pixel, -1 where the wire may not go, and what it was made from.

    That is the number of the nearest pixel of the stroke, and the depth inside the grain.
    """
    grain = field.grains[window] == label
    nearest, distance = _nearest(pixels, grain.shape)
    stray = distance / radius[nearest]
    depth = _depth(field, grain, window)
    cost = _cost(field.boundary_in(window), depth) * (1 + stray**2)
    cost[~grain | (stray > _TUBE)] = -1
    return cost, nearest, depth


def _cheapest(
    cost: npt.NDArray[np.float64], starts: Pixels, ends: Pixels, window: Window
) -> Pixels | None:
    from skimage.graph import MCP_Geometric

    if len(starts) == 0 or len(ends) == 0:
        return None
    search = MCP_Geometric(cost)
    costs, _ = search.find_costs(starts, ends, find_all_ends=False)
    best = ends[int(np.argmin(costs[tuple(np.transpose(ends))]))]
    if not np.isfinite(costs[tuple(best)]):
        return None
    path = np.asarray(search.traceback(best), np.intp)
    return path + np.array([window[0].start, window[1].start])


def _window(field: Field, label: int, points: Points, reach: float, beyond: float) -> Window:
    """Return the part of the grain's box that the wire may use."""
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int)
    margin = int(np.ceil(_TUBE * (reach + _SPREAD * beyond))) + 2
    box = grow(field.index.box(label), 1, field.grains.shape)
    rows, columns = (
        slice(max(s.start, int(a) - margin), min(s.stop, int(b) + margin + 1))
        for s, a, b in zip(box, low, high, strict=True)
    )
    return rows, columns


def _nearest(pixels: Pixels, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.intp], Float]:
    """Return for every pixel the number of the nearest pixel of the stroke, and how far it is."""
    from scipy import ndimage as ndi

    order = np.zeros(shape, np.intp)
    away = np.ones(shape, bool)
    # Written backwards: where a stroke crosses itself, its earlier part counts.
    order[tuple(pixels[::-1].T)] = np.arange(pixels.shape[0])[::-1]
    away[tuple(pixels.T)] = False
    distance, at = ndi.distance_transform_edt(away, return_indices=True)
    return order[tuple(at)], np.asarray(distance, np.float32)


def _radius(points: Points, before: int, behind: int, reach: float, n: int) -> Float:
    """Return how far the wire may stray beside each of the n pixels of the stroke."""
    place = np.arange(points.shape[0])
    drawn_until = points.shape[0] - 1 - behind
    beyond = np.maximum(np.maximum(before - place, place - drawn_until), 0) / 2
    radius = reach + _SPREAD * beyond
    at = np.linspace(0, points.shape[0] - 1, n)
    return np.interp(at, place, radius).astype(np.float32)


def _depth(field: Field, grain: Mask, window: Window) -> Float:
    """Return how deep inside the grain each pixel lies, 1 on its outline; the frame counts."""
    import edt

    closed = np.pad(grain, 1)
    # Where the window cuts the grain, its side is no outline.
    rows, columns = window
    if rows.start > 0:
        closed[0] = closed[1]
    if rows.stop < field.grains.shape[0]:
        closed[-1] = closed[-2]
    if columns.start > 0:
        closed[:, 0] = closed[:, 1]
    if columns.stop < field.grains.shape[1]:
        closed[:, -1] = closed[:, -2]
    return np.asarray(edt.edt(closed, black_border=False)[1:-1, 1:-1])


def _cost(boundary: Float | None, depth: Float) -> npt.NDArray[np.float64]:
    if boundary is None:
        return np.ones(depth.shape)
    probability = boundary * np.clip((depth - 1) / _OUTLINE, 0, 1)
    return -np.log(np.clip(probability, _FLOOR, _CEILING).astype(np.float64))


def _ends(
    outline: Mask, nearest: npt.NDArray[np.intp], radius: Float, n: int
) -> tuple[Pixels, Pixels]:
    """Return the pixels of the outline where the wire may start, and where it may end."""
    first = min(float(radius[0]), n / 3)
    last = min(float(radius[-1]), n / 3)
    starts = np.argwhere(outline & (nearest <= first))
    ends = np.argwhere(outline & (nearest >= n - 1 - last))
    return starts, ends

"""Convex hulls of all grains at once, and the calipers laid on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_etch.measure.runs import Runs

# Distances between vertices that are held in memory at a time.
_PAIRS = 1 << 20


@dataclass(frozen=True, eq=False)
class Hulls:
    """Convex hulls; a pixel is a unit square.

    Attributes
    ----------
    area : ndarray of float, (k,)
        Of each label of the map, px².
    feret_max, feret_min : ndarray of float, (k,)
        Greatest and least distance between two parallel lines that hold the grain, px.
    """

    area: np.ndarray
    feret_max: np.ndarray
    feret_min: np.ndarray


def convex_hulls(runs: Runs) -> Hulls:
    """Return the hulls of all labels of a map.

    Parameters
    ----------
    runs : Runs
        Of the map.

    Notes
    -----
    The hull needs the outermost corners of every row of a grain only. Points that lie on the wrong
    side of the line between their two neighbours are dropped, all at once, until none does: a
    point between two others of a set is no vertex of its hull, whatever becomes of those two.
    """
    grain, row, low, high = _extents(runs)
    left = _chain(grain, row, low - 0.5)
    right = _chain(grain, row, -(high + 0.5))
    count = runs.labels.size
    area = -_under(left, count) - _under(right, count)  # right is mirrored
    left_xy = (left[0], left[1], left[2])
    right_xy = (right[0], right[1], -right[2])
    longest, narrowest = _calipers(left_xy, right_xy, count)
    return Hulls(area, longest, narrowest)


Chain = tuple[np.ndarray, np.ndarray, np.ndarray]  # grain, y, x; sorted by grain, then y


def _extents(runs: Runs) -> Chain | tuple[np.ndarray, ...]:
    """Return grain, row, leftmost and rightmost pixel of every row of every grain."""
    key = runs.index * runs.shape[0] + runs.row
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    starts = np.flatnonzero(np.diff(sorted_key, prepend=-1))
    grain, row = np.divmod(sorted_key[starts], runs.shape[0])
    low = np.minimum.reduceat(runs.first[order], starts)
    high = np.maximum.reduceat(runs.last[order], starts)
    return grain, row.astype(float), low.astype(float), high.astype(float)


def _chain(grain: np.ndarray, row: np.ndarray, x: np.ndarray) -> Chain:
    """Return the vertices of the left side of the hulls, from top to bottom."""
    owner = np.repeat(grain, 2)
    y = (row[:, None] + np.array([-0.5, 0.5])).ravel()
    x = np.repeat(x, 2)
    while True:
        inner = np.zeros(owner.size, bool)
        inner[1:-1] = (owner[1:-1] == owner[:-2]) & (owner[1:-1] == owner[2:])
        at = np.flatnonzero(inner)
        before, after = at - 1, at + 1
        turn = (x[at] - x[before]) * (y[after] - y[before])
        turn -= (x[after] - x[before]) * (y[at] - y[before])
        drop = turn >= 0
        # the two corners of rows that meet at one height: only the outer one may stay
        if not drop.any():
            return owner, y, x
        keep = np.ones(owner.size, bool)
        keep[at[drop]] = False
        owner, y, x = owner[keep], y[keep], x[keep]


def _under(chain: Chain, count: int) -> np.ndarray:
    """Return the area between each chain and the y axis."""
    owner, y, x = chain
    same = owner[1:] == owner[:-1]
    strip = (y[1:] - y[:-1]) * (x[1:] + x[:-1]) / 2
    return np.bincount(owner[1:][same], weights=strip[same], minlength=count)


def _calipers(left: Chain, right: Chain, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the greatest and the least width of each hull."""
    owner = np.concatenate([left[0], right[0]])
    # around each hull: down the left side, up the right one
    place = np.concatenate([left[1], 1e9 - right[1]])
    order = np.lexsort((place, owner))
    owner = owner[order]
    y = np.concatenate([left[1], right[1]])[order]
    x = np.concatenate([left[2], right[2]])[order]
    size = np.bincount(owner, minlength=count)
    start = np.cumsum(size) - size
    longest, narrowest = np.zeros(count), np.zeros(count)
    by_size = np.argsort(size, kind="stable")
    done = 0
    while done < count:
        most = int(size[by_size[done]])
        take = 1
        while done + take < count:
            bigger = max(most, int(size[by_size[done + take]]))
            if bigger > 1.25 * size[by_size[done]] + 4 or (take + 1) * bigger**2 > _PAIRS:
                break
            most, take = bigger, take + 1
        some = by_size[done : done + take]
        longest[some], narrowest[some] = _widths(y, x, start[some], size[some], most)
        done += take
    return longest, narrowest


def _widths(
    y: np.ndarray, x: np.ndarray, start: np.ndarray, size: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the widths of hulls with about as many vertices."""
    # the last vertex is repeated where a hull has fewer than `most`
    at = start[:, None] + np.minimum(np.arange(most)[None], size[:, None] - 1)
    corner_y, corner_x = y[at].astype(np.float32), x[at].astype(np.float32)
    away = (corner_y[:, :, None] - corner_y[:, None]) ** 2
    away += (corner_x[:, :, None] - corner_x[:, None]) ** 2
    longest = np.sqrt(away.max(axis=(1, 2)))
    following = (
        start[:, None] + (np.minimum(np.arange(most)[None], size[:, None] - 1) + 1) % size[:, None]
    )
    step_y, step_x = y[following] - corner_y, x[following] - corner_x
    edge = np.hypot(step_y, step_x)
    across_y = np.divide(-step_x, edge, out=np.zeros_like(edge), where=edge > 0)
    across_x = np.divide(step_y, edge, out=np.zeros_like(edge), where=edge > 0)
    reach = across_y[:, :, None] * (corner_y[:, None] - corner_y[:, :, None])
    reach += across_x[:, :, None] * (corner_x[:, None] - corner_x[:, :, None])
    width = np.abs(reach).max(axis=2)
    width[edge == 0] = np.inf
    return longest, width.min(axis=1)

"""Johnson-Mehl growth: grains that nucleate at random in a box and grow until they meet.

Grains are spheres that start at any time where there is room for them, all grow at one rate, and
never move a boundary once it is there. What is wanted is the plane in the middle of the box.
Algorithm of polySim 0.1.2 (nikolspace/polySim), written from its description. Instead of drawing
all discs anew after each step, the step at which a grain reaches a pixel is computed; the first
to reach it has it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Clear distance a new grain needs from the surface of each earlier one, px (root of squares).
GAP = 50
# As many grains as polySim has room for.
MOST = 2499
# Side of the squares for which the grains that may reach them are sought, px.
_TILE = 16
# Bounds (grains times squares) held at a time.
_MOST_BOUNDS = 1 << 20
# Nucleation steps between two looks at whether the plane is full.
_STRIDE = 8


def johnson_mehl_section(
    size: int, rate: int, growth: int, rng: np.random.Generator, height: int = 299
) -> npt.NDArray[np.int32]:
    """Grow grains in a box and cut it in the middle.

    Parameters
    ----------
    size : int
        Side of the section, px.
    rate : int
        Places tried for new grains in each step.
    growth : int
        Growth of the diameters in each step, px.
    rng : numpy.random.Generator
    height : int
        Height of the box, px.

    Returns
    -------
    int32 (size, size)
        Grains, numbered from 1 in random order.
    """
    grains = _nucleate(size, rate, growth, rng, height)
    first = _first_grain(grains, size, growth, (height - 1) // 2)
    found = np.flatnonzero(np.bincount(first.ravel()))
    numbers = np.zeros(len(grains), np.int32)
    numbers[found] = rng.permutation(len(found)) + 1
    section: npt.NDArray[np.int32] = numbers[first]
    return section


def _nucleate(
    size: int, rate: int, growth: int, rng: np.random.Generator, height: int
) -> npt.NDArray[np.float64]:
    """Return the grains in order of birth, (n, 4): x, y, z and the step of birth.

    There may be more than were born when the plane was full: these come too late to be in it.
    """
    box, plane = (size, size, height), (height - 1) // 2
    tiles = np.arange(0, size, _TILE)
    grains = np.zeros((0, 4))
    full: npt.NDArray[np.float64] = np.full(len(tiles) ** 2, np.inf)
    step = looked = 0
    while step < full.max():
        for _ in range(_STRIDE):
            step += 1
            born = _place(rng.integers(box, size=(rate, 3)), grains, step, growth)
            grains = np.concatenate([grains, born])[:MOST]
        if len(grains) > looked:
            latest = _reached(grains[looked:], tiles, tiles, growth, plane, whole=True)
            full = np.minimum(full, latest.min(axis=0))
            looked = len(grains)
    return grains


def _place(
    places: npt.NDArray[np.int64], grains: npt.NDArray[np.float64], step: int, growth: int
) -> npt.NDArray[np.float64]:
    """Return the places, (n, 4) as grains, at which a grain can be born in this step."""
    radius = (step - grains[:, 3]) * growth / 2
    apart = ((places[:, None] - grains[None, :, :3]) ** 2).sum(axis=2)
    free = (apart >= radius**2 + GAP**2).all(axis=1)
    places = places[free]
    near = ((places[:, None] - places[None]) ** 2).sum(axis=2) < GAP**2
    born: list[int] = []
    for index in range(len(places)):
        if not near[index, born].any():
            born.append(index)
    return np.insert(places[born].astype(float), 3, step, axis=1)


def _reached(
    grains: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    growth: int,
    plane: int,
    *,
    whole: bool,
) -> npt.NDArray[np.float64]:
    """Return a bound of the step at which grains reach tiles, float64 (grains, tiles).

    Before it no pixel of the tile is reached or, for the whole tile, from it on all are.
    """
    slack = 1.0 if whole else -1.0
    squares = []
    for axis, low in enumerate((rows, columns)):
        before, behind = low - grains[:, axis, None], grains[:, axis, None] - (low + _TILE - 1)
        if whole:
            away = np.maximum(np.abs(before), np.abs(behind))
        else:
            away = np.maximum(0, np.maximum(before, behind))
        squares.append(away**2)
    flat = np.sqrt(squares[0][:, :, None] + squares[1][:, None, :]).reshape(len(grains), -1)
    away = np.hypot(np.maximum(flat + slack, 0), (grains[:, 2] - plane)[:, None])
    return grains[:, 3, None] + 2 * away / growth + slack


def _first_grain(
    grains: npt.NDArray[np.float64], size: int, growth: int, plane: int
) -> npt.NDArray[np.int64]:
    """Return the index of the grain that reaches each pixel first, int64 (size, size)."""
    tiles = np.arange(0, size, _TILE)
    many = max(1, _MOST_BOUNDS // (len(grains) * len(tiles)))
    strips = [
        _first_in_strip(grains, tiles[start : start + many], tiles, growth, plane)
        for start in range(0, len(tiles), many)
    ]
    return np.concatenate(strips)[:size, :size]


def _first_in_strip(
    grains: npt.NDArray[np.float64],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    growth: int,
    plane: int,
) -> npt.NDArray[np.int64]:
    """Return the index of the first grain in the tiles that begin at these rows and columns."""
    earliest = _reached(grains, rows, columns, growth, plane, whole=False)
    latest = _reached(grains, rows, columns, growth, plane, whole=True)
    tile, grain = np.nonzero((earliest <= latest.min(axis=0)).T)  # by tile, then by birth
    inside = np.arange(_TILE)
    dy = (rows[tile // len(columns), None] + inside - grains[grain, 0, None]) ** 2
    dx = (columns[tile % len(columns), None] + inside - grains[grain, 1, None]) ** 2
    square = (dy[:, :, None] + dx[:, None, :]).astype(np.float32)
    # Discs have whole radii and are filled to the midpoint circle: r² + r bounds the squares.
    disc = np.ceil(np.sqrt(square + np.float32(0.25)) - np.float32(0.5))
    dz = ((grains[grain, 2] - plane) ** 2).astype(np.float32)[:, None, None]
    steps = np.ceil(np.sqrt(disc * disc + dz) * np.float32(2 / growth))
    np.maximum(steps, 1, out=steps)  # a grain is born without a size
    steps += grains[grain, 3].astype(np.float32)[:, None, None]
    # In one number the step and, among grains that come together, the order of birth.
    order = steps.astype(np.int64) * (MOST + 1) + grain[:, None, None]
    starts = np.flatnonzero(np.diff(tile, prepend=-1))
    best: npt.NDArray[np.int64] = np.minimum.reduceat(order, starts, axis=0) % (MOST + 1)
    side_by_side = best.reshape(len(rows), len(columns), _TILE, _TILE).swapaxes(1, 2)
    return side_by_side.reshape(len(rows) * _TILE, len(columns) * _TILE)

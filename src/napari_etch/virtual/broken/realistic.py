"""Broken boundary networks as poor etching, thresholds and hands leave them.

A complete network is drawn with lines of varying thickness; then its strength is lowered along
stretches (gaps of random arc length, tapering ends), over regions (fading), and from pixel to pixel
(ragged dashes); what is not true is added (pits, scratches, double lines), and lines that truly end
inside a grain (spurs), which nobody should close.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]

LINE, INTERIOR = 0, 255
# Below this strength a line does not show.
SEEN = 0.3
# Grains of this mean intercept, px, whatever the side of the picture.
INTERCEPTS = (16.0, 95.0)


@dataclass(frozen=True)
class _Network:
    """A complete network and what its damage needs to know.

    Attributes
    ----------
    labels : int64 (s, s)
    far : float32 (s, s), distance to the 1 px lines
    edge : int64 (s, s), number of the nearest line's edge (pair of grains)
    places : int64 (n, 2), pixels of the lines
    thickness : float32 (s, s), of the nearest line, px
    intercept : float
    """

    labels: npt.NDArray[np.int64]
    far: Field
    edge: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    thickness: Field
    intercept: float

    def lines(self, strength: Field | float = 1.0) -> Mask:
        """Return the lines at a strength in [0, 1] for each pixel: weak ones are thinner."""
        drawn: Mask = (self.far <= (self.thickness * strength - 1) / 2 + 1e-3) & (
            np.asarray(strength) > SEEN
        )
        return drawn


def realistic_pair(
    size: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Draw one pair of a broken and a complete boundary network.

    Parameters
    ----------
    size : int
        Side, px, at least 32.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    micro, label : uint8 (size, size)
        The broken and the complete network: 0 on lines, 255 elsewhere. Spurs, which truly end
        inside a grain, are in both; pits, scratches and double lines only in the broken one. One
        pair in fifteen has nothing to close.
    """
    return _break(_draw_network(size, rng), rng)


def break_grains(
    labels: npt.NDArray[np.integer], intercept: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Break the network of a real grain map as `realistic_pair` breaks a virtual one.

    Parameters
    ----------
    labels : whole numbers (s, s)
    intercept : float
        Mean intercept, px.
    rng : numpy.random.Generator

    Returns
    -------
    micro, label : uint8 (s, s), as `realistic_pair` returns them
    """
    return _break(_network_of(labels.astype(np.int64), intercept, rng), rng)


def _break(
    network: _Network, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    size = len(network.labels)
    spurs = _spurs(network, rng)
    label = network.lines() | spurs
    if rng.random() < 1 / 15:
        broken = network.lines()
    else:
        broken = network.lines(_strength(network, rng))
    micro = broken | spurs | _doubles(network, rng) | _scratches(size, rng) | _pits(network, rng)
    return _as_picture(micro), _as_picture(label)


def _as_picture(lines: Mask) -> npt.NDArray[np.uint8]:
    return np.where(lines, LINE, INTERIOR).astype(np.uint8)


def _noise(size: int, cell: float, rng: np.random.Generator) -> Field:
    """Return smooth noise of unit variance that varies over about `cell` px, float32 (s, s)."""
    import torch

    from napari_etch.virtual.fields import smooth_field

    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    field: Field = smooth_field(generator, 1, size, max(1.5, cell))[0].numpy()
    return field


def _draw_network(size: int, rng: np.random.Generator) -> _Network:
    import torch

    from napari_etch.virtual.fields import Range
    from napari_etch.virtual.tessellation import Structure, tessellate

    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    wanted = float(np.exp(rng.uniform(*np.log(INTERCEPTS))))
    structure = Structure(intercept=Range(wanted, wanted * 1.01))
    batch, nominal = tessellate(generator, 1, size, structure)
    return _network_of(batch[0].numpy(), float(nominal[0]), rng)


def _network_of(
    labels: npt.NDArray[np.int64], intercept: float, rng: np.random.Generator
) -> _Network:
    from scipy.ndimage import distance_transform_edt

    size = len(labels)
    across, down = _steps(labels)
    line = across | down
    line[0, 0] |= not line.any()  # one grain: the distances still need a line somewhere
    far, nearest = distance_transform_edt(~line, return_indices=True)
    edge = _edges(labels, across, down)[tuple(nearest)]
    base = min(rng.uniform(1.0, 5.0), 0.2 * intercept)
    by_edge = np.exp(0.25 * rng.normal(size=int(edge.max()) + 1))
    along = 1 + 0.25 * _noise(size, rng.uniform(0.3, 1.5) * intercept, rng)
    thickness = np.clip(base * by_edge[edge] * along, 1, 7).astype(np.float32)
    return _Network(
        labels, far.astype(np.float32), edge, np.argwhere(across | down), thickness, intercept
    )


def _steps(labels: npt.NDArray[np.int64]) -> tuple[Mask, Mask]:
    """Return where a pixel's right and lower neighbours belong to another grain."""
    across = np.zeros(labels.shape, bool)
    down = np.zeros(labels.shape, bool)
    across[:, :-1] = labels[:, 1:] != labels[:, :-1]
    down[:-1] = labels[1:] != labels[:-1]
    return across, down


def _edges(labels: npt.NDArray[np.int64], across: Mask, down: Mask) -> npt.NDArray[np.int64]:
    """Number the pairs of grains along the lines from 0, int64 (s, s); 0 off the lines too."""
    other = labels.copy()
    other[:-1][down[:-1]] = labels[1:][down[:-1]]
    other[:, :-1][across[:, :-1]] = labels[:, 1:][across[:, :-1]]
    low, high = np.minimum(labels, other), np.maximum(labels, other)
    _, numbers = np.unique(low * (int(labels.max()) + 1) + high, return_inverse=True)
    return numbers.reshape(labels.shape).astype(np.int64)


def _strength(network: _Network, rng: np.random.Generator) -> Field:
    """Return how much of the lines is left at each pixel, float32 (s, s) in [0, 1]."""
    size = len(network.labels)
    strength = np.ones((size, size), np.float32)
    if rng.random() < 0.85:
        _cut_gaps(strength, network, rng)
    if rng.random() < 0.35:  # regions where the etchant did not bite
        field = _noise(size, rng.uniform(0.4, 2.0) * network.intercept, rng)
        strength -= rng.uniform(0.4, 1.2) * np.clip(field - rng.uniform(0.7, 1.6), 0, None)
    if rng.random() < 0.3:  # whole edges that are weak
        weak = rng.random(int(network.edge.max()) + 1) < rng.uniform(0.05, 0.25)
        strength -= weak[network.edge] * rng.uniform(0.2, 0.6)
    if rng.random() < 0.25:
        _cut_boxes(strength, rng)
    ragged = rng.uniform(0, 0.22)
    strength += ragged * _noise(size, rng.uniform(1.5, 5), rng) * (strength < 0.999)
    return np.clip(strength, 0, 1)


def _cut_gaps(strength: Field, network: _Network, rng: np.random.Generator) -> None:
    """Lower the strength around random points of the lines, along their edge or around it."""
    places = network.places
    if not len(places):
        return
    longest = rng.uniform(0.15, 0.75) * network.intercept
    many = rng.poisson(rng.uniform(0.02, 0.3) * len(places) / max(6.0, longest))
    for row, column in places[rng.integers(len(places), size=many)]:
        length = np.exp(rng.uniform(np.log(3.0), np.log(max(4.0, 1.3 * longest))))
        reach = int(length) + 4
        window = _window(row, column, reach, strength.shape)
        y, x = np.mgrid[window]
        far = np.hypot(y - row, x - column)
        soft = rng.uniform(0.5, 0.3 * length + 1)
        cut = np.clip((length / 2 - far) / soft + 0.5, 0, 1) * rng.uniform(0.75, 1.2)
        if rng.random() < 0.7:  # only along its own edge; else around it, junctions too
            cut *= network.edge[window] == network.edge[row, column]
        strength[window] -= cut


def _cut_boxes(strength: Field, rng: np.random.Generator) -> None:
    """Wipe squares, as the published recipe does."""
    size = len(strength)
    for _ in range(rng.poisson(rng.uniform(10, 70) * (size / 512) ** 2)):
        side = int(rng.integers(8, 40))
        row, column = rng.integers(0, max(1, size - side), size=2)
        strength[row : row + side, column : column + side] = 0


def _window(row: int, column: int, reach: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    return (
        slice(max(0, row - reach), min(shape[0], row + reach + 1)),
        slice(max(0, column - reach), min(shape[1], column + reach + 1)),
    )


def _spurs(network: _Network, rng: np.random.Generator) -> Mask:
    """Draw lines that leave a boundary, or float, and truly end inside a grain."""
    mask = np.zeros(network.labels.shape, bool)
    if rng.random() < 0.5 or not len(network.places):
        return mask
    many = rng.poisson(0.25 * (len(mask) / network.intercept) ** 2 * rng.uniform(0.02, 0.3))
    for start in network.places[rng.integers(len(network.places), size=many)]:
        path = _wander(start, rng.uniform(0.15, 0.5) * network.intercept, rng, len(mask))
        clear = network.far[path[:, 0], path[:, 1]]
        # It starts at the line, or, floating, some way off, and keeps off all others.
        first = 0 if rng.random() < 0.7 else int(0.3 * len(path))
        thick = network.thickness[tuple(start)]
        away = np.flatnonzero(clear > thick + 4)
        if not len(away):
            continue
        back = np.flatnonzero(clear[away[0] :] < thick + 3)
        last = away[0] + (back[0] if len(back) else len(clear))
        stamp(mask, path[first:last], min(float(thick), 3.0))
    return mask


def _wander(
    start: npt.NDArray[np.int64], length: float, rng: np.random.Generator, size: int
) -> npt.NDArray[np.int64]:
    """Return the pixels (n, 2) of a slightly curved path from `start` that stays in the field."""
    steps = np.arange(max(3, int(2 * length))) / 2
    angle = rng.uniform(0, 2 * np.pi) + rng.normal() * 0.8 * steps / max(length, 1)
    path = start + np.cumsum(np.stack([np.sin(angle), np.cos(angle)], -1) / 2, axis=0)
    inside = ((path >= 0) & (path <= size - 1)).all(1)
    end = len(path) if inside.all() else int(np.argmin(inside))
    return np.rint(path[:end]).astype(np.int64).reshape(-1, 2)


def stamp(mask: Mask, path: npt.NDArray[np.int64], thickness: float) -> None:
    """Set the pixels within half a thickness of a path.

    Parameters
    ----------
    mask : bool (y, x), changed in place
    path : int (n, 2), rows and columns
    thickness : float, px
    """
    radius = max(0.0, (thickness - 1) / 2)
    reach = int(np.ceil(radius))
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if np.hypot(dy, dx) <= radius + 0.3:
                spots = np.clip(path + np.array((dy, dx)), 0, np.array(mask.shape) - 1)
                mask[spots[:, 0], spots[:, 1]] = True


def _doubles(network: _Network, rng: np.random.Generator) -> Mask:
    """Draw a second line beside some edges, as both rims of a wide groove give."""
    mask = np.zeros(network.labels.shape, bool)
    if rng.random() < 0.8:
        return mask
    picked = rng.random(int(network.edge.max()) + 1) < rng.uniform(0.03, 0.15)
    beside = network.thickness / 2 + rng.uniform(2, 4)
    side = (network.labels * 7919) % 2 == 0
    shown = _noise(len(mask), 0.6 * network.intercept, rng) > 0
    drawn: Mask = picked[network.edge] & side & shown & (np.abs(network.far - beside) < 0.8)
    return drawn


def _scratches(size: int, rng: np.random.Generator) -> Mask:
    """Draw straight, often dashed lines in one or two directions."""
    mask = np.zeros((size, size), bool)
    if rng.random() < 0.75:
        return mask
    main = rng.uniform(0, np.pi)
    for _ in range(rng.integers(1, 7)):
        angle = main + 0.1 * rng.normal() + (np.pi / 2 if rng.random() < 0.2 else 0)
        steps = np.arange(0, rng.uniform(0.1, 0.8) * size, 0.5)
        steps = steps[
            np.sin(steps * rng.uniform(0.02, 0.6) + rng.uniform(0, 7)) > rng.uniform(-1.5, 0.6)
        ]
        path = rng.uniform(0, size, 2) + steps[:, None] * (np.sin(angle), np.cos(angle))
        path = path[((path >= 0) & (path <= size - 1)).all(1)]
        stamp(mask, np.rint(path).astype(np.int64).reshape(-1, 2), rng.uniform(1, 2.2))
    return mask


def _pits(network: _Network, rng: np.random.Generator) -> Mask:
    """Draw small round spots and rings."""
    size = len(network.labels)
    mask = np.zeros((size, size), bool)
    if rng.random() < 0.55:
        return mask
    for _ in range(rng.poisson(np.exp(rng.uniform(np.log(3), np.log(80))) * (size / 512) ** 2)):
        row, column = rng.integers(0, size, 2)
        radius = np.exp(rng.uniform(np.log(0.7), np.log(4.5)))
        window = _window(row, column, int(radius * 1.5) + 2, mask.shape)
        y, x = np.mgrid[window]
        far = np.hypot((y - row) * rng.uniform(0.7, 1.4), x - column)
        ring = radius > 2.5 and rng.random() < 0.3
        mask[window] |= (np.abs(far - radius) < 0.7) if ring else (far <= radius)
    return mask

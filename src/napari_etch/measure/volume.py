"""Grains in three dimensions."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from napari_etch.measure.checks import check_positive

if TYPE_CHECKING:
    import pandas as pd

# The thirteen directions from a voxel to its neighbours, each of a pair of opposite ones.
_STEPS = tuple(step for step in itertools.product((-1, 0, 1), repeat=3) if step > (0, 0, 0))


def grain_table_3d(
    grains: np.ndarray, *, voxel_size_um: tuple[float, float, float] | None = None
) -> pd.DataFrame:
    """Measure every grain of a 3D grain map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (z, y, x), one number for a grain through all sections; 0 is not a
        grain.
    voxel_size_um : tuple of float, optional
        Edges of a voxel along z, y and x, µm; without it everything is in voxels, taken for cubes.

    Returns
    -------
    pandas.DataFrame
        A row a grain:

        - ``label``, ``voxels``;
        - ``volume``, ``surface``: in µm³ and µm² with a voxel size, else in voxels. The surface is
          by Crofton's formula in thirteen directions and includes where the stack cuts the grain;
        - ``sphericity``: surface of the ball of equal volume over its own, 1 for a ball;
        - ``eqd``: diameter of that ball;
        - ``faces``: number of grains that it shares a face with, its neighbours;
        - ``boundary_fraction``: share of its outline that lies between grains;
        - ``centroid_z_px``, ``centroid_y_px``, ``centroid_x_px``;
        - ``touches_border``: cut by a side of the stack or beside a voxel of 0.

    Raises
    ------
    ValueError
        When the map is not 3D, not of integers, or a voxel has no size.

    Notes
    -----
    S = 2 Σ w I, with I the number of outlines met per area of all lattice lines of a direction and
    w the share of directions that are nearest to it (the cell of a spherical Voronoi diagram).
    """
    import pandas as pd

    grains = _checked(grains)
    size = (1.0, 1.0, 1.0) if voxel_size_um is None else voxel_size_um
    for edge in size:
        check_positive(edge, "each edge of a voxel in µm")
    labels, index = np.unique(grains, return_inverse=True)
    index = index.reshape(grains.shape)
    voxels = np.bincount(index.ravel(), minlength=labels.size)
    volume = voxels * math.prod(size)
    surface = _surface(index, labels.size, size)
    ball = math.pi ** (1 / 3) * (6 * volume) ** (2 / 3)
    neighbours, between = _faces(index, labels)
    columns = {
        "label": labels,
        "voxels": voxels,
        "volume": volume,
        "surface": surface,
        "sphericity": ball / surface,
        "eqd": (6 * volume / math.pi) ** (1 / 3),
        "faces": neighbours,
        "boundary_fraction": between,
        "touches_border": np.isin(labels, _at_border(grains)),
    }
    for axis, name in enumerate("zyx"):
        place = np.arange(grains.shape[axis], dtype=float)
        place = place.reshape([-1 if each == axis else 1 for each in range(3)])
        total = np.bincount(index.ravel(), np.broadcast_to(place, grains.shape).ravel())
        columns[f"centroid_{name}_px"] = total / voxels
    table = pd.DataFrame(columns)
    return table[table["label"] > 0].reset_index(drop=True)


def _checked(grains: np.ndarray) -> np.ndarray:
    grains = np.asarray(grains)
    if grains.ndim != 3:
        raise ValueError(f"a 3D table needs a map (z, y, x), not one of shape {grains.shape}")
    if grains.dtype.kind not in "iu" or (grains.size and grains.min() < 0):
        raise ValueError("a 3D table needs a grain map of whole numbers from 0 on")
    return grains


def _at_border(grains: np.ndarray) -> np.ndarray:
    """Return the labels beside the outside or a voxel of 0."""
    around = np.pad(grains, 1)
    inner = (slice(1, -1),) * 3
    beside = np.zeros(grains.shape, bool)
    for axis in range(3):
        for shift in (-1, 1):
            beside |= np.roll(around, shift, axis)[inner] == 0
    return np.unique(grains[beside])


def _pair(index: np.ndarray, step: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the voxels that have another one a step further, and those."""
    here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip(step, index.shape, strict=True))
    there = tuple(slice(max(0, d), n - max(0, -d)) for d, n in zip(step, index.shape, strict=True))
    return index[here], index[there]


def _surface(index: np.ndarray, count: int, size: tuple[float, float, float]) -> np.ndarray:
    """Return the surface of every label, the sides of the stack included."""
    outside = np.full(np.add(index.shape, 2), count, index.dtype)
    outside[1:-1, 1:-1, 1:-1] = index
    total = np.zeros(count + 1)
    for step, weight in zip(_STEPS, _weights(size), strict=True):
        here, there = _pair(outside, step)
        met = here != there
        # lines of a direction are this far apart, as an area
        apart = math.prod(size) / math.dist((0, 0, 0), np.multiply(step, size))
        for side in (here, there):
            total += 2 * weight * apart * np.bincount(side[met], minlength=count + 1)
    return total[:count]


@cache
def _weights(size: tuple[float, float, float]) -> tuple[float, ...]:
    """Return the share of all directions that are nearest to each step."""
    from scipy.spatial import SphericalVoronoi

    steps = np.array(_STEPS) * size
    rays = steps / np.linalg.norm(steps, axis=1)[:, None]
    areas = SphericalVoronoi(np.concatenate([rays, -rays])).calculate_areas()
    return tuple((areas[: len(_STEPS)] + areas[len(_STEPS) :]) / (4 * math.pi))


def _faces(index: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of neighbours, and the share of voxel faces that lie between grains."""
    count = labels.size
    keys = []
    outer = np.zeros(count)
    inner = np.zeros(count)
    for axis in range(3):
        step = tuple(int(each == axis) for each in range(3))
        here, there = _pair(index, step)
        met = here != there
        one, two = here[met], there[met]
        real = (labels[one] > 0) & (labels[two] > 0)
        keys.append(np.minimum(one, two)[real] * count + np.maximum(one, two)[real])
        for side in (one, two):
            inner += np.bincount(side[real], minlength=count)
            outer += np.bincount(side[~real], minlength=count)
        for end in (0, -1):
            outer += np.bincount(np.take(index, end, axis).ravel(), minlength=count)
    low, high = np.divmod(np.unique(np.concatenate(keys)), count)
    neighbours = np.bincount(low, minlength=count) + np.bincount(high, minlength=count)
    return neighbours, inner / (inner + outer)

"""Grain maps with known numbers, for the tests of the measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage as ndi


def voronoi(points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the labels (from 1) of the nearest point; the map is periodic."""
    seeds = np.zeros(shape, np.int32)
    rows, columns = points.astype(int).T
    seeds[rows, columns] = np.arange(1, len(points) + 1)
    tiled = np.tile(seeds, (3, 3))
    nearest = ndi.distance_transform_edt(tiled == 0, return_distances=False, return_indices=True)
    labels = tiled[tuple(nearest)]
    return labels[shape[0] : 2 * shape[0], shape[1] : 2 * shape[1]]


def poisson_voronoi(size: int, count: int, seed: int) -> np.ndarray:
    """Return a periodic square map of random grains."""
    points = np.random.default_rng(seed).uniform(0, size, (count, 2))
    return voronoi(points, (size, size))


def checkerboard(cells: int, edge: int) -> np.ndarray:
    """Return a map of squares."""
    return np.arange(cells**2, dtype=np.int32).reshape(cells, cells).repeat(edge, 0).repeat(
        edge, 1
    ) + np.int32(1)


def hexagons(size: int, across: float) -> np.ndarray:
    """Return a map of regular hexagons, `across` px from side to side."""
    rise = across * np.sqrt(3) / 2
    rows = np.arange(-2, int(size / rise) + 3)
    columns = np.arange(-2, int(size / across) + 3)
    sites = np.array([(r * rise, (c + 0.5 * (r % 2)) * across) for r in rows for c in columns])
    from scipy.spatial import cKDTree

    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1)
    nearest = cKDTree(sites + 0.137).query(pixels.reshape(-1, 2))[1].reshape(size, size)
    return np.unique(nearest, return_inverse=True)[1].reshape(size, size).astype(np.int32) + 1


def drawn_steel(dev_data: Path) -> np.ndarray:
    """Return the grains between the lines that NIST drew by hand, without gaps."""
    from skimage.io import imread
    from skimage.measure import label

    lines = imread(dev_data / "steel-optical" / "boundary.png") > 0
    labels = label(~lines, connectivity=1).astype(np.int32)
    labels[(np.bincount(labels.ravel()) < 20)[labels]] = 0  # specks where lines cross
    nearest = ndi.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]

"""Maps to score."""

from __future__ import annotations

import numpy as np


def voronoi(seed, shape=(90, 110), count=25):
    points = np.random.default_rng(seed).uniform(0, 1, (count, 2)) * shape
    grid = np.stack(np.indices(shape), -1)
    return ((grid[..., None, :] - points) ** 2).sum(-1).argmin(-1) + 1


def halves(height=40, width=80):
    truth = np.ones((height, width), int)
    truth[:, width // 2 :] = 2
    return truth


def lines_of(labels, width):
    from skimage.morphology import dilation, disk
    from skimage.segmentation import find_boundaries

    line = find_boundaries(labels, mode="inner")
    return (dilation(line, disk(width)) * 255).astype(np.uint8)

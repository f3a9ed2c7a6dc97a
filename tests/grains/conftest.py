"""A fast polycrystal with curved boundaries, and a boundary map drawn from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage as ndi

Map = tuple[np.ndarray, np.ndarray]


def _waves(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    noise = ndi.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap")
    return noise / noise.std()


def draw(
    shape: tuple[int, int] = (160, 160),
    *,
    diameter: float = 32,
    width: float = 1.2,
    gaps: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Map:
    """Return grain labels, int32 (y, x), and a boundary map, float32 in [0, 1].

    `diameter` is the mean grain size and `width` the sigma of a line, in px; `gaps` the share of
    boundary that is missing and `noise` the standard deviation added.
    """
    rng = np.random.default_rng(seed)
    n = max(2, round(shape[0] * shape[1] / diameter**2))
    sites = np.ones(shape, bool)
    sites.flat[rng.choice(sites.size, n, replace=False)] = False
    _, nearest = ndi.distance_transform_edt(sites, return_indices=True)
    y, x = np.indices(shape)
    y = np.clip(np.rint(y + 0.08 * diameter * _waves(rng, shape, diameter / 2)), 0, shape[0] - 1)
    x = np.clip(np.rint(x + 0.08 * diameter * _waves(rng, shape, diameter / 2)), 0, shape[1] - 1)
    site = (nearest[0] * shape[1] + nearest[1])[y.astype(int), x.astype(int)]
    labels = np.unique(site, return_inverse=True)[1].reshape(shape).astype(np.int32) + 1
    line = np.zeros(shape)
    line[:-1] += labels[:-1] != labels[1:]
    line[:, :-1] += labels[:, :-1] != labels[:, 1:]
    hidden = _waves(rng, shape, 2.0)
    line = np.minimum(line, 1) * (hidden >= np.quantile(hidden, gaps))
    boundary = ndi.gaussian_filter(line, width) * width * 2.5
    boundary += noise * _waves(rng, shape, 1.0)
    return labels, np.clip(boundary, 0, 1).astype(np.float32)


@pytest.fixture(scope="session")
def polycrystal() -> Callable[..., Map]:
    """Return the function that draws a polycrystal; its arguments are those of `draw`."""
    return draw

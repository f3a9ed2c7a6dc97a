"""A polycrystal whose map is a tiling from the start."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest


@pytest.fixture(scope="session")
def tiling(polycrystal):
    """Return the function that draws a valid grain map and its boundary map."""

    def draw(shape=(160, 160), **how):
        labels, boundary = polycrystal(shape, **how)
        return cc3d.connected_components(labels, connectivity=4).astype(np.int32), boundary

    return draw

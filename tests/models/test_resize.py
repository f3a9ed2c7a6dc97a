from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.cutting import cut_grains
from napari_etch.models.resize import KEPT_FROM, brought_back, resize


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("shape", [(1, 8), (8, 1), (1, 1), (6, 8)])
def test_a_mirrored_image_is_resized_also_when_it_is_one_row(shape, axes):
    """numpy calls it contiguous, and torch refuses its stride."""
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    mirrored = np.flip(image, axes)
    found = resize(mirrored, (4, 4))
    np.testing.assert_array_equal(found, resize(mirrored.copy(), (4, 4)))


def lines(pitch: int, strength: float = 0.6, side: int = 300) -> np.ndarray:
    """Return a map of squares of `pitch` px with lines of 2 px between them."""
    found = np.full((side, side), 0.02, np.float32)
    for at in range(pitch, side, pitch):
        found[at - 1 : at + 1] = found[:, at - 1 : at + 1] = strength
    return found


def test_lines_of_an_enlarged_map_keep_their_strength():
    found = lines(30)
    assert brought_back(found, (100, 100)).max() == np.float32(0.6)
    assert resize(found, (100, 100)).max() < 0.45
    assert brought_back(found, (101, 97)).shape == (101, 97)  # no whole number of px in a px


def test_grains_of_ten_px_are_all_found():
    """Of the mean of the enlarged map, smoothed as for grains of 28 px, hardly any were left."""
    small = brought_back(lines(30), (100, 100))
    grains = cut_grains(small, 10.0).grains
    assert grains.max() == np.unique(grains[5::10, 5::10]).size == 100


@pytest.mark.parametrize("factor", [0.5, 1.0, KEPT_FROM - 0.1])
def test_a_map_that_was_hardly_enlarged_is_resized(factor):
    found = np.random.default_rng(0).random((90, 120), np.float32)
    shape = (round(90 / factor), round(120 / factor))
    np.testing.assert_array_equal(brought_back(found, shape), resize(found, shape))

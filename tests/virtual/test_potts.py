from __future__ import annotations

import numpy as np

from napari_etch.virtual.potts import potts_sweeps


def unlike(labels):
    return sum(int((np.diff(labels, axis=axis) != 0).sum()) for axis in range(3))


def test_boundaries_shrink_and_no_new_grain_appears():
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 30, (11, 17, 16)).astype(np.int32)
    after = potts_sweeps(labels, 3, rng)
    assert after.shape == labels.shape
    assert after.dtype == np.int32
    assert set(np.unique(after)) <= set(np.unique(labels))
    assert unlike(after) < 0.7 * unlike(labels)


def test_a_flat_boundary_moves_by_chance_only_and_one_grain_stays():
    labels = np.ones((6, 6, 6), np.int32)
    np.testing.assert_array_equal(potts_sweeps(labels, 2, np.random.default_rng(0)), labels)


def test_a_lone_site_is_eaten_and_the_input_is_not_changed():
    labels = np.ones((7, 7, 7), np.int32)
    labels[3, 3, 3] = 2
    after = potts_sweeps(labels, 2, np.random.default_rng(0))
    assert (after == 1).all()
    assert labels[3, 3, 3] == 2


def test_one_plane_is_enough():
    labels = np.random.default_rng(0).integers(1, 9, (1, 8, 8)).astype(np.int32)
    assert potts_sweeps(labels, 1, np.random.default_rng(1)).shape == (1, 8, 8)

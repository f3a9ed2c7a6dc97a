from __future__ import annotations

import numpy as np

from napari_etch.grains import boundary_lines


def test_a_straight_boundary_is_one_pixel_wide():
    grains = np.ones((5, 6), np.int32)
    grains[:, 3:] = 2
    lines = boundary_lines(grains)
    assert lines.dtype == bool
    np.testing.assert_array_equal(np.flatnonzero(lines.any(axis=0)), [2])
    assert lines[:, 2].all()


def test_one_grain_has_no_lines():
    assert not boundary_lines(np.ones((3, 1), np.int32)).any()


def test_lines_separate_the_grains(polycrystal):
    from scipy import ndimage as ndi

    labels, _ = polycrystal((96, 96), diameter=24)
    pieces, _ = ndi.label(~boundary_lines(labels))
    for piece in range(1, pieces.max() + 1):
        assert np.unique(labels[pieces == piece]).size == 1

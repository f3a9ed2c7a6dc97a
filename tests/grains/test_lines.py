from __future__ import annotations

import numpy as np

from napari_etch.grains import boundary_lines
from napari_etch.grains.lines import nearest_grains


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


def test_lines_go_to_the_nearest_grain_and_wide_places_are_told():
    grains = np.ones((20, 60), np.int32)
    grains[:, 9:12] = 0  # a line, 3 px
    grains[:, 12:40] = 2
    grains[:, 28:40] = 0  # a place, 12 px
    grains[:, 40:] = 3
    filled, depth, wide = nearest_grains(grains, 2.0)
    assert (filled[:, 9:11] == 1).all() and (filled[:, 11] == 2).all()
    assert (filled[:, 28:33] == 2).all() and (filled[:, 35:40] == 3).all()
    assert (wide == np.isin(np.arange(60), np.arange(28, 40))[None]).all()
    assert depth.max() == 6 and (depth[grains > 0] == 0).all()
    assert not nearest_grains(grains[:, :28], 2.0)[2].any()

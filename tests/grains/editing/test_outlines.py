from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.editing import EditError, GrainEditor, is_tiling


def island() -> np.ndarray:
    """Return grain 2 inside grain 1, and 3 beside them."""
    grains = np.ones((30, 40), np.int32)
    grains[10:20, 10:20] = 2
    grains[:, 30:] = 3
    return grains


def test_a_deleted_grain_leaves_0():
    grains = island()
    editor = GrainEditor(grains)
    editor.apply(editor.delete([2], absorb=False))
    assert (grains[10:20, 10:20] == 0).all()
    assert editor.labels().tolist() == [1, 3]


def test_neighbours_share_the_place_of_a_deleted_grain_along_the_boundary_map():
    grains = np.repeat(np.arange(1, 4, dtype=np.int32), 10)[None].repeat(20, axis=0)
    boundary = np.zeros((20, 30), np.float32)
    boundary[:, 12] = 0.8
    editor = GrainEditor(grains, boundary=boundary)
    editor.apply(editor.delete([2], absorb=True))
    assert (grains[:, :12] == 1).all()
    assert (grains[:, 13:] == 3).all()


def test_accepted_neighbours_do_not_grow():
    grains = island()
    editor = GrainEditor(grains, locked=[1])
    with pytest.raises(EditError, match="No unlocked neighbour"):
        editor.delete([2], absorb=True)


def test_a_hole_is_filled_by_the_grain_around_it_and_the_outside_is_not():
    grains = island()
    grains[grains == 2] = 0
    grains[:, 35:] = 0
    editor = GrainEditor(grains)
    editor.apply(editor.fill_holes([1]))
    assert (grains[:, :30] == 1).all()
    assert (grains[:, 35:] == 0).all()


def test_a_hole_between_two_grains_is_not_a_hole_of_one():
    grains = island()
    grains[12:18, 27:33] = 0
    editor = GrainEditor(grains)
    with pytest.raises(EditError, match="no hole"):
        editor.fill_holes([1])
    editor.apply(editor.fill_holes())
    assert is_tiling(grains)
    assert (grains != 0).all()


def test_smoothing_takes_spikes_off_and_leaves_far_boundaries():
    grains = island()
    grains[14, 20:25] = 2  # a spike
    before = grains.copy()
    editor = GrainEditor(grains)
    editor.apply(editor.smooth([2], radius=2))
    assert (grains[14, 22:25] == 1).all()
    assert abs(editor.area(2) - 100) < 15
    np.testing.assert_array_equal(grains[:, 28:], before[:, 28:])


def test_smoothing_does_not_let_a_grain_vanish():
    grains = np.ones((20, 20), np.int32)
    grains[9:11, 9:11] = 2
    with pytest.raises(EditError, match="would vanish"):
        GrainEditor(grains).smooth([2], radius=5)


@pytest.mark.parametrize("radius", [0, -2, np.nan])
def test_a_radius_is_above_0(radius):
    with pytest.raises(EditError, match="radius"):
        GrainEditor(island()).smooth([2], radius=radius)

from __future__ import annotations

import numpy as np

from napari_etch.grains.editing import GrainEditor, is_tiling


def painted(grains, window, value, *, locked=(), known=True):
    """Paint a window as a foreign tool does and repair; return the editor and the change."""
    editor = GrainEditor(grains, locked=locked)
    before = grains[window].copy()
    grains[window] = value
    editor.noted(window)
    change = editor.repair(window, before=before if known else None)
    if change is not None:
        editor.apply(change)
    return editor, change


def two() -> np.ndarray:
    grains = np.ones((20, 40), np.int32)
    grains[:, 20:] = 2
    return grains


def test_a_valid_map_is_left_as_it_is():
    _, change = painted(two(), np.s_[5:10, 18:20], 2)
    assert change is None


def test_paint_away_from_its_grain_becomes_a_grain_of_its_own():
    grains = two()
    editor, change = painted(grains, np.s_[5:10, 30:36], 1)
    assert change.created == (3,)
    assert (grains[5:10, 30:36] == 3).all()
    assert editor.area(1) == 400


def test_the_former_grain_keeps_its_number_even_when_the_paint_is_larger():
    grains = np.ones((20, 40), np.int32)
    grains[2:5, 2:5] = 2
    painted(grains, np.s_[:, 20:40], 2)
    assert grains[3, 3] == 2
    assert grains[3, 30] == 3


def test_a_dab_away_from_its_grain_goes_back_to_the_neighbour():
    grains = two()
    painted(grains, np.s_[5:6, 30:32], 1)
    np.testing.assert_array_equal(grains, two())


def test_a_grain_painted_through_goes_on_as_two():
    grains = two()
    editor, _ = painted(grains, np.s_[8:12, 0:20], 2)
    assert is_tiling(grains)
    assert editor.count == 3


def test_a_line_of_0_is_a_cut():
    grains = two()
    editor, _ = painted(grains, np.s_[9:12, 0:20], 0)
    assert editor.count == 3
    assert (grains != 0).all()
    assert grains[0, 5] != grains[19, 5]


def test_a_wide_erased_area_stays_0():
    grains = two()
    painted(grains, np.s_[4:14, 4:14], 0)
    assert (grains[4:14, 4:14] == 0).all()


def test_accepted_grains_get_back_what_was_painted_over():
    grains = two()
    painted(grains, np.s_[5:15, 15:25], 1, locked=[2])
    np.testing.assert_array_equal(grains, two())


def test_without_knowing_what_was_there_the_tiling_comes_back_too():
    grains = two()
    editor, _ = painted(grains, np.s_[8:12, 0:20], 2, known=False)
    assert is_tiling(grains)
    assert editor.count == 3

from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.editing import EditError, GrainEditor, is_tiling


def quarters(dtype=np.int32) -> np.ndarray:
    """Return four grains, 1 2 over 3 4, of which 4 is the largest."""
    grains = np.empty((20, 30), dtype)
    grains[:8, :10], grains[:8, 10:], grains[8:, :10], grains[8:, 10:] = 1, 2, 3, 4
    return grains


def test_the_largest_keeps_its_number_and_nothing_else_changes():
    grains = quarters()
    editor = GrainEditor(grains)
    change = editor.merge([2, 4])
    assert (change.removed, change.created, change.touched) == ((2,), (), (4,))
    assert change.message == "Merged grain 2 into 4."
    np.testing.assert_array_equal(grains, quarters())
    editor.apply(change)
    np.testing.assert_array_equal(grains[:, 10:], 4)
    assert editor.labels().tolist() == [1, 3, 4]


def test_the_pixels_of_a_change_are_those_that_differ():
    grains = quarters()
    editor = GrainEditor(grains)
    indices, values = editor.merge([3, 4]).pixels
    grains[indices] = values
    np.testing.assert_array_equal(grains[8:], 4)
    np.testing.assert_array_equal(grains[:8], quarters()[:8])


def test_grains_that_meet_in_a_point_are_not_merged():
    with pytest.raises(EditError, match="Grains 4 and 1 share no boundary"):
        GrainEditor(quarters()).merge([1, 4])


def test_a_third_grain_may_hold_two_together():
    editor = GrainEditor(quarters())
    editor.apply(editor.merge([1, 4, 2]))
    assert is_tiling(editor.grains)
    assert editor.count == 2


@pytest.mark.parametrize("labels", [[], [2], [2, 2]])
def test_fewer_than_two_grains_are_refused(labels):
    with pytest.raises(EditError, match="at least two"):
        GrainEditor(quarters()).merge(labels)


@pytest.mark.parametrize(("labels", "said"), [([1, 9], "no grain 9"), ([1, 0], "0 is not")])
def test_what_is_no_grain_is_refused(labels, said):
    with pytest.raises(EditError, match=said):
        GrainEditor(quarters()).merge(labels)


def test_a_stroke_merges_all_it_runs_through():
    editor = GrainEditor(quarters())
    editor.apply(editor.merge_along([(4, 5), (14, 5), (14, 20)]))
    assert editor.labels().tolist() == [2, 4]


def test_a_corner_that_a_stroke_nicks_is_spared_unless_it_holds_the_others_together():
    editor = GrainEditor(quarters())
    assert editor.merge_along([(4, 5), (4, 9), (7.4, 10), (8, 9), (14, 5)]).removed == (1,)
    assert editor.merge_along([(7, 8), (7, 11), (10, 11)]).removed == (1, 2)


def test_a_stroke_in_one_grain_merges_nothing():
    with pytest.raises(EditError, match="stays in one grain"):
        GrainEditor(quarters()).merge_along([(1, 1), (5, 5)])


def test_a_click_removes_the_nearest_boundary():
    editor = GrainEditor(quarters())
    editor.apply(editor.remove_boundary((5, 9.1)))
    assert editor.labels().tolist() == [2, 3, 4]
    assert editor.label_at((0, 0)) == 2


def test_a_click_far_from_any_boundary_removes_none():
    with pytest.raises(EditError, match="No boundary within 3 px"):
        GrainEditor(quarters()).remove_boundary((15, 25), reach=3)


def test_neighbours_come_with_the_length_of_the_shared_boundary():
    editor = GrainEditor(quarters())
    assert editor.neighbours(4) == {2: 20, 3: 12}


def test_accepted_grains_are_left_alone():
    editor = GrainEditor(quarters(), locked=[2])
    with pytest.raises(EditError, match="Grain 2 is accepted: unlock it first"):
        editor.merge([2, 4])
    editor.locked.clear()
    assert editor.merge([2, 4]).removed == (2,)

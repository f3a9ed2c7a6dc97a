from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.editing import EditError, GrainEditor, is_tiling


def halves() -> np.ndarray:
    """Return grains 1 and 2 side by side, with 3 below both."""
    grains = np.full((40, 60), 3, np.int32)
    grains[:30, :30], grains[:30, 30:] = 1, 2
    return grains


def line_at(column: int, shape=(40, 60)) -> np.ndarray:
    boundary = np.zeros(shape, np.float32)
    boundary[:30, column - 1 : column + 1] = 0.9
    return boundary


def test_the_strip_between_old_and_new_course_changes_owner():
    grains = halves()
    editor = GrainEditor(grains)
    change = editor.redraw([(0, 24), (15, 20), (29, 24)], snap=False)
    editor.apply(change)
    assert change.message.startswith("Redrew the boundary of grains 1 and 2: ")
    assert (change.created, change.removed, change.touched) == ((), (), (1, 2))
    assert (grains[15, 21:] == 2).all()
    assert (grains[15, :19] == 1).all()
    np.testing.assert_array_equal(grains[30:], 3)


@pytest.mark.parametrize("ends", [0, 4, 8])
def test_ends_short_of_the_boundary_are_closed_onto_it(ends):
    grains = halves()
    editor = GrainEditor(grains)
    editor.apply(editor.redraw([(4, 29 - ends), (15, 15), (25, 29 - ends)], snap=False))
    assert is_tiling(grains)
    assert grains[15, 18] == 2
    assert grains[2, 18] == grains[28, 18] == 1


def test_a_course_on_both_sides_moves_a_strip_each_way():
    grains = halves()
    editor = GrainEditor(grains)
    change = editor.redraw([(2, 30), (8, 36), (15, 29.4), (22, 23), (28, 30)], snap=False)
    editor.apply(change)
    assert grains[8, 33] == 1
    assert grains[22, 26] == 2
    assert is_tiling(grains)


def test_a_snapped_course_follows_the_boundary_map():
    grains = halves()
    editor = GrainEditor(grains, boundary=line_at(22))
    editor.apply(editor.redraw([(1, 25), (10, 20), (20, 24), (28, 21)]))
    assert (np.abs((grains[5:25] == 1).sum(axis=1) - 22) <= 1).all()


def test_a_stroke_that_encloses_nothing_is_refused():
    with pytest.raises(EditError, match="encloses nothing"):
        GrainEditor(halves()).redraw([(10, 29), (12, 29)], snap=False)


def test_a_grain_without_neighbours_has_no_boundary_to_redraw():
    with pytest.raises(EditError, match="no neighbour"):
        GrainEditor(np.ones((9, 9), np.int32)).redraw([(1, 1), (5, 5)])


def test_the_preview_shows_the_course_that_is_taken():
    editor = GrainEditor(halves(), boundary=line_at(22))
    shown = editor.preview("redraw", [(1, 25), (28, 21)])
    inner = shown[(shown[:, 0] > 5) & (shown[:, 0] < 25)]
    assert shown.shape[1] == 2
    assert (np.abs(inner[:, 1] - 21.5) <= 1.5).all()


def test_where_the_map_shows_no_other_boundary_the_course_is_taken_as_drawn():
    grains = halves()
    editor = GrainEditor(grains, boundary=line_at(30))
    editor.apply(editor.redraw([(8, 28), (14, 22), (20, 28)]))
    assert grains[14, 25] == 2


def test_what_is_cut_off_is_said_to_be_new():
    grains = np.full((40, 60), 1, np.int32)
    grains[:, 40:] = 2
    grains[14:26, 10:30] = grains[18:22, 30:40] = 2  # a head on an arm
    change = GrainEditor(grains).redraw([(12, 33), (20, 35), (28, 33)], snap=False)
    assert change.created == (3, 4)
    assert change.message.endswith(" What was cut off is new: grains 3 and 4 were made.")

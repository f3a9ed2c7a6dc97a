from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.editing import EditError, GrainEditor, first_violation, is_tiling


def two(dtype=np.int32) -> np.ndarray:
    grains = np.ones((10, 20), dtype)
    grains[:, 10:] = 2
    return grains


@pytest.mark.parametrize(
    ("grains", "said"),
    [
        (np.ones((4, 4), np.float32), "integer labels, not float32"),
        (np.ones((4, 4), bool), "integer labels, not bool"),
        (np.ones((2, 4, 4), np.int32), r"one section \(y, x\)"),
        (np.ones((0, 4), np.int32), r"one section \(y, x\)"),
        ([[1, 2]], "a numpy array, not a list"),
    ],
)
def test_what_is_no_grain_map_is_refused(grains, said):
    with pytest.raises(EditError, match=said):
        GrainEditor(grains)


@pytest.mark.parametrize("name", ["boundary", "image"])
def test_images_of_another_shape_are_refused(name):
    with pytest.raises(EditError, match="differ in shape"):
        GrainEditor(two(), **{name: np.ones((10, 21), np.float32)})


def test_the_map_is_never_copied():
    grains = two()
    assert GrainEditor(grains).grains is grains


def test_a_full_uint16_map_asks_for_int32():
    grains = np.arange(1, 65_536, dtype=np.uint16).reshape(255, 257)
    grains = np.kron(grains, np.ones((3, 3), np.uint16))
    editor = GrainEditor(grains)
    with pytest.raises(EditError, match=r"All 65535 labels .* convert the grain map to int32"):
        editor.add([(10, 10), (10, 20), (20, 20), (20, 10)])


def test_the_highest_number_is_passed_by_using_free_ones():
    grains = two(np.uint16)
    grains[grains == 2] = 65_535
    editor = GrainEditor(grains)
    change = editor.split_along([(5, -1), (5, 9)], snap=False)
    assert change.created == (2,)


def test_numbers_of_removed_grains_are_not_used_again_while_others_are_free():
    editor = GrainEditor(two())
    editor.apply(editor.merge([1, 2]))
    assert editor.split_along([(5, -1), (5, 25)], snap=False).created == (3,)


def test_a_change_writes_nothing_until_applied_and_can_be_taken_back():
    grains = two()
    editor = GrainEditor(grains)
    change = editor.merge([1, 2])
    np.testing.assert_array_equal(grains, two())
    editor.apply(change)
    assert editor.count == 1
    editor.revert(change)
    np.testing.assert_array_equal(grains, two())
    assert editor.labels().tolist() == [1, 2]


def test_a_change_is_not_applied_to_another_map_than_it_was_made_for():
    grains = two()
    editor = GrainEditor(grains)
    change = editor.merge([1, 2])
    grains[:, 12:] = 3
    editor.noted(np.s_[0:10, 12:20])
    with pytest.raises(EditError, match="has changed since"):
        editor.apply(change)


def test_a_read_only_map_is_not_written():
    grains = two()
    grains.flags.writeable = False
    editor = GrainEditor(grains)
    with pytest.raises(EditError, match="read-only"):
        editor.apply(editor.merge([1, 2]))


def test_what_others_write_is_noted():
    grains = two()
    editor = GrainEditor(grains)
    grains[2:4, 3:9] = 70
    grains[:, 10:] = 1
    editor.noted(np.s_[0:10, 3:20])
    assert editor.labels().tolist() == [1, 70]
    assert editor.bounding_box(70) == (slice(2, 4), slice(3, 9))
    assert editor.area(1) == 188


def test_a_point_outside_is_refused():
    with pytest.raises(EditError, match="outside the map"):
        GrainEditor(two()).remove_boundary((5, 40))


def test_only_cuts_have_a_preview():
    with pytest.raises(EditError, match="no preview of 'smooth'"):
        GrainEditor(two()).preview("smooth", [(1, 1), (2, 2)])


def test_a_class_map_knows_classes_only():
    classes = np.zeros((30, 30), np.uint8)
    editor = GrainEditor(classes, tiling=False)
    editor.apply(editor.set_class([(4.6, 4.6), (4.6, 9.4), (9.4, 9.4), (9.4, 4.6)], 2))
    assert (classes == 2).sum() == 25
    change = editor.set_class((7, 7), 1)
    editor.apply(change)
    assert (classes == 1).sum() == 25
    assert change.touched == (1, 2)
    editor.noted(change.window)
    assert editor.repair(change.window) is None
    with pytest.raises(EditError, match="class map"):
        editor.merge([1, 2])


def test_a_click_takes_the_whole_region_however_large():
    classes = np.zeros((900, 40), np.uint8)
    classes[:, 20:] = 1
    editor = GrainEditor(classes, tiling=False)
    editor.apply(editor.set_class((100, 5), 2))
    assert (classes[:, :20] == 2).all()
    assert (classes[:, 20:] == 1).all()


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ((1, 1), 256, "does not fit"),
        ((1, 1), 0, "class 0 already"),
        ((50, 1), 1, "outside the map"),
    ],
)
def test_what_cannot_be_classed_is_refused(where, value, said):
    with pytest.raises(EditError, match=said):
        GrainEditor(np.zeros((9, 9), np.uint8), tiling=False).set_class(where, value)


def test_a_violation_is_the_lowest_label_in_pieces():
    grains = two()
    grains[0, 15], grains[9, 2] = 1, 2
    assert first_violation(grains) == (1, (0, 15))
    assert not is_tiling(grains)
    assert is_tiling(grains[1:9])


def test_a_grain_that_leaves_the_window_may_come_back_into_it():
    grains = np.full((10, 10), 2, np.int32)
    grains[:, 0], grains[0], grains[9] = 1, 1, 1
    assert is_tiling(grains)
    assert is_tiling(grains, np.s_[0:10, 2:8])

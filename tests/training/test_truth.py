"""What labels claim and what they leave open."""

import numpy as np

from napari_etch.training.truth import truth_of, unreviewed


def halves(size=60):
    labels = np.ones((size, size), np.int32)
    labels[:, size // 2 :] = 2
    return labels


def test_a_line_between_two_grains_is_claimed():
    labels = halves()
    labels[:, 28:32] = 0
    truth = truth_of(labels, "grains")
    assert truth.claimed.all()
    assert np.array_equal(truth.labels, halves())


def test_a_line_that_ends_inside_a_grain_is_left_open():
    labels = halves()
    labels[:, 28:32] = 0
    labels[30:33, 40:60] = 0  # runs into the right grain and parts nothing
    truth = truth_of(labels, "grains")
    assert not truth.claimed[31, 45:58].any()
    assert truth.claimed[:, :35].all()
    assert truth.claimed[:20].all()


def test_a_place_where_nothing_was_drawn_is_left_open_to_its_rim():
    labels = halves(120)
    labels[:, 58:62] = 0
    labels[10:60, 10:50] = 0
    truth = truth_of(labels, "grains")
    assert not truth.claimed[12:58, 12:48].any()
    assert truth.claimed[70:].all()


def test_lines_enclose_grains_whichever_way_round_they_are_drawn():
    lines = np.zeros((60, 60), np.uint8)
    lines[:, 28:32] = 255
    for picture in (lines, 255 - lines):
        truth = truth_of(picture, "boundary")
        assert len(np.unique(truth.labels)) == 2
        assert truth.claimed.all()


def test_unlabelled_pixels_of_a_class_map_are_left_open():
    classes = np.zeros((8, 8), np.uint8)
    classes[:4] = 2
    truth = truth_of(classes, "classes")
    assert truth.claimed[:4].all() and not truth.claimed[4:].any()


def test_the_outline_of_a_reviewed_grain_counts_from_both_sides():
    ignore = unreviewed(halves(), np.array([1]))
    assert not ignore[:, :32].any()
    assert ignore[:, 33:].all()
    assert unreviewed(halves(), np.array([], int)).all()

from __future__ import annotations

import numpy as np
import pytest

from napari_etch.propagation.agreement import agreement, contrast
from napari_etch.propagation.between import drawn_between, numbered_alike
from napari_etch.propagation.memory import Memory


def lines(offset=0, every=24, strength=1.0, side=96):
    grid = np.zeros((side, side), np.float32)
    grid[:, (np.arange(0, side, every) + offset) % side] = strength
    return grid


def test_equal_maps_agree_fully_and_far_ones_not():
    assert agreement(lines(), lines()) == pytest.approx(1)
    assert agreement(lines(), lines(2)) == pytest.approx(1)
    assert agreement(lines(), lines(12)) == 0


def test_lines_everywhere_agree_no_more_than_by_chance():
    assert agreement(lines(every=3), lines(every=24)) < 0.6
    noise = np.random.default_rng(0).random((2, 96, 96)).astype(np.float32)
    assert agreement(*noise) < 0.1


def test_a_faint_map_is_as_good_a_witness():
    assert agreement(lines(strength=0.4), lines()) == pytest.approx(1, abs=0.01)


def test_an_empty_map_agrees_with_nothing():
    assert agreement(np.zeros((96, 96), np.float32), lines()) == 0


def test_contrast_is_of_the_specimen_alone():
    image = np.zeros((8, 8), np.uint8)
    image[:4] = 200
    everything, lower = np.ones((8, 8), bool), np.arange(8)[:, None] * np.ones(8) >= 4
    assert contrast(image, everything) == 100
    assert contrast(image, lower) == 0
    assert contrast(image, np.zeros((8, 8), bool)) == 0


def test_what_is_usual_in_this_stack_decides():
    memory = Memory()
    assert memory.goes_on(lines(3), lines())[0]
    for _ in range(4):
        memory.keep(lines(), 1.0)
    half = lines(every=48) + 0.9 * lines(12, every=48)
    fits, value = memory.goes_on(half, lines())
    assert 0.2 < value < 0.6
    assert not fits
    assert Memory().goes_on(half, lines())[0]


def test_less_is_expected_across_a_gap():
    half = lines(every=48) + 0.9 * lines(12, every=48)
    memory = Memory()
    for _ in range(4):
        memory.keep(lines(), 0.75)
    value = memory.goes_on(half, lines())[1]
    assert value < 0.6 * 0.75
    assert not memory.goes_on(half, lines())[0]
    assert memory.goes_on(half, lines(), steps=4)[0]


def test_a_faint_section_does_not_stand_alone():
    memory = Memory()
    memory.keep(lines())
    assert memory.stands_alone(lines(5))
    assert not memory.stands_alone(lines(5, strength=0.3))


def test_a_map_with_hardly_a_line_is_not_told_on():
    memory = Memory()
    assert memory.keep(lines())
    assert memory.keep(lines(1))
    empty = lines(every=96) * 0.5
    assert not memory.keep(empty)
    np.testing.assert_array_equal(memory.latest, lines(1))
    memory.forget_latest()
    np.testing.assert_array_equal(memory.latest, lines())


def test_a_section_between_two_has_its_lines_halfway():
    before, after = (np.ones((12, 40), np.int32) for _ in range(2))
    before[:, 10:], after[:, 20:] = 2, 5
    found = drawn_between(before, after, 0.5)
    assert set(np.flatnonzero(found[6])) <= {14, 15, 16}
    np.testing.assert_array_equal(np.flatnonzero(drawn_between(before, None, 0.5)[6]), [9, 10])


def test_a_grain_keeps_its_number_and_a_new_one_gets_another():
    before = np.ones((10, 30), np.int32)
    before[:, 15:] = 2
    after = np.full((10, 30), 7, np.int32)
    after[:, 16:] = 9
    after[4:6, 2:4] = 3
    alike = numbered_alike(before, after)
    assert alike[0, 0] == 1
    assert alike[0, 29] == 2
    assert alike[4, 2] not in (1, 2)


def test_a_map_that_is_not_sure_of_its_lines_is_not_told_on():
    from napari_etch.propagation.agreement import certainty

    assert certainty(lines()) == 1
    assert certainty(lines(strength=0.5)) == pytest.approx(0.5)
    assert certainty(np.zeros((4, 4), np.float32)) == 0
    memory = Memory()
    assert memory.keep(lines())
    blurred = np.full((96, 96), float(lines().mean()), np.float32)
    assert not memory.keep(blurred)


def test_a_grain_parted_in_equal_halves_goes_on_in_one_of_them():
    """Both took its number, and there was no boundary between them."""
    before = np.repeat([1, 1, 1, 5], 10)[None].repeat(20, axis=0).astype(np.int32)
    after = np.repeat([1, 2, 3], [15, 15, 10])[None].repeat(20, axis=0).astype(np.int32)
    found = numbered_alike(before, after)
    assert np.unique(found).size == 3 and (found[:, :15] == 1).all() != (found[:, 15:30] == 1).all()
    assert drawn_between(before, after, 0.9)[:, 10:28].any(axis=1).all()

"""Which edges between two fragments stay."""

import numpy as np

from napari_etch.grains.cutting import GENERALIST, PLAIN, Cutting, cut_grains, least_area

SIDE, INTERCEPT = 200, 50.0


def network(*spans: tuple[slice, slice, float]) -> np.ndarray:
    """Return a map of four certain grains, 100 px each, with other lines of the strengths given."""
    strength = np.full((SIDE, SIDE), 0.02, np.float32)
    for rows, columns, value in spans:
        strength[rows, columns] = value
    strength[99:102] = strength[:, 99:102] = 0.95
    return strength


def count(strength: np.ndarray, cutting: Cutting) -> int:
    return int(cut_grains(strength, INTERCEPT, cutting=cutting).grains.max())


def test_both_rules_cut_what_is_certain():
    assert count(network(), PLAIN) == count(network(), GENERALIST) == 4


def test_a_line_that_is_interrupted_is_weaker_than_its_mean():
    sound = network((slice(0, 100), slice(49, 52), 0.64))
    broken = network((slice(0, 100), slice(49, 52), 0.72))
    broken[40:56, 49:52] = 0.1
    mean = Cutting(smoothed=80.0)
    assert count(sound, mean) == count(broken, mean) == 5
    weak = Cutting(weakest=0.3, smoothed=80.0)
    assert count(sound, weak) == 5
    assert count(broken, weak) == 4


def test_a_small_piece_needs_a_stronger_line_than_a_large_one():
    line = 0.62
    large = network((slice(0, 100), slice(49, 52), line))
    small = network((slice(0, 18), slice(14, 17), line), (slice(15, 18), slice(0, 17), line))
    assert count(large, PLAIN) == count(small, PLAIN) == 5
    shy = Cutting(small=0.3)
    assert count(large, shy) == 5
    assert count(small, shy) == 4


def test_the_area_below_which_a_piece_is_small_follows_the_grain_size():
    found = cut_grains(network(), INTERCEPT, cutting=Cutting(small=0.3))
    assert found.small_area == 0.3 * INTERCEPT**2
    assert found.rescored(found.probability).small_area == found.small_area


def test_the_smoothing_shrinks_with_fine_grains():
    assert [PLAIN.scale(size) for size in (200, 40, 28)] == [4.0, 1.0, 0.7]
    assert [GENERALIST.scale(size) for size in (400, 80, 56, 28)] == [4.0, 1.0, 0.7, 0.7]
    for cutting in (PLAIN, GENERALIST):
        assert cutting.scale(14) == 0.35 and cutting.scale(1) == 0.2


def test_the_least_grain_is_small_among_fine_ones():
    assert [least_area(size) for size in (100, 50, 10)] == [200, 50, 5]

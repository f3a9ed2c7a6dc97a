"""Realistic broken networks: reproducible, damaged in the ways they should be."""

import numpy as np
import pytest

from napari_etch.virtual.broken import PRESETS
from napari_etch.virtual.broken.realistic import realistic_pair, stamp


def pairs(count, size=192):
    return [realistic_pair(size, np.random.default_rng(index)) for index in range(count)]


@pytest.fixture(scope="module")
def drawn():
    return [(micro == 0, label == 0) for micro, label in pairs(40)]


def test_pairs_are_black_lines_on_white_and_depend_on_the_seed_alone():
    first, second = pairs(2), pairs(2)
    for (micro, label), (again, truth) in zip(first, second, strict=True):
        assert micro.dtype == label.dtype == np.uint8 and micro.shape == (192, 192)
        assert set(np.unique(micro)) <= {0, 255} and set(np.unique(label)) <= {0, 255}
        assert np.array_equal(micro, again) and np.array_equal(label, truth)
    assert not np.array_equal(first[0][0], first[1][0])


def test_damage_runs_from_nothing_to_a_third_of_the_lines(drawn):
    missing = np.array([(whole & ~broken).sum() / whole.sum() for broken, whole in drawn])
    assert missing.min() < 0.02 and missing.max() > 0.2
    assert 0.05 < missing.mean() < 0.25


def test_some_pairs_have_what_is_no_boundary_and_some_do_not(drawn):
    false = np.array([(broken & ~whole).sum() / whole.sum() for broken, whole in drawn])
    assert (false == 0).any() and (false > 0.01).any() and false.max() < 0.6


def test_grain_sizes_and_thicknesses_vary(drawn):
    share = np.array([whole.mean() for _, whole in drawn])
    assert share.max() > 3 * share.min()


@pytest.mark.parametrize("size", [33, 64, 200])
def test_any_side(size):
    micro, label = PRESETS["realistic"](size, np.random.default_rng(1))
    assert micro.shape == label.shape == (size, size)


@pytest.mark.parametrize("shape", [(20, 50), (50, 20)])
def test_a_path_is_drawn_where_it_runs_in_a_picture_that_is_not_square(shape):
    mask = np.zeros(shape, bool)
    corner = np.array(shape) - 1
    stamp(mask, np.array([corner, corner - 1]), 3.0)
    expected = np.zeros(shape, bool)
    for y, x in (corner, corner - 1):
        expected[y - 1 : y + 2, x] = expected[y, x - 1 : x + 2] = True
    assert np.array_equal(mask, expected)

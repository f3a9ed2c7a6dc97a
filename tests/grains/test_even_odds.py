"""The strength of a boundary that counts follows the image's own boundaries."""

import numpy as np
import pytest

from napari_etch.grains import shift_odds
from napari_etch.grains.even_odds import LIMITS, PART, even_odds, typical_strength


def edges(low, high, count=400):
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(low, 0.04, count), random.normal(high, 0.04, count)])
    return np.clip(values, 0, 1).astype(np.float32), np.ones(2 * count, np.float32)


@pytest.mark.parametrize("high", [0.6, 0.75, 0.9])
def test_typical_strength_is_that_of_the_boundaries_not_of_the_texture(high):
    assert typical_strength(*edges(0.15, high)) == pytest.approx(high, abs=0.02)


def test_long_edges_count_more():
    strength = np.array([0.1, 0.7, 0.9], np.float32)
    length = np.array([10, 1, 3], np.float32)
    assert typical_strength(strength, length) == pytest.approx(0.855, abs=0.01)


def test_even_odds_follow_the_typical_boundary():
    weak, strong = even_odds(*edges(0.1, 0.7)), even_odds(*edges(0.1, 0.9))
    assert weak == pytest.approx(PART * 0.7, abs=0.02)
    assert strong == pytest.approx(PART * 0.9, abs=0.02)


def test_texture_alone_does_not_become_boundaries():
    assert even_odds(*edges(0.02, 0.1)) == LIMITS[0]


def test_an_image_without_edges_has_even_odds():
    nothing = np.zeros(0, np.float32)
    assert LIMITS[0] <= even_odds(nothing, nothing) <= LIMITS[1]


def test_equally_strong_edges_are_one_class():
    same = np.full(5, 0.805, np.float32)
    assert typical_strength(same, np.ones(5)) == pytest.approx(0.805, abs=0.01)


def test_shifted_odds_keep_order_and_ends():
    strength = np.linspace(0, 1, 11, dtype=np.float32)
    shifted = shift_odds(strength, 0.4)
    assert shifted[[0, 4, 10]] == pytest.approx([0, 0.5, 1])
    assert (np.diff(shifted) > 0).all()

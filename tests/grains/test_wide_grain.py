"""A grain at the frame that is far larger than the others is told of; large grains are not."""

import numpy as np
import pytest

from napari_etch.grains.wide_grain import wide_grain_words


def beside(columns, *, grains=(20, 15), side=10):
    """Return square grains beside a part of so many columns, and that part's number."""
    rows, across = grains
    numbers = np.arange(1, rows * across + 1).reshape(grains).repeat(side, 0).repeat(side, 1)
    wide = np.full((rows * side, columns), numbers.max() + 1)
    return np.concatenate([wide, numbers], 1).astype(np.int32)


@pytest.mark.parametrize(("turned", "side"), [(0, "left"), (1, "bottom"), (2, "right"), (3, "top")])
def test_a_mount_is_told_of(turned, side):
    grains = np.rot90(beside(100), turned)
    assert wide_grain_words(grains) == (
        f"one grain at the {side} covers 40 % of the specimen, 200 times the mean of the others"
    )


def test_numbers_with_gaps_and_0_between_grains():
    grains = 7 * beside(100)
    grains[::10] = 0
    assert "at the left covers 40 %" in wide_grain_words(grains)


@pytest.mark.parametrize(
    "grains",
    [
        beside(10),  # 20 times the others
        beside(100, grains=(3, 5)),  # few grains say little
        np.pad(beside(100), 2, mode="constant", constant_values=9999),  # within the specimen
        np.zeros((40, 40), np.int32),
        np.ones((40, 40), np.int32),
        np.zeros((0, 0), np.int32),
    ],
    ids=["large", "few", "within", "none", "one", "empty"],
)
def test_others_are_not(grains):
    assert wide_grain_words(grains) == ""

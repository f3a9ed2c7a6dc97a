from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.weight_maps import weight_maps


def strip(width=21):
    """Return one grain between two lines, `width` px wide."""
    lines = np.zeros((15, width + 2), bool)
    lines[:, [0, -1]] = True
    return lines


def test_weights_run_between_the_published_extremes():
    weights = weight_maps(strip())
    middle = weights.boundary.shape[1] // 2
    assert weights.boundary[7, middle] == pytest.approx(0.35858, abs=5e-5)
    assert weights.interior[7, middle] == pytest.approx(11)
    assert weights.boundary[7, 0] == 30
    assert weights.interior[7, 0] == 1


def test_weights_follow_the_equations_pixel_by_pixel():
    weights = weight_maps(strip())
    sigma = 11 / 2.58
    for distance in (1, 4, 9):
        nearness = 10 * np.exp(-(distance**2) / (2 * sigma**2))
        depth = 1 + 10 * np.exp(-((11 - distance) ** 2) / (2 * sigma**2))
        assert weights.boundary[7, distance] == pytest.approx(nearness, rel=1e-5)
        assert weights.interior[7, distance] == pytest.approx(depth, rel=1e-5)


def test_beside_a_wide_grain_the_line_counts_nearly_ten():
    assert weight_maps(strip(401)).boundary[7, 1] == pytest.approx(10, abs=0.01)


def test_every_grain_has_its_own_depth():
    lines = np.zeros((30, 40), bool)
    lines[:, [0, 10, 39]] = True
    weights = weight_maps(lines)
    assert weights.interior[15, 5] == pytest.approx(11)  # D is 5 here
    assert weights.interior[15, 24:26].max() == pytest.approx(11)  # and 14 or 15 there
    assert weights.interior[15, 15] < 6


def test_a_crop_would_have_got_the_border_grains_wrong():
    whole = strip(41)
    right = weight_maps(whole).interior[:, :12]
    wrong = weight_maps(whole[:, :12]).interior
    assert np.abs(right - wrong).max() > 5


def test_a_section_without_lines_is_the_middle_of_a_grain():
    weights = weight_maps(np.zeros((4, 5), bool))
    assert weights.boundary == pytest.approx(0.35858, abs=5e-5)
    assert weights.interior == pytest.approx(11)


def test_a_grain_of_one_pixel_has_finite_weights():
    lines = np.ones((3, 3), bool)
    lines[1, 1] = False
    weights = weight_maps(lines)
    assert np.isfinite(weights.boundary).all()
    assert weights.interior[1, 1] == pytest.approx(11)

import math

import numpy as np
import pytest

from napari_etch.measure import mean_intercept_px


def test_a_checkerboard_has_its_period_as_intercept():
    grains = np.arange(100, dtype=np.int32).reshape(10, 10).repeat(20, 0).repeat(20, 1) + 1
    # 199 steps along a line of 200 px, 9 of them over a boundary
    assert mean_intercept_px(grains) == pytest.approx(199 / 9)


def test_stripes_count_in_one_direction_only():
    grains = np.arange(10, dtype=np.int32).repeat(10)[None].repeat(100, 0) + 1
    assert mean_intercept_px(grains) == pytest.approx((100 * 99 + 99 * 100) / (9 * 100))


def test_steps_off_the_specimen_are_no_crossings():
    grains = np.arange(16, dtype=np.int32).reshape(4, 4).repeat(10, 0).repeat(10, 1) + 1
    with_bar = np.vstack([grains, np.zeros((9, 40), np.int32)])
    assert mean_intercept_px(with_bar) == mean_intercept_px(grains)


def test_no_boundary_gives_no_number():
    assert math.isnan(mean_intercept_px(np.ones((5, 5), np.int32)))
    assert math.isnan(mean_intercept_px(np.zeros((5, 5), np.int32)))

"""The grain size is read off the trial whose grains look right."""

import numpy as np
import pytest

from napari_etch.models.grain_size import choose_grain_size, measure_trial


def test_agreeing_trials_give_their_common_size():
    found = choose_grain_size({2.0: (80.0, 0.9), 1.0: (40.0, 0.9), 0.5: (20.0, 0.9)})
    assert found == pytest.approx(40, rel=1e-3)


def test_the_sharp_trial_wins_over_a_blurred_one():
    found = choose_grain_size({1.0: (36.0, 0.9), 0.25: (36.0, 0.1)})
    assert found == pytest.approx(36, rel=0.1)


def test_a_grid_of_squares_has_their_side_as_intercept():
    maps = np.zeros((5, 200, 200), np.float32)
    for line in range(20, 200, 20):
        maps[0, line - 1 : line + 1] = maps[0, :, line - 1 : line + 1] = 1
    intercept, sharpness = measure_trial(maps)
    assert intercept == pytest.approx(200 / 9, rel=0.05)  # ten squares have nine lines between them
    assert sharpness > 0.9


def test_an_empty_trial_is_as_large_as_the_image_and_not_sharp():
    assert measure_trial(np.zeros((5, 64, 90), np.float32)) == (90.0, 0.0)


def test_what_is_off_the_specimen_is_no_grain():
    maps = np.zeros((5, 200, 400), np.float32)
    for line in range(20, 200, 20):
        maps[0, line - 1 : line + 1, :200] = maps[0, :, line - 1 : line + 1] = 1
    maps[0, :, 199:201] = 1
    mask = np.ones((200, 400), bool)
    mask[:, 200:] = False
    intercept, _ = measure_trial(maps, mask)
    assert intercept == pytest.approx(200 / 9, rel=0.05)
    assert measure_trial(maps)[0] > 30

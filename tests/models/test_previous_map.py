from __future__ import annotations

import numpy as np
import pytest

from napari_etch.models.previous_map import CODINGS, code_lines, code_previous


def a_line(strength=1.0):
    boundary = np.zeros((41, 61), np.float32)
    boundary[:, 30] = strength
    return boundary


@pytest.mark.parametrize("coding", CODINGS)
def test_a_sure_line_is_minus_six_and_far_from_it_is_one(coding):
    told = code_previous(a_line(), coding)
    assert told.dtype == np.float32
    assert told[20, 30] == pytest.approx(-6)
    assert told.max() == pytest.approx(1)


@pytest.mark.parametrize("coding", CODINGS)
def test_nothing_known_is_one_everywhere(coding):
    np.testing.assert_array_equal(code_previous(np.zeros((9, 9), np.float32), coding), 1)


def test_only_the_probability_says_how_sure_it_is():
    assert code_previous(a_line(0.6), "probability")[20, 30] == pytest.approx(1 - 7 * 0.6)
    assert code_previous(a_line(0.6), "mask")[20, 30] == -6
    assert code_previous(a_line(0.4), "mask")[20, 30] == 1


def test_the_band_of_the_expanded_mask_is_eighteen_px_wide():
    told = code_lines(a_line() > 0, "expansion")[20]
    band = np.isclose(told, 1 - 7 * (1 - 125 / 255))
    assert band.sum() + 1 in (17, 18)
    assert told[30] == -6
    assert set(np.round(told[[0, 60]], 6)) == {1}


def test_weights_fall_continuously_from_the_middle_of_a_grain_to_its_line():
    told = code_lines(a_line() > 0, "weights")[20]
    assert np.all(np.diff(told[:30]) <= 1e-6)
    assert told[0] == pytest.approx(1)
    assert -6 < told[20] < 1


def test_an_unknown_coding_is_refused():
    with pytest.raises(ValueError, match="choose probability, mask, expansion, weights"):
        code_previous(a_line(), "signed")

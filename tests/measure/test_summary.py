import numpy as np
import pytest

from napari_etch.measure import (
    astm_grain_number_from_intercept,
    astm_planimetric,
    mean_intercept_px,
    summarise_sizes,
)


def squares(side, count=6):
    grains = np.arange(count**2, dtype=np.int32).reshape(count, count) + 1
    return grains.repeat(side, 0).repeat(side, 1)


def test_one_field_has_the_numbers_of_its_methods():
    grains = squares(10)
    summary = summarise_sizes(grains, 0.5)
    assert summary.grain_count == 36
    assert summary.astm_g == pytest.approx(astm_planimetric(grains, 0.5).grain_number)
    assert summary.mean_intercept_um == pytest.approx(mean_intercept_px(grains) / 2)
    assert summary.astm_g_intercept == pytest.approx(
        astm_grain_number_from_intercept(mean_intercept_px(grains) / 2)
    )


def test_masked_pixels_are_off_the_specimen():
    grains = squares(10)
    masked = np.ma.masked_array(grains, mask=grains > 18)
    cut = np.where(grains > 18, 0, grains)
    assert summarise_sizes(masked, 0.5) == summarise_sizes(cut, 0.5)
    assert astm_planimetric(masked, 0.5) == astm_planimetric(cut, 0.5)


def test_without_pixel_size_there_is_no_g():
    summary = summarise_sizes(squares(10))
    assert summary.mean_area_px == pytest.approx(3600 / (16 + 16 / 2 + 1))
    assert summary.astm_g is None
    assert summary.mean_intercept_um is None


def test_sections_are_averaged_before_the_conversion():
    fine, coarse = squares(10, 12), squares(20, 6)
    summary = summarise_sizes(np.stack([fine, coarse]), 1.0)
    densities = [astm_planimetric(section, 1.0).grains_per_mm2 for section in (fine, coarse)]
    assert summary.grain_count == 144 + 36
    assert summary.grains_per_mm2 == pytest.approx(np.mean(densities))


def test_a_map_without_grains_has_no_sizes():
    summary = summarise_sizes(np.zeros((5, 5), np.int32), 1.0)
    assert summary.grain_count == 0
    assert summary.astm_g is None
    assert summary.mean_intercept_um is None


def test_one_grain_has_an_area_but_no_intercept():
    summary = summarise_sizes(np.ones((5, 5), np.int32), 1.0)
    assert summary.astm_g is None and summary.grains_per_mm2 is None
    assert summary.mean_area_px == pytest.approx(25)
    assert summary.astm_g_intercept is None


def test_sections_of_one_grain_each_have_no_g():
    stack = np.stack([np.full((5, 5), number, np.int32) for number in (1, 2)])
    summary = summarise_sizes(stack, 1.0)
    assert summary.grain_count == 2
    assert summary.astm_g is None

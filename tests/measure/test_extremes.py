import math

import numpy as np
import pytest

from napari_etch.measure import (
    anisotropy,
    area_fraction,
    astm_grain_number_from_area,
    distribution,
    largest_grain,
)
from napari_etch.measure.extremes import area_from_diameters


def test_one_coarse_grain_among_fine_ones():
    areas = np.r_[np.full(2000, 10.0), 200.0]
    cut = np.zeros(2001, bool)
    mean = float(areas.mean())
    largest = largest_grain(np.arange(1, 2002), areas, cut, mean)
    assert largest.label == 2001
    assert largest.grain_number == pytest.approx(astm_grain_number_from_area(200))
    assert largest.coarser_by == pytest.approx(math.log2(200 / mean))
    assert largest.remark == ""


def test_too_many_coarse_grains_are_no_case_for_e930():
    areas = np.r_[np.full(200, 10.0), np.full(5, 500.0)]
    largest = largest_grain(np.arange(205), areas, np.arange(205) == 200, float(areas.mean()))
    assert "too many for E930" in largest.remark
    assert "larger than measured" in largest.remark


def test_e930_by_hand():
    assert area_from_diameters(20, 10) == pytest.approx(157.08, abs=0.01)


def test_no_grain_has_no_largest():
    with pytest.raises(ValueError, match="no grain"):
        largest_grain(np.zeros(0, int), np.zeros(0), np.zeros(0, bool), 1.0)


# -- area fractions ------------------------------------------------------------------------------


def test_points_and_pixels_see_the_same_fraction():
    classes = np.ones((400, 400), np.uint8)
    classes[:, :100] = 2
    found = area_fraction([classes, classes.T], 2)
    assert found.pixel_fraction == 0.25
    assert found.point_fraction.value == pytest.approx(0.25, abs=0.06)
    assert found.points == 200


def test_a_point_on_the_line_counts_half():
    classes = np.ones((100, 100), np.uint8)
    classes[:, 50:] = 2  # a single point of the grid at 49.5
    assert area_fraction([classes], 2, points=1).point_fraction.value == 0.5


def test_what_is_off_the_specimen_is_not_counted():
    classes = np.ones((400, 400), np.uint8)
    classes[:200] = 0
    assert area_fraction([classes], 1).point_fraction.value == 1


@pytest.mark.parametrize(
    ("classes", "value", "points", "said"),
    [
        (np.ones((9, 9), int), 0, 9, "Class 0 cannot be counted: 0 is off the specimen, "),
        (np.ones((9, 9), int), 1, 0, "A grid of 0 points counts nothing: "),
        (np.zeros((9, 9), int), 1, 9, "A field shows no specimen: "),
        (np.zeros((0, 9), int), 1, 9, "A field has no pixels: "),
        (np.full((9, 9), -1), 1, 9, "The area fraction found the negative label -1: "),
    ],
)
def test_what_cannot_be_counted_is_said_in_a_whole_sentence(classes, value, points, said):
    with pytest.raises(ValueError, match=said) as caught:
        area_fraction([classes], value, points=points)
    assert str(caught.value).endswith(".")


# -- directions ----------------------------------------------------------------------------------


def test_grains_twice_as_long_have_twice_the_intercept():
    grains = np.arange(15 * 30, dtype=np.int32).reshape(30, 15).repeat(20, 0).repeat(40, 1) + 1
    found = anisotropy(grains, 1.0)
    by_angle = {each.angle_deg: each.mean_intercept_um for each in found.directions}
    assert by_angle[0.0] == pytest.approx(600 / 14, rel=0.02)
    assert by_angle[90.0] == pytest.approx(600 / 29, rel=0.02)
    assert found.index == pytest.approx(2, rel=0.1)
    assert (found.along_deg + 90) % 180 - 90 == pytest.approx(0, abs=3)
    assert found.boundary_per_volume == pytest.approx(found.boundary_per_area * 4 / math.pi)
    # 14 lines of 600 px and 29 of 600 px on 600 × 600 px
    assert found.boundary_per_area == pytest.approx(43 / 600 * 1000, rel=0.05)


# -- distribution --------------------------------------------------------------------------------


def test_a_log_normal_distribution_gives_back_its_numbers():
    rng = np.random.default_rng(0)
    sizes = 12 * np.exp(rng.normal(0, 0.4, 20000))
    found = distribution([math.pi / 4 * sizes**2])
    assert found.by_number.log_mean_um == pytest.approx(12, rel=0.01)
    assert found.by_number.log_deviation == pytest.approx(0.4, rel=0.02)
    assert found.by_number.percentiles_um[50] == pytest.approx(12, rel=0.02)
    # weighing by area moves a log-normal by 2 σ²
    assert found.by_area.log_mean_um == pytest.approx(12 * math.exp(2 * 0.16), rel=0.05)
    assert found.fit_distance < 0.015


def test_fields_are_compared():
    rng = np.random.default_rng(0)
    one, two = (rng.lognormal(mean, 0.8, 400) for mean in (3, 3))
    other = rng.lognormal(4, 0.8, 400)
    found = distribution([one, two, other]).differences
    assert [(each.one, each.two) for each in found] == [(0, 1), (0, 2), (1, 2)]
    assert found[0].p_value > 0.05
    assert found[1].p_value < 1e-6

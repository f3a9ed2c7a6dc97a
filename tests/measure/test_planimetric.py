"""Jeffries' circle, triple points and mean areas, on simulated grains of known density."""

from functools import cache

import numpy as np
import pytest
from measure.tessellation import checkerboard, drawn_steel, poisson_voronoi

from napari_etch.measure import (
    astm_grain_number_from_area,
    count_circle,
    count_triple_points,
    interior_grains,
    jeffries_multiplier,
)

plane = cache(lambda: poisson_voronoi(1000, 1000, 7))


def windows(edge, step=50):
    whole = np.pad(plane(), ((0, edge), (0, edge)), mode="wrap")
    for top in range(0, 1000, step):
        for left in range(0, 1000, step):
            yield whole[top : top + edge, left : left + edge]


def density():
    return np.unique(plane()).size / plane().size


@pytest.mark.parametrize(
    ("magnification", "factor"),
    [(1, 0.0002), (50, 0.5), (75, 1.125), (100, 2), (150, 4.5), (300, 18), (1000, 200)],
)
def test_jeffries_multiplier_of_the_table(magnification, factor):
    assert jeffries_multiplier(magnification) == pytest.approx(factor)


def test_the_circle_rule_counts_one_grain_too_many_as_published():
    counts = [count_circle(window) for window in windows(130)]
    true = density() * counts[0].area_px
    assert np.mean([count.count for count in counts]) - true == pytest.approx(1, abs=0.2)
    assert np.mean([count.corrected for count in counts]) - true == pytest.approx(0, abs=0.2)


def test_a_grain_that_ends_just_inside_of_the_circle_is_not_cut_by_it():
    """Half a grain too few was counted for it, which made G 0.03 too coarse on small fields."""
    y, x = np.mgrid[:41, :41]
    grains = np.where((y - 20) ** 2 + (x - 20) ** 2 < 15**2, 2, 1)
    found = count_circle(grains, (20.0, 20.0), 15.0)
    assert (found.n_inside, found.n_cut) == (1, 0)
    found = count_circle(grains[6:35, 6:35], (14.0, 14.0), 15.0)  # there the frame cuts it
    assert (found.n_inside, found.n_cut) == (0, 1)


def test_triple_points_as_written_count_one_grain_too_many():
    counts = [count_triple_points(window) for window in windows(130)]
    true = density() * counts[0].area_px
    assert np.mean([count.count for count in counts]) - true == pytest.approx(1, abs=0.2)
    assert np.mean([count.corrected for count in counts]) - true == pytest.approx(0, abs=0.2)


def test_leaving_out_cut_grains_makes_the_mean_area_small_and_the_weights_mend_it():
    found = [interior_grains(window) for window in windows(160)]
    plain = np.sum([inner.areas_px.sum() for inner in found]) / sum(
        inner.areas_px.size for inner in found
    )
    weighted = np.sum([(inner.weights * inner.areas_px).sum() for inner in found]) / np.sum(
        [inner.weights.sum() for inner in found]
    )
    true = 1 / density()
    assert plain < 0.95 * true
    assert weighted == pytest.approx(true, rel=0.03)


def test_weights_of_squares():
    inner = interior_grains(checkerboard(4, 20))
    assert inner.areas_px.tolist() == [400] * 4
    assert inner.weights == pytest.approx(np.full(4, 6400 / 60**2))
    assert inner.unbiased_area_px == 400


@pytest.mark.parametrize("scale", [1, 20])
def test_beside_a_scale_bar_lies_the_largest_circle_that_fits(scale):
    grains = checkerboard(4, 20 * scale)
    grains[72 * scale : 78 * scale, 30 * scale : 76 * scale] = 0
    count = count_circle(grains)
    assert count.radius == pytest.approx(36 * scale, rel=0.04)
    assert count.centre[0] == pytest.approx(36 * scale, rel=0.04)
    rows, columns = np.ogrid[: grains.shape[0], : grains.shape[1]]
    away = np.hypot(rows - count.centre[0], columns - count.centre[1])
    assert (grains[away < count.radius] > 0).all()


def test_no_large_circle_fits_beside_a_hole():
    grains = checkerboard(4, 20)
    grains[27:53, 27:53] = 0
    assert count_circle(grains) is None


def test_the_circle_lies_on_the_specimen():
    grains = np.vstack([checkerboard(4, 20), np.zeros((30, 80), np.int32)])
    count = count_circle(grains)
    assert count.centre == (39.5, 39.5)
    assert (count.n_inside, count.n_cut) == (4, 12)  # the four corner squares reach into the circle


def test_the_mean_area_of_the_nist_steel(dev_data):
    """157 grains that the border does not cut: G 10.14."""
    inner = interior_grains(drawn_steel(dev_data))
    assert inner.areas_px.size == 157
    number = astm_grain_number_from_area(inner.mean_area_px * (50 / 222) ** 2)
    assert number == pytest.approx(10.14, abs=0.005)

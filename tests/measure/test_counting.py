"""Test lines and circles on maps whose boundaries are known."""

import math
from functools import cache

import numpy as np
import pytest
from measure.tessellation import checkerboard, drawn_steel, hexagons, poisson_voronoi

from napari_etch.measure import (
    Circle,
    Pattern,
    StraightLine,
    abrams_pattern,
    combined_pattern,
    count_pattern,
    heyn_pattern,
    hilliard_pattern,
)
from napari_etch.measure.junctions import find_junctions
from napari_etch.measure.patterns import parallel_lines
from napari_etch.measure.placements import MOST_ALONG, spread

random_grains = cache(lambda seed: poisson_voronoi(700, 300, seed))


def line(start, end):
    return Pattern("line", (StraightLine(start, end),))


def kinds(count):
    return dict(zip(*np.unique(count.kinds, return_counts=True), strict=True))


# -- patterns ------------------------------------------------------------------------------------


def test_abrams_circles_are_500_mm_long():
    pattern = abrams_pattern((1000, 1200))
    lengths = [curve.length for curve in pattern.curves]
    assert lengths == pytest.approx([2500, 1666.7, 833.3], rel=1e-3)
    assert pattern.length == pytest.approx(5000, rel=1e-3)
    assert pattern.triple_weight == 2


def test_the_combined_pattern_is_1000_mm_long_and_inside_the_frame():
    pattern = combined_pattern((1061, 1061))
    assert pattern.length == pytest.approx(10 * 1000, rel=2e-3)
    for curve in pattern.curves:
        points = curve.at(np.linspace(0, curve.length, 50))
        assert points.min() >= -0.5
        assert points.max() <= 1060.5


def test_hilliards_circle_has_the_circumference_asked_for():
    assert hilliard_pattern((500, 800), 200).curves[0].length == pytest.approx(1000)
    with pytest.raises(ValueError, match="does not fit into the frame"):
        hilliard_pattern((500, 800), 400)


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 135, 170])
def test_parallel_lines_have_the_same_length_in_every_direction(angle):
    lines = parallel_lines((600, 800), angle, 10)
    assert sum(each.length for each in lines) == pytest.approx(600 * 800 / 10, rel=0.02)


def test_lines_rise_to_the_right_at_45_degrees():
    each = parallel_lines((100, 100), 45, 200)[0]
    assert each.end[0] < each.start[0]
    assert each.end[1] > each.start[1]


# -- the rules, one by one -----------------------------------------------------------------------


def test_a_crossing_counts_one_where_the_boundary_is():
    count = count_pattern(checkerboard(4, 20), line((30, -0.5), (30, 79.5)))
    assert count.intersections == 3
    assert count.intercepts == 3  # two whole grains and two halves
    assert count.points[:, 1] == pytest.approx([19.5, 39.5, 59.5], abs=0.2)
    assert count.length_px == pytest.approx(80)
    assert count.chords_px == pytest.approx([20, 20], abs=0.3)


@pytest.mark.parametrize("weight", [1.5, 2.0])
def test_a_triple_point_counts_one_and_a_half_or_two(weight):
    grains = np.ones((60, 60), np.int32)
    grains[:, 30:] = 2
    grains[:30, 30:] = 3  # one triple point at (29.5, 29.5)
    pattern = Pattern("line", (StraightLine((0, 5), (58.9, 53.9)),), weight)
    through = count_pattern(grains, pattern)
    assert kinds(through) == {"triple point": 1}
    assert through.intersections == weight
    assert through.points[0] == pytest.approx([29.5, 29.5])


def test_a_line_beside_a_triple_point_crosses_boundaries():
    grains = np.ones((60, 60), np.int32)
    grains[:, 30:] = 2
    grains[:30, 30:] = 3
    count = count_pattern(grains, line((20, 0), (20, 59)))
    assert kinds(count) == {"crossing": 1}


@pytest.mark.parametrize(("row", "contacts"), [(20.2, 1), (19.2, 1), (24.0, 2), (15.0, 0)])
def test_a_boundary_that_turns_back_at_the_line_is_one_tangent(row, contacts):
    y, x = np.mgrid[:100, :100]
    grains = np.where(np.hypot(y - 50, x - 50) < 30.3, 2, 1).astype(np.int32)  # top at 19.7
    count = count_pattern(grains, line((row, 0), (row, 99)))
    assert count.intersections == contacts
    expected = {0: {}, 1: {"tangent": 1}, 2: {"crossing": 2}}[contacts]
    assert kinds(count) == expected


def test_a_line_end_on_a_boundary_counts_half_and_any_other_nothing():
    grains = checkerboard(4, 20)
    on = count_pattern(grains, line((30, 19.5), (30, 50)))
    assert on.intersections == 1.5
    assert kinds(on) == {"crossing": 1, "line end": 1}
    off = count_pattern(grains, line((30, 25), (30, 50)))
    assert off.intersections == 1


def test_a_circle_has_no_ends():
    y = np.mgrid[:200, :200][0]
    grains = np.where(y < 100, 1, 2).astype(np.int32)
    count = count_pattern(grains, Pattern("circle", (Circle((99.5, 99.5), 60.0),)))
    assert count.intersections == 2
    assert count.chords_px.sum() == pytest.approx(2 * math.pi * 60)


def test_nothing_is_counted_off_the_specimen():
    grains = checkerboard(4, 20)
    grains[:, 40:60] = 0
    count = count_pattern(grains, line((30, -0.5), (30, 79.5)))
    assert count.length_px == pytest.approx(60)
    assert count.intersections == 1


def test_no_boundary_is_no_intersection():
    count = count_pattern(np.ones((50, 50), np.int32), abrams_pattern((50, 50)))
    assert count.intersections == 0
    assert math.isnan(count.mean_intercept_px)


def test_steps_of_an_oblique_boundary_are_no_crossings():
    y, x = np.mgrid[:200, :200]
    grains = np.where(y > 0.9 * x + 7.3, 1, 2).astype(np.int32)
    for shift in np.linspace(-3, 3, 13):  # nearly along the boundary
        slanted = line((10 + shift, 3), (190 + shift, 193))
        assert count_pattern(grains, slanted).intersections <= 1


# -- shapes whose intercepts are known -----------------------------------------------------------


def test_squares_have_their_mean_intercept():
    # P_L = 2 / π · L_A, and L_A = 2 / edge but for the frame, which is no boundary
    grains = checkerboard(12, 50)
    pattern = heyn_pattern(grains.shape, angles_deg=range(7, 180, 12), spacing=17.0)
    count = count_pattern(grains, pattern)
    assert count.intersections / count.length_px == pytest.approx(
        11 / 12 * 4 / (math.pi * 50), rel=0.02
    )


def test_hexagons_have_their_mean_intercept():
    grains = hexagons(700, 50)
    # half the perimeter of a hexagon for each cell area: L_A = 2 / across; P_L = 2 / π · L_A
    pattern = heyn_pattern(grains.shape, angles_deg=range(7, 180, 12), spacing=17.0)
    count = count_pattern(grains, pattern)
    assert count.intersections / count.length_px == pytest.approx(4 / (math.pi * 50), rel=0.03)


def test_circles_meet_squares_as_often_as_lines_do():
    grains = checkerboard(20, 30)
    count = count_pattern(grains, abrams_pattern(grains.shape))
    assert count.intersections / count.length_px == pytest.approx(4 / (math.pi * 30), rel=0.05)


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (heyn_pattern, 0.97, 1.03),
        (hilliard_pattern, 0.94, 1.06),
        (abrams_pattern, 0.95, 1.07),  # a triple point counts 2 instead of 1½
        (combined_pattern, 0.97, 1.07),
    ],
)
def test_the_bias_of_the_rules_on_poisson_voronoi_grains(make, low, high):
    ratios = []
    for seed in range(8):
        grains = random_grains(seed)
        density = np.unique(grains).size / grains.size
        count = count_pattern(grains, make(grains.shape))
        # Poisson-Voronoi: L_A = 2 √N_A, P_L = 2 / π · L_A
        expected = 4 / math.pi * math.sqrt(density)
        ratios.append(count.intersections / count.length_px / expected)
    assert low < np.mean(ratios) < high


def test_the_triple_points_of_a_tessellation_are_two_a_grain():
    grains = poisson_voronoi(600, 200, 3)
    wrapped = np.pad(grains, ((0, 1), (0, 1)), mode="wrap")
    assert find_junctions(wrapped).triple_points == pytest.approx(400, abs=4)


def test_four_squares_meet_in_a_point_that_counts_two():
    found = find_junctions(checkerboard(3, 10))
    assert len(found.points) == 4
    assert found.triple_points == 8
    assert found.points[0] == pytest.approx([9.5, 9.5])


def test_the_largest_circle_on_the_nist_steel(dev_data):
    """NIST's own count: 31 segments on the circle of 0.7958 of the frame."""
    count = count_pattern(drawn_steel(dev_data), hilliard_pattern((600, 800)))
    assert count.intercepts == pytest.approx(31, abs=4)
    assert count.chords_px.mean() == pytest.approx(44.02, rel=0.1)


def test_the_line_grids_on_the_nist_steel(dev_data):
    """NIST's own count on rows and columns: 871 segments of 37.176 px on average.

    Its segments run from drawn line to drawn line, which are 3 px wide and some of which end inside
    a grain, and those cut by the frame are left out: shorter than length of line per boundary.
    """
    from skimage.io import imread

    lines = imread(dev_data / "steel-optical" / "boundary.png") > 0
    found = []
    for row in [*lines[12::25], *lines.T[12::25]]:
        free = np.flatnonzero(np.diff(np.r_[True, row, True].astype(int))).reshape(-1, 2)
        found += [last - first for first, last in free if first > 0 and last < row.size]
    assert len(found) == pytest.approx(871, rel=0.05)
    assert np.mean(found) == pytest.approx(37.176, rel=0.03)
    count = count_pattern(drawn_steel(dev_data), heyn_pattern((600, 800), angles_deg=(0, 90)))
    assert np.mean(found) + 3 < count.mean_intercept_px < 1.2 * np.mean(found)


# -- several placements ----------------------------------------------------------------------------


def test_placements_cover_the_field_and_follow_from_its_size_alone():
    pattern = spread(abrams_pattern)((600, 800))
    assert pattern.placements == 12 and len(pattern.curves) == 36
    assert pattern.length == pytest.approx(6 * abrams_pattern((600, 800)).length)
    outer = [curve for curve in pattern.curves if curve.radius == pattern.curves[0].radius]
    tops = {round(curve.centre[0]) for curve in outer}
    assert tops == {150, 300, 450} or tops == {149, 299, 449}
    for curve in outer:
        y, x = curve.centre
        assert curve.radius <= min(y, x) + 0.5
        assert y + curve.radius <= 600 and x + curve.radius <= 800


def test_a_square_has_nine_placements_and_a_long_field_no_more_than_it_needs():
    assert spread(hilliard_pattern)((500, 500)).placements == 9
    assert spread(hilliard_pattern)((100, 5000)).placements == 3 * MOST_ALONG
    assert spread(combined_pattern)((40, 40)).placements == 9


def test_the_count_is_the_sum_of_its_placements():
    grains = poisson_voronoi(300, 120, 3)
    pattern = spread(abrams_pattern)(grains.shape)
    count = count_pattern(grains, pattern)
    alone = [
        count_pattern(grains, pattern.placement(at)).intersections
        for at in range(pattern.placements)
    ]
    assert count.by_placement.tolist() == alone
    assert count.intersections == sum(alone)
    assert count.part_intersections.sum() == count.intersections


@pytest.mark.parametrize(
    ("make", "share"), [(abrams_pattern, 0.75), (hilliard_pattern, 0.75), (combined_pattern, 0.9)]
)
def test_several_placements_scatter_less_than_one(make, share):
    """On simulated fields the rate of intersections is known better from several places."""
    fields = [poisson_voronoi(240, 80, seed) for seed in range(12)]

    def rates(pattern_of):
        counts = [count_pattern(each, pattern_of(each.shape)) for each in fields]
        return np.log2([each.intersections / each.length_px for each in counts])

    assert rates(spread(make)).std() < share * rates(make).std()

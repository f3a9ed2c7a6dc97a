"""A field by every method, and several fields together."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from measure.tessellation import checkerboard, drawn_steel, poisson_voronoi
from scipy.stats import ks_2samp

from napari_etch.measure import (
    METHODS,
    astm_grain_number_from_density,
    astm_grain_number_from_intercept,
    combine_fields,
    distribution,
    iso643_grain_number_from_density,
    measure_field,
)


def field(seed=0, size=500, count=200, pixel_size_um=1.0, name="field"):
    grains = poisson_voronoi(size, count, seed)
    return measure_field(grains, pixel_size_um, name=name, directions=False)


def test_every_method_gives_the_size_of_simulated_grains():
    fields = [field(seed) for seed in range(4)]
    measured = combine_fields(fields)
    assert [result.method for result in measured.results] == list(METHODS)
    density = 200 / 0.25  # a mm²
    true = astm_grain_number_from_density(density)
    # P_L = 4 / π · √N_A; E112 ties both scales for other grains: 0.04 G apart
    by_lines = astm_grain_number_from_intercept(1000 / (4 / np.pi * np.sqrt(density)))
    allowed = {"mean_area": 0.45, "hilliard": 0.3, "jeffries": 0.25, "abrams": 0.3, "combined": 0.3}
    for result in measured.results:
        expected = by_lines if result.method.scale == "intercepts" else true
        off = result.grain_number - expected
        assert abs(off) < allowed.get(result.method.key, 0.2), result.method.key
        assert result.g_low < result.grain_number < result.g_high
        assert result.fields == 4


def test_what_is_measured_is_averaged_and_converted_once():
    coarse, fine = field(count=100), field(count=400)
    result = combine_fields([coarse, fine]).result("saltykov")
    mean = (coarse.values["saltykov"] + fine.values["saltykov"]) / 2
    assert result.grain_number == pytest.approx(astm_grain_number_from_density(mean))
    each = [astm_grain_number_from_density(f.values["saltykov"]) for f in (coarse, fine)]
    assert result.grain_number > np.mean(each) + 0.1


def test_iso_lies_46_thousandths_below_astm():
    measured = combine_fields([field()])
    less = measured.result("saltykov").grain_number - measured.result("iso643").grain_number
    assert less == pytest.approx(0.0458, abs=1e-4)
    assert iso643_grain_number_from_density(16) == 1  # m = 8 · 2^G


def test_one_field_has_an_interval_from_its_parts_and_a_remark():
    measured = combine_fields([field()])
    result = measured.result("saltykov")
    assert result.mean.source == "parts of one field"
    assert result.g_low < result.grain_number < result.g_high
    assert result.more_fields is None
    assert "one field is fewer than the 3" in measured.remarks[0]


def test_the_interval_of_parts_is_about_right():
    """In nine of ten simulated fields or more, the interval holds the true density."""
    held = 0
    for seed in range(20):
        mean = field(seed, size=300, count=120).alone["saltykov"]
        held += abs(mean.value - 120 / 0.09) <= mean.half_width
    assert held >= 17


def test_a_field_is_printed_without_its_arrays():
    said = repr(measure_field(poisson_voronoi(300, 120, 0), 1.0))
    assert "grain_count=" in said and "array(" not in said
    assert len(said) < 6000


def test_how_rare_coarse_grains_are_is_asked_of_all_fields():
    fine = [field(seed, size=200, count=300, name=f"fine {seed}") for seed in range(9)]
    grains = poisson_voronoi(200, 300, 9)
    grains[:80, :80] = grains.max() + 1  # a sixth of this field, a sixtieth of all
    odd = measure_field(grains, 1.0, name="odd", directions=False)
    measured = combine_fields([*fine, odd])
    assert measured.largest.field == "odd"
    assert measured.largest.coarse_share == measured.duplex.coarse_share < 0.05
    assert "too many" not in measured.largest.remark


def test_the_largest_grain_is_told_with_its_field():
    fields = [field(count=200, name="fine"), field(count=50, name="coarse")]
    largest = combine_fields(fields).largest
    assert largest.field == "coarse"
    assert largest.area_um2 == fields[1].areas_um2[fields[1].labels == largest.label]


def test_the_nist_steel_by_every_method(dev_data):
    measured = combine_fields([measure_field(drawn_steel(dev_data), 50 / 222, name="steel")])
    assert measured.fields[0].counts["saltykov"] == 186.5
    assert measured.result("saltykov").grain_number == pytest.approx(9.95, abs=0.005)
    assert measured.result("mean_area").grain_number == pytest.approx(10.14, abs=0.005)
    assert measured.fields[0].counts["mean_area"] == 157
    assert measured.largest.grain_number == pytest.approx(7.34, abs=0.005)
    # NIST's own counts on these lines, with patterns of theirs: 10.34 and 10.51
    assert measured.result("combined").grain_number == pytest.approx(10.34, abs=0.15)


@pytest.mark.parametrize(("px", "um", "number"), [(39.516, 8.900, 10.34), (37.176, 8.373, 10.51)])
def test_the_published_intercepts_of_the_nist_steel(px, um, number):
    assert px * 50 / 222 == pytest.approx(um, abs=5e-4)
    assert astm_grain_number_from_intercept(px * 50 / 222) == pytest.approx(number, abs=0.01)


# -- what cannot be measured ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grains", "pixel_size", "message"),
    [
        (checkerboard(4, 20), None, "steel: the pixel size is not known: give it in µm"),
        (np.zeros((20, 20), np.int32), 1.0, "steel: the map shows no grain"),
        (np.ones((20, 20), np.int32), 1.0, "steel: the map shows a single grain"),
        (np.ones((20, 20)), 1.0, "steel: .* integers, not float64"),
        (np.ones((3, 20, 20), np.int32), 1.0, "steel: .* section by section"),
    ],
)
def test_bad_fields_are_refused_in_a_sentence(grains, pixel_size, message):
    with pytest.raises(ValueError, match=message):
        measure_field(grains, pixel_size, name="steel")


def test_grains_that_are_all_cut_are_reported():
    measured = combine_fields([measure_field(checkerboard(2, 60), 1.0, name="steel")])
    assert measured.result("mean_area") is None
    assert measured.result("saltykov") is not None
    assert measured.distribution is None
    assert any("all grains are cut by the border" in remark for remark in measured.remarks)
    (few,) = [remark for remark in measured.remarks if "fewer intersections" in remark]
    assert "one circle " in few and "hilliard" not in few  # as the table calls the patterns


def test_fields_of_two_magnifications_are_refused():
    with pytest.raises(ValueError, match=r"b 0\.5: measure fields of one magnification together"):
        combine_fields([field(name="a"), field(name="b", pixel_size_um=0.5)])


def test_no_field_is_refused():
    with pytest.raises(ValueError, match="choose at least one"):
        combine_fields([])


def test_patterns_lie_on_the_specimen_only():
    grains = poisson_voronoi(400, 150, 0)
    framed = np.pad(grains, ((30, 0), (50, 20)))
    bare, inner = (measure_field(each, 1.0, directions=False) for each in (grains, framed))
    assert inner.values == pytest.approx(bare.values)


def test_circles_are_laid_once_or_at_several_places():
    grains = poisson_voronoi(300, 120, 3)
    several, single = (
        measure_field(grains, 1.0, directions=False, placements=each)
        for each in ("several", "single")
    )
    assert several.patterns["abrams"].pattern.placements == 9
    assert single.patterns["abrams"].pattern.placements == 1
    assert several.values["heyn"] == single.values["heyn"]
    assert several.alone["abrams"].half_width < single.alone["abrams"].half_width
    with pytest.raises(ValueError, match="placements is 'twice': choose several or single"):
        measure_field(grains, 1.0, placements="twice")


def test_a_copy_of_a_field_is_told():
    one, other = field(0), field(1)
    copy = replace(one, name="copy of it")
    said = combine_fields([one, other, copy]).remarks
    assert any("copy of it shows the same grains as" in each for each in said)
    assert not any("same grains" in each for each in combine_fields([one, other]).remarks)


def test_fields_that_are_alike_are_compared_without_a_warning_of_scipy():
    for count in (5, 7, 60):  # where the exact p-value comes out above 1 by rounding
        one = np.arange(1.0, count + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (found,) = distribution([one, one + 0.5]).differences
        assert found.distance == pytest.approx(1 / count)
        assert found.p_value == pytest.approx(1, abs=0.01)
    assert distribution([one[:1], one[:1]]).differences == ()  # of one grain each: a division by 0
    apart = distribution([np.arange(1.0, 9), np.arange(3.0, 9)]).differences[0]
    assert apart.p_value == ks_2samp(np.arange(1, 9), np.arange(3, 9), method="exact").pvalue


def test_many_fields_are_compared_without_an_exact_p_value_for_each_pair(monkeypatch):
    """300 fields took minutes."""
    rng = np.random.default_rng(0)
    fields = [rng.lognormal(0.05 * at, 0.5, 60) for at in range(30)]
    exact = distribution([fields[0], fields[9]]).differences[0]
    monkeypatch.setattr("scipy.stats.ks_2samp", None)
    found = {(each.one, each.two): each for each in distribution(fields).differences}
    assert len(found) == 435
    assert found[0, 9].distance == exact.distance
    assert 0.7 * exact.p_value < found[0, 9].p_value < exact.p_value


def test_a_count_just_below_the_least_of_a_field_is_not_rounded_up_to_it():
    grains = checkerboard(8, 20)
    grains[:20, 70:80] = grains.max() + 1  # one more at the edge: 49.5
    (few, *_) = [each for each in measure_field(grains, 1.0, name="a").remarks if "grains" in each]
    assert few == "a: a count of 49.5 is below the 50 grains of a field in E112"


def test_a_pixel_size_in_another_unit_is_suspected():
    grains = poisson_voronoi(300, 80, 0)
    for pixel_size_um, is_odd in ((0.2252, False), (225.2, True), (2e-5, True), (20.0, False)):
        remarks = measure_field(grains, pixel_size_um, name="a", directions=False).remarks
        odd = [each for each in remarks if "is in µm" in each]
        assert bool(odd) == is_odd
        assert all(each.endswith(f"the pixel size, {pixel_size_um:g}, is in µm") for each in odd)


def test_a_mount_that_passes_for_a_grain_is_told():
    squares = checkerboard(12, 10)
    grains = np.concatenate([squares, np.full((120, 90), 999)], axis=1)
    said = [r for r in measure_field(grains, 1.0, name="a").remarks if "mount" in r]
    assert said == [
        "a: one grain at the right covers 43 % of the specimen, 108 times the mean of the others: "
        "if that is the mount or the background, make it 0 (Delete in the Correct dock) and "
        "measure again"
    ]
    assert not [r for r in measure_field(squares, 1.0, name="a").remarks if "mount" in r]

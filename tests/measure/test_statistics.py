import numpy as np
import pytest

from napari_etch.measure import Mean, fields_needed, mean_of_fields
from napari_etch.measure.statistics import ratio_of_parts, student_t


@pytest.mark.parametrize(
    ("n", "t"),
    [(5, 2.776), (6, 2.571), (7, 2.447), (8, 2.365), (9, 2.306), (10, 2.262), (15, 2.145)],
)
def test_students_t_of_e112(n, t):
    assert student_t(n) == pytest.approx(t, abs=5e-4)


def test_the_interval_of_five_fields():
    mean = mean_of_fields([95, 105, 100, 90, 110])
    s = np.sqrt((25 + 25 + 0 + 100 + 100) / 4)
    assert mean.value == 100
    assert mean.half_width == pytest.approx(2.776 * s / np.sqrt(5), rel=1e-3)
    assert mean.relative_accuracy == pytest.approx(9.816, abs=0.01)
    assert fields_needed(mean) == 0


def test_one_field_says_nothing_about_the_spread():
    mean = mean_of_fields([100.0])
    assert (mean.half_width, mean.relative_accuracy, fields_needed(mean)) == (None, None, None)


def test_more_fields_are_asked_for_until_ten_percent_is_reached():
    mean = mean_of_fields([80.0, 100.0, 120.0])
    more = fields_needed(mean)
    assert more == 15  # t(0.975, 17) · 20 / √18 = 9.95
    enough = student_t(3 + more) * 20 / np.sqrt(3 + more)
    short = student_t(2 + more) * 20 / np.sqrt(2 + more)
    assert enough <= 10 < short


def test_no_field_is_refused():
    with pytest.raises(ValueError, match="no field"):
        mean_of_fields([])


def test_the_interval_from_parts_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        sizes = rng.uniform(80, 120, 9)
        mean = ratio_of_parts(rng.poisson(0.3 * sizes).astype(float), sizes)
        held += abs(mean.value - 0.3) <= mean.half_width
    assert 0.92 < held / 400 < 0.98


def test_few_counts_give_no_interval():
    assert ratio_of_parts(np.full(9, 2.0), np.full(9, 50.0)) is None
    assert ratio_of_parts(np.full(3, 20.0), np.full(3, 50.0)) is None


def test_parts_of_one_field_ask_for_no_number_of_fields():
    assert fields_needed(Mean(10.0, 1.0, 9, "parts of one field", 0.5)) is None

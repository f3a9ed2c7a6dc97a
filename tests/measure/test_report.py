from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from measure.tessellation import poisson_voronoi

from napari_etch.measure import combine_fields, measure_field
from napari_etch.measure.report import four_digits
from napari_etch.measure.report_figure import draw_distribution


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (108.04866, "108.0"),
        (7969.365, "7969"),
        (0.5, "0.5000"),
        (1.66912e7, "1.669 × 10⁷"),
        (3.2e-7, "3.200 × 10⁻⁷"),
        (0.0, "0.000"),
    ],
)
def test_all_four_digits_of_a_measured_value_are_written(value, text):
    assert four_digits(value) == text


def test_the_histogram_counts_whole_grains():
    field = measure_field(poisson_voronoi(200, 60, 0), 1.0, name="a", directions=False)
    axes = Figure().add_subplot()
    draw_distribution(axes, combine_fields([field]))
    assert all(tick == round(tick) for tick in axes.get_yticks())

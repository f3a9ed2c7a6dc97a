import math

import numpy as np
import pytest
from measure.tessellation import voronoi
from scipy import ndimage as ndi

from napari_etch.measure import (
    astm_grain_number_from_area,
    astm_grain_number_from_density,
    astm_grain_number_from_intercept,
    astm_planimetric,
    density_from_astm_grain_number,
)

# G, grains per mm², mean area µm², mean intercept µm: the table of ASTM E112, from its definitions
E112 = [
    (-1, 3.88, 258064, 452.5),
    (0, 7.75, 129032, 320.0),
    (1, 15.50, 64516, 226.3),
    (2, 31.00, 32258, 160.0),
    (3, 62.00, 16129, 113.1),
    (4, 124.0, 8064.5, 80.0),
    (5, 248.0, 4032.3, 56.6),
    (6, 496.0, 2016.1, 40.0),
    (7, 992.0, 1008.1, 28.3),
    (8, 1984, 504.0, 20.0),
    (9, 3968, 252.0, 14.1),
    (10, 7936, 126.0, 10.0),
    (11, 15872, 63.0, 7.07),
    (12, 31744, 31.5, 5.00),
    (13, 63488, 15.8, 3.54),
    (14, 126976, 7.88, 2.50),
]


@pytest.mark.parametrize(("number", "density", "area", "intercept"), E112)
def test_the_table_of_e112(number, density, area, intercept):
    assert astm_grain_number_from_density(density) == pytest.approx(number, abs=0.01)
    assert astm_grain_number_from_area(area) == pytest.approx(number, abs=0.01)
    assert astm_grain_number_from_intercept(intercept) == pytest.approx(number, abs=0.01)
    assert density_from_astm_grain_number(number) == pytest.approx(density, rel=0.002)


def test_the_constants_of_e112():
    assert astm_grain_number_from_density(1) == pytest.approx(-2.954199, abs=1e-6)
    assert astm_grain_number_from_area(1) == pytest.approx(2 * math.log2(254) + 1)
    assert astm_grain_number_from_intercept(1) == pytest.approx(2 * math.log2(320))


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_sizes_that_are_no_sizes_are_refused(value):
    with pytest.raises(ValueError, match="positive number"):
        astm_grain_number_from_area(value)


def test_saltykov_weights_of_a_checkerboard():
    grains = np.arange(16, dtype=np.int32).reshape(4, 4).repeat(10, 0).repeat(10, 1) + 1
    result = astm_planimetric(grains, 1.0)
    assert (result.n_inside, result.n_edge, result.n_corner) == (4, 8, 4)
    assert result.equivalent_count == 4 + 8 / 2 + 1
    assert result.area_mm2 == pytest.approx(1600e-6)
    assert result.grain_count == 16


def test_one_grain_fills_the_field():
    result = astm_planimetric(np.ones((10, 20), np.int32), 2.0)
    assert result.equivalent_count == 1
    assert result.grain_number == pytest.approx(astm_grain_number_from_area(800))


def test_the_information_bar_is_not_part_of_the_field():
    grains = np.arange(16, dtype=np.int32).reshape(4, 4).repeat(10, 0).repeat(10, 1) + 1
    with_bar = np.vstack([grains, np.zeros((7, 40), np.int32)])
    assert astm_planimetric(with_bar, 0.5) == astm_planimetric(grains, 0.5)


@pytest.mark.parametrize("window", ["rectangle", "circle"])
def test_the_count_is_unbiased_in_small_windows(window):
    """Edge weights exist so that a small window gives the same density as a large one."""
    size, radius = 400, 30
    y, x = np.indices((2 * radius, 2 * radius)) - radius + 0.5
    inside = np.hypot(y, x) < radius if window == "circle" else np.ones(y.shape, bool)
    points = np.random.default_rng(5).uniform(0, size, (400, 2))
    plane = voronoi(points, (size, size))
    expected = np.unique(plane).size / size**2 * inside.sum()
    counts = []
    for top in range(0, size, 10):
        for left in range(0, size, 10):
            part = np.roll(plane, (-top, -left), (0, 1))[: 2 * radius, : 2 * radius] * inside
            counts.append(astm_planimetric(part, 1000.0).equivalent_count)
    assert expected > 7
    # Jeffries' circle without the correction is one whole grain too high
    assert np.mean(counts) == pytest.approx(expected, abs=0.25)


def test_the_number_of_the_nist_steel(dev_data):
    """The published lines of the NIST steel: Saltykov's frame gives G 9.95."""
    from skimage.io import imread
    from skimage.measure import label

    lines = imread(dev_data / "steel-optical" / "boundary.png") > 0
    labels = label(~lines, connectivity=1).astype(np.int32)
    labels[(np.bincount(labels.ravel()) < 20)[labels]] = 0  # specks where lines cross
    nearest = ndi.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    result = astm_planimetric(labels[tuple(nearest)], 50 / 222)
    assert (result.n_inside, result.n_edge, result.n_corner) == (157, 57, 4)
    assert result.equivalent_count == 186.5
    assert result.grain_number == pytest.approx(9.95, abs=0.005)


def test_a_map_without_grains_is_refused():
    with pytest.raises(ValueError, match="no grain"):
        astm_planimetric(np.zeros((5, 5), np.int32), 1.0)


@pytest.mark.parametrize(
    ("grains", "pixel_size", "message"),
    [
        (np.ones((5, 5)), 1.0, "integers, not float64"),
        (np.ones((2, 5, 5), np.int32), 1.0, "section by section"),
        (np.full((5, 5), -1, np.int32), 1.0, "negative label -1"),
        (np.full((5, 5), 2**63, np.uint64), 1.0, "found the label 9223372036854775808: number"),
        (np.ones((5, 5), np.int32), 0.0, "pixel size in µm must be a positive"),
        (np.ones((5, 5), np.int32), None, "not known"),
    ],
)
def test_bad_input_is_named(grains, pixel_size, message):
    with pytest.raises(ValueError, match=message):
        astm_planimetric(grains, pixel_size)

import math
from dataclasses import replace

import numpy as np
import pytest
from measure.tessellation import poisson_voronoi, voronoi
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from napari_etch.measure import (
    astm_grain_number_from_area,
    combine_fields,
    duplex,
    largest_grain,
    measure_field,
    topology_of,
)


def bands(count: int, coarse: float = 30, fine: float = 6, size: int = 300) -> np.ndarray:
    """Return a map of horizontal bands, coarse and fine ones in turn."""
    rng = np.random.default_rng(1)
    high = size / count
    points = []
    for band in range(count):
        edge = fine if band % 2 else coarse
        place = rng.uniform(0, 1, (int(high * size / edge**2), 2))
        points.append(place * (high, size) + (band * high, 0))
    return voronoi(np.concatenate(points), (size, size))


def necklaces(ring: float = 5, size: int = 300) -> np.ndarray:
    """Return a map of coarse grains with fine ones along their boundaries."""
    coarse, fine = poisson_voronoi(size, 36, 3), poisson_voronoi(size, 3600, 4)
    edges = (ndi.maximum_filter(coarse, 3) != ndi.minimum_filter(coarse, 3)) > 0
    near = ndi.distance_transform_edt(~edges) <= ring
    return np.where(near, coarse.max() + fine, coarse).astype(np.int32)


def random_mixture(seed: int, size: int = 300) -> np.ndarray:
    """Return a map of coarse grains, half of them made of fine ones."""
    coarse, fine = poisson_voronoi(size, 56, seed), poisson_voronoi(size, 1400, seed + 50)
    broken = np.random.default_rng(seed).random(coarse.max() + 1) < 0.5
    whole = np.where(broken[coarse], 1000 + 10_000 * coarse + fine, coarse)
    return np.unique(whole, return_inverse=True)[1].reshape(coarse.shape).astype(np.int32) + 1


def test_one_coarse_grain_among_fine_ones_is_isolated():
    areas = np.r_[np.full(2000, 10.0), 200.0]
    found = duplex(areas, mean_area_um2=float(areas.mean()))
    assert found.kind == "isolated coarse grains"
    assert "1 % of the area in grains at least 3 G coarser than the mean" in found.text


def test_two_modes_are_bimodal():
    rng = np.random.default_rng(0)
    areas = np.r_[10 * 2 ** rng.normal(0, 0.2, 1000), 320 * 2 ** rng.normal(0, 0.2, 31)]
    found = duplex(areas, mean_area_um2=float(areas.mean()))
    assert found.kind == "bimodal"
    assert found.modes_g[1] - found.modes_g[0] == pytest.approx(5, abs=0.6)


def test_grains_of_one_size_are_uniform():
    rng = np.random.default_rng(0)
    areas = 100 * 2 ** rng.normal(0, 0.5, 500)
    assert duplex(areas, mean_area_um2=float(areas.mean())).kind == "uniform"


def test_slivers_at_the_border_make_no_wide_range():
    areas = np.full(30, 100.0)
    areas[20:] = 3.0  # what the frame shows of ten
    cut = np.arange(30) >= 20
    assert duplex(areas, mean_area_um2=100.0).kind == "wide range"
    found = duplex(areas, mean_area_um2=100.0, cut=cut)
    assert (found.kind, found.range_g) == ("uniform", 0)
    areas[:10] = 3.0  # whole ones are as fine as they look
    areas[29] = 200.0  # and what shows of a cut one is at least so coarse
    assert duplex(areas, mean_area_um2=100.0, cut=cut).range_g == pytest.approx(math.log2(200 / 3))
    assert duplex(areas, mean_area_um2=100.0, cut=np.ones(30, bool)).range_g > 5


def test_the_area_of_each_mode_is_told():
    areas = np.r_[np.full(600, 10.0), np.full(10, 400.0)]  # 60 and 40 % of the area
    found = duplex(areas, mean_area_um2=float(areas.mean()))
    assert found.modes_shares == pytest.approx((0.4, 0.6))
    assert found.text.startswith("bimodal; 40 % of the area at G ")


def test_the_g_at_a_mode_is_that_of_its_grains():
    areas = np.r_[np.full(600, 10.0), np.full(10, 400.0)]
    found = duplex(areas, mean_area_um2=float(areas.mean()))
    assert found.modes_g == pytest.approx(
        [astm_grain_number_from_area(400.0), astm_grain_number_from_area(10.0)]
    )


def test_many_coarse_grains_without_a_class_are_not_called_uniform():
    areas = np.r_[np.full(200, 10.0), np.full(3, 110.0)]  # 14 % of the area, 3.2 G coarser
    mean = float(areas.mean())
    found = duplex(areas, mean_area_um2=mean)
    assert found.kind == "mixed"
    largest = largest_grain(np.arange(203), areas, np.zeros(203, bool), mean)
    assert "see the duplex result" in largest.remark


def test_the_extremes_are_named():
    areas = 100 * 2.0 ** np.r_[np.full(90, 0.0), np.full(5, 2.0), np.full(50, -3.0)]
    found = duplex(areas, mean_area_um2=float(areas.mean()))
    assert found.kind == "wide range"
    assert found.extremes_g[1] - found.extremes_g[0] == found.range_g == 5
    assert f"from G {found.extremes_g[0]:.1f} to {found.extremes_g[1]:.1f}, 5.0 apart" in found.text


def test_the_section_of_grains_of_one_size_in_space_is_no_wide_range():
    random = np.random.default_rng(1)
    steps = np.stack(np.meshgrid(*[np.arange(-1, 16)] * 2, [-1, 0, 1], indexing="ij"), axis=-1)
    lattice = steps.reshape(-1, 3) * 25.0
    sites = np.concatenate([lattice, lattice + 12.5])
    sites += random.normal(0, 5, sites.shape)
    pixels = np.stack(np.mgrid[:350, :350, :1], axis=-1).reshape(-1, 3)
    areas = np.unique(cKDTree(sites).query(pixels)[1], return_counts=True)[1]
    found = duplex(areas, mean_area_um2=float(areas.mean()))
    assert (found.kind, found.range_g < 4.5) == ("uniform", True)


# -- how they lie --------------------------------------------------------------------------------


@pytest.mark.parametrize(("turn", "along"), [(0, "horizontal"), (1, "vertical")])
def test_bands_are_found_along_rows_and_columns(turn, along):
    found = topology_of(np.rot90(bands(4), turn), 1.0, name="a")
    assert (found.kind, found.strips, found.along, found.field) == ("banding", 4, along, "a")
    assert found.coarse_share == pytest.approx(0.5, abs=0.1)
    assert found.fine_g - found.coarse_g >= 3


def test_coarse_grains_on_one_side_are_a_cross_section():
    found = topology_of(bands(2), 1.0)
    assert (found.kind, found.strips) == ("cross-section", 2)
    assert found.fine_g - found.coarse_g == pytest.approx(math.log2(25), abs=0.5)


def test_the_size_of_a_pixel_moves_both_numbers():
    one, four = (topology_of(bands(4), size) for size in (1.0, 4.0))
    assert one.coarse_g - four.coarse_g == pytest.approx(4)
    assert one.fine_g - four.fine_g == pytest.approx(4)


def test_coarse_grains_in_rings_of_fine_ones_are_a_necklace():
    found = topology_of(necklaces(), 1.0)
    assert found.kind == "necklace"
    assert found.coarse_share > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_coarse_grains_anywhere_are_neither(seed):
    mixture = random_mixture(seed)
    areas = np.bincount(mixture.ravel())[1:]
    assert duplex(areas, mean_area_um2=float(areas.mean())).kind == "bimodal"
    assert topology_of(mixture, 1.0) is None


@pytest.mark.parametrize("count", [20, 200, 2000])
def test_grains_of_one_size_lie_in_no_bands(count):
    assert topology_of(poisson_voronoi(300, count, 5), 1.0) is None


def test_an_information_bar_is_no_band():
    grains = poisson_voronoi(300, 200, 5)
    grains[250:] = 0
    assert topology_of(grains, 1.0) is None


def test_a_measurement_says_how_the_grains_of_its_fields_lie():
    fields = [measure_field(bands(4), 1.0, name=name, directions=False) for name in "ab"]
    measured = combine_fields([*fields, replace(fields[0], name="c", topology=None)])
    assert measured.duplex.name == "banding"
    text = measured.duplex.text
    assert text.startswith("banding in 4 horizontal strips of a: ")
    assert "; so it is in 1 more field; by size " in text


def test_fields_of_coarse_and_of_fine_grains_are_a_cross_section():
    coarse, fine = (
        measure_field(poisson_voronoi(300, count, 1), 1.0, name=name, directions=False)
        for count, name in ((30, "rim"), (600, "core"))
    )
    measured = combine_fields([coarse, fine])
    (found,) = measured.duplex.topology
    assert (found.kind, found.field, found.strips) == ("cross-section", "rim and core", 0)
    assert found.coarse_share == pytest.approx(0.5)
    assert "cross-section of rim and core: 50 % of the area G " in measured.duplex.text

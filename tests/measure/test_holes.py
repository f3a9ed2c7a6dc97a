"""Pores cut no grain; what is off the specimen does."""

import numpy as np
import pytest
from measure.tessellation import checkerboard, poisson_voronoi

from napari_etch.measure import (
    astm_planimetric,
    combine_fields,
    count_circle,
    grain_table,
    grains_at_edge,
    measure_field,
)
from napari_etch.measure.holes import holes_of
from napari_etch.measure.junctions import find_junctions
from napari_etch.measure.volume import grain_table_3d


def pierced(grains: np.ndarray, places: np.ndarray, radius: float) -> np.ndarray:
    """Return a map with round holes."""
    holed = grains.copy()
    rows, columns = np.ogrid[: grains.shape[0], : grains.shape[1]]
    for y, x in places:
        holed[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = 0
    return holed


@pytest.fixture(scope="module")
def grains() -> np.ndarray:
    return poisson_voronoi(300, 120, 1)


@pytest.mark.parametrize("kind", ["anywhere", "at triple points", "pixels without a phase"])
def test_pores_leave_the_grain_size_alone(grains, kind):
    random = np.random.default_rng(2)
    if kind == "anywhere":
        holed = pierced(grains, random.uniform(20, 280, (40, 2)), 3)
    elif kind == "at triple points":
        holed = pierced(grains, random.permutation(find_junctions(grains).points)[:30], 3)
    else:
        holed = np.where(random.random(grains.shape) < 0.02, 0, grains)
    plain, other = (
        combine_fields([measure_field(each, 1.0, name="a", directions=False)])
        for each in (grains, holed)
    )
    for key in ("saltykov", "jeffries", "mean_area", "unbiased_area", "iso643"):
        assert other.result(key).grain_number == pytest.approx(
            plain.result(key).grain_number, abs=0.07
        )
    assert other.fields[0].interior_count >= plain.fields[0].interior_count - 3
    (said,) = (each for each in other.remarks if "taken for pores" in each)
    assert said.startswith("a: ") and " holes in the map, " in said
    assert not any("taken for pores" in each for each in plain.remarks)


def test_a_grain_beside_a_pore_is_whole_and_one_beside_the_end_of_the_specimen_is_not():
    grains = checkerboard(4, 20)
    grains[30, 30] = 0
    inner = [6, 7, 10, 11]
    assert set(inner).isdisjoint(grains_at_edge(grains))
    assert grain_table(grains).set_index("label")["touches_border"][inner].sum() == 0
    grains[30, 30:] = 0  # reaches the frame
    assert set(grains_at_edge(grains)) & set(inner) == {6, 7}


def test_a_hole_that_is_long_or_larger_than_a_grain_cuts_grains():
    large, long = checkerboard(4, 20), checkerboard(4, 20)
    large[29:51, 29:51] = 0
    long[39:41, 22:58] = 0
    for grains in (large, long):
        found = holes_of(grains)
        assert (found.n_pores, found.n_large, found.pores.any()) == (0, 1, False)
        assert set(grains_at_edge(grains)) == set(range(1, 17))


def test_a_large_hole_takes_as_many_grains_from_the_count_as_it_covers():
    grains = checkerboard(8, 20)
    whole = astm_planimetric(grains, 1.0).equivalent_count
    grains[50:110, 50:110] = 0  # the area of nine squares, of which twelve still show a part
    assert astm_planimetric(grains, 1.0).equivalent_count == whole - 9


def test_a_circle_is_laid_over_pores_without_their_area(grains):
    holed = pierced(grains, np.array([[150, 150]]), 4)
    plain, other = count_circle(grains), count_circle(holed)
    assert (plain.centre, plain.radius) == (other.centre, other.radius)
    assert plain.area_px - other.area_px == np.count_nonzero(holed == 0)
    assert other.count == plain.count


def test_pores_cut_no_grain_in_space():
    grains = np.arange(27, dtype=np.int32).reshape(3, 3, 3) + 1
    for axis in range(3):
        grains = grains.repeat(10, axis)
    plain = grain_table_3d(grains).set_index("label")
    grains[14:16, 13:15, 13:15] = 0  # in the middle grain
    grains[12, 19:21, 12] = 0  # beside it
    table = grain_table_3d(grains).set_index("label")
    assert table["touches_border"].tolist() == plain["touches_border"].tolist()
    assert plain.loc[14, "voxels"] - table.loc[14, "voxels"] == 9
    assert table.loc[14, "boundary_fraction"] < 1  # what lies beside a pore is no boundary
    grains[15, 15:] = 0  # from the middle to the end of the stack
    assert grain_table_3d(grains).set_index("label").loc[14, "touches_border"]

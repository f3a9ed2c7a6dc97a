"""Boundary network, grains in space, twins, and what the choice of granularity does."""

import math

import numpy as np
import pandas as pd
import pytest
from measure.tessellation import checkerboard, hexagons, poisson_voronoi

from napari_etch.grains import partition
from napari_etch.measure.network import measure_network
from napari_etch.measure.report import range_text
from napari_etch.measure.segmentation_range import segmentation_range
from napari_etch.measure.twins import merge_twins
from napari_etch.measure.volume import LINES, VolumeSums, grain_table_3d


def test_hexagons_meet_at_120_degrees():
    network = measure_network(hexagons(400, 60))
    assert len(network.angles_deg) > 40
    np.testing.assert_allclose(network.angles_deg.sum(axis=1), 360)
    assert network.angles_deg.mean() == pytest.approx(120)
    assert np.abs(network.angles_deg - 120).max() < 12
    # L_A of hexagons is 2 / across, but for the frame
    assert network.boundary_per_area(1.0) == pytest.approx(2 / 60 * 1000, rel=0.05)


def test_each_angle_lies_in_its_grain():
    y, x = np.mgrid[:101, :101] - 50
    angle = np.degrees(np.arctan2(-y, x)) % 360
    grains = np.select([angle < 60, angle < 150], [1, 2], 3).astype(np.int32)
    network = measure_network(grains)
    found = dict(zip(network.angle_labels[0].tolist(), network.angles_deg[0], strict=True))
    assert found == pytest.approx({1: 60, 2: 90, 3: 210}, abs=5)


def test_angles_of_random_grains_add_up():
    network = measure_network(poisson_voronoi(400, 60, 1))
    assert 0 < len(network.angles_deg) <= len(network.points)
    np.testing.assert_allclose(network.angles_deg.sum(axis=1), 360)
    assert network.angles_deg.mean() == pytest.approx(120)


def test_one_grain_has_no_network():
    network = measure_network(np.ones((20, 20), np.int32))
    assert (network.triple_points, network.boundary_px, len(network.angles_deg)) == (0, 0, 0)
    with pytest.raises(ValueError, match="no grain"):
        measure_network(np.zeros((20, 20), np.int32))


def test_a_ball():
    z, y, x = np.mgrid[:51, :51, :51] - 25
    grains = np.where(z**2 + y**2 + x**2 < 20.2**2, 7, 1).astype(np.int32)
    row = grain_table_3d(grains).set_index("label").loc[7]
    assert row["volume"] == pytest.approx(4 / 3 * math.pi * 20.2**3, rel=0.01)
    assert row["surface"] == pytest.approx(4 * math.pi * 20.2**2, rel=0.02)
    assert row["sphericity"] == pytest.approx(1, abs=0.02)
    assert (row["faces"], row["touches_border"], row["boundary_fraction"]) == (1, False, 1)
    assert (row["centroid_z_px"], row["centroid_x_px"]) == pytest.approx((25, 25))


def test_a_ball_of_flat_voxels_is_a_ball():
    z, y, x = np.mgrid[:21, :61, :61] - np.array([10, 30, 30])[:, None, None, None]
    inside = (3 * z) ** 2 + y**2 + x**2 < 25**2
    grains = np.where(inside, 2, 1).astype(np.int32)
    row = grain_table_3d(grains, voxel_size_um=(1.5, 0.5, 0.5)).set_index("label").loc[2]
    assert row["eqd"] == pytest.approx(25, rel=0.02)
    assert row["surface"] == pytest.approx(math.pi * 25**2, rel=0.04)


def test_cubes_in_a_stack():
    grains = np.arange(27, dtype=np.int32).reshape(3, 3, 3) + 1
    for axis in range(3):
        grains = grains.repeat(8, axis)
    table = grain_table_3d(grains).set_index("label")
    assert table.loc[14, "faces"] == 6
    assert not table.loc[14, "touches_border"]
    assert table["touches_border"].sum() == 26
    assert table.loc[14, "volume"] == 512
    assert table.loc[14, "surface"] == pytest.approx(6 * 64, rel=0.15)  # the worst case of Crofton
    assert table.loc[1, "boundary_fraction"] == 0.5


def test_what_is_no_3d_map_is_refused():
    with pytest.raises(ValueError, match=r"\(z, y, x\)"):
        grain_table_3d(np.ones((4, 4), np.int32))
    with pytest.raises(ValueError, match="a map with voxels"):
        grain_table_3d(np.ones((4, 0, 4), np.int32))
    with pytest.raises(ValueError, match="voxel in µm must be a positive"):
        grain_table_3d(np.ones((4, 4, 4), np.int32), voxel_size_um=(0, 1, 1))


# -- granularity ---------------------------------------------------------------------------------


def doubtful_map():
    """Return a boundary map of sure squares, every second one of them halved by a doubtful line."""
    boundary = np.zeros((240, 240), np.float32)
    for at in range(30, 240, 30):
        boundary[at - 1 : at + 1] = boundary[:, at - 1 : at + 1] = 0.95
    for row in range(0, 240, 60):
        boundary[row + 14 : row + 16][boundary[row + 14 : row + 16] == 0] = 0.4
    return boundary


def test_a_doubtful_boundary_widens_the_grain_size():
    cut = partition(doubtful_map(), min_area=30)
    found = segmentation_range([cut], 1.0)
    low, high = found.ranges["saltykov"]
    assert high - low == pytest.approx(math.log2(1.5), abs=0.15)
    assert found.granularities == (0.3, 0.4, 0.5, 0.6, 0.7)
    numbers = found.grain_numbers["saltykov"]
    assert list(numbers) == sorted(numbers)
    assert (low, high) == (numbers[0], numbers[-1])  # G itself: a map may be cut anywhere
    assert range_text(found).endswith(f"gives a planimetric G of {low:.2f} to {high:.2f}")


def test_sure_boundaries_leave_the_grain_size_alone():
    boundary = np.where(doubtful_map() > 0.5, 1, 0).astype(np.float32)
    found = segmentation_range([partition(boundary)], 1.0)
    low, high = found.ranges["saltykov"]
    assert low == high


def test_a_cut_without_two_grains_names_its_granularity():
    boundary = np.zeros((120, 120), np.float32)
    boundary[59:61] = 0.45  # one grain below a granularity, two above
    with pytest.raises(ValueError, match=r"^cut at granularity 0\.3, a field shows fewer than two"):
        segmentation_range([partition(boundary)], 1.0)


def test_a_range_can_be_cancelled():
    cut = partition(doubtful_map())
    assert segmentation_range([cut], 1.0, cancelled=lambda: True) is None


def test_the_grains_of_a_checkerboard_have_no_network_angles_of_three():
    network = measure_network(checkerboard(4, 20))
    assert network.triple_points == 18
    assert len(network.points) == 0


# -- twins ---------------------------------------------------------------------------------------


def twinned():
    """Return four grains; through one of them a lamella runs, and another holds a short one."""
    grains = np.ones((160, 160), np.int32)
    grains[80:, :80] = 2
    grains[:80, 80:] = 3
    grains[80:, 80:] = 4
    y, x = np.mgrid[:160, :160]
    band = np.abs((y - 40) - 0.3 * (x - 40)) < 6
    left = grains == 1
    grains[left & band] = 5
    grains[left & ~band & ((y - 40) - 0.3 * (x - 40) > 0)] = 6  # the other half of grain 1
    grains[110:116, 100:140] = 7
    return grains


def test_a_lamella_joins_the_halves_of_its_grain():
    merged = merge_twins(twinned())
    assert merged.lamellae == (5, 7)
    assert np.unique(merged.grains).size == 4
    assert np.unique(merged.grains[:80, :80]).size == 1
    assert np.unique(merged.grains[80:, 80:]).size == 1


def test_equiaxed_grains_are_no_twins():
    grains = poisson_voronoi(300, 50, 4)
    merged = merge_twins(hexagons(300, 40))
    assert merged.lamellae == ()
    assert len(merge_twins(grains).lamellae) <= 2


def test_a_table_may_be_asked_for_between_sections():
    y, x = np.indices((30, 40)) // 10
    stack = np.stack([1 + (4 * ((y + shift) % 3) + x) for shift in (0, 0, 1, 2, 1)])
    sums = VolumeSums(12)
    for count, section in enumerate(stack, 1):
        sums.add(section)
        for _ in range(2):  # the first has left nothing behind
            pd.testing.assert_frame_equal(sums.table(), grain_table_3d(stack[:count]))
    kept = sums.neighbours
    assert len(kept) > len(stack)
    assert all(one is two for one, two in zip(sums._closed().neighbours, kept, strict=True))


def test_lines_of_0_between_grains_do_not_cut_them_in_space():
    """Human labels and those of other programs have them; the grain in the middle is whole."""
    z, y, x = np.indices((30, 30, 30)) // 10
    whole = 1 + 9 * z + 3 * y + x
    parted = whole.copy()
    parted[:, 10::10], parted[:, :, 10::10] = 0, 0
    table, clean = (grain_table_3d(each).set_index("label") for each in (parted, whole))
    assert table.index[~table["touches_border"]].tolist() == [14]
    assert (table.loc[14, "faces"], table.loc[14, "boundary_fraction"]) == (6, 1)
    assert table.loc[14, "volume"] == pytest.approx(clean.loc[14, "volume"], rel=0.2)
    assert table["voxels"].sum() == whole.size
    assert table.attrs[LINES] == pytest.approx((parted == 0).mean())
    assert clean.attrs[LINES] == 0


def test_a_map_without_pixels_has_no_twins():
    assert merge_twins(np.zeros((0, 5), np.int32)).lamellae == ()

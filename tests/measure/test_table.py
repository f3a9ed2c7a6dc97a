"""The columns of the table of grains, on shapes that are known and beside scikit-image."""

import math

import numpy as np
import pytest
from measure.tessellation import checkerboard, hexagons, poisson_voronoi
from skimage.measure import regionprops_table

from napari_etch.measure import grain_table


def shape_in(mask):
    return grain_table(np.where(mask, 2, 1).astype(np.int32)).set_index("label").loc[2]


def test_columns_agree_with_scikit_image():
    grains = poisson_voronoi(300, 60, 0)
    grains[50:80, 100:160] = 0
    ours = grain_table(grains)
    theirs = regionprops_table(
        grains,
        properties=(
            *("label", "area", "perimeter_crofton", "centroid", "equivalent_diameter_area"),
            *("inertia_tensor", "orientation"),
        ),
    )
    assert ours["label"].tolist() == theirs["label"].tolist()
    for mine, other in (
        ("area_px", "area"),
        ("perimeter_px", "perimeter_crofton"),
        ("centroid_y_px", "centroid-0"),
        ("centroid_x_px", "centroid-1"),
        ("ecd_px", "equivalent_diameter_area"),
    ):
        np.testing.assert_allclose(ours[mine], theirs[other], rtol=1e-9)
    angle = np.degrees(theirs["orientation"]) + 90
    turned = (ours["orientation_deg"] - angle + 90) % 180 - 90
    np.testing.assert_allclose(turned, 0, atol=1e-6)


def test_a_rectangle():
    row = shape_in(np.pad(np.ones((20, 50), bool), 10))
    assert row["feret_max_px"] == pytest.approx(math.hypot(20, 50))
    assert row["feret_min_px"] == pytest.approx(20)
    assert row["convexity"] == 1
    assert row["aspect_ratio"] == pytest.approx(2.5)
    assert row["orientation_deg"] % 180 == pytest.approx(0)
    assert row["neighbours"] == 1


def test_a_circle():
    y, x = np.mgrid[:120, :120]
    row = shape_in(np.hypot(y - 60, x - 60) < 50)
    assert row["feret_max_px"] == pytest.approx(100, abs=1.5)
    assert row["feret_min_px"] == pytest.approx(100, abs=1.5)
    assert row["circularity"] == pytest.approx(1, abs=0.02)
    assert row["convexity"] == pytest.approx(1, abs=0.03)


def test_a_ring_sector_is_hollow():
    y, x = np.mgrid[:120, :120] - 60
    r = np.hypot(y, x)
    row = shape_in((r < 50) & (r > 30) & (y > 0))
    half_disc = math.pi * 50**2 / 2
    assert row["convexity"] == pytest.approx(
        (half_disc - math.pi * 30**2 / 2) / half_disc, abs=0.02
    )


@pytest.mark.parametrize("seed", range(3))
def test_hulls_are_those_of_scipy(seed):
    from scipy.spatial import ConvexHull, distance

    grains = poisson_voronoi(120, 15, seed)
    rng = np.random.default_rng(seed)
    grains[rng.random(grains.shape) < 0.1] = 99  # ragged, in pieces
    table = grain_table(grains).set_index("label")
    for label, row in table.iterrows():
        pixels = np.argwhere(grains == label)
        corners = np.concatenate(
            [pixels + np.array([a, b]) for a in (-0.5, 0.5) for b in (-0.5, 0.5)]
        )
        hull = ConvexHull(corners)
        assert row["convexity"] == pytest.approx(len(pixels) / hull.volume)
        vertices = corners[hull.vertices]
        assert row["feret_max_px"] == pytest.approx(distance.pdist(vertices).max(), rel=1e-5)
        normals = hull.equations[:, :2]
        widths = np.ptp(vertices @ normals.T, axis=0)
        assert row["feret_min_px"] == pytest.approx(widths.min(), rel=1e-5)


def test_neighbours_of_hexagons():
    table = grain_table(hexagons(300, 40))
    assert (table.loc[~table["touches_border"], "neighbours"] == 6).mean() > 0.9


def test_neighbours_share_a_side():
    table = grain_table(checkerboard(4, 10))
    assert table["neighbours"].tolist() == [2, 3, 3, 2, 3, 4, 4, 3, 3, 4, 4, 3, 2, 3, 3, 2]


def test_the_boundary_map_gives_a_confidence():
    grains = checkerboard(3, 10)
    boundary = np.zeros((30, 30), np.float32)
    boundary[:, 9] = 0.8  # between the first and the second column
    table = grain_table(grains, boundary=boundary).set_index("label")
    assert table.loc[5, "boundary_confidence"] == pytest.approx(0.8 / 4)
    assert table.loc[6, "boundary_confidence"] == 0
    whole = grain_table(grains, boundary=np.rint(boundary * 255).astype(np.uint8))
    assert whole["boundary_confidence"].to_numpy() == pytest.approx(table["boundary_confidence"])
    with pytest.raises(ValueError, match="two maps of one image"):
        grain_table(grains, boundary=boundary[:5])


def test_a_grain_without_a_neighbour_has_no_confidence():
    table = grain_table(np.ones((5, 5), np.int32), boundary=np.ones((5, 5), np.float32))
    assert math.isnan(table.loc[0, "boundary_confidence"])


def test_micrometres_follow_the_pixels():
    row = grain_table(checkerboard(3, 10), pixel_size_um=0.5).loc[4]
    assert row["feret_max_um"] == pytest.approx(0.5 * row["feret_max_px"])
    assert row["area_um2"] == 25


def test_large_labels_are_no_trouble():
    grains = checkerboard(3, 10).astype(np.int64)
    high = np.where(grains == 5, 2**40, grains)
    before, after = grain_table(grains), grain_table(high)
    np.testing.assert_array_equal(
        before.set_index("label").loc[5], after.set_index("label").loc[2**40]
    )


def test_an_empty_map_has_all_columns_and_no_row():
    table = grain_table(np.zeros((4, 4), np.int32), pixel_size_um=1.0)
    assert len(table) == 0
    assert {"label", "area_um2", "neighbours"} <= set(table.columns)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2)])
def test_thin_maps_have_the_perimeter_of_scikit_image(shape):
    grains = np.arange(1, np.prod(shape) + 1, dtype=np.int32).reshape(shape)
    theirs = regionprops_table(grains, properties=("perimeter_crofton",))
    np.testing.assert_allclose(grain_table(grains)["perimeter_px"], theirs["perimeter_crofton"])

import numpy as np
import pytest
from skimage.draw import ellipse
from skimage.measure import regionprops

from napari_etch.measure import grain_table, grains_at_edge


def an_ellipse(long, short, angle_deg, size=201):
    grains = np.ones((size, size), np.int32)
    # scikit-image turns anticlockwise from the row axis of an upward y; rows grow downwards here
    rows, columns = ellipse(size // 2, size // 2, short, long, rotation=np.radians(angle_deg))
    grains[rows, columns] = 7
    return grains


@pytest.mark.parametrize("angle", [0, 30, 60, 90, 135, 170])
def test_an_ellipse_gives_back_its_axes(angle):
    row = grain_table(an_ellipse(60, 20, angle)).set_index("label").loc[7]
    assert row["aspect_ratio"] == pytest.approx(3, rel=0.02)
    assert (row["orientation_deg"] - angle + 90) % 180 - 90 == pytest.approx(0, abs=1)
    assert row["area_px"] == pytest.approx(np.pi * 60 * 20, rel=0.01)
    assert row["perimeter_px"] == pytest.approx(267.3, rel=0.03)  # Ramanujan
    assert (row["centroid_y_px"], row["centroid_x_px"]) == pytest.approx((100, 100), abs=0.1)


def test_sizes_agree_with_scikit_image():
    rng = np.random.default_rng(2)
    grains = (rng.integers(1, 9, (12, 12)).repeat(7, 0).repeat(7, 1)).astype(np.int32)
    table = grain_table(grains)
    regions = regionprops(grains)
    assert table["label"].tolist() == [region.label for region in regions]
    np.testing.assert_allclose(table["area_px"], [region.area for region in regions])
    centroids = table[["centroid_y_px", "centroid_x_px"]].to_numpy()
    np.testing.assert_allclose(centroids, [region.centroid for region in regions])
    ratios = [region.axis_major_length / region.axis_minor_length for region in regions]
    np.testing.assert_allclose(table["aspect_ratio"], ratios, rtol=1e-3)  # pixels have a moment


def test_pixel_size_adds_micrometres():
    grains = np.ones((10, 20), np.int32)
    row = grain_table(grains, pixel_size_um=0.5).iloc[0]
    assert row["area_um2"] == 50
    assert row["ecd_um"] == pytest.approx(row["ecd_px"] / 2)
    assert row["perimeter_um"] == pytest.approx(row["perimeter_px"] / 2)
    assert "area_um2" not in grain_table(grains)


def test_what_touches_the_border():
    grains = np.arange(25, dtype=np.int32).reshape(5, 5).repeat(4, 0).repeat(4, 1) + 1
    table = grain_table(grains).set_index("label")
    inner = [7, 8, 9, 12, 13, 14, 17, 18, 19]
    assert table.index[~table["touches_border"]].tolist() == inner
    grains[9, 9] = 0  # a pore in 13
    assert 13 not in grains_at_edge(grains)
    grains[6:13, 9] = 0  # no pore reaches over three grains
    assert {8, 13, 18} <= set(grains_at_edge(grains))


def test_a_grain_of_one_pixel_is_finite():
    grains = np.ones((5, 5), np.int32)
    grains[2, 2] = 2
    row = grain_table(grains).set_index("label").loc[2]
    assert np.isfinite(row.to_numpy(float)).all()
    assert row["aspect_ratio"] == pytest.approx(1)


def test_no_grains_give_an_empty_table():
    table = grain_table(np.zeros((4, 4), np.int32), pixel_size_um=1.0)
    assert len(table) == 0
    assert {"label", "area_um2", "touches_border"} <= set(table.columns)


def test_labels_need_not_be_small_or_dense():
    grains = np.ones((6, 6), np.int64)
    grains[:3] = 4_000_000_000
    assert grain_table(grains)["label"].tolist() == [1, 4_000_000_000]

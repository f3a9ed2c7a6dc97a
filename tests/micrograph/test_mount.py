"""The mount beside a specimen is left out; wide grains and the ground between particles are not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from micrograph.scenes import specimen
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_etch.micrograph import micrograph_from_array, read_micrograph, surroundings
from napari_etch.micrograph.around import with_smooth_parts
from napari_etch.micrograph.mount import find_mount
from napari_etch.micrograph.surroundings import find_surroundings
from napari_etch.results.source_image import read_source, said_of_image
from napari_etch.samples import sample_steel

HEIGHT, WIDTH = 480, 640
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]


@cache
def fine() -> np.ndarray:
    """Return 240 grains; so few as `specimen` has may be as wide as a mount."""
    return np.block([[specimen(240, 320, seed=2 * y + x) for x in (0, 1)] for y in (0, 1)])


def beside(grey: np.ndarray, depth: np.ndarray, level: float, *, noise: float = 4) -> np.ndarray:
    """Return a picture that is noise of a level where `depth`, px, is above 0, softly parted."""
    rng = np.random.default_rng(5)
    share = 1 / (1 + np.exp(-np.clip(depth / 1.5, -40, 40)))
    mount = level + rng.normal(0, noise, grey.shape)
    mixed = grey * (1 - share) + mount * share
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def wavy(count: int) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(3).normal(0, 120, count), 20)


@pytest.mark.parametrize("level", [10, 30, 215])
@pytest.mark.parametrize(
    "depth",
    [
        220 - COLUMNS + wavy(HEIGHT)[:, None],
        ROWS - 300 + 0.1 * COLUMNS,
        330 - ROWS - COLUMNS,
    ],
    ids=["left", "below", "corner"],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_resin_with_any_outline(level, depth, dtype):
    grey = beside(fine(), depth, level).astype(dtype)
    found = find_mount(grey * 100 if dtype == np.uint16 else grey)
    assert found is not None
    assert found[depth > 3].mean() > 0.97
    assert found[depth < -12].mean() < 0.004  # a grain at the edge may be as dark


def test_resin_at_both_sides_of_a_sheet_at_twice_the_size():
    depth = np.abs(ROWS - 240) - 150.0
    grey = np.kron(beside(fine(), depth, 20), np.ones((2, 2), np.uint8))
    found = find_mount(grey)
    assert found is not None
    assert found[:150].all() and found[-150:].all()
    assert not found[220:-220].any()


def test_it_is_told_and_masked_and_can_be_kept(tmp_path):
    grey = beside(fine(), 220.0 - COLUMNS, 25)
    Image.fromarray(grey).save(tmp_path / "edge.tif")
    given = micrograph_from_array(grey, "edge", keep_info_bar=False)
    for micrograph in (given, read_micrograph(tmp_path / "edge.tif")):
        assert micrograph.surroundings is not None
        said = micrograph.surroundings.said()
        assert said.startswith("the mount or background beside the specimen is left out, 34 %")
        assert not micrograph.mask[:, :215].any() and micrograph.mask[:, 230:].all()
    kept = read_micrograph(tmp_path / "edge.tif", keep_info_bar=True)
    assert kept.surroundings is None and kept.mask.all()


def test_a_page_around_a_picture_with_a_mount():
    grey = beside(fine(), 220.0 - COLUMNS, 25)
    found = find_surroundings(np.pad(grey, 40, constant_values=255))
    assert found is not None
    assert "the blank margin (40 px at the top" in found.words and "mount" in found.words
    assert found.outside[:40].all() and found.outside[:, -40:].all()
    assert found.outside[40:-40, 40:250].all() and not found.outside[60:-60, 300:-60].any()


def test_a_scale_bar_in_the_mount_is_no_part_of_a_specimen():
    grey = beside(fine(), 220.0 - COLUMNS, 25)
    grey[400:450, 20:180] = 255
    known = np.zeros(grey.shape, bool)
    known[398:452, 18:182] = True
    found = find_mount(grey, known)
    assert found is not None and found[:, :210].all()


def test_a_specimen_that_fills_the_picture():
    for grey in (sample_steel().data, specimen(HEIGHT, WIDTH), specimen(200, 900, seed=4)):
        assert find_mount(grey) is None


def test_few_grains_may_be_as_wide():
    """One dark grain at the frame of a coarse specimen is a grain."""
    seeds = np.random.default_rng(8).random((14, 2)) * (HEIGHT, WIDTH)
    away = np.hypot(ROWS[..., None] - seeds[:, 0], COLUMNS[..., None] - seeds[:, 1])
    nearest = np.argsort(away, axis=-1)[..., :2]
    one, two = np.take_along_axis(away, nearest, -1).transpose(2, 0, 1)
    levels = np.linspace(120, 200, 14)
    levels[nearest[0, 0, 0]] = 20
    grey = np.where(two - one < 3, 60, levels[nearest[..., 0]])
    grey = grey + np.random.default_rng(1).normal(0, 3, grey.shape)
    assert find_mount(np.clip(grey, 0, 255).astype(np.uint8)) is None


def test_the_ground_between_particles():
    grey = np.full((HEIGHT, WIDTH), 30.0)
    for y, x in np.random.default_rng(2).random((60, 2)) * (HEIGHT, WIDTH):
        grey[np.hypot(ROWS - y, COLUMNS - x) < 22] = 170
    grey += np.random.default_rng(1).normal(0, 4, grey.shape)
    assert find_mount(np.clip(grey, 0, 255).astype(np.uint8)) is None


def test_resin_of_the_grains_own_level_is_left_to_the_user():
    """In doubt it stays: half of this specimen has the level of its mount."""
    grey = beside(fine(), 220.0 - COLUMNS, 110)
    assert find_mount(grey) is None


@pytest.mark.parametrize(
    "grey",
    [
        np.zeros((300, 400), np.uint8),
        np.full((300, 400), np.nan, np.float32),
        np.random.default_rng(0).integers(0, 255, (300, 400), np.uint8),
        np.zeros((20, 400), np.uint8),
        np.zeros((1, 1)),
        np.random.default_rng(0).integers(0, 255, (70, 9000), np.uint8),
        np.pad(np.random.default_rng(0).integers(0, 255, (40000, 70), np.uint8), ((0, 0), (0, 90))),
    ],
    ids=["black", "nan", "noise", "low", "one", "strip", "high strip"],
)
def test_pictures_with_nothing_in_them(grey):
    assert find_mount(grey) is None


def test_nan_beside_the_specimen():
    """What has no value does not hide the mount beside it."""
    grey = beside(fine(), 220.0 - COLUMNS, 25).astype(np.float32)
    grey[100:140, 40:90] = np.nan
    found = find_mount(grey)
    assert found is not None and found[:, :210].all() and not found[:, 250:].any()


def test_of_a_fracture_surface_no_mount_is_looked_for(tmp_path, monkeypatch):
    """It was, and dropped again."""
    grey = beside(fine(), 220.0 - COLUMNS, 25)
    Image.fromarray(np.pad(grey, 40, constant_values=255)).save(tmp_path / "edge.tif")

    def sought(*_):
        raise AssertionError("a mount is looked for")

    monkeypatch.setattr(surroundings, "find_mount", sought)
    assert with_smooth_parts(read_micrograph(tmp_path / "edge.tif")).mask.sum() == grey.size


def test_a_result_is_read_again_with_what_was_left_out_then(tmp_path):
    """Results of before, and class maps of fracture surfaces, have a margin left out alone."""
    grey = beside(fine(), 220.0 - COLUMNS, 25)
    Image.fromarray(np.pad(grey, 40, constant_values=255)).save(tmp_path / "edge.tif")
    found = read_micrograph(tmp_path / "edge.tif")
    without = with_smooth_parts(found)
    assert without.mask.sum() == grey.size > found.mask.sum()
    for micrograph in (found, without):
        again = read_source(tmp_path / "edge.tif", {"image": said_of_image(micrograph)}, None)
        np.testing.assert_array_equal(again.mask, micrograph.mask)

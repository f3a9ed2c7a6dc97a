"""Colour that brightness does not tell becomes dark lines; any other colour changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from micrograph.scenes import specimen

from napari_etch.micrograph import micrograph_from_array
from napari_etch.micrograph.colour import grey_with_colour
from napari_etch.micrograph.luminance import luminance

LUMINANCE = np.array([0.299, 0.587, 0.114])
# Of one luminance: the last channel makes up for the other two.
HUES = np.array([(r, g, (90 - 0.299 * r - 0.587 * g) / 0.114) for r, g in
                 [(140, 60), (60, 110), (100, 90), (90, 80)]])  # fmt: skip


def patches(side: int = 40) -> np.ndarray:
    """Four hues of one luminance, float (2 side, 2 side, 3)."""
    return HUES[[[0, 1], [2, 3]]].repeat(side, 0).repeat(side, 1)


def everywhere(picture: np.ndarray) -> np.ndarray:
    return np.ones(picture.shape[:2], bool)


def noisy(picture: np.ndarray, sigma: float = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_line_is_drawn_where_hue_alone_changes(dtype):
    factor = 200 if dtype == np.uint16 else 1
    picture = (noisy(patches()).astype(float) * factor).astype(dtype)
    grey = luminance(picture)
    found = grey_with_colour(picture, everywhere(picture))
    assert found.dtype == np.float32
    drawn = (grey - found) / factor
    assert np.median(drawn[38:42, 5:35]) > 20
    assert np.median(drawn[5:35, 38:42]) > 20
    inside = np.concatenate([drawn[5:34, 5:34].ravel(), drawn[46:75, 46:75].ravel()])
    assert np.mean(inside == 0) > 0.8
    assert inside.max() < 8


def test_the_line_is_as_deep_as_the_change_is_large_and_lies_on_it():
    strong = patches()
    drawn = luminance(strong) - grey_with_colour(strong, everywhere(strong))
    weak = 0.5 * (strong + 90)
    half = luminance(weak) - grey_with_colour(weak, everywhere(weak))
    np.testing.assert_allclose(half, drawn / 2, atol=0.02)
    assert set(np.argsort(drawn[20])[-2:]) == {39, 40}  # the two px beside the boundary


@pytest.mark.parametrize(
    "tint",
    [(1, 0.9, 0.7), (1, 0, 0), (0, 1, 1), (0.4, 0.7, 1)],
    ids=["lamp", "red alone", "no red", "blue filter"],
)
def test_a_tint_changes_nothing(tint):
    picture = noisy(specimen().astype(float)[..., None] * tint, 2)
    found = grey_with_colour(picture, everywhere(picture))
    np.testing.assert_array_equal(found, luminance(picture))


def test_noise_that_is_coloured_changes_nothing():
    picture = noisy(np.repeat(specimen()[..., None], 3, -1), 12)
    found = grey_with_colour(picture, everywhere(picture))
    np.testing.assert_array_equal(found, luminance(picture))


def test_nothing_is_drawn_along_what_is_masked():
    picture = noisy(patches())
    picture[60:, :] = (255, 255, 0)  # a printed bar
    mask = everywhere(picture)
    mask[60:] = False
    drawn = luminance(picture) - grey_with_colour(picture, mask)
    assert np.median(drawn[5:35, 38:42]) > 20
    assert (drawn[56:60] == 0).all()


def test_pixels_without_a_value_leave_the_others_as_they_are():
    picture = noisy(patches()).astype(np.float32)
    whole = grey_with_colour(picture, everywhere(picture))
    picture[10, 10] = np.nan
    mask = np.isfinite(picture).all(-1)
    found = grey_with_colour(picture, mask)
    assert np.isfinite(found[mask]).all()
    far = np.ones(mask.shape, bool)
    far[:20, :20] = False
    np.testing.assert_allclose(found[far], whole[far], atol=2)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 4), (1, 900), (900, 2)])
def test_tiny_pictures(shape):
    picture = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    found = grey_with_colour(picture, everywhere(picture))
    assert found.shape == shape
    assert np.isfinite(found).all()


def test_nothing_masked_in():
    picture = noisy(patches())
    found = grey_with_colour(picture, np.zeros(picture.shape[:2], bool))
    np.testing.assert_array_equal(found, luminance(picture))


def test_a_tall_picture_is_worked_on_in_parts_that_do_not_show():
    column = noisy(np.concatenate([patches()] * 14)[:1100, :24], 3)
    whole = grey_with_colour(column, everywhere(column))
    turned = grey_with_colour(column.swapaxes(0, 1), everywhere(column).T)
    np.testing.assert_allclose(whole, turned.T, atol=1e-2)


def test_a_micrograph_hands_networks_its_colour_and_others_its_luminance():
    micrograph = micrograph_from_array(noisy(patches()))
    np.testing.assert_array_less(micrograph.grey_with_colour()[39:41, 5:35].mean(), 0.5)
    assert micrograph.grey()[39:41, 5:35].mean() == pytest.approx(0.5, abs=0.1)
    grey = micrograph_from_array(specimen())
    np.testing.assert_array_equal(grey.grey_with_colour(), grey.grey())
    stack = micrograph_from_array(np.stack([specimen(), specimen(seed=1)]))
    np.testing.assert_array_equal(stack.grey_with_colour(), stack.grey())

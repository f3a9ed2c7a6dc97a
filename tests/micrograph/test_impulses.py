"""Single outlying pixels are replaced; boundaries, specks and noise stay as they are."""

import numpy as np
import pytest
import torch

from napari_etch.micrograph import flatten_illumination
from napari_etch.micrograph.colour import grey_with_colour
from napari_etch.micrograph.impulses import without_impulses, without_outlying_colours
from napari_etch.virtual.fields import Range
from napari_etch.virtual.sample import render_batch
from napari_etch.virtual.tessellation import Structure


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    structure = Structure(intercept=Range(25.0, 25.1))
    generator = torch.Generator().manual_seed(3)
    batch = render_batch(1, 200, generator=generator, style="ferrite", structure=structure)
    return flatten_illumination(batch.image[0].numpy())


def everywhere(image: np.ndarray) -> np.ndarray:
    return np.ones(image.shape, bool)


@pytest.mark.parametrize("share", [0.005, 0.02, 0.08])
def test_black_and_white_pixels_are_replaced(picture: np.ndarray, share: float) -> None:
    random = np.random.default_rng(1).random(picture.shape)
    damaged = np.where(random < share / 2, np.float32(-6), picture)
    damaged = np.where(random > 1 - share / 2, np.float32(5), damaged)
    found = without_impulses(damaged, everywhere(damaged))
    before, after = (np.sqrt(np.mean((each - picture) ** 2)) for each in (damaged, found))
    assert after < 0.45 * before
    assert found.dtype == np.float32


def test_a_picture_without_any_is_the_same_array(picture: np.ndarray) -> None:
    assert without_impulses(picture, everywhere(picture)) is picture


def test_noise_of_every_pixel_stays(picture: np.ndarray) -> None:
    noisy = picture + np.random.default_rng(2).normal(0, 0.6, picture.shape).astype(np.float32)
    assert without_impulses(noisy, everywhere(noisy)) is noisy


def test_lines_and_specks_stay(picture: np.ndarray) -> None:
    drawn = picture.copy()
    drawn[::20] = -6
    drawn[:, ::25] = 6
    for y in range(5, 195, 10):
        drawn[y : y + 2, 7:190:12] = 6
        drawn[y : y + 2, 8:190:12] = 6
    assert without_impulses(drawn, everywhere(drawn)) is drawn


def test_what_is_no_specimen_does_not_count_and_stays(picture: np.ndarray) -> None:
    mask = everywhere(picture)
    mask[:, :80] = False
    outside = picture.copy()
    random = np.random.default_rng(4).random(picture.shape) < 0.05
    outside[random & ~mask] = 9
    assert without_impulses(outside, mask) is outside
    damaged = outside.copy()
    damaged[random & mask] = 9
    found = without_impulses(damaged, mask)
    assert np.array_equal(found[~mask], outside[~mask])
    assert (found[random & mask] < 9).mean() > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (2, 50), (3, 3)])
def test_tiny_pictures_stay(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    assert without_impulses(image, everywhere(image)) is image


def orientation_map() -> np.ndarray:
    """Return bands of pure colours with a little noise, uint8 (90, 120, 3)."""
    random = np.random.default_rng(6)
    colours = random.integers(0, 256, (6, 3))
    image = np.repeat(np.repeat(colours[None], 90, axis=0), 20, axis=1)
    return np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def test_points_that_were_not_indexed_are_replaced() -> None:
    image = orientation_map()
    damaged = image.copy()
    damaged[np.random.default_rng(7).random(image.shape[:2]) < 0.04] = 0
    found = without_outlying_colours(damaged, np.ones((90, 120), bool))
    error = np.abs(found.astype(float) - image).max(axis=-1)
    assert (error > 40).mean() < 0.004


def test_colours_without_any_are_the_same_array() -> None:
    image = orientation_map()
    assert without_outlying_colours(image, np.ones((90, 120), bool)) is image
    grey = np.full((20, 20, 3), 7, np.uint8)
    assert without_outlying_colours(grey, np.ones((20, 20), bool)) is grey
    assert without_outlying_colours(grey, np.zeros((20, 20), bool)) is grey


def test_what_networks_see_of_colours_has_no_rings_around_them() -> None:
    image = orientation_map()
    damaged = image.copy()
    damaged[np.random.default_rng(8).random(image.shape[:2]) < 0.04] = 0
    everything = np.ones((90, 120), bool)
    clean, mended = grey_with_colour(image, everything), grey_with_colour(damaged, everything)
    # 0.51 with the rings.
    assert np.corrcoef(clean.ravel(), mended.ravel())[0, 1] > 0.75

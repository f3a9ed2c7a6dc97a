"""Rows that are brighter or darker as a whole are brought back; grains stay as they are."""

import numpy as np
import pytest
import torch

from napari_etch.micrograph import flatten_illumination, micrograph_from_array
from napari_etch.micrograph.row_faults import without_row_faults
from napari_etch.models.prepare import prepare
from napari_etch.virtual.fields import Range
from napari_etch.virtual.sample import render_batch
from napari_etch.virtual.tessellation import Structure

SIDE = 256


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    structure = Structure(intercept=Range(30.0, 30.1))
    batch = render_batch(
        1,
        SIDE,
        generator=torch.Generator().manual_seed(4),
        style="ferrite",
        structure=structure,
    )
    return flatten_illumination(batch.image[0].numpy())


def offsets(kind: str) -> np.ndarray:
    row = np.arange(SIDE)
    if kind == "random":
        return np.random.default_rng(5).normal(0, 0.5, SIDE)
    return 0.5 * np.sin(2 * np.pi * row / 7.3)


def everywhere(image: np.ndarray) -> np.ndarray:
    return np.ones(image.shape, bool)


def error(found: np.ndarray, image: np.ndarray) -> float:
    difference = found - image
    return float((difference - difference.mean()).std())


@pytest.mark.parametrize("kind", ["random", "hum"])
@pytest.mark.parametrize("turned", [False, True])
def test_offsets_of_whole_lines_are_taken_out(picture: np.ndarray, kind: str, turned: bool) -> None:
    shift = offsets(kind)[:, None].astype(np.float32)
    scanned = picture + (shift.T if turned else shift)
    found = without_row_faults(scanned, everywhere(scanned))[0]
    assert found.dtype == np.float32
    assert error(found, picture) < 0.45 * error(scanned, picture)


def test_a_picture_without_scan_lines_is_the_same_array(picture: np.ndarray) -> None:
    assert without_row_faults(picture, everywhere(picture))[0] is picture


def test_noise_of_single_pixels_is_no_scan_line(picture: np.ndarray) -> None:
    noisy = picture + np.random.default_rng(6).normal(0, 1, picture.shape).astype(np.float32)
    assert without_row_faults(noisy, everywhere(noisy))[0] is noisy


def test_one_edge_from_frame_to_frame_is_no_scan_line(picture: np.ndarray) -> None:
    layered = picture[:230, :230].copy()  # in larger pictures it is a seam
    layered[SIDE // 2 :] += 3
    assert without_row_faults(layered, everywhere(layered))[0] is layered


def test_what_is_no_specimen_does_not_count_and_stays(picture: np.ndarray) -> None:
    shift = offsets("random").astype(np.float32)
    scanned = picture + shift[:, None]
    mask = everywhere(scanned)
    mask[:, :60] = False
    mask[230:] = False
    scanned[~mask] = 40 * np.random.default_rng(7).normal(size=(~mask).sum())
    found = without_row_faults(scanned, mask)[0]
    assert np.array_equal(found[~mask], scanned[~mask])
    assert error(found[mask], picture[mask]) < 0.6 * error(scanned[mask], picture[mask])


@pytest.mark.parametrize("shape", [(63, 200), (1, 1), (300, 2)])
def test_pictures_too_small_to_tell_stay(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(8).normal(size=shape).astype(np.float32)
    assert without_row_faults(image, everywhere(image))[0] is image


def test_an_even_picture_stays() -> None:
    image = np.zeros((100, 100), np.float32)
    assert without_row_faults(image, everywhere(image))[0] is image


def test_networks_see_the_picture_without_them(picture: np.ndarray) -> None:
    shift = offsets("random")[:, None]
    scanned = prepare(micrograph_from_array((picture + shift).astype(np.float32)))
    clean = prepare(micrograph_from_array(picture))
    assert np.corrcoef(scanned.ravel(), clean.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("turned", [False, True])
def test_lost_lines_are_filled_in(picture: np.ndarray, turned: bool) -> None:
    damaged = (picture.T if turned else picture).copy()
    damaged[[20, 90, 91 + 60]] = 4
    damaged = damaged.T if turned else damaged
    found = without_row_faults(damaged, everywhere(damaged))[0]
    assert error(found, picture) < 0.2 * error(damaged, picture)


def test_a_line_over_half_the_picture_stays(picture: np.ndarray) -> None:
    lined = picture.copy()
    lined[90, : SIDE // 2] = -4
    assert without_row_faults(lined, everywhere(lined))[0] is lined


@pytest.mark.parametrize("turned", [False, True])
def test_long_streaks_are_weakened(picture: np.ndarray, turned: bool) -> None:
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(9).normal(size=picture.shape)
    streaks = gaussian_filter(noise, (60, 1.2) if turned else (1.2, 60)).astype(np.float32)
    streaked = picture + 0.4 * streaks / streaks.std()
    found = without_row_faults(streaked, everywhere(streaked))[0]
    assert error(found, picture) < 0.75 * error(streaked, picture)

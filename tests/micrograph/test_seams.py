"""Fields of a mosaic pass into each other; lines, edges of grains and soft changes stay."""

import numpy as np
import pytest
import torch

from napari_etch.micrograph import flatten_illumination
from napari_etch.micrograph.row_faults import without_row_faults
from napari_etch.models.prepare import mended
from napari_etch.virtual.fields import Range
from napari_etch.virtual.sample import render_batch
from napari_etch.virtual.tessellation import Structure

SIDE, SEAM = 320, 140


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    structure = Structure(intercept=Range(30.0, 30.1))
    generator = torch.Generator().manual_seed(11)
    batch = render_batch(1, SIDE, generator=generator, style="ferrite", structure=structure)
    return flatten_illumination(batch.image[0].numpy())


def everywhere(image: np.ndarray) -> np.ndarray:
    return np.ones(image.shape, bool)


def step_at(image: np.ndarray, row: int) -> float:
    """Return the median change to the row after."""
    return float(np.median(image[row + 1] - image[row]))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("fields", [1, 2])
def test_the_step_between_fields_goes(picture: np.ndarray, turned: bool, fields: int) -> None:
    step = np.full(SIDE, 0.7, np.float32)
    if fields == 2:
        step[SIDE // 2 :] = -0.5  # the field beside differs the other way
    joined = picture.copy()
    joined[SEAM + 1 :] += step
    given = joined.T if turned else joined
    found = without_row_faults(given, everywhere(given))[0]
    found = found.T if turned else found
    for part in (slice(0, 150), slice(170, None)):
        assert abs(step_at(joined[:, part], SEAM)) > 0.4
        assert abs(step_at(found[:, part], SEAM)) < 0.1
    if fields == 1:  # far from the seam nothing is changed; two fields have one between them, too
        assert np.array_equal(found[:90], joined[:90])
        assert np.array_equal(found[200:], joined[200:])


def test_a_picture_without_seams_is_the_same_array(picture: np.ndarray) -> None:
    assert without_row_faults(picture, everywhere(picture))[0] is picture


def test_a_line_is_no_step(picture: np.ndarray) -> None:
    lined = picture.copy()
    lined[SEAM, : SIDE // 2] -= 2  # one from frame to frame would be a lost line
    assert without_row_faults(lined, everywhere(lined))[0] is lined


def test_a_soft_change_is_no_seam(picture: np.ndarray) -> None:
    soft = picture + 1.5 / (1 + np.exp(-(np.arange(SIDE) - SEAM) / 3))[:, None]
    soft = soft.astype(np.float32)
    assert without_row_faults(soft, everywhere(soft))[0] is soft


def test_a_straight_boundary_over_a_third_of_the_picture_stays(picture: np.ndarray) -> None:
    grain = picture.copy()
    grain[SEAM + 1 : SEAM + 60, 100:200] += 1.5
    assert without_row_faults(grain, everywhere(grain))[0] is grain


def test_what_is_no_specimen_stays(picture: np.ndarray) -> None:
    joined = picture.copy()
    joined[SEAM + 1 :] += 0.7
    mask = everywhere(joined)
    mask[:, 280:] = False
    found = without_row_faults(joined, mask)[0]
    assert np.array_equal(found[:, 280:], joined[:, 280:])
    assert abs(step_at(found[:, :280], SEAM)) < 0.1


def test_small_pictures_stay(picture: np.ndarray) -> None:
    small = picture[:200, :200].copy()
    small[100:] += 1
    assert without_row_faults(small, everywhere(small))[0] is small


def test_networks_see_fields_without_steps(picture: np.ndarray) -> None:
    joined = picture.copy()
    joined[SEAM + 1 :] += 0.7
    assert abs(step_at(mended(joined, everywhere(joined)).image, SEAM)) < 0.1


def test_squares_of_a_chart_are_no_fields(picture: np.ndarray) -> None:
    grey = np.random.default_rng(12).uniform(-2, 2, (16, 16)).astype(np.float32)
    chart = np.kron(grey, np.ones((20, 20), np.float32))
    for image in (chart, chart + 0.1 * picture):
        assert without_row_faults(image, everywhere(image))[0] is image


def test_lines_of_a_drawing_stay() -> None:
    drawing = np.ones((SIDE, SIDE), np.float32)
    drawing[::40] = drawing[:, ::40] = -3
    assert without_row_faults(drawing, everywhere(drawing))[0] is drawing

"""Uneven light goes, grains and their boundaries stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from micrograph.scenes import specimen

from napari_etch.micrograph import MicrographError, flatten_illumination

SPECIMEN = specimen(480, 640).astype(np.float32)
Y, X = np.meshgrid(np.linspace(-1, 1, 480), np.linspace(-1, 1, 640), indexing="ij")
SHADINGS = {
    "plane": 1 + 0.5 * X,
    "exponential": 3 ** (0.5 * (X + Y)),
    "vignette": 1 - 0.35 * (X**2 + Y**2),
    "off-centre spot": 0.4 + np.exp(-((X - 0.6) ** 2) - (Y + 0.5) ** 2),
    "plane and vignette": (1 + 0.5 * Y) * (1 - 0.3 * (X**2 + Y**2)),
}


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def quarters(image: np.ndarray) -> list[np.ndarray]:
    return [part for half in np.array_split(image, 2) for part in np.array_split(half, 2, axis=1)]


@pytest.mark.parametrize("shading", SHADINGS)
def test_strong_shading_is_removed(shading):
    light = SHADINGS[shading]
    assert light.max() / light.min() >= 2.5
    flat, reference = flatten_illumination(SPECIMEN * light), flatten_illumination(SPECIMEN)
    assert agreement(SPECIMEN * light, reference) < 0.85
    assert agreement(flat, reference) > 0.97
    for part, even in zip(quarters(flat), quarters(reference), strict=True):
        assert abs(part.mean()) < 0.15
        assert part.std() == pytest.approx(even.std(), rel=0.25)  # contrast, not only brightness


def test_a_detector_offset_does_not_matter():
    light = SHADINGS["plane"]
    flat = flatten_illumination(SPECIMEN * light + 400)
    assert agreement(flat, flatten_illumination(SPECIMEN)) > 0.99


def test_additive_shading_is_removed_without_a_change_of_contrast():
    flat = flatten_illumination(SPECIMEN + 100 * SHADINGS["plane"])
    assert agreement(flat, flatten_illumination(SPECIMEN)) > 0.99


def test_an_even_image_keeps_its_contrasts():
    assert agreement(flatten_illumination(SPECIMEN), SPECIMEN) > 0.9


@pytest.mark.parametrize("size", [60, 150, 300])
def test_the_step_between_large_grains_survives(size):
    rng = np.random.default_rng(size)
    greys = rng.permutation(np.linspace(80, 160, 256)).reshape(16, 16)
    image = np.kron(greys, np.ones((size, size)))[:600, :600] + rng.normal(0, 4, (600, 600))
    flat = flatten_illumination(image)
    scale = image.std()
    for edge in range(size, 600 - 6, size):
        before = image[:, edge - 6 : edge].mean(axis=1) - image[:, edge : edge + 6].mean(axis=1)
        after = flat[:, edge - 6 : edge].mean(axis=1) - flat[:, edge : edge + 6].mean(axis=1)
        kept = float(after @ before / (before @ before)) * scale
        assert 0.8 < kept < 2.5  # of what dividing by the standard deviation would give
        assert agreement(after, before) > 0.97


def test_the_output_has_zero_mean_and_unit_scale():
    flat = flatten_illumination(SPECIMEN * SHADINGS["exponential"])
    assert flat.dtype == np.float32
    assert flat.shape == SPECIMEN.shape
    assert abs(flat.mean()) < 0.05
    assert flat.std() == pytest.approx(1, abs=0.1)


def test_gain_and_brightness_do_not_change_the_result():
    flat = flatten_illumination(SPECIMEN)
    np.testing.assert_allclose(flatten_illumination(SPECIMEN * 0.003 + 7), flat, atol=2e-3)
    np.testing.assert_allclose(flatten_illumination(SPECIMEN.astype(np.uint8)), flat, atol=1e-4)


def test_the_result_is_the_same_every_time():
    assert np.array_equal(flatten_illumination(SPECIMEN), flatten_illumination(SPECIMEN))


def test_the_surface_that_is_removed_is_smooth():
    image = SPECIMEN * SHADINGS["plane"].astype(np.float32)
    noisy = image + np.random.default_rng(0).normal(0, 30, image.shape)
    # What the noise adds to the result is noise again, up to a smooth surface and one factor.
    change = flatten_illumination(noisy) - flatten_illumination(image)
    rows = np.abs(np.diff(change.reshape(480, 16, 40).mean(axis=2), axis=1)).mean()
    assert rows < 0.35


def test_what_is_outside_the_mask_has_no_influence():
    mask = np.ones(SPECIMEN.shape, dtype=bool)
    mask[400:] = False
    mask[100:150, 200:260] = False
    first, second = SPECIMEN.copy(), SPECIMEN.copy()
    second[~mask] = 1e6
    flat = flatten_illumination(first, mask)
    assert np.array_equal(flat, flatten_illumination(second, mask))
    assert not flat[~mask].any()


def test_there_is_no_halo_along_the_mask():
    mask = np.ones(SPECIMEN.shape, dtype=bool)
    mask[400:] = False
    barred = np.where(mask, SPECIMEN, 255)
    flat, alone = flatten_illumination(barred, mask), flatten_illumination(SPECIMEN[:400])
    np.testing.assert_allclose(flat[:400], alone, atol=0.12)


def test_nan_is_outside_the_mask():
    holed = SPECIMEN.copy()
    holed[50:90, 60:100] = np.nan
    mask = np.isfinite(holed)
    flat = flatten_illumination(holed)
    assert np.array_equal(flat, flatten_illumination(SPECIMEN, mask))
    assert not flat[50:90, 60:100].any()


def test_large_pores_do_not_pull_the_background():
    pored = SPECIMEN.copy()
    pored[200:270, 300:370] = 0
    flat = flatten_illumination(pored)
    reference = flatten_illumination(SPECIMEN)
    around = np.s_[180:290, 375:420]
    assert abs(flat[around].mean() - reference[around].mean()) < 0.2


def test_a_smaller_sigma_removes_smaller_structures():
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(640) / 12) * 20 + rng.normal(0, 10, (480, 640))
    wide, narrow = flatten_illumination(waves, sigma=200), flatten_illumination(waves, sigma=8)
    assert agreement(wide.mean(axis=0), waves.mean(axis=0)) > 0.95
    assert narrow.mean(axis=0).std() < 0.6 * wide.mean(axis=0).std()


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (3, 3), (4, 4), (5, 200), (129, 7)])
def test_small_images(shape):
    image = np.random.default_rng(0).normal(100, 5, shape)
    flat = flatten_illumination(image)
    assert flat.shape == shape
    assert np.isfinite(flat).all()


@pytest.mark.parametrize("value", [0, 0.1, 255])
def test_a_constant_image_gives_zeros(value):
    assert not flatten_illumination(np.full((40, 50), value)).any()


def test_an_empty_mask_gives_zeros():
    assert not flatten_illumination(SPECIMEN, np.zeros(SPECIMEN.shape, dtype=bool)).any()


def test_lines_on_a_constant_ground_stay_lines():
    image = np.full((200, 200), 128, dtype=np.uint8)
    image[::20] = 30
    flat = flatten_illumination(image)
    assert flat[::20].max() < -1
    assert flat[10::20].min() > 0


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(
        st.sampled_from(["uint8", "uint16", "float32", "float64", "bool"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
    ),
    st.booleans(),
)
def test_the_result_is_finite_and_bounded(image, masked):
    mask = np.random.default_rng(0).random(image.shape) > 0.5 if masked else None
    flat = flatten_illumination(image, mask)
    assert flat.dtype == np.float32
    assert (np.abs(flat) <= 10).all()
    assert mask is None or not flat[~mask].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flatten_illumination(np.zeros((3, 4, 3))), "on a 2D image"),
        (lambda: flatten_illumination(np.zeros((0, 4))), "on a 2D image"),
        (lambda: flatten_illumination(np.zeros((3, 4)), np.ones((4, 3))), "mask has shape"),
        (lambda: flatten_illumination(np.zeros((3, 4)), sigma=0), "not a positive number"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(MicrographError, match=message):
        call()

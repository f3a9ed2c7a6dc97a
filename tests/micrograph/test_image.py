"""What a micrograph knows about its pixels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from micrograph.scenes import specimen

from napari_etch.micrograph import Micrograph, MicrographError, micrograph_from_array

GREY = specimen(60, 80)
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


@pytest.mark.parametrize(
    ("shape", "rgb", "expected"),
    [
        ((50, 60), None, (50, 60)),
        ((50, 60, 3), None, (50, 60, 3)),
        ((50, 60, 4), None, (50, 60, 3)),
        ((50, 60, 1), None, (50, 60)),
        ((50, 60, 1), True, (50, 60)),
        ((50, 60, 2), True, (50, 60)),
        ((4, 50, 60, 2), True, (4, 50, 60)),
        ((3, 50, 60), None, (3, 50, 60)),
        ((4, 50, 60), None, (4, 50, 60)),
        ((50, 60, 4), False, (50, 60, 4)),
        ((5, 50, 60, 3), None, (5, 50, 60)),
        ((1, 1, 50, 60), None, (1, 50, 60)),
        ((1, 50, 60, 3), None, (1, 50, 60)),
    ],
)
def test_shapes(shape, rgb, expected):
    data = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    micrograph = micrograph_from_array(data, rgb=rgb)
    assert micrograph.data.shape == expected
    assert micrograph.is_stack == (len(expected) == 3 and expected[-1] != 3)
    image = expected[1:] if micrograph.is_stack else expected
    assert (micrograph.height, micrograph.width) == image[:2]


def test_booleans_are_black_and_white():
    assert np.unique(micrograph_from_array(GREY > 100).data).tolist() == [0, 255]


def test_lists_and_odd_byte_orders_are_arrays():
    assert micrograph_from_array([[1, 2], [3, 4]]).data.dtype == np.uint16
    swapped = micrograph_from_array(GREY.astype(">u2")).data
    assert swapped.dtype == np.uint16
    assert swapped.dtype.isnative
    assert np.array_equal(swapped, GREY)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_what_an_array_masks_is_off_the_specimen(dtype):
    masked = np.ma.masked_greater(GREY.astype(dtype), 200)
    micrograph = micrograph_from_array(masked)
    assert np.array_equal(micrograph.mask, GREY <= 200)
    assert np.array_equal(micrograph.data[micrograph.mask], GREY[GREY <= 200])
    whole = np.ma.masked_array(GREY, mask=np.zeros(GREY.shape, bool))
    assert micrograph_from_array(whole).data.dtype == np.uint8


def test_sections_two_pixels_wide_are_asked_about():
    with pytest.raises(MicrographError, match=r"2 pixels wide .* grey with alpha, say so"):
        micrograph_from_array(np.stack([GREY, GREY], axis=-1))


def test_a_micrograph_has_two_or_three_axes():
    with pytest.raises(MicrographError, match=r"shape \(4,\)"):
        Micrograph(np.zeros(4), "a")


def test_sections_of_an_image_are_itself():
    micrograph = micrograph_from_array(GREY)
    assert list(micrograph.sections()) == [micrograph]


def test_grey_is_stretched_between_percentiles():
    grey = micrograph_from_array(GREY).grey()
    assert grey.dtype == np.float32
    assert grey.shape == GREY.shape
    assert (grey.min(), grey.max()) == (0, 1)
    low, high = np.percentile(GREY, [0.1, 99.9])
    np.testing.assert_allclose(grey, np.clip((GREY - low) / (high - low), 0, 1), atol=1e-5)


def test_grey_of_colours_is_their_luminance():
    whole = micrograph_from_array(RGB).grey()
    parts = micrograph_from_array(RGB @ np.array([0.299, 0.587, 0.114])).grey()
    np.testing.assert_allclose(whole, parts, atol=1e-4)


def test_grey_ignores_what_is_not_specimen():
    barred = GREY.copy()
    barred[50:] = 255
    micrograph = Micrograph(barred, "a", info_bar_row=50)
    assert np.array_equal(micrograph.grey()[:50], micrograph_from_array(GREY[:50]).grey())


def test_grey_does_not_follow_single_hot_pixels():
    hot = GREY.astype(np.uint16)
    hot[5, 5] = 65535
    grey = micrograph_from_array(hot).grey()
    assert np.abs(grey - micrograph_from_array(GREY).grey()).mean() < 0.02


def test_grey_at_nan_is_the_median():
    data = GREY.astype(np.float32)
    data[10:20, 10:20] = np.nan
    grey = micrograph_from_array(data).grey()
    assert np.isfinite(grey).all()
    assert grey[15, 15] == pytest.approx(np.median(grey), abs=0.02)
    assert np.isnan(data[15, 15])  # the input is left alone


@pytest.mark.parametrize("value", [0, 7, 255])
def test_grey_of_a_constant_image_is_zero(value):
    assert not micrograph_from_array(np.full((9, 9), value, dtype=np.uint8)).grey().any()


def test_grey_where_everything_is_masked_is_zero():
    assert not Micrograph(GREY, "a", info_bar_row=0).grey().any()


def test_a_faint_mark_on_a_constant_image_is_kept():
    data = np.full((100, 100), 7, dtype=np.uint8)
    data[50, 50] = 9  # beyond both percentiles
    grey = micrograph_from_array(data).grey()
    assert grey[50, 50] == 1
    assert np.count_nonzero(grey) == 1


@given(
    hnp.arrays(
        st.sampled_from(["uint8", "uint16", "int32", "float32", "float64", "bool"]),
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=12),
    )
)
def test_grey_is_finite_and_between_zero_and_one(data):
    try:
        micrograph = micrograph_from_array(data)
    except MicrographError as error:
        assert "finite" in str(error) or "pixels wide" in str(error)
        return
    for section in micrograph.sections():
        grey = section.grey()
        assert grey.dtype == np.float32
        assert grey.shape == section.mask.shape == (section.height, section.width)
        assert ((grey >= 0) & (grey <= 1)).all()


def test_importing_the_room_loads_nothing_heavy():
    heavy = ["tifffile", "imagecodecs", "PIL", "scipy", "skimage", "torch", "napari", "pandas"]
    code = f"import sys, napari_etch.micrograph; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

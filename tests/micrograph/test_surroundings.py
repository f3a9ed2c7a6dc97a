"""What lies around the specimen is left out; grains and pores at the frame are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from micrograph.scenes import specimen
from PIL import Image
from scipy.ndimage import rotate

from napari_etch.micrograph import micrograph_from_array, read_micrograph
from napari_etch.micrograph.round_field import _convex
from napari_etch.micrograph.surroundings import find_surroundings

HEIGHT, WIDTH = 300, 400
ROWS, COLUMNS = np.ogrid[:HEIGHT, :WIDTH]


def as_jpeg(grey: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=80)
    return np.asarray(Image.open(file))


def round_field(level: float, *, noise: float = 0, soft: float = 2.0, radius: float = 140):
    """Return a specimen seen through a round stop, and where its rim is."""
    off = np.hypot(ROWS - 150, COLUMNS - 190)
    share = np.clip((radius - off) / soft, 0, 1)
    grey = share * specimen(HEIGHT, WIDTH) + (1 - share) * level
    grey = grey + np.random.default_rng(1).normal(0, noise, grey.shape) * (1 - share)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8), off


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("noise", [0, 2.5])
@pytest.mark.parametrize("radius", [120, 180])  # 180: the frame cuts the field at all sides but one
@pytest.mark.parametrize("change", [np.asarray, as_jpeg], ids=["plain", "jpeg"])
def test_a_round_field(level, noise, radius, change):
    grey, off = round_field(level, noise=noise, radius=radius)
    found = find_surroundings(change(grey))
    assert found is not None and "round field" in found.words
    assert found.outside[off > radius + 2].all()
    assert not found.outside[off < radius - 6].any()


@pytest.mark.parametrize("angle", [2, 15, 40])
@pytest.mark.parametrize("level", [0, 255])
def test_the_corners_of_a_tilted_picture(angle, level):
    grey = rotate(specimen(HEIGHT, WIDTH), angle, order=1, cval=level)
    inside = rotate(np.ones((HEIGHT, WIDTH), np.uint8), angle, order=0) > 0
    found = find_surroundings(grey)
    assert found is not None
    assert found.words == "the blank corners around the tilted picture"
    assert (found.outside == ~inside).mean() > 0.97
    assert not (~found.outside & ~inside).sum() > 0.005 * inside.size


def test_the_steps_of_a_mosaic():
    mosaic = np.zeros((430, 570), np.uint8)
    mosaic[:300, :400] = specimen(HEIGHT, WIDTH)
    mosaic[130:, 170:] = specimen(HEIGHT, WIDTH, seed=1)
    blank = np.ones(mosaic.shape, bool)
    blank[:300, :400] = blank[130:, 170:] = False
    found = find_surroundings(mosaic)
    assert found is not None
    assert "the blank parts at the rim" in found.words
    assert (found.outside == blank).mean() > 0.98


def test_steps_are_found_where_pixels_without_values_lie_at_the_frame():
    """A level of NaN was taken for the only one at the frame."""
    grey = specimen(HEIGHT, WIDTH).astype(np.float32)
    grey[200:, 250:] = 0
    wanted = find_surroundings(grey)
    grey[:20, 100:140] = np.nan
    found = find_surroundings(grey, ~np.isfinite(grey))
    assert wanted is not None and found is not None
    assert found.words == wanted.words == "the blank parts at the rim"
    np.testing.assert_array_equal(found.outside, wanted.outside)


def test_a_label_in_a_corner():
    grey = specimen(HEIGHT, WIDTH)
    grey[:40, :50] = 255
    grey[10:30, 20:24] = 0  # its letter
    found = find_surroundings(grey)
    assert found is not None
    assert found.outside[:40, :50].all() and found.outside.sum() == 40 * 50
    assert found.said() == "the blank parts at the rim are left out, 1.7 % of the image"


def saturated() -> np.ndarray:
    """Return grains of which a third is white to the last pixel."""
    grey = specimen(HEIGHT, WIDTH).astype(float)
    return np.clip(3 * (grey - 90), 0, 255).astype(np.uint8)


def white_corners() -> np.ndarray:
    """Return a specimen with a white grain in each corner, its sides anyhow."""
    grey = specimen(HEIGHT, WIDTH)
    for y, x, slope in [(0, 0, 0.7), (0, 399, 1.4), (299, 0, 0.9), (299, 399, 1.9)]:
        grey[np.abs(ROWS - y) + slope * np.abs(COLUMNS - x) < 70] = 255
    return grey


def orientations() -> np.ndarray:
    """Return flat grains with sides along rows and columns, as in an enlarged map."""
    return np.random.default_rng(0).integers(0, 255, (12, 16), np.uint8).repeat(25, 0).repeat(25, 1)


def hot_pixel() -> np.ndarray:
    """Return a specimen of 12 bits with a pixel of 16: at its rim there is little contrast."""
    grey = 10 * specimen(HEIGHT, WIDTH).astype(np.uint16)
    grey[150, 200] = 60000
    return grey


def blocks_of_jpeg() -> np.ndarray:
    """Return a specimen with a smooth grain in a corner, of which JPEG has made flat blocks."""
    grey = specimen(HEIGHT, WIDTH)
    rows, columns = ROWS // 8, COLUMNS // 8
    grain = rows + columns < 12
    grey[grain] = (150 + 8 * ((rows > 5) | (columns > 3 + rows // 2 % 2 * 2)))[grain]
    return grey


def particles() -> np.ndarray:
    """Return bright discs on a black ground, none near the frame."""
    grey, bright = np.zeros((HEIGHT, WIDTH), np.uint8), specimen(HEIGHT, WIDTH)
    for y, x in np.random.default_rng(0).integers(50, (HEIGHT - 50, WIDTH - 50), (40, 2)):
        disc = np.hypot(ROWS - y, COLUMNS - x) < 12
        grey[disc] = bright[disc]
    return grey


@pytest.mark.parametrize(
    "grey",
    [
        specimen(HEIGHT, WIDTH),
        particles(),
        hot_pixel(),
        saturated(),
        255 - saturated(),
        white_corners(),
        orientations(),
        blocks_of_jpeg(),
        np.full((HEIGHT, WIDTH), 7, np.uint8),
        np.full((HEIGHT, WIDTH), np.nan, np.float32),
        specimen(20, 30),
        np.zeros((1, 1), np.uint8),
    ],
    ids=[
        "plain",
        "particles",
        "hot",
        "white",
        "black",
        "corners",
        "flat",
        "blocks",
        "blank",
        "nan",
        "small",
        "pixel",
    ],
)
def test_nothing_around_it(grey):
    assert find_surroundings(grey) is None


def test_what_is_known_is_not_found_once_more():
    grey = specimen(HEIGHT, WIDTH)
    grey[-40:, -80:] = 255
    known = np.zeros(grey.shape, bool)
    known[-42:, -82:] = True
    assert find_surroundings(grey) is not None
    assert find_surroundings(grey, known) is None


@pytest.mark.parametrize("value", [0, np.nan], ids=["scale bar", "no value"])
def test_a_corner_of_the_round_field_may_be_known(value):
    grey, off = round_field(255)
    grey = grey.astype(np.float32)
    grey[-40:, -60:] = value
    known = np.zeros(grey.shape, bool)
    known[-40:, -60:] = True
    found = find_surroundings(grey, known)
    assert found is not None
    assert found.words == "what lies around the round field of view"
    assert (found.outside | known)[off > 142].all()


def test_a_page_within_a_rim_without_values():
    page = np.pad(specimen(240, 340), 30, constant_values=255).astype(np.float32)
    page[:5] = page[:, :7] = np.nan
    found = find_surroundings(page, np.isnan(page))
    assert found is not None
    assert found.outside[5:30, 7:].all() and found.outside[5:, 7:30].all()
    assert not found.outside[30:270, 30:370].any()
    assert find_surroundings(page, np.ones(page.shape, bool)) is None


def test_the_convex_hull_is_that_of_the_slow_way():
    from skimage.morphology import convex_hull_image

    shape = (np.hypot(ROWS - 150, 0.7 * (COLUMNS - 190)) < 90) & (ROWS + COLUMNS < 400)
    assert (_convex(shape) == convex_hull_image(shape)).all()


def test_a_micrograph_masks_it_unless_it_is_kept(tmp_path):
    grey, off = round_field(0)
    micrograph = micrograph_from_array(grey, keep_info_bar=False)
    assert not micrograph.mask[off > 140].any() and micrograph.mask[off < 130].all()
    part = micrograph.part(slice(100, 200), slice(0, 200))
    np.testing.assert_array_equal(part.mask, micrograph.mask[100:200, :200])
    assert micrograph.part(slice(140, 160), slice(180, 200)).surroundings is None
    assert np.isnan(micrograph.bare()[off > 140]).all()
    assert micrograph_from_array(grey).mask.all()
    Image.fromarray(grey).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png").mask, micrograph.mask)
    assert read_micrograph(tmp_path / "a.png", keep_info_bar=True).mask.all()


def test_it_ends_where_an_information_bar_begins():
    grey = np.pad(round_field(0)[0], ((0, 60), (0, 0)), constant_values=0)
    micrograph = micrograph_from_array(grey, keep_info_bar=False, info_bar_row=HEIGHT)
    assert micrograph.surroundings is not None
    assert "round" in micrograph.surroundings.words
    assert not micrograph.surroundings.outside[HEIGHT:].any()

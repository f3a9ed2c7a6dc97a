"""The information bar is found where there is one, and nowhere else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from micrograph.scenes import fei_bar, framed_bar, jeol_bar, specimen, text_line, zeiss_bar
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_etch.micrograph import find_info_bar, micrograph_from_array, read_micrograph

BARS = {"zeiss": zeiss_bar, "fei": fei_bar, "jeol": jeol_bar, "framed": framed_bar}


@pytest.mark.parametrize("kind", BARS)
@pytest.mark.parametrize("mean", [45, 110, 215])
@pytest.mark.parametrize("share", [0.06, 0.1, 0.2])
def test_finds_the_first_row_of_each_kind_of_bar(kind, mean, share):
    row = round(480 * (1 - share)) - 3
    image = BARS[kind](specimen(mean=mean, seed=int(100 * share)), row)
    assert find_info_bar(image) == pytest.approx(row, abs=2)


@pytest.mark.parametrize("kind", BARS)
def test_finds_a_bar_after_jpeg(kind):
    buffer = io.BytesIO()
    Image.fromarray(BARS[kind](specimen(), 425)).save(buffer, "JPEG", quality=80)
    assert find_info_bar(np.array(Image.open(buffer))) == pytest.approx(425, abs=2)


@pytest.mark.parametrize("kind", BARS)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_finds_a_bar_in_deep_images(kind, dtype):
    image = BARS[kind](specimen(), 430).astype(dtype) * 257
    assert find_info_bar(image) == pytest.approx(430, abs=2)


def test_a_frame_line_separates_a_black_bar_from_a_black_background():
    image = np.where(specimen(mean=60) > 75, specimen(mean=60), 0).astype(np.uint8)
    assert (image[400:420] == 0).mean() > 0.6  # as dark as the bar
    assert find_info_bar(fei_bar(image, 420)) == pytest.approx(420, abs=2)


@pytest.mark.parametrize("seed", range(8))
def test_specimens_have_no_bar(seed):
    assert find_info_bar(specimen(seed=seed, mean=30 + 25 * seed)) is None


def test_text_and_a_scale_bar_on_the_specimen_are_no_bar():
    image = specimen()
    text_line(image[450:, :], 5, 255, seed=1)
    image[440:470, 20:150] = 0
    image[452:458, 30:140] = 255
    assert find_info_bar(image) is None


def test_a_large_flat_grain_at_the_bottom_is_no_bar():
    image = np.full((300, 400), 90, dtype=np.uint8)
    ys, xs = np.mgrid[:300, :400]
    image[ys > 230 + 10 * np.sin(xs / 60)] = 20
    assert find_info_bar(image) is None


def test_a_dark_strip_without_print_is_no_bar():
    image = specimen()
    image[430:] = 0
    assert find_info_bar(image) is None


def test_saturated_specimen_is_no_bar():
    rng = np.random.default_rng(5)
    blobs = gaussian_filter(rng.normal(size=(400, 500)), 12)
    assert find_info_bar(np.where(blobs > 0, 255, 0).astype(np.uint8)) is None


@pytest.mark.parametrize("shape", [(1, 1), (5, 900), (900, 5), (31, 31)])
def test_tiny_images_have_no_bar(shape):
    assert find_info_bar(np.zeros(shape, dtype=np.uint8)) is None


@pytest.mark.parametrize("value", [0, 255])
def test_a_constant_image_has_no_bar(value):
    assert find_info_bar(np.full((200, 300), value, dtype=np.uint8)) is None


def test_nan_in_the_specimen_does_not_hide_the_bar():
    image = fei_bar(specimen(), 420).astype(np.float32)
    image[:40, :40] = np.nan
    assert find_info_bar(image) == pytest.approx(420, abs=2)


def test_the_mask_leaves_the_bar_out_and_the_pixels_alone():
    image = zeiss_bar(specimen(), 430)
    micrograph = micrograph_from_array(image, keep_info_bar=False)
    assert micrograph.info_bar_row == 430
    assert micrograph.mask[:430].all()
    assert not micrograph.mask[430:].any()
    assert np.array_equal(micrograph.data, image)


def test_a_kept_bar_is_specimen():
    micrograph = micrograph_from_array(zeiss_bar(specimen(), 430), keep_info_bar=True)
    assert micrograph.info_bar_row is None
    assert micrograph.mask.all()


def test_a_coloured_image_with_a_bar():
    image = np.stack([zeiss_bar(specimen(), 430)] * 3, axis=-1)
    image[:100, :100, 0] = 200
    assert micrograph_from_array(image, keep_info_bar=False).info_bar_row == 430


def test_a_stack_has_a_bar_only_where_its_sections_agree():
    plain, barred = specimen(seed=1), zeiss_bar(specimen(seed=2), 430)
    both = micrograph_from_array(np.stack([barred] * 3), keep_info_bar=False)
    assert both.info_bar_row == 430
    assert [s.info_bar_row for s in both.sections()] == [430] * 3
    mixed = micrograph_from_array(np.stack([barred, plain, barred]), keep_info_bar=False)
    assert mixed.info_bar_row is None


def test_zeiss_frames_begin_their_bar_at_row_712(dev_data):
    for name in ("1908248", "1908258", "1908318", "1908320"):
        path = dev_data / "particles-sem" / f"{name}.tif"
        assert read_micrograph(path).info_bar_row == pytest.approx(712, abs=2)
        assert read_micrograph(path, keep_info_bar=True).info_bar_row is None


def test_no_other_development_image_has_a_bar(dev_data):
    paths = [p for p in dev_data.rglob("*.png") if p.parent.name != "masks"]
    paths += [dev_data / s / "image.tif" for s in ("stack-sstem", "volume-em")]
    found = []
    for path in paths:  # all the rest that is left out would be looked for, too, and takes longer
        whole = read_micrograph(path, stack=path.suffix == ".tif", keep_info_bar=True)
        found += [path for each in whole.sections() if find_info_bar(each.data) is not None]
    assert len(paths) > 300
    assert found == []

"""Scale bars burned into an image are found, specimen is not."""

import numpy as np
import pytest
from micrograph.scenes import specimen, zeiss_bar
from PIL import Image
from printing import any_print, print_of, printed
from scipy import ndimage as ndi
from surfaces import half_lined

from napari_etch.micrograph import micrograph_from_array, read_micrograph
from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar import ScaleBar, find_scale_bar
from napari_etch.samples import sample_steel


def noisy(side=256):
    return np.clip(half_lined(side)[0], 1, 254)


def mask_of(image):
    """Return where there is specimen, as a micrograph that was read tells."""
    return micrograph_from_array(image, keep_info_bar=False).mask


@pytest.mark.parametrize("corner", ["lower right", "lower left", "upper right", "upper left"])
@pytest.mark.parametrize("box", ["none", "filled", "flush"])
def test_bar_and_text_are_left_out_in_any_corner(corner, box):
    made = printed(specimen(), print_of(corner=corner, box=box))
    mask = mask_of(made.image)
    assert made.covered(mask) == 1
    assert made.lost(mask) < 0.6
    found = find_scale_bar(made.image)
    assert found.place(*made.image.shape[:2]) == corner
    assert found.length == pytest.approx(made.length, abs=2)


@pytest.mark.parametrize("ends", ["plain", "ticks", "up"])
@pytest.mark.parametrize("text", ["above", "below", "left", "right", "inside"])
def test_any_shape_of_bar_is_left_out(ends, text):
    made = printed(specimen(), print_of(ends=ends, text=text, ink="black", box="filled"))
    mask = mask_of(made.image)
    assert made.covered(mask) == 1
    assert made.lost(mask) < 0.3
    assert find_scale_bar(made.image).length == pytest.approx(made.length, abs=4)


@pytest.mark.parametrize("ink", ["red", "yellow", "blue"])
@pytest.mark.parametrize("quality", [None, 60, 90])
def test_colours_and_jpeg_are_left_out(ink, quality):
    made = printed(specimen(), print_of(ink=ink, quality=quality, thick=0.3))
    assert made.image.ndim == 3
    mask = mask_of(made.image)
    assert made.covered(mask) > 0.9
    assert made.lost(mask) < 0.8


@pytest.mark.parametrize("label", ["50 µm", "1 mm", "200 nm", "0.5 mm", "20um"])
def test_any_number_is_text(label):
    made = printed(specimen(), print_of(label=label, quality=75))
    assert made.covered(mask_of(made.image)) == 1


def test_of_all_kinds_in_the_bundled_micrograph_those_on_a_box_are_found():
    steel = np.asarray(sample_steel().data)
    boxed = [how for how in map(any_print, range(30)) if how.box != "none"]
    made = [printed(steel, how) for how in boxed]
    masks = [mask_of(each.image) for each in made]
    assert all(not mask.all() for mask in masks)
    assert np.mean([each.covered(mask) for each, mask in zip(made, masks, strict=True)]) > 0.95
    assert max(each.lost(mask) for each, mask in zip(made, masks, strict=True)) < 0.5


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
def test_other_types_are_taken(dtype):
    made = printed(specimen(), print_of())
    image = made.image.astype(dtype)
    image[image == 255] = 60_000 if dtype != np.float32 else np.float32(3.5e4)
    assert made.covered(mask_of(image)) > 0.99


def test_pixels_without_a_value_do_not_matter():
    made = printed(specimen(), print_of())
    image = made.image.astype(np.float32)
    image[:100, :300] = np.nan
    mask = mask_of(image)
    assert made.covered(mask) == 1
    assert not mask[:100, :300].any() and mask[110:380].all()


def test_above_an_information_bar_it_is_found_too():
    made = printed(specimen(430), print_of(corner="lower left"))
    image = np.concatenate([made.image, specimen(50)])
    mask = mask_of(zeiss_bar(image, 430))
    assert made.covered(mask[:430]) == 1
    assert not mask[430:].any()


def test_nothing_is_left_out_of_the_bundled_micrograph():
    assert micrograph_from_array(sample_steel().data, keep_info_bar=False).mask.all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("turned", [False, True])
def test_specimen_has_no_scale_bar(seed, turned):
    image = specimen(seed=seed, mean=60 + 40 * seed)
    assert find_scale_bar(np.rot90(image) if turned else image) is None
    assert find_scale_bar(half_lined(256)[0]) is None


@pytest.mark.parametrize("seed", range(6))
def test_straight_lines_along_the_rows_are_no_scale_bar(seed):
    """Scratches, lamellae and stringers: straight, even and sharp, but without a number."""
    rng = np.random.default_rng(seed)
    image = specimen(seed=seed).astype(float)
    for _ in range(8):
        length, thick = rng.integers(40, 250), rng.integers(1, 9)
        top, left = rng.integers(5, 460), rng.integers(5, 380)
        image[top : top + thick, left : left + length] += rng.choice([-1, 1]) * rng.uniform(60, 150)
    image = ndi.gaussian_filter(image, 0.5) if seed % 2 else image
    assert find_scale_bar(np.clip(image, 0, 255).astype(np.uint8)) is None


def test_rows_of_precipitates_at_a_scratch_are_no_text():
    image = specimen()
    image[440:443, 60:200] = 20
    for at in range(70, 190, 24):
        y, x = np.ogrid[:480, :640]
        image[(y - 425) ** 2 + (x - at) ** 2 < 64] = 20
    assert find_scale_bar(image) is None


def test_text_without_a_bar_stays():
    made = printed(specimen(), print_of(length=0.02))  # too short for a bar
    assert find_scale_bar(made.image) is None


@pytest.mark.parametrize("level", [255, 0])
def test_without_text_only_what_is_alone_in_its_level_is_a_bar(level):
    image = noisy()
    image[228:232, 20:80] = level
    image[214:224, 30:34] = image[214:224, 40:46] = level  # something above it
    found = find_scale_bar(image)
    assert found.length == 60
    assert found.box.holds(Box(214, 232, 20, 80))
    assert found.box.height * found.box.width < 2500
    image[60:66, 100:110] = level  # a saturated precipitate: the bar may be another
    assert find_scale_bar(image) is None


def test_a_dotted_bar_is_found():
    image = noisy()
    for at in range(10):
        image[236:239, 16 + 8 * at : 19 + 8 * at] = 255
    assert find_scale_bar(image).box.holds(Box(236, 239, 16, 91))


def test_an_even_picture_proves_nothing():
    flat = np.full((256, 256), 90, np.uint8)
    flat[:, 128:] = 120
    flat[228:232, 20:80] = 255
    assert find_scale_bar(flat) is None


def test_small_and_blank_images_are_taken():
    assert find_scale_bar(np.zeros((10, 10))) is None
    assert find_scale_bar(np.zeros((100, 100), np.uint16)) is None
    assert find_scale_bar(np.full((100, 100), np.nan)) is None


def test_it_is_kept_on_request(tmp_path):
    made = printed(specimen(), print_of())
    assert micrograph_from_array(made.image).mask.all()
    Image.fromarray(made.image).save(tmp_path / "a.png")
    assert made.covered(read_micrograph(tmp_path / "a.png").mask) == 1
    assert read_micrograph(tmp_path / "a.png", keep_info_bar=True).mask.all()


def test_each_section_of_a_stack_has_its_own():
    here = printed(specimen(), print_of())
    there = printed(specimen(seed=1), print_of(corner="upper left"))
    stack = np.stack([here.image, specimen(seed=2), there.image])
    micrograph = micrograph_from_array(stack, keep_info_bar=False)
    mask = micrograph.mask
    assert here.covered(mask[0]) == 1 and mask[1].all() and there.covered(mask[2]) == 1
    for section, each in zip(micrograph.sections(), mask, strict=True):
        assert (section.mask == each).all()
    assert micrograph.scale_bar_words() == "the scale bar at the lower right of 2 of 3 sections"
    assert [section.scale_bar_words() for section in micrograph.sections()] == [
        "the scale bar at the lower right",
        "",
        "the scale bar at the upper left",
    ]


def test_a_part_knows_where_the_bars_are():
    made = printed(specimen(), print_of())
    image = zeiss_bar(np.concatenate([made.image, specimen(50)]), 480)
    whole = micrograph_from_array(image, keep_info_bar=False)
    part = whole.part(slice(300, 500), slice(400, 600))
    assert (part.mask == whole.mask[300:500, 400:600]).all() and not part.mask.all()
    assert whole.part(slice(0, 100), slice(0, 100)).mask.all()


def test_it_is_looked_for_once(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "napari_etch.micrograph.scale_bar.sought.find_scale_bar",
        lambda pixels: asked.append(pixels.shape),
    )
    stack = micrograph_from_array(np.stack([specimen()] * 3), keep_info_bar=False)
    assert not asked  # a stack is not read when it is opened
    sections = list(stack.sections())
    assert sections[1].mask.all() and stack.mask.all() and sections[1].mask.all()
    assert asked == [(480, 640)] * 3


def test_it_goes_through_json():
    bar = ScaleBar(Box(1, 20, 300, 400), Box(12, 15, 305, 395))
    assert bar.length == 90
    assert ScaleBar.from_json(bar.to_json()) == bar
    assert bar.within(Box(10, 30, 350, 500)) == ScaleBar(Box(0, 10, 0, 50), Box(2, 5, -45, 45))
    assert bar.within(Box(30, 40, 0, 500)) is None

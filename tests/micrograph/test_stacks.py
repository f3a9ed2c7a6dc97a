"""Pages and folders become stacks where a stack is wanted, and a sentence where it is not."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from micrograph.scenes import specimen
from PIL import Image

from napari_etch.micrograph import MicrographError, read_micrograph, write_tiff

SECTIONS = np.stack([specimen(60, 80, seed=i) for i in range(4)])
RGB = np.moveaxis(SECTIONS[:3], 0, -1)
LUMINANCE = np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize(
    "options", [{}, {"imagej": True}, {"ome": True}, {"metadata": None}], ids=str
)
def test_pages_are_a_stack(tmp_path, n, options):
    path = tmp_path / ("a.ome.tif" if options.get("ome") else "a.tif")
    if options.get("ome") or options.get("imagej"):
        options = {**options, "metadata": {"axes": "ZYX"}}
    tifffile.imwrite(path, SECTIONS[:n], photometric="minisblack", **options)
    micrograph = read_micrograph(path, stack=True)
    assert micrograph.is_stack
    assert np.array_equal(micrograph.data, SECTIONS[:n])


@pytest.mark.parametrize("stack", [None, False])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_pages_where_one_image_is_wanted_name_the_way_out(tmp_path, n, stack):
    tifffile.imwrite(tmp_path / "a.tif", SECTIONS[:n], photometric="minisblack")
    with pytest.raises(MicrographError, match=rf"a.tif has {n} pages.*file of its own"):
        read_micrograph(tmp_path / "a.tif", stack=stack)


def test_three_pages_are_sections_and_three_samples_are_colours(tmp_path):
    tifffile.imwrite(tmp_path / "pages.tif", SECTIONS[:3], photometric="minisblack")
    tifffile.imwrite(tmp_path / "samples.tif", RGB, photometric="rgb")
    assert read_micrograph(tmp_path / "pages.tif", stack=True).is_stack
    assert read_micrograph(tmp_path / "samples.tif").is_rgb


def test_a_single_page_is_not_a_stack(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", SECTIONS[:1], photometric="minisblack")
    assert read_micrograph(tmp_path / "a.tif").data.shape == (60, 80)


def test_one_image_as_a_stack_has_one_section(tmp_path):
    tifffile.imwrite(tmp_path / "grey.tif", SECTIONS[0])
    tifffile.imwrite(tmp_path / "rgb.tif", RGB, photometric="rgb")
    for name in ("grey.tif", "rgb.tif"):
        micrograph = read_micrograph(tmp_path / name, stack=True)
        assert micrograph.data.shape == (1, 60, 80)
        assert micrograph.is_stack


def test_colour_pages_become_a_grey_stack(tmp_path):
    tinted = np.rint(SECTIONS[:2, ..., None] * np.array([1, 0.9, 0.7])).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", tinted, photometric="rgb")
    micrograph = read_micrograph(tmp_path / "a.tif", stack=True)
    assert micrograph.data.shape == (2, 60, 80)
    assert micrograph.data.dtype == np.float32
    np.testing.assert_allclose(micrograph.data, tinted @ LUMINANCE, atol=1e-3)


def test_sections_that_differ_in_hue_keep_its_boundaries(tmp_path):
    patches = np.full((60, 80, 3), (140, 60, 83), np.uint8)
    patches[:, 40:] = (60, 110, 65)  # as bright
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([patches, patches]), photometric="rgb")
    for number in range(2):
        Image.fromarray(patches).save(tmp_path / f"{number}.png")
    (tmp_path / "pages.tif").rename(tmp_path.with_suffix(".tif"))
    for source in (tmp_path, tmp_path.with_suffix(".tif"), tmp_path / "0.png"):
        for section in read_micrograph(source, stack=True).data:
            drawn = patches @ LUMINANCE - section
            assert drawn[:, 39:41].min() > 20 > 1 > drawn[:, :30].max()


def test_channels_are_refused(tmp_path):
    data = SECTIONS[:2].astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "CYX"})
    for stack in (None, True):
        with pytest.raises(MicrographError, match="2 channels"):
            read_micrograph(tmp_path / "a.tif", stack=stack)


def test_four_dimensions_are_refused(tmp_path):
    data = np.stack([SECTIONS, SECTIONS])
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(MicrographError, match=r"more than sections in it \(2 along T, 4 along Z"):
        read_micrograph(tmp_path / "a.tif", stack=True)


def test_sections_of_a_stack(tmp_path):
    write_tiff(tmp_path / "s.tif", SECTIONS, pixel_size_um=0.5)
    micrograph = read_micrograph(tmp_path / "s.tif", stack=True)
    sections = list(micrograph.sections())
    assert [s.name for s in sections] == ["s_0000", "s_0001", "s_0002", "s_0003"]
    assert (micrograph.height, micrograph.width) == (60, 80)
    for section, expected in zip(sections, SECTIONS, strict=True):
        assert np.array_equal(section.data, expected)
        assert section.pixel_size_um == 0.5
        assert np.shares_memory(section.data, micrograph.data)


def folder_of(tmp_path, names, images=SECTIONS):
    folder = tmp_path / "series"
    folder.mkdir()
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(folder / name)
    return folder


def test_a_folder_is_sorted_by_number(tmp_path):
    folder = folder_of(tmp_path, ["s10.png", "s2.png", "S1.tif", "s002b.png"])
    (folder / ".hidden.png").write_bytes(b"rubbish")
    (folder / "notes.txt").write_text("PixelSize=1")
    (folder / "deeper").mkdir()
    micrograph = read_micrograph(folder, stack=True)
    assert micrograph.name == "series"
    assert np.array_equal(micrograph.data, SECTIONS[[2, 1, 3, 0]])


def test_a_folder_where_one_image_is_wanted_names_the_way_out(tmp_path):
    folder = folder_of(tmp_path, ["1.png", "2.png", "3.png", "4.png"])
    with pytest.raises(MicrographError, match=r"holds 4 images.*name one of them"):
        read_micrograph(folder)


def test_a_folder_with_one_image_is_that_image(tmp_path):
    folder = folder_of(tmp_path, ["1.png"], SECTIONS[:1])
    assert np.array_equal(read_micrograph(folder).data, SECTIONS[0])
    assert read_micrograph(folder, stack=True).data.shape == (1, 60, 80)


def test_a_folder_without_images(tmp_path):
    (tmp_path / "a.txt").write_text("nothing")
    with pytest.raises(MicrographError, match="holds no TIFF, PNG, JPEG or BMP image"):
        read_micrograph(tmp_path, stack=True)


def test_mixed_sizes_in_a_folder(tmp_path):
    folder = folder_of(tmp_path, ["1.png", "2.png"], [SECTIONS[0], SECTIONS[1][:50]])
    with pytest.raises(MicrographError, match=r"2 is 50 × 80 pixels but 1 is 60 × 80"):
        read_micrograph(folder, stack=True)


def test_grey_and_colour_in_a_folder_become_grey(tmp_path):
    folder = folder_of(tmp_path, ["1.png", "2.png"], [SECTIONS[0], RGB])
    micrograph = read_micrograph(folder, stack=True)
    assert micrograph.data.shape == (2, 60, 80)
    assert np.array_equal(micrograph.data[0], SECTIONS[0])


def test_a_stack_inside_a_folder_is_refused(tmp_path):
    folder = folder_of(tmp_path, ["1.png"], SECTIONS[:1])
    tifffile.imwrite(folder / "2.tif", SECTIONS, photometric="minisblack")
    with pytest.raises(MicrographError, match=r"2.tif has 4 pages"):
        read_micrograph(folder, stack=True)


def test_pixel_sizes_in_a_folder_must_agree(tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    write_tiff(folder / "1.tif", SECTIONS[0], pixel_size_um=0.5)
    write_tiff(folder / "2.tif", SECTIONS[1])
    assert read_micrograph(folder, stack=True).pixel_size_um == 0.5
    write_tiff(folder / "3.tif", SECTIONS[2], pixel_size_um=0.6)
    with pytest.raises(MicrographError, match=r"differ in pixel size \(0.5 to 0.6 µm\)"):
        read_micrograph(folder, stack=True)
    assert read_micrograph(folder, stack=True, pixel_size_um=0.55).pixel_size_um == 0.55


def test_a_development_stack(dev_data):
    micrograph = read_micrograph(dev_data / "stack-sstem" / "image.tif", stack=True)
    assert micrograph.data.shape == (20, 512, 512)

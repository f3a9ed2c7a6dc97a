from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_etch.micrograph import MicrographError, read_micrograph, write_tiff
from napari_etch.micrograph.serial import (
    open_grain_stack,
    whole_floats,
    write_grain_stack,
)


def grain_maps(count=5, dtype=np.int32):
    section = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((6, 8))).astype(dtype)
    return np.stack([section + 12 * index for index in range(count)])


def as_tiff(folder, maps):
    write_tiff(folder / "grains.tif", maps, pixel_size_um=0.5)
    return folder / "grains.tif"


def as_plain_tiff(folder, maps):
    tifffile.imwrite(folder / "plain.tif", maps, photometric="minisblack")
    return folder / "plain.tif"


def as_imagej(folder, maps):
    tifffile.imwrite(folder / "ij.tif", maps.astype(np.uint16), imagej=True)
    return folder / "ij.tif"


def as_npy(folder, maps):
    np.save(folder / "maps.npy", maps)
    return folder / "maps.npy"


def as_folder(folder, maps):
    (folder / "sections").mkdir()
    for index, part in enumerate(maps):
        tifffile.imwrite(folder / "sections" / f"s{index + 8}.tif", part)
    return folder / "sections"


def as_png_folder(folder, maps):
    import imagecodecs

    (folder / "png").mkdir()
    for index, part in enumerate(maps):
        picture = imagecodecs.png_encode(part.astype(np.uint16))
        (folder / "png" / f"{index:03d}.png").write_bytes(picture)
    return folder / "png"


WRITERS = [as_tiff, as_plain_tiff, as_imagej, as_npy, as_folder, as_png_folder]


@pytest.mark.parametrize("write", WRITERS)
def test_sections_are_read_as_they_were_written(tmp_path, write):
    maps = grain_maps()
    stack = open_grain_stack(write(tmp_path, maps))
    assert stack.shape == maps.shape and len(stack) == 5
    np.testing.assert_array_equal(np.stack(list(stack)), maps)
    np.testing.assert_array_equal(stack[-1], maps[-1])
    np.testing.assert_array_equal(np.stack(stack[1:3]), maps[1:3])
    with pytest.raises(IndexError):
        stack[5]


def test_the_pixel_size_of_a_tiff_is_known(tmp_path):
    assert open_grain_stack(as_tiff(tmp_path, grain_maps())).pixel_size_um == pytest.approx(0.5)
    assert open_grain_stack(as_npy(tmp_path, grain_maps())).pixel_size_um is None


def test_a_stack_is_written_section_by_section_with_its_voxel_size(tmp_path):
    maps = grain_maps()
    path = tmp_path / "grains3d.tif"
    write_grain_stack(path, (part for part in maps), maps.shape, voxel_size_um=(1.8, 0.5, 0.4))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome and tif.series[0].axes == "ZYX"
        assert tif.series[0].dtype == np.int32 and len(tif.pages) == 5
        for stated in ('PhysicalSizeZ="1.8"', 'PhysicalSizeY="0.5"', 'PhysicalSizeX="0.4"'):
            assert stated in tif.ome_metadata
    np.testing.assert_array_equal(tifffile.imread(path), maps)
    np.testing.assert_array_equal(np.stack(list(open_grain_stack(path))), maps)
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_stack_opens_as_a_stack_of_square_pixels(tmp_path):
    maps = grain_maps()
    write_grain_stack(tmp_path / "g.tif", maps, maps.shape, voxel_size_um=(1.8, 0.5, 0.5))
    read = read_micrograph(tmp_path / "g.tif", stack=True, keep_info_bar=True)
    assert read.is_stack and read.pixel_size_um == pytest.approx(0.5)


def test_an_unfinished_stack_leaves_nothing_and_keeps_the_older_one(tmp_path):
    maps = grain_maps()
    path = tmp_path / "grains3d.tif"
    write_grain_stack(path, maps, maps.shape)

    def broken():
        yield maps[0]
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_grain_stack(path, broken(), maps.shape)
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(tifffile.imread(path), maps)


def test_whole_numbers_may_be_stored_as_floats(tmp_path):
    """As ImageJ stores label maps of 32 bits."""
    maps = grain_maps()
    stack = open_grain_stack(as_plain_tiff(tmp_path, maps.astype(np.float32)))
    assert stack[1].dtype == np.int64
    np.testing.assert_array_equal(stack[1], maps[1])


def noise(folder):
    picture = np.random.default_rng(0).integers(0, 255, (3, 90, 90)).astype(np.uint8)
    tifffile.imwrite(folder / "picture.tif", picture, photometric="minisblack")
    return folder / "picture.tif"


def drawn_lines(folder):
    lines = np.full((3, 90, 90), 255, np.uint8)
    lines[:, ::9] = lines[:, :, ::9] = 0
    tifffile.imwrite(folder / "lines.tif", lines, photometric="minisblack")
    return folder / "lines.tif"


def fractions(folder):
    return as_plain_tiff(folder, grain_maps().astype(np.float32) + 0.5)


def negative(folder):
    return as_plain_tiff(folder, -grain_maps())


def single(folder):
    return as_plain_tiff(folder, grain_maps(1))


def flat_npy(folder):
    return as_npy(folder, grain_maps()[0])


def colours(folder):
    return as_npy(folder, np.ones((9, 9, 3), np.uint8))


def other_sizes(folder):
    made = as_folder(folder, grain_maps())
    tifffile.imwrite(made / "s10.tif", grain_maps()[0][:-1])
    return made


def empty_folder(folder):
    return folder


def cut_short(folder):
    path = as_plain_tiff(folder, np.random.default_rng(0).integers(0, 9, (4, 64, 64)))
    path.write_bytes(path.read_bytes()[:-5000])
    return path


def no_tiff(folder):
    (folder / "words.tif").write_text("these are words")
    return folder / "words.tif"


def one_image(folder):
    (folder / "a.png").write_bytes(b"")
    return folder / "a.png"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (noise, "picture or drawn lines and no grain map"),
        (drawn_lines, "picture or drawn lines and no grain map"),
        (fractions, "float32 numbers"),
        (negative, "negative"),
        (single, "shape|one section"),
        (flat_npy, "a stack of grain maps is"),
        (colours, "a stack of grain maps is"),
        (other_sizes, "section 2 of .* equal size"),
        (empty_folder, "holds no TIFF"),
        (cut_short, "truncated|damaged"),
        (no_tiff, "damaged or of an unsupported kind"),
        (one_image, "is one image"),
    ],
)
def test_what_is_no_stack_of_grain_maps_is_refused_in_one_sentence(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(MicrographError, match=words) as caught:
        list(open_grain_stack(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MicrographError, match=r"nothing\.tif does not exist"):
        open_grain_stack(tmp_path / "nothing.tif")


@pytest.mark.parametrize("value", [np.inf, 0.5, 1e20])
def test_floats_that_are_no_labels_stay_floats(value):
    labels = np.array([[1.0, value]])
    assert whole_floats(labels) is labels
    assert whole_floats(np.array([[1.0, 7.0]])).tolist() == [[1, 7]]
    assert whole_floats(np.array([[1.0, 7.0]])).dtype == np.int64
    assert whole_floats(np.array([[1, 7]], np.float16)).dtype == np.int64


def test_floats_with_nan_are_labels_where_they_are_whole():
    labels = np.array([[1.0, np.nan], [3.0, 2.0]], np.float32)
    np.testing.assert_array_equal(whole_floats(labels), [[1, 0], [3, 2]])
    assert np.isnan(whole_floats(labels / 2)).any()  # no labels: as they are

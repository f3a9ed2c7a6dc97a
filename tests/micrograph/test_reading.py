"""Files of every kind become the right pixels."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile
from micrograph.scenes import specimen, zeiss_bar
from PIL import Image

from napari_etch.micrograph import MicrographError, read_micrograph

GREY = specimen(96, 130)
RGB = np.stack([GREY, np.roll(GREY, 3, axis=0), 255 - GREY], axis=-1)


def values(dtype):
    """Give 96 × 130 pixels that use the type's range."""
    rng = np.random.default_rng(1)
    if np.dtype(dtype).kind == "f":
        return rng.normal(1e3, 300, (96, 130)).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, (96, 130), dtype=dtype, endpoint=True)


@pytest.mark.parametrize(
    ("dtype", "native"),
    [
        ("uint8", "uint8"),
        ("uint16", "uint16"),
        ("float32", "float32"),
        ("float64", "float32"),
        ("float16", "float32"),
        ("int16", "float32"),
        ("uint32", "float32"),
        ("int32", "float32"),
        ("int64", "float32"),
    ],
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_types(tmp_path, dtype, native, byteorder):
    data = values(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data, byteorder=byteorder)
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert micrograph.data.dtype == native
    assert np.array_equal(micrograph.data, data.astype(native))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "int64", "uint64"])
def test_integers_that_fit_become_uint16(tmp_path, dtype):
    data = (values("uint16") % 100).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data)
    assert read_micrograph(tmp_path / "a.tif").data.dtype == np.uint16


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": 2},
        {"compression": "zlib", "predictor": 2},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "jpeg2000"},
        {"tile": (32, 48)},
        {"tile": (32, 48), "compression": "lzw"},
        {"rowsperstrip": 7},
        {"bigtiff": True},
        {"bigtiff": True, "tile": (16, 16), "compression": "zlib"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_layouts_are_lossless(tmp_path, options, dtype):
    data = values(dtype)
    tifffile.imwrite(tmp_path / "a.tif", data, **options)
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").data, data)


@pytest.mark.parametrize("image", [GREY, RGB], ids=["grey", "rgb"])
def test_jpeg_inside_a_tiff(tmp_path, image):
    smooth = np.full_like(image, 90)
    smooth[30:60] = 160
    tifffile.imwrite(tmp_path / "a.tif", smooth, compression="jpeg")
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert micrograph.data.shape == (96, 130)  # its channels agree
    assert np.abs(micrograph.data.astype(int) - smooth.reshape(96, 130, -1)[..., 0]).max() < 12


def test_one_bit_images_become_black_and_white(tmp_path):
    Image.fromarray(GREY > 110).save(tmp_path / "a.tif")
    Image.fromarray(GREY > 110).save(tmp_path / "a.png")
    for name in ("a.tif", "a.png"):
        data = read_micrograph(tmp_path / name).data
        assert data.dtype == np.uint8
        assert np.array_equal(data, np.where(GREY > 110, 255, 0))


def test_white_is_zero_is_turned_round(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", 255 - GREY, photometric="miniswhite")
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").data, GREY)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
@pytest.mark.parametrize("image", [GREY, RGB], ids=["grey", "rgb"])
def test_lossless_formats(tmp_path, name, image):
    Image.fromarray(image).save(tmp_path / name)
    micrograph = read_micrograph(tmp_path / name)
    assert np.array_equal(micrograph.data, image)
    assert micrograph.name == "a"
    assert micrograph.path == tmp_path / name
    assert micrograph.data.flags.writeable


def test_jpeg_of_a_grey_scene_saved_in_colour_is_grey(tmp_path):
    Image.fromarray(np.stack([GREY] * 3, axis=-1)).save(tmp_path / "a.jpg", quality=95)
    micrograph = read_micrograph(tmp_path / "a.jpg")
    assert micrograph.data.shape == GREY.shape
    assert not micrograph.is_rgb


def test_jpeg_colours(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpeg", quality=95)
    assert read_micrograph(tmp_path / "a.jpeg").is_rgb


def test_deep_png(tmp_path):
    deep = values("uint16")
    colour = np.stack([deep, deep // 2, deep // 3], axis=-1)
    for data in (deep, colour):
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
        assert np.array_equal(read_micrograph(tmp_path / "a.png").data, data)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_alpha_is_dropped(tmp_path, name):
    alpha = np.full(GREY.shape, 7, dtype=np.uint8)
    Image.fromarray(np.dstack([RGB, alpha])).save(tmp_path / name)
    assert np.array_equal(read_micrograph(tmp_path / name).data, RGB)
    Image.fromarray(np.dstack([GREY, alpha])).save(tmp_path / name)
    assert np.array_equal(read_micrograph(tmp_path / name).data, GREY)


def test_grey_valued_colours_collapse(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY] * 3, axis=-1), photometric="rgb")
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").data, GREY)


def test_planar_colours(tmp_path):
    planes = np.moveaxis(RGB, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").data, RGB)


def palette(*, tinted: bool) -> np.ndarray:
    ramp = np.repeat(np.arange(256)[None] * 257, 3, axis=0).astype(np.uint16)
    if tinted:  # as the Zeiss software does
        ramp[1, ::9] = np.minimum(65535, ramp[1, ::9].astype(int) + 9000)
    return ramp


@pytest.mark.parametrize("tinted", [False, True])
def test_a_grey_palette_gives_indices(tmp_path, tinted):
    tifffile.imwrite(
        tmp_path / "a.tif", GREY, photometric="palette", colormap=palette(tinted=tinted)
    )
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").data, GREY)


def test_an_inverse_grey_palette_gives_its_greys(tmp_path):
    colormap = palette(tinted=False)[:, ::-1]
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="palette", colormap=colormap)
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").data, 255 - GREY)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_a_colour_palette_gives_colours(tmp_path, name):
    image = Image.fromarray(RGB).quantize(16)
    image.save(tmp_path / name)
    expected = np.array(image.convert("RGB"))
    assert np.array_equal(read_micrograph(tmp_path / name).data, expected)


def test_the_content_decides_and_not_the_ending(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.jpg", GREY)
    Image.fromarray(GREY).save(tmp_path / "c.bmp")
    (tmp_path / "c.bmp").rename(tmp_path / "c")
    for name in ("a.tif", "b.jpg", "c"):
        assert np.array_equal(read_micrograph(tmp_path / name).data, GREY)


def test_a_thumbnail_and_a_pyramid_are_skipped(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(GREY[::4, ::4], subfiletype=1)
        tif.write(GREY, subifds=1)
        tif.write(GREY[::2, ::2], subfiletype=1)
    assert np.array_equal(read_micrograph(tmp_path / "a.tif").data, GREY)


def test_infinities_become_nan_and_leave_the_mask(tmp_path):
    data = GREY.astype(np.float32)
    data[3, 4], data[5, 6], data[7, 8] = np.nan, np.inf, -np.inf
    tifffile.imwrite(tmp_path / "a.tif", data)
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert np.argwhere(~micrograph.mask).tolist() == [[3, 4], [5, 6], [7, 8]]
    assert np.argwhere(np.isnan(micrograph.data)).tolist() == [[3, 4], [5, 6], [7, 8]]


def test_one_pixel_and_constant_images_are_images(tmp_path):
    for shape in ((1, 1), (1, 40), (40, 1), (40, 50)):
        tifffile.imwrite(tmp_path / "a.tif", np.full(shape, 9, dtype=np.uint8))
        micrograph = read_micrograph(tmp_path / "a.tif")
        assert micrograph.data.shape == shape
        assert not micrograph.grey().any()


def test_the_info_bar_is_masked_unless_it_is_kept(tmp_path):
    Image.fromarray(zeiss_bar(specimen(), 430)).save(tmp_path / "a.png")
    assert read_micrograph(tmp_path / "a.png").info_bar_row == 430
    assert read_micrograph(tmp_path / "a.png", keep_info_bar=True).info_bar_row is None


def test_a_path_may_be_a_string(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    assert read_micrograph(str(tmp_path / "a.png")).path == tmp_path / "a.png"


def test_cmyk_is_refused(tmp_path):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.tif")
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.jpg")
    for name in ("a.tif", "a.jpg"):
        with pytest.raises(MicrographError, match=r"CMYK.*save it as grey or RGB"):
            read_micrograph(tmp_path / name)


def test_development_images_of_every_set_are_read(dev_data):
    shapes = {
        "steel-optical/image.png": (600, 800),
        "sem-etched/labelled/070_image.png": (703, 1024),
        "nickel-ebsd/image.png": (243, 359),
        "precipitates/fesem_image.png": (512, 512),
        "particles-sem/1908248.tif": (768, 1024),
    }
    for name, shape in shapes.items():
        micrograph = read_micrograph(dev_data / name)
        assert micrograph.data.shape == shape
        assert micrograph.data.dtype == np.uint8
    # indices of the palette, not its tinted colours
    indices = tifffile.imread(dev_data / "particles-sem/1908248.tif")
    assert np.array_equal(read_micrograph(dev_data / "particles-sem/1908248.tif").data, indices)


@pytest.mark.parametrize("ending", ["jpg", "tif", "png"])
def test_pixels_stay_where_they_are_stored(tmp_path, ending):
    """Viewers turn photographs by their EXIF orientation; napari and label maps do not."""
    image = Image.new("L", (80, 40))
    image.paste(200, (0, 0, 80, 10))
    held = image.getexif()
    held[274] = 6
    image.save(tmp_path / f"photo.{ending}", exif=held)
    data = read_micrograph(tmp_path / f"photo.{ending}").data
    assert data.shape == (40, 80) and data[5, 40] > 150 > data[30, 40]

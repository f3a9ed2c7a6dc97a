"""Pixel sizes from every source, and none from sources that mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from micrograph.scenes import specimen
from PIL import Image

from napari_etch.micrograph import (
    Calibration,
    MicrographError,
    calibration_from_line,
    micrograph_from_array,
    read_micrograph,
)

GREY = specimen(64, 80)


def write(path, *tags, **options):
    """Write `GREY` with extra ASCII tags and no metadata of tifffile's own."""
    extra = [(code, 2, 0, text.encode("latin-1"), True) for code, text in tags]
    options.setdefault("metadata", None)
    tifffile.imwrite(path, GREY, extratags=extra, **options)
    return path


def zeiss(*lines):
    return 34118, "\r\n".join(["0", "0", "0", "1e-09", *lines]) + "\r\n"


ZEISS_BOTH = zeiss(
    "AP_PIXEL_SIZE", "Pixel Size = 14.69 nm", "AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 7.344 nm"
)
FEI = (
    "[Beam]\r\nHV=5000\r\n[Scan]\r\nPixelWidth={w}\r\nPixelHeight={h}\r\n"
    "[Image]\r\nResolutionY=56\r\n"
)


@pytest.mark.parametrize(
    ("text", "um"),
    [
        (ZEISS_BOTH, 0.007344),
        (zeiss("AP_PIXEL_SIZE", "Pixel Size = 1.125 µm"), 1.125),
        (zeiss("AP_IMAGE_PIXEL_SIZE", "Image Pixel Size = 250.5 pm"), 0.0002505),
        (zeiss("AP_MAG", "Mag = 500 X"), 0.001),  # the unnamed header, in metres
    ],
)
def test_zeiss(tmp_path, text, um):
    micrograph = read_micrograph(write(tmp_path / "a.tif", text, resolution=(1, 1)))
    assert micrograph.pixel_size_um == pytest.approx(um)
    assert micrograph.calibration.source == "Zeiss tag 34118"


@pytest.mark.parametrize("tag", [34680, 34682])
def test_fei(tmp_path, tag):
    path = write(tmp_path / "a.tif", (tag, FEI.format(w="2.5e-08", h="2.5e-008")))
    micrograph = read_micrograph(path)
    assert micrograph.pixel_size_um == pytest.approx(0.025)
    assert micrograph.calibration.source == f"FEI/Thermo tag {tag}"
    assert micrograph.info_bar_row == 56
    assert read_micrograph(path, keep_info_bar=True).info_bar_row is None


def test_tescan_tag(tmp_path):
    text = "\x01\x00[MAIN]\r\nPixelSizeX=9.7e-008\r\nPixelSizeY=9.7e-008\r\nImageStripSize=6\r\n"
    extra = [(50431, 1, len(text), text.encode("latin-1"), True)]
    tifffile.imwrite(tmp_path / "a.tif", GREY, extratags=extra, metadata=None)
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert micrograph.pixel_size_um == pytest.approx(0.097)
    assert micrograph.calibration.source == "Tescan tag 50431"
    assert micrograph.info_bar_row == 58


@pytest.mark.parametrize("name", ["a.hdr", "a-png.hdr", "a.png.hdr", "a.HDR"])
def test_tescan_header_file(tmp_path, name):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / name).write_text("[MAIN]\nDevice=MIRA\nPixelSizeX=1.2e-7\nPixelSizeY=1.2e-7\n")
    micrograph = read_micrograph(tmp_path / "a.png")
    assert micrograph.pixel_size_um == pytest.approx(0.12)
    assert micrograph.calibration.source == "Tescan sidecar"


def test_jeol_text_file(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg")
    text = "$CM_FORMAT JEOL-SEM\n$CM_FULL_SIZE {} 60\n$$SM_MICRON_BAR 83\n$$SM_MICRON_MARKER 10um\n"
    (tmp_path / "a.txt").write_text(text.format(80))
    micrograph = read_micrograph(tmp_path / "a.jpg")
    assert micrograph.pixel_size_um == pytest.approx(10 / 83)
    assert micrograph.calibration.source == "JEOL sidecar"
    assert micrograph.info_bar_row == 60
    (tmp_path / "a.txt").write_text(text.format(1280))
    assert read_micrograph(tmp_path / "a.jpg").calibration is None  # the image was resized


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_hitachi_text_file(tmp_path, encoding):
    Image.fromarray(GREY).save(tmp_path / "a.bmp")
    text = "[SemImageFile]\r\nComment=ä\r\nDataSize={}x64\r\nPixelSize=49,61\r\n"
    (tmp_path / "a.txt").write_bytes(text.format(80).encode(encoding))
    micrograph = read_micrograph(tmp_path / "a.bmp")
    assert micrograph.pixel_size_um == pytest.approx(0.04961)
    assert micrograph.calibration.source == "Hitachi sidecar"
    (tmp_path / "a.txt").write_bytes(text.format(2560).encode(encoding))
    assert read_micrograph(tmp_path / "a.bmp").calibration is None


def test_an_unrelated_text_file_says_nothing(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("PixelSize=3\nnotes on specimen 7\n")
    assert read_micrograph(tmp_path / "a.png").calibration is None


@pytest.mark.parametrize(
    ("unit", "um"),
    [("um", 0.25), ("micron", 0.25), ("\\u00B5m", 0.25), ("nm", 0.00025), ("mm", 250)],
)
def test_imagej(tmp_path, unit, um):
    tifffile.imwrite(
        tmp_path / "a.tif", GREY, imagej=True, resolution=(4, 4), metadata={"unit": unit}
    )
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert micrograph.pixel_size_um == pytest.approx(um)
    assert micrograph.calibration.source == "ImageJ"


@pytest.mark.parametrize("unit", ["pixel", ""])
def test_imagej_without_a_length_unit(tmp_path, unit):
    tifffile.imwrite(
        tmp_path / "a.tif", GREY, imagej=True, resolution=(4, 4), metadata={"unit": unit}
    )
    assert read_micrograph(tmp_path / "a.tif").calibration is None


@pytest.mark.parametrize(("unit", "um"), [("µm", 0.31), ("nm", 0.00031), (None, 0.31)])
def test_ome(tmp_path, unit, um):
    metadata = {"PhysicalSizeX": 0.31, "PhysicalSizeY": 0.31}
    if unit:
        metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, metadata=metadata)
    micrograph = read_micrograph(tmp_path / "a.ome.tif")
    assert micrograph.pixel_size_um == pytest.approx(um)
    assert micrograph.calibration.source == "OME-XML"


def test_ome_in_pixels_is_no_calibration(tmp_path):
    metadata = {"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel", "PhysicalSizeYUnit": "pixel"}
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, metadata=metadata | {"PhysicalSizeY": 1})
    assert read_micrograph(tmp_path / "a.ome.tif").calibration is None


@pytest.mark.parametrize(
    ("resolution", "unit", "um"),
    [(40000, "CENTIMETER", 0.25), (101600, "INCH", 0.25), (20000, "CENTIMETER", 0.5)],
)
def test_resolution_tags(tmp_path, resolution, unit, um):
    path = write(tmp_path / "a.tif", resolution=(resolution, resolution), resolutionunit=unit)
    micrograph = read_micrograph(path)
    assert micrograph.pixel_size_um == pytest.approx(um)
    assert micrograph.calibration.source == "TIFF resolution tags"


@pytest.mark.parametrize(
    ("resolution", "unit"),
    [
        (72, "INCH"),
        (96, "INCH"),
        (300, "INCH"),
        (28.35, "CENTIMETER"),
        (37.8, "CENTIMETER"),
        (28, "NONE"),
        (1, "NONE"),
        (0, "INCH"),
        (4000, "NONE"),
    ],
)
def test_resolution_tags_that_mean_nothing(tmp_path, resolution, unit):
    path = write(tmp_path / "a.tif", resolution=(resolution, resolution), resolutionunit=unit)
    assert read_micrograph(path).calibration is None


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.jpg"])
@pytest.mark.parametrize("dpi", [72, 96, 300])
def test_a_screen_or_print_resolution_is_no_calibration(tmp_path, name, dpi):
    Image.fromarray(GREY).save(tmp_path / name, dpi=(dpi, dpi))
    assert read_micrograph(tmp_path / name).calibration is None


def test_png_pixels_per_metre(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png", dpi=(25400 / 0.2252, 25400 / 0.2252))
    micrograph = read_micrograph(tmp_path / "a.png")
    assert micrograph.pixel_size_um == pytest.approx(0.2252, rel=1e-5)
    assert micrograph.calibration.source == "PNG resolution"


def test_pixels_that_are_not_square_are_refused_unless_a_size_is_typed(tmp_path):
    path = write(tmp_path / "a.tif", resolution=(40000, 30000), resolutionunit="CENTIMETER")
    with pytest.raises(MicrographError, match=r"not square \(0.25 × 0.33333 µm.*--pixel-size"):
        read_micrograph(path)
    assert read_micrograph(path, pixel_size_um=0.3).pixel_size_um == 0.3
    path = write(tmp_path / "b.tif", (34682, FEI.format(w="2.5e-08", h="3e-08")))
    with pytest.raises(MicrographError, match="not square"):
        read_micrograph(path)


def test_a_microscope_tag_goes_before_the_resolution(tmp_path):
    path = write(tmp_path / "a.tif", ZEISS_BOTH, resolution=(40000, 40000), resolutionunit=3)
    assert read_micrograph(path).calibration.source == "Zeiss tag 34118"


def test_what_a_file_states_is_known_where_another_size_was_typed(tmp_path):
    path = tmp_path / "steel.tif"
    tifffile.imwrite(
        path, GREY, resolution=(1e4 / 0.2252, 1e4 / 0.2252), resolutionunit="CENTIMETER"
    )
    typed = read_micrograph(path, pixel_size_um=0.5).calibration
    assert typed.conflict == (
        "the file states 0.2252 µm a pixel (TIFF resolution tags); 0.5 as typed was used"
    )
    assert read_micrograph(path, pixel_size_um=0.2251).calibration.conflict == ""
    assert read_micrograph(path).calibration.conflict == ""
    tifffile.imwrite(tmp_path / "silent.tif", GREY)
    assert read_micrograph(tmp_path / "silent.tif", pixel_size_um=0.5).calibration.conflict == ""


def test_a_stack_knows_which_section_states_another_size_than_was_typed(tmp_path):
    tifffile.imwrite(tmp_path / "s1.tif", GREY)
    tifffile.imwrite(
        tmp_path / "s2.tif", GREY, resolution=(1e4 / 0.1, 1e4 / 0.1), resolutionunit="CENTIMETER"
    )
    stack = read_micrograph(tmp_path, pixel_size_um=0.5, stack=True)
    assert stack.pixel_size_um == 0.5
    assert stack.calibration.conflict.startswith("the file states 0.1 µm a pixel")


def test_a_typed_size_goes_before_all_others(tmp_path):
    path = write(tmp_path / "a.tif", ZEISS_BOTH)
    assert read_micrograph(path, pixel_size_um=0.3).calibration == Calibration(0.3, "typed")
    assert micrograph_from_array(GREY, pixel_size_um=0.3).calibration == Calibration(0.3, "typed")
    assert micrograph_from_array(GREY).pixel_size_um is None


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), "wide"])
def test_an_impossible_typed_size(size):
    with pytest.raises(MicrographError, match=r"is not a positive number; give it in µm"):
        micrograph_from_array(GREY, pixel_size_um=size)


@given(
    start=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    angle=st.floats(0, 6.3),
    length=st.floats(2, 1e4),
    um=st.floats(1e-3, 1e4),
)
def test_a_line_over_a_scale_bar(start, angle, length, um):
    end = (start[0] + length * np.sin(angle), start[1] + length * np.cos(angle))
    calibration = calibration_from_line(start, end, um)
    assert calibration.pixel_size_um == pytest.approx(um / length, rel=1e-6)
    assert calibration.source == "scale bar line"


def test_lines_and_lengths_that_say_nothing():
    with pytest.raises(MicrographError, match="0 px long"):
        calibration_from_line((4, 5), (4, 5), 10)
    with pytest.raises(MicrographError, match=r"length -3 is not a positive number"):
        calibration_from_line((4, 5), (4, 50), -3)


def test_zeiss_frames(dev_data):
    for name in ("1908248", "1908258", "1908318", "1908320"):
        micrograph = read_micrograph(dev_data / "particles-sem" / f"{name}.tif")
        assert micrograph.pixel_size_um == pytest.approx(0.007344, rel=1e-9)
        assert micrograph.calibration.source == "Zeiss tag 34118"

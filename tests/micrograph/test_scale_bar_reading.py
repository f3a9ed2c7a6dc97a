"""What a scale bar says is read, in the image and in the information bar, or nothing is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from info_bars import KINDS, any_strip, info_strip, length_of, strip_of
from micrograph.scenes import specimen
from printing import any_print, print_of, printed

from napari_etch.micrograph import Micrograph, micrograph_from_array, read_micrograph
from napari_etch.micrograph.calibration import Calibration
from napari_etch.micrograph.scale_bar import (
    KnownBar,
    ScaleBar,
    find_in_info_bar,
    find_scale_bar,
    micrometres_of,
)
from napari_etch.micrograph.scale_bar.length_text import length_text
from napari_etch.samples import sample_steel


def as_said(label: str) -> str:
    """Return a printed label as it is told: "20um" is "20 µm"."""
    label = label.replace("\u03bc", "µ")  # the Greek letter is printed, too
    for unit in ("µm", "um", "nm", "mm"):
        if label.endswith(unit):
            return f"{label.removesuffix(unit).strip()} {unit.replace('u', 'µ')}"
    raise ValueError(label)


@pytest.mark.parametrize(
    ("read", "text", "um"),
    [
        ("50µm", "50 µm", 50),
        ("20um", "20 µm", 20),
        ("200nm", "200 nm", 0.2),
        ("0.5mm", "0.5 mm", 500),
        ("0,5mm", "0.5 mm", 500),
        ("5.00um", "5.00 µm", 5),
        ("1cm", "1 cm", 10_000),
    ],
)
def test_a_length_is_understood(read, text, um):
    assert length_text(read) == text
    assert micrometres_of(text) == pytest.approx(um)


@pytest.mark.parametrize(
    "read", ["", "50", "µm", "0µm", "05µm", "1,000µm", "20.00??", "?5mm", "5m", "12345nm", "5.mm"]
)
def test_what_is_no_length_is_not_guessed(read):
    assert length_text(read) is None


@pytest.mark.parametrize("label", ["50 µm", "2 mm", "200 nm", "0.5 mm", "20um", "10 µm"])
@pytest.mark.parametrize("font", ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif"])
def test_a_burned_in_bar_is_read(label, font):
    made = printed(specimen(), print_of(label=label, font=font, box="filled", size=0.06))
    found = find_scale_bar(made.image)
    assert found.text == as_said(label)
    size = micrometres_of(found.text) / made.length
    assert found.pixel_size_um == pytest.approx(size, rel=0.02)


def test_a_reading_is_right_or_there_is_none():
    steel, read = np.asarray(sample_steel().data), 0
    for number in range(30):
        how = any_print(number)
        found = find_scale_bar(printed(steel, how).image)
        if found is not None and found.text:
            assert found.text == as_said(how.label), how
            read += 1
    assert read >= 15


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_dark", [True, False])
def test_the_bar_in_an_information_bar_is_read(kind, is_dark):
    how = strip_of(kind=kind, is_dark=is_dark, size=20, length=150, label="5 µm")
    found = find_in_info_bar(info_strip(how))
    assert found.text == "5 µm"
    assert found.length == pytest.approx(length_of(how), abs=1)


def test_a_reading_in_an_information_bar_is_right_or_there_is_none():
    read = 0
    for number in range(40):
        how = any_strip(number)
        found = find_in_info_bar(info_strip(how))
        if found is not None:
            assert found.text == as_said(how.label), how
            assert found.length == pytest.approx(length_of(how), abs=2), how
            read += 1
    assert read >= 28


def test_other_lengths_in_an_information_bar_are_no_scale():
    strip = info_strip(strip_of())
    without = strip.copy()
    without[:, 700:] = 0  # the working distance and the magnification are left
    assert find_in_info_bar(without) is None


def test_two_bars_that_contradict_each_other_say_nothing():
    one, other = info_strip(strip_of()), info_strip(strip_of(label="5 µm"))
    assert find_in_info_bar(np.vstack([one, np.zeros_like(one), other])) is None


@pytest.mark.parametrize(
    "strip",
    [np.zeros((40, 300), np.uint8), np.zeros((2, 2), np.uint8), np.full((40, 300), np.nan)],
    ids=["blank", "tiny", "nothing"],
)
def test_an_empty_strip_says_nothing(strip):
    assert find_in_info_bar(strip) is None


def test_colours_and_floats_are_read_alike():
    strip = info_strip(strip_of())
    for other in (np.stack([strip] * 3, -1), strip.astype(np.float32) * 100):
        assert find_in_info_bar(other) == find_in_info_bar(strip)


def under_specimen(how=None, **known) -> Micrograph:
    strip = info_strip(how or strip_of())
    image = np.vstack([specimen(500, strip.shape[1]), strip])
    return micrograph_from_array(image, keep_info_bar=False, **known)


def test_an_unknown_pixel_size_is_what_the_bar_says():
    made = under_specimen()
    assert made.printed_scale.pixel_size_um == pytest.approx(0.002, rel=0.02)
    assert made.printed_scale.bar.top > made.info_bar_row
    assert made.printed_scale_words() == ("the scale bar says 200 nm over 100 px, 0.002 µm a pixel")


def test_a_pixel_size_that_agrees_is_no_news():
    assert under_specimen(pixel_size_um=0.00203).printed_scale_words() == ""


def test_a_pixel_size_that_is_contradicted_is_told():
    assert under_specimen(pixel_size_um=0.5).printed_scale_words().endswith("but 0.5 µm was used")


def test_a_kept_information_bar_is_not_asked():
    image = np.vstack([specimen(500, 1024), info_strip(strip_of())])
    assert micrograph_from_array(image).printed_scale is None


def test_what_a_bar_says_goes_with_it():
    bar = find_scale_bar(printed(specimen(), print_of(box="filled")).image)
    assert bar.text == "50 µm"
    assert ScaleBar.from_json(bar.to_json()) == bar
    before = {name: value for name, value in bar.to_json().items() if name != "text"}
    assert ScaleBar.from_json(before) == replace(bar, text="")
    made = Micrograph(specimen(), "steel", Calibration(1, "typed"), bars=(KnownBar(bar),))
    assert made.printed_scale == bar


def test_zeiss_frames_say_what_their_tags_say(dev_data: Path):
    for path in sorted((dev_data / "particles-sem").glob("???????.tif")):
        made = read_micrograph(path)
        assert made.printed_scale.text == "200 nm"
        assert made.printed_scale.pixel_size_um == pytest.approx(made.pixel_size_um, rel=0.02)
        assert made.printed_scale_words() == ""

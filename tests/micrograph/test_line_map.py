"""Boundary maps of any dtype and polarity come out alike; micrographs are told from them."""

import numpy as np
import pytest

from napari_etch.micrograph import MicrographError
from napari_etch.micrograph.line_map import (
    kind_of_picture,
    lines_of_grains,
    looks_labelled,
    read_line_map,
)

LINES = np.zeros((40, 50), bool)
LINES[20, 3:], LINES[:, 25] = True, True
SOFT = np.clip(LINES * 0.8 + 0.02 * np.random.default_rng(0).random(LINES.shape), 0, 1)

MAPS = {
    "published": np.where(LINES, 0, 255).astype(np.uint8),
    "bright": LINES.astype(np.uint8) * 255,
    "ones": LINES.astype(np.uint8),
    "bool": LINES,
    "colour": np.repeat(np.where(LINES, 0, 255).astype(np.uint8)[..., None], 3, -1),
    "sixteen bits": np.where(LINES, 60000, 100).astype(np.uint16),
    "probability": SOFT.astype(np.float32),
    "interior probability": (1 - SOFT).astype(np.float64),
}


@pytest.mark.parametrize("name", MAPS)
def test_lines_are_found_whatever_the_map_looks_like(name):
    found = read_line_map(MAPS[name])
    assert np.array_equal(found.lines, LINES)
    assert found.strength.dtype == np.float32 and found.strength.min() >= 0
    assert found.polarity == (
        "dark" if name in ("published", "colour", "interior probability") else "bright"
    )
    assert kind_of_picture(MAPS[name]) == "map"


def test_a_given_polarity_is_followed():
    assert np.array_equal(read_line_map(MAPS["bright"], "dark").lines, ~LINES)


def test_a_probability_map_keeps_its_values():
    assert np.allclose(read_line_map(MAPS["probability"]).strength, SOFT, atol=1e-6)


def test_pixels_without_a_value_are_off_the_field():
    picture = MAPS["probability"].copy()
    picture[:5] = np.nan
    found = read_line_map(picture)
    assert not found.mask[:5].any() and not found.lines[:5].any()
    assert np.array_equal(found.lines[5:], LINES[5:])


@pytest.mark.parametrize("value", [0, 255, 77])
@pytest.mark.parametrize("polarity", ["auto", "dark", "bright"])
def test_a_flat_picture_has_no_lines(value, polarity):
    picture = np.full((9, 9), value, np.uint8)
    assert kind_of_picture(picture) == "map"
    assert not read_line_map(picture, polarity).lines.any()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.5])
def test_a_flat_probability_is_no_line_but_where_it_is_bright_is_asked_for(value):
    flat = np.full((9, 9), value, np.float32)
    assert not read_line_map(flat, "auto").lines.any()


@pytest.mark.parametrize("polarity", ["auto", "dark", "bright"])
def test_a_picture_without_any_value_has_no_lines_and_no_field(polarity):
    found = read_line_map(np.full((9, 9), np.nan, np.float32), polarity)
    assert not found.lines.any() and not found.mask.any() and not found.strength.any()


@pytest.mark.parametrize("picture", [np.eye(9, dtype=complex), np.full((9, 9), "line")])
def test_what_holds_no_grey_values_is_refused_in_a_sentence(picture):
    with pytest.raises(MicrographError, match="grey values"):
        kind_of_picture(picture)
    with pytest.raises(MicrographError, match="grey values"):
        read_line_map(picture)


def test_an_empty_grain_map_is_refused_in_a_sentence():
    with pytest.raises(MicrographError, match=r"not \(0, 5\)"):
        lines_of_grains(np.zeros((0, 5), int))


def test_a_micrograph_is_not_taken_for_a_map(dev_data):
    from skimage.io import imread

    for path in ("steel-optical/image.png", "sem-etched/labelled/070_image.png"):
        assert kind_of_picture(imread(dev_data / path)) == "micrograph"


@pytest.mark.parametrize("kind", ["u1", ">u2", "i4", "f2", "f4", "f8"])
def test_a_grain_map_is_told_by_its_numbers_not_by_their_type(kind):
    grains = np.arange(1, 13).reshape(3, 4).repeat(20, 0).repeat(30, 1).astype(kind)
    assert kind_of_picture(grains) == "grains"
    assert looks_labelled(np.pad(grains, 5)) and not looks_labelled(np.tile(grains, (9, 9)))
    assert not looks_labelled(grains - grains.dtype.type(0.5) if kind[0] == "f" else grains // 4)
    assert not looks_labelled(np.stack([grains] * 3, axis=-1))


def test_neither_noise_nor_single_bright_pixels_are_labels():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (200, 200), np.uint8)
    sparks = np.zeros((200, 200), np.uint16)
    sparks.ravel()[rng.choice(40000, 40, replace=False)] = rng.choice(5000, 40, replace=False)
    empty = np.zeros((0, 5), np.uint8), np.full((20, 20), np.nan)
    assert not any(looks_labelled(each) for each in (noise, sparks, *empty))


def test_noise_is_no_map():
    assert kind_of_picture(np.random.default_rng(0).normal(size=(50, 50))) == "micrograph"


def test_lines_of_a_grain_map_are_its_zeros_and_its_edges():
    grains = np.ones((6, 8), np.int32)
    grains[:, 4:] = 2
    grains[2] = 0
    lines = lines_of_grains(grains).lines
    assert lines[2].all() and lines[:, 3].all() and not lines[0, :3].any()
    assert not lines_of_grains(np.zeros((4, 4), int)).lines.any()


def test_where_a_grain_map_has_no_grain_is_no_line():
    grains = np.ones((100, 120), np.int32)
    grains[:, 60:] = 2
    grains[:, 58:61] = 0
    grains[70:] = 0
    found = lines_of_grains(grains)
    assert not found.mask[70:].any() and found.mask[:68].all()
    assert found.lines[:68, 58:61].all() and not found.lines[~found.mask].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: read_line_map(LINES, "grey"), "polarity"),
        (lambda: read_line_map(np.zeros((3, 4, 5, 6))), "one picture"),
        (lambda: read_line_map(np.zeros((7, 20, 30))), "sections of a stack"),
        (lambda: lines_of_grains(np.zeros((4, 4))), "whole numbers"),
    ],
)
def test_what_is_no_map_is_refused(call, message):
    with pytest.raises(MicrographError, match=message):
        call()

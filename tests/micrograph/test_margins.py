from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from napari_etch.micrograph.margins import Margins, find_margins


def specimen(height=120, width=160):
    return np.random.default_rng(0).integers(60, 200, (height, width)).astype(np.uint8)


def on_a_page(level, sides=(20, 10, 30, 5)):
    top, bottom, left, right = sides
    return np.pad(specimen(), ((top, bottom), (left, right)), constant_values=level)


@pytest.mark.parametrize("level", [0, 120, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_page_around_a_micrograph_is_its_margin(level, dtype):
    found = find_margins(on_a_page(level).astype(dtype))
    assert found == Margins(20, 10, 30, 5)
    assert found.words() == (
        "20 px at the top, 10 px at the bottom, 30 px on the left, 5 px on the right"
    )


def test_a_picture_of_two_values_may_be_bool():
    found = find_margins(np.pad(specimen() > 120, 8))
    assert min(found.top, found.bottom, found.left, found.right) >= 8


def test_margins_are_found_after_a_jpeg():
    file = io.BytesIO()
    Image.fromarray(on_a_page(0, (40, 40, 40, 40))).save(file, "JPEG", quality=60)
    found = find_margins(np.asarray(Image.open(file)))
    for width in (found.top, found.bottom, found.left, found.right):
        assert 32 <= width <= 40


@pytest.mark.parametrize(
    "grey",
    [
        specimen(),
        np.full((80, 80), 7, np.uint8),  # blank as a whole
        np.pad(specimen(), 1),  # a line around it
        np.full((60, 60), np.nan, np.float32),
        specimen(1, 200),
        specimen(200, 1),
    ],
    ids=["specimen", "blank", "line", "nan", "row", "column"],
)
def test_what_has_no_margin_has_none(grey):
    assert not find_margins(grey)

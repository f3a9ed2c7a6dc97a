"""From what is visible to what is previewed and back, and what is refused before a fit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_etch._widgets.job import Region, Source
from napari_etch._widgets.train_job import (
    MOST_PREVIEW,
    FitSettings,
    Part,
    default_title,
    fit_refusal,
    request_maker,
    window_in_image,
    window_in_part,
)


def part(height: int, width: int, region: Region | None = None) -> Part:
    # zeros of stride 0: as large as wanted, and no memory
    return Part(Source(np.broadcast_to(np.uint8(0), (height, width)), "steel"), "1", region)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    top, left = draw(st.integers(0, 2000)), draw(st.integers(0, 2000))
    return Region(top, left, top + draw(st.integers(1, 2000)), left + draw(st.integers(1, 2000)))


@given(regions(), regions())
def test_a_preview_lies_in_what_is_visible_and_learnt(learnt: Region, seen: Region) -> None:
    one = part(4000, 4000, learnt)
    window = window_in_part(one, seen)
    top, bottom = max(learnt.top, seen.top), min(learnt.bottom, seen.bottom)
    left, right = max(learnt.left, seen.left), min(learnt.right, seen.right)
    if bottom <= top or right <= left:
        assert window is None
        return
    assert window is not None
    back = window_in_image(one, window)
    assert top <= back.top < back.bottom <= bottom
    assert left <= back.left < back.right <= right
    height, width = back.shape
    assert height * width <= MOST_PREVIEW
    if (bottom - top) * (right - left) <= MOST_PREVIEW:
        assert back == Region(top, left, bottom, right)
    else:  # in the middle of the view
        assert abs((back.top + back.bottom) - (top + bottom)) <= 2
        assert abs((back.left + back.right) - (left + right)) <= 2


def test_the_window_counts_from_the_corner_of_the_region() -> None:
    one = part(100, 100, Region(10, 20, 60, 70))
    assert window_in_part(one, Region(0, 0, 100, 100)) == (slice(0, 50), slice(0, 50))
    assert window_in_part(one, Region(30, 0, 100, 40)) == (slice(20, 50), slice(0, 20))


def test_what_cannot_be_fitted_is_one_sentence() -> None:
    assert "megapixels" in fit_refusal(FitSettings((part(20_000, 20_000),)))
    assert "outside" in fit_refusal(FitSettings((part(9, 9, Region(9, 9, 9, 9)),)))
    assert fit_refusal(FitSettings((part(9, 9), part(8, 8)), title="new")) == ""


def test_the_request_holds_only_the_region_and_the_pixel_size() -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    one = Part(Source(pixels, "steel", pixel_size_um=0.5), "1", Region(2, 3, 6, 8))
    request = request_maker(FitSettings((one,), start="generalist", minutes=1.5))()
    [micrograph] = request.micrographs
    np.testing.assert_array_equal(micrograph.data, pixels[2:6, 3:8])
    assert (micrograph.name, micrograph.pixel_size_um) == ("steel", 0.5)
    assert (request.start, request.minutes, request.regions) == ("generalist", 1.5, None)


def test_a_model_is_named_after_its_first_image() -> None:
    assert default_title(["steel", "steel 2"]) == "steel"
    assert default_title(["generalist"]) == "generalist 2"
    assert default_title([]) == ""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_etch.inference import plan_tiles
from napari_etch.inference.tiles import pad_to_stride

plans = st.tuples(
    st.sampled_from([1, 2, 8, 16]),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(0, 70),
    st.integers(1, 400),
)


@settings(deadline=None, max_examples=150)
@given(plans)
def test_cores_cover_every_pixel_once_and_see_their_margin(plan_of: tuple[int, ...]) -> None:
    stride, rows, columns, margin, tile = plan_of
    height, width = rows * stride, columns * stride
    plan = plan_tiles(height, width, stride=stride, margin=margin, tile=tile)
    seen = np.zeros((height, width), int)
    for window in plan.windows:
        seen[window.core_y, window.core_x] += 1
        for origin, core, side, size in (
            (window.y, window.core_y, plan.window_shape[0], height),
            (window.x, window.core_x, plan.window_shape[1], width),
        ):
            assert origin % stride == core.start % stride == core.stop % stride == 0
            assert 0 <= origin <= origin + side <= size
            assert core.start - origin >= margin or core.start == origin == 0
            assert origin + side - core.stop >= margin or core.stop == origin + side == size
    assert (seen == 1).all()


@settings(deadline=None, max_examples=150)
@given(plans)
def test_windows_keep_to_the_tile_where_that_is_possible(plan_of: tuple[int, ...]) -> None:
    stride, rows, columns, margin, tile = plan_of
    height, width = rows * stride, columns * stride
    plan = plan_tiles(height, width, stride=stride, margin=margin, tile=tile)
    least = 2 * (-(-margin // stride) * stride) + stride
    smallest = min(least, height) * min(least, width)
    assert plan.window_area <= max(tile * tile, smallest)
    if height * width <= tile * tile:
        assert plan.window_shape == (height, width)
        assert len(plan.windows) == 1


def test_a_large_image_costs_little_more_than_its_own_pixels() -> None:
    plan = plan_tiles(4096, 4096, stride=16, margin=112, tile=1536)
    assert len(plan.windows) * plan.window_area <= 1.25 * 4096**2


def test_windows_are_balanced_rather_than_a_sliver_at_the_end() -> None:
    plan = plan_tiles(1040, 1040, stride=16, margin=0, tile=1024)
    areas = [
        (w.core_y.stop - w.core_y.start) * (w.core_x.stop - w.core_x.start) for w in plan.windows
    ]
    assert min(areas) >= 0.9 * max(areas)


@pytest.mark.parametrize(("size", "expected"), [(1, [5, 5, 5, 5]), (3, [5, 6, 7, 6])])
def test_padding_reflects_and_repeats_the_edge_where_too_small(
    size: int, expected: list[int]
) -> None:
    row = np.arange(5, 5 + size, dtype=np.float32)
    padded = pad_to_stride(np.broadcast_to(row, (2, 4, size)), 4)
    assert padded.shape == (2, 4, 4)
    assert padded[0, 0].tolist() == expected


def test_an_image_that_fits_the_stride_is_not_copied() -> None:
    image = np.zeros((1, 32, 48), np.float32)
    assert pad_to_stride(image, 16) is image


@pytest.mark.parametrize(
    ("height", "stride", "margin", "tile", "words"),
    [
        (30, 16, 0, 64, "multiples of the stride 16"),
        (0, 16, 0, 64, "multiples of the stride 16"),
        (32, 0, 0, 64, "stride 0"),
        (32, 16, -1, 64, "margin -1"),
        (32, 16, 0, 0, "tile 0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(
    height: int, stride: int, margin: int, tile: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        plan_tiles(height, 32, stride=stride, margin=margin, tile=tile)

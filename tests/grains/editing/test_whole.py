"""A whole map is made a tiling."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_etch.grains.editing import EditError, GrainEditor, is_tiling
from napari_etch.grains.editing.whole import make_tiling

MAPS = arrays(
    np.int32,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(0, 3),
)


def repaired(grains: np.ndarray) -> np.ndarray:
    editor = GrainEditor(grains.copy())
    change = editor.repair((slice(None), slice(None)))
    if change is not None:
        editor.apply(change)
    return editor.grains


@given(MAPS, st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_every_label_is_one_piece_as_after_a_repair(small: np.ndarray, zoom: int) -> None:
    grains = small.repeat(zoom, 0).repeat(zoom, 1)
    made = grains.copy()
    make_tiling(made)
    assert is_tiling(made)
    np.testing.assert_array_equal(made > 0, grains > 0)
    assert len(np.unique(made)) == len(np.unique(repaired(grains)))
    again = made.copy()
    make_tiling(again)
    np.testing.assert_array_equal(again, made)


def test_the_largest_piece_keeps_the_number_and_slivers_go_to_a_neighbour() -> None:
    grains = np.ones((20, 30), np.int32)
    grains[:, 10:18] = 2
    grains[5, 14] = 1
    make_tiling(grains, above=40)
    assert grains[5].tolist() == [41] * 10 + [2] * 8 + [1] * 12


def test_a_full_map_is_refused_in_one_sentence() -> None:
    every = np.arange(1, 256, dtype=np.uint8).repeat(9).reshape(255, 9)
    make_tiling(every)
    twice = np.concatenate([every, every[:1]])
    with pytest.raises(EditError, match="All 255 labels that uint8 can hold are in use"):
        make_tiling(twice)


def test_it_takes_a_small_part_of_the_time_of_a_repair() -> None:
    """Who opens a large map waits for it: 15 s at 6000 × 5000 px by way of a repair."""
    rows, columns = np.indices((1500, 1500)) // 12
    grains = (1 + (rows * 125 + columns) * 7919 % 10007).astype(np.int32)
    times = []
    for make in (make_tiling, repaired):
        began = time.process_time()
        make(grains.copy())
        times.append(time.process_time() - began)
    assert times[0] < times[1] / 2

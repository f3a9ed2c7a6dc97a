from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_etch.corrections.runs import decode, encode

KINDS = [np.int32, np.uint16, np.int64, np.uint8, np.dtype(">i4")]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_integer_array_comes_back(kind: np.dtype, data: st.DataObject) -> None:
    shape = data.draw(array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6))
    values = data.draw(arrays(kind, shape))
    back = decode(encode(values))
    assert back.dtype == np.dtype(kind).newbyteorder("=")
    np.testing.assert_array_equal(back, values)


def test_grains_take_little_space(grains: np.ndarray) -> None:
    assert len(encode(np.kron(grains, np.ones((8, 8), np.int32)))) < grains.nbytes / 4


def test_what_is_unpacked_can_be_painted_on(grains: np.ndarray) -> None:
    back = decode(encode(grains[3:9, 5:20]))
    back[0, 0] = 99
    assert back[0, 0] == 99

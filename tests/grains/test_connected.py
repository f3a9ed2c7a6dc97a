"""Pieces of a map that is read in strips are those of the whole."""

import cc3d
import numpy as np
import pytest

from napari_etch.grains import connected as module
from napari_etch.grains.connected import connected


@pytest.mark.parametrize("strip", [1, 60, 333, 1 << 22])
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_strips_give_the_pieces_of_the_whole(monkeypatch, strip, dtype):
    monkeypatch.setattr(module, "STRIP", strip)
    values = np.random.default_rng(3).integers(0, 4, (40, 30)).repeat(2, 0).astype(dtype)
    pieces = connected(values)
    whole = cc3d.connected_components(values, connectivity=4)
    assert pieces.dtype == np.int32 and pieces.shape == values.shape
    both = np.unique(np.stack([pieces.ravel(), whole.ravel()]), axis=1)
    assert both.shape[1] == whole.max() + 1 == pieces.max() + 1  # one to one
    assert ((pieces == 0) == (values == 0)).all()


def test_a_map_without_pieces_stays_empty(monkeypatch):
    monkeypatch.setattr(module, "STRIP", 10)
    assert not connected(np.zeros((9, 5), np.int32)).any()

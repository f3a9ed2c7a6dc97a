from __future__ import annotations

import mmap

import numpy as np

from napari_etch.micrograph import large, write_tiff
from napari_etch.micrograph.large import let_go, room_for


def test_a_small_array_is_memory_and_a_large_one_a_file(monkeypatch):
    small = room_for((4, 5), np.float32)
    assert small.base is None
    monkeypatch.setattr(large, "LARGE", 1000)
    array = room_for((3, 20, 20), np.int32)
    assert isinstance(array.base, mmap.mmap)
    assert array.shape == (3, 20, 20)
    assert not array.any()


def test_a_stack_from_a_file_is_written_as_any_other(monkeypatch, tmp_path):
    values = np.random.default_rng(0).random((5, 40, 30)).astype(np.float32)
    monkeypatch.setattr(large, "LARGE", 1000)
    array = room_for(values.shape, np.float32)
    array[:] = values
    write_tiff(tmp_path / "file.tif", array, pixel_size_um=0.5)
    write_tiff(tmp_path / "memory.tif", values, pixel_size_um=0.5)
    assert (tmp_path / "file.tif").read_bytes() == (tmp_path / "memory.tif").read_bytes()


def test_values_outlive_the_memory_that_is_given_back(monkeypatch):
    monkeypatch.setattr(large, "LARGE", 1000)
    array = room_for((3, 200, 200), np.int32)
    array[1] = 7
    let_go(array)
    assert (array[1] == 7).all()
    assert not array[[0, 2]].any()
    let_go(np.zeros(3))

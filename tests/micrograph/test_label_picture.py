"""Label maps with a palette are numbers wherever maps are read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from napari_etch.cli.maps import load_map
from napari_etch.micrograph.label_picture import read_label_picture
from napari_etch.micrograph.serial import open_grain_stack
from napari_etch.training.dinov2 import _raw_labels

GRAINS = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((8, 8), int)).astype(np.uint8)


def with_palette(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(GRAINS, mode="P")
    picture.putpalette(np.random.default_rng(1).integers(0, 256, 768).tolist())
    picture.save(path)
    return path


def test_a_palette_is_for_the_eye(tmp_path):
    path = with_palette(tmp_path / "labels" / "a.png")
    np.testing.assert_array_equal(read_label_picture(path), GRAINS)
    np.testing.assert_array_equal(load_map(path), GRAINS)
    pair = SimpleNamespace(source="a", section=None)
    np.testing.assert_array_equal(_raw_labels(tmp_path, pair), GRAINS)


def test_sections_may_have_a_palette(tmp_path):
    for number in range(3):
        with_palette(tmp_path / f"s_{number}.png")
    stack = open_grain_stack(tmp_path)
    assert stack.shape == (3, *GRAINS.shape)
    np.testing.assert_array_equal(stack[1], GRAINS)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.uint16])
def test_other_pictures_keep_their_type_and_may_be_written_to(tmp_path, dtype):
    values = (GRAINS > 3) if dtype is np.bool_ else GRAINS.astype(dtype) * 20
    Image.fromarray(values.astype(dtype)).save(tmp_path / "a.png")
    found = read_label_picture(tmp_path / "a.png")
    assert found.dtype == dtype and found.flags.writeable
    np.testing.assert_array_equal(found, values)

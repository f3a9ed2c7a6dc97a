"""Results are called as their image, also when that gets another name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_etch._widgets.import_layers import ignored_of
from napari_etch._widgets.layers import METADATA_KEY
from napari_etch._widgets.namesakes import Namesakes

MAP = np.zeros((20, 30), np.uint8)


@pytest.fixture
def viewer() -> Iterator[Any]:
    viewer = ViewerModel()
    kept = [Namesakes(viewer.layers) for _dock in "ab"]
    for each in kept:
        viewer.layers.events.connect(each.hear)
    yield viewer
    assert kept  # events hold their listeners weakly


def add_result(viewer: Any, name: str, source: Layer, said: str) -> Layer:
    made = {"kind": "grains", "source": said, "source_id": str(source.unique_id)}
    layer: Layer = viewer.add_labels(MAP.copy(), name=name, metadata={METADATA_KEY: made})
    return layer


def test_results_are_called_as_their_image(viewer: Any) -> None:
    image, other = viewer.add_image(MAP, name="steel"), viewer.add_image(MAP, name="steel 2")
    made = {METADATA_KEY: {"kind": "boundary", "source_id": str(image.unique_id)}}
    boundary = viewer.add_image(MAP, name="steel · boundary", metadata=made)
    grains = add_result(viewer, "steel · grains", image, "steel")
    add_result(viewer, "steel · closed grains", boundary, "steel · boundary")
    add_result(viewer, "my own", image, "steel")
    add_result(viewer, "steel 2 · grains", other, "steel 2")
    image.name = "A36"
    assert [layer.name for layer in viewer.layers] == [
        *("A36", "steel 2", "A36 · boundary", "A36 · grains", "A36 · closed grains"),
        *("my own", "steel 2 · grains"),
    ]
    assert grains.metadata[METADATA_KEY]["source"] == "A36"
    grains.name = "final"  # a result that is renamed takes nothing along
    assert image.name == "A36"


def test_a_painted_ignore_layer_stays_with_its_image(viewer: Any) -> None:
    image, other = (viewer.add_image(MAP, name=name) for name in ("steel", "other"))
    viewer.add_image(MAP, name="steel · deep")
    mask = viewer.add_labels(np.ones_like(MAP), name="steel · ignore")
    viewer.add_labels(MAP, name="steel · deep · ignore")
    image.name = "A36"
    assert mask.name == "A36 · ignore"
    assert "steel · deep · ignore" in viewer.layers
    assert ignored_of(viewer.layers, image) is not None
    assert ignored_of(viewer.layers, other) is None

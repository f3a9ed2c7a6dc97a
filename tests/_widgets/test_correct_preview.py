"""What is drawn over a map lies on it, wherever the map lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_etch._widgets.correct_preview import NAME, WIDTH, Preview
from napari_etch._widgets.pixel_size import set_pixel_size

CORNERS = np.array([(0.0, 0.0), (0.0, 47.0), (31.0, 0.0), (31.0, 47.0)])
LINES = np.stack([CORNERS, np.full((4, 2), (1, 2))], axis=1).astype(np.float32)
TILTED = np.array([[0.8, -0.6, 3.0], [0.6, 0.8, -5.0], [0.0, 0.0, 1.0]])
PLACES: dict[str, dict[str, Any]] = {
    "flat": {},
    "turned": {"rotate": 30, "translate": (7, -4)},
    "moved by an affine": {"affine": TILTED},
    "stack": {"scale": (4, 1, 1), "translate": (0, 5, 6)},
    "stack turned in its plane": {"scale": (4, 1, 1), "rotate": (0, 0, 30)},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_lines_move_with_the_map_when_its_pixel_size_is_typed(place: dict[str, Any]) -> None:
    viewer = ViewerModel()
    is_stack = len(place.get("scale", ())) == 3
    shape = (3, 32, 48) if is_stack else (32, 48)
    image = viewer.add_image(np.zeros(shape, np.uint8), **place)
    grains = viewer.add_labels(np.ones(shape, np.int32), **place)
    preview = Preview(viewer)
    preview.keep(grains, walk=LINES)
    for size in (0.25, 40.0):
        set_pixel_size(viewer, image, size)
        layer = viewer.layers[NAME]
        for corner in CORNERS:
            on_map = grains.data_to_world((1, *corner) if is_stack else corner)[-2:]
            np.testing.assert_allclose(layer.data_to_world(corner), on_map)
        assert layer.edge_width * size * preview.zoom() == pytest.approx(WIDTH)
    np.testing.assert_array_equal(layer.data, LINES)


def test_lines_follow_no_map_that_they_do_not_lie_over_any_more() -> None:
    viewer = ViewerModel()
    first, second = (viewer.add_labels(np.ones((32, 48), np.int32)) for _ in range(2))
    preview = Preview(viewer)
    preview.keep(first, walk=LINES)
    preview.keep(second, walk=LINES)
    first.scale = (2, 2)
    np.testing.assert_array_equal(viewer.layers[NAME].scale, (1, 1))
    preview.remove()
    second.scale = (3, 3)
    assert NAME not in viewer.layers

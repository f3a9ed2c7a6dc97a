"""Where the walk of the review looks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_etch._widgets.correct_preview import Preview, ringed
from napari_etch._widgets.correct_walk import Walk
from napari_etch._widgets.tour import View
from napari_etch._widgets.view import USUAL_CANVAS, camera_of

#: A boundary in two pieces: its middle is a pixel of the first.
PIECES = np.array([((90, 40), (0, 30)), ((90, 460), (0, 30))], np.float32)
#: One that bends: most of it is at one end.
HOOK = np.array([((20, 20), (0, 12)), ((20, 20), (12, 0)), ((20, 32), (0, 300))], np.float32)
#: A short one at the frame of the image, in its ring.
RINGED = ringed(np.array([((200, 590), (0, 8))], np.float32))


class OneStop:
    """A tour of one stop."""

    def __init__(self, view: View) -> None:
        self._view = view

    def start(self, _done: Any) -> bool:
        return True

    def next(self, passed: Any) -> Any:
        return (1, 2)

    def is_open(self, _stop: Any) -> bool:
        return True

    def view(self, _stop: Any) -> View:
        return self._view


@pytest.mark.parametrize("zoom", [0.1, 1.0, 4.0, 40.0])
@pytest.mark.parametrize(
    "lines", [PIECES, HOOK, RINGED], ids=["two pieces", "hook", "ring at the frame"]
)
@pytest.mark.parametrize("place", [{}, {"scale": (0.3, 0.3), "rotate": 30}], ids=["flat", "turned"])
def test_all_of_what_is_marked_is_in_sight(place: Any, lines: np.ndarray, zoom: float) -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(np.ones((400, 600), np.int32), **place)
    view = View({"walk": lines}, int(lines[0, 0, 0]), int(lines[0, 0, 1]), 60.0, "")
    walk = Walk(viewer, Preview(viewer))
    session = SimpleNamespace(layer=layer, section=0, tour=OneStop(view))
    walk.watch(cast("Any", session))
    camera = camera_of(viewer)
    camera.zoom = zoom
    walk.go()
    half = np.asarray(viewer.canvas.size if hasattr(viewer, "canvas") else USUAL_CANVAS)
    half = half / (2 * camera.zoom)
    ends = np.concatenate([lines[:, 0], lines.sum(axis=1)])
    world = np.array([layer.data_to_world(end) for end in ends])
    assert (np.abs(world - camera.center[-2:]) <= half + 1e-6).all()

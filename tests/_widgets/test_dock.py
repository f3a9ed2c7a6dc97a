"""A dock that is closed ends at once, and not when Python's garbage collector finds it."""

from __future__ import annotations

import gc

import numpy as np
import pytest

NAMES = ("Segment", "Correct", "Repair", "Measure", "Track", "Fracture", "Train", "Export")


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_dock_ends_without_the_garbage_collector(make_napari_viewer, qtbot, name):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((64, 64), np.uint8), name="image")
    frame, dock = viewer.window.add_plugin_dock_widget("napari-etch", name)
    ended = []
    dock.destroyed.connect(ended.append)
    del dock
    gc.disable()  # it used to be what ended a dock, in a way that took napari with it
    try:
        frame.destroyOnClose()  # what the × of its title does
        qtbot.waitUntil(lambda: len(ended) == 1)
    finally:
        gc.enable()
    del ended[:]
    gc.collect()
    viewer.layers.clear()  # nothing listens any more
    assert not ended

"""napari's warning of mixed units comes once, not with every layer of ours."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_etch._widgets.layers import METADATA_KEY
from napari_etch._widgets.measure_dock import MeasureDock
from napari_etch._widgets.units_warning import warn_of_units_once

pytestmark = pytest.mark.gui


def told() -> int:
    return sum("Inconsistent units" in str(each.message) for each in notification_manager.records)


@pytest.fixture
def quiet_records():
    notification_manager.records.clear()
    yield
    notification_manager.records.clear()


@pytest.mark.filterwarnings("ignore:Inconsistent units")
def test_layers_of_ours_do_not_repeat_it(make_napari_viewer, qtbot, quiet_records):
    viewer = make_napari_viewer(show=True)
    image, ours = np.zeros((40, 40), np.uint8), {METADATA_KEY: {"kind": "grains"}}

    def draw() -> None:
        viewer.window._qt_viewer.canvas.native.update()
        qtbot.wait(100)

    viewer.add_image(image, name="first", scale=(0.5, 0.5), units=("um", "um"))
    viewer.window.add_dock_widget(MeasureDock(viewer), name="Measure")
    draw()
    assert told() == 0
    viewer.add_image(image, name="second")
    draw()
    assert told() == 1
    for _ in range(3):
        layer = viewer.add_labels(image.astype(int), metadata=ours)
        draw()
        viewer.layers.remove(layer)
        draw()
    assert told() == 1
    viewer.add_image(image, name="third")  # not ours: napari has the word
    draw()
    assert told() == 2

    viewer.layers.remove("second")
    draw()
    told_before = told()
    viewer.layers.remove("third")  # units agree again
    draw()
    assert told() == told_before
    viewer.add_labels(image.astype(int), metadata=ours)  # the first that differs is told
    draw()
    assert told() == told_before + 1


def test_a_window_that_is_not_napari_s_is_left_alone(qtbot):
    from qtpy.QtWidgets import QWidget

    widget = QWidget()
    qtbot.addWidget(widget)
    warn_of_units_once(widget)

"""A dock that is closed ends at once, and not when Python's garbage collector finds it."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QOpenGLContext
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QListWidget,
    QTabBar,
    QTableView,
)
from superqt import QLabeledSlider

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


@pytest.mark.parametrize("name", NAMES)
def test_a_screen_reader_can_say_what_each_control_is(make_napari_viewer, name):
    """Labels beside them are seen by the eye alone."""
    viewer = make_napari_viewer()
    _frame, dock = viewer.window.add_plugin_dock_widget("napari-etch", name)
    kinds = (QComboBox, QAbstractSpinBox, QListWidget, QTableView, QTabBar, QLabeledSlider)
    typed = [each for each in dock.findChildren(QLineEdit) if not isinstance(each.parent(), kinds)]
    controls = [each for kind in kinds for each in dock.findChildren(kind)]
    nameless = [each.toolTip() for each in (*typed, *controls) if not each.accessibleName()]
    assert controls and not nameless


def test_the_tabs_of_docks_can_be_told_apart(make_napari_viewer, qtbot):
    """Of eight tabs two were called "Tr…"."""
    viewer = make_napari_viewer(show=True)
    frames = [
        viewer.window.add_plugin_dock_widget("napari-etch", name)[0] for name in ("Track", "Export")
    ]
    window = frames[0].parent()
    qtbot.waitUntil(lambda: window.tabifiedDockWidgets(frames[0]) == [frames[1]])
    (bar,) = window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
    assert [bar.tabText(at) for at in range(bar.count())] == ["Track", "Export"]
    assert bar.elideMode() == Qt.TextElideMode.ElideNone
    assert set(viewer.window.dock_widgets) == {"Track (napari-etch)", "Export (napari-etch)"}


def test_docks_opened_at_once_leave_the_window_its_height(make_napari_viewer, qtbot):
    """Below each other, until they share a place, eight were higher than most screens."""
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    window.resize(1200, 700)
    frames = [viewer.window.add_plugin_dock_widget("napari-etch", name)[0] for name in NAMES]
    qtbot.waitUntil(lambda: len(window.tabifiedDockWidgets(frames[0])) == len(NAMES) - 1)
    qtbot.wait(50)  # what grew would stay so
    assert window.height() <= 700


def test_a_removed_layer_is_deleted_in_the_context_of_the_canvas(make_napari_viewer, qtbot):
    """Deleted in another one, its OpenGL programs had napari crash at the next layer."""
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(np.zeros((64, 64), np.uint8))
    frame, _dock = viewer.window.add_plugin_dock_widget("napari-etch", "Export")
    (canvas,) = frame.parent().findChildren(QOpenGLWidget)
    qtbot.waitUntil(canvas.isValid)
    canvas.doneCurrent()
    seen = []
    viewer.layers.events.removed.connect(
        lambda _event: seen.append(QOpenGLContext.currentContext() is canvas.context())
    )
    for floats in (False, True):
        frame.setFloating(floats)
        canvas.doneCurrent()
        viewer.layers.remove(layer)
        viewer.layers.append(layer)
    assert seen == [True, True]

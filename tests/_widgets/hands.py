"""A user's hands: real mouse and key events on napari's canvas."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


class Hands:
    """Moves the mouse over one layer, in pixels of its data, and presses keys."""

    def __init__(self, viewer: Any, layer: Any) -> None:
        self._canvas = viewer.window._qt_viewer.canvas
        self._viewer = viewer
        self._layer = layer
        self._native = self._canvas.native
        viewer.window.show()
        QApplication.processEvents()

    def place(self, row: float, column: float) -> QPoint:
        """Return where on the canvas a pixel of the layer is."""
        data = np.zeros(self._layer.ndim)
        data[-2:] = row, column
        if self._layer.ndim == 3:
            data[0] = self._viewer.dims.current_step[0]
        world = np.asarray(self._layer.data_to_world(data))[-2:]
        view = self._canvas.view
        x, y = (view.transform * view.scene.transform).map([world[1], world[0]])[:2]
        return QPoint(round(x), round(y))

    def move(self, row: float, column: float, modifier: Any = NONE) -> None:
        """Move for certain: on a busy machine the window system may tell it after the next key."""
        QTest.mouseMove(self._native, self.place(row, column))
        QApplication.processEvents()
        self._tell_move(row, column, NO_BUTTON, modifier)

    def click(self, row: float, column: float, modifier: Any = NONE) -> None:
        at = self.place(row, column)
        QTest.mouseMove(self._native, at)
        QTest.mousePress(self._native, LEFT, modifier, at)
        QTest.mouseRelease(self._native, LEFT, modifier, at)
        QApplication.processEvents()

    def double_click(self, row: float, column: float) -> None:
        QTest.mouseDClick(self._native, LEFT, NONE, self.place(row, column))
        QApplication.processEvents()

    def hold(self, key: Any) -> None:
        QTest.keyPress(self._native, key)
        QApplication.processEvents()

    def let_go(self, key: Any) -> None:
        QTest.keyRelease(self._native, key)
        QApplication.processEvents()

    def press(self, row: float, column: float, modifier: Any = NONE) -> None:
        QTest.mousePress(self._native, LEFT, modifier, self.place(row, column))
        QApplication.processEvents()

    def pull(self, *path: tuple[float, float], modifier: Any = NONE) -> None:
        """Move with the button held, as far as the window system tells it."""
        for row, column in path:
            self._tell_move(row, column, LEFT, modifier)

    def _tell_move(self, row: float, column: float, button: Any, modifier: Any) -> None:
        at = QPointF(self.place(row, column))
        spot = QPointF(self._native.mapToGlobal(at.toPoint()))
        event = QMouseEvent(QEvent.Type.MouseMove, at, spot, NO_BUTTON, button, modifier)
        QApplication.sendEvent(self._native, event)
        QApplication.processEvents()

    def release(self, row: float, column: float, modifier: Any = NONE) -> None:
        QTest.mouseRelease(self._native, LEFT, modifier, self.place(row, column))
        QApplication.processEvents()

    def drag(self, *path: tuple[float, float], modifier: Any = NONE, steps: int = 4) -> None:
        """Press, move along straight lines between the points, and release."""
        points = [path[0]]
        for start, stop in pairwise(path):
            points += [tuple(p) for p in np.linspace(start, stop, steps + 1)[1:]]
        self.press(*points[0], modifier)
        self.pull(*points[1:], modifier=modifier)
        self.release(*points[-1], modifier)

    def key(self, key: Any, modifier: Any = NONE) -> None:
        QTest.keyClick(self._native, key, modifier)
        QApplication.processEvents()

    def undo(self) -> None:
        self.key(Qt.Key.Key_Z, CTRL)

    def redo(self) -> None:
        self.key(Qt.Key.Key_Z, CTRL | SHIFT)

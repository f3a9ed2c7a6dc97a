"""Keeps a crash of napari away: what is drawn of a layer is deleted in the canvas' own context.

When a layer is removed, napari 0.9 deletes its OpenGL programs in whatever context is current, or
in none. Some drivers (Mesa's software renderer, and Windows by what users tell) then crash when
the next layer is drawn: after two results were deleted together and the model was run again, napari
was gone with all that was in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDockWidget, QWidget

try:
    from qtpy.QtOpenGLWidgets import QOpenGLWidget
except ImportError:  # Qt 5 has it elsewhere
    from qtpy.QtWidgets import QOpenGLWidget

if TYPE_CHECKING:
    from qtpy.QtCore import QObject


def make_current(near: QObject | None) -> None:
    """Make the context of the canvas current beside which a widget lies.

    Parameters
    ----------
    near : QObject or None
        A widget in a dock; nothing is done for what is in no window.
    """
    window = near.window() if isinstance(near, QWidget) else None
    if isinstance(window, QDockWidget):  # it floats
        beside = window.parent()
        window = beside.window() if isinstance(beside, QWidget) else None
    if window is None:
        return
    for canvas in window.findChildren(QOpenGLWidget):
        if canvas.isValid():  # it was drawn before
            canvas.makeCurrent()
            return

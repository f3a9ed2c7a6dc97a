"""Tabs that can be told apart: with many docks at one side Qt cuts titles to three letters."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabBar

#: What napari puts behind the title of each dock; the title bar of the dock goes on saying it.
_PLUGIN = " (napari-etch)"
#: Less than napari's own to the left and right of each title: so eight of them have room.
_STYLE = "QTabBar::tab { padding: 3px 3px; }"


def spell_out(frame: QDockWidget) -> None:
    """Show the whole titles on the tabs beside that of a dock; where they have no room, arrows.

    Parameters
    ----------
    frame : QDockWidget
        That of a dock of the plugin.
    """
    if frame.windowTitle().endswith(_PLUGIN):
        frame.setWindowTitle(frame.windowTitle().removesuffix(_PLUGIN))
    window = frame.parent()
    if not isinstance(window, QMainWindow):
        return
    found = window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly)
    for bar in found:
        titles = [bar.tabText(at) for at in range(bar.count())]
        if frame.windowTitle() in titles and bar.elideMode() != Qt.TextElideMode.ElideNone:
            bar.setElideMode(Qt.TextElideMode.ElideNone)
            bar.setUsesScrollButtons(True)
            bar.setStyleSheet(_STYLE)

"""A scroll area for a dock: scrolls up and down only, and is as wide as what it holds."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDockWidget, QFrame, QMainWindow, QScrollArea, QStyle, QWidget

from napari_etch._widgets.tabs import spell_out

LEAST_HEIGHT = 160


class UprightScroll(QScrollArea):
    """Never cuts its content off at the right, and shares a place with the plugin's other docks.

    The width follows the content, because napari's style sheet, which makes controls wider, is
    applied only after the dock was built. napari's menu puts each dock below the last one: two of
    ours are too high for most screens, so the second one becomes a tab.
    """

    def __init__(self, inner: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._soon = QTimer(self)  # napari goes on arranging while the dock is being shown
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._share_place)
        self._was_shown = self._is_placed = False

    def showEvent(self, event: QShowEvent | None) -> None:
        """Look for the other docks, the first time only: later on the user has arranged them."""
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            self._soon.start(0)

    def _share_place(self) -> None:
        self._is_placed = True
        self.updateGeometry()
        dock = dock_of(self)
        window = dock.parent() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        if window.tabifiedDockWidgets(dock):
            return
        area = window.dockWidgetArea(dock)
        for other in window.findChildren(QDockWidget):
            if other is dock or other.isFloating() or not other.isVisible():
                continue
            ours = other.findChild(UprightScroll)
            if ours is not None and ours._is_placed and window.dockWidgetArea(other) == area:
                window.tabifyDockWidget(other, dock)
                dock.raise_()
                spell_out(dock)
                return

    def minimumSizeHint(self) -> QSize:
        """Return the width of the content beside a scroll bar, and a height that can shrink."""
        # Docks that a script opens at once stand below each other until they share a place, and a
        # window that grew for them, perhaps beyond the screen, would not shrink again.
        return QSize(self._width(), LEAST_HEIGHT if self._is_placed else 0)

    def sizeHint(self) -> QSize:
        """Return the size at which nothing needs scrolling."""
        inner = self.widget()
        return QSize(self._width(), inner.sizeHint().height() if inner is not None else 160)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Tell the dock when the content needs another width."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))

    def _width(self) -> int:
        inner, style = self.widget(), self.style()
        if inner is None or style is None:
            return 0
        return inner.minimumSizeHint().width() + style.pixelMetric(
            QStyle.PixelMetric.PM_ScrollBarExtent
        )


def dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget lies in."""
    at = widget.parent()
    while at is not None and not isinstance(at, QDockWidget):
        at = at.parent()
    return at

"""A scroll area for a dock: scrolls up and down only, and is as wide as what it holds."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QStyle, QWidget


class UprightScroll(QScrollArea):
    """Never cuts its content off at the right.

    The width follows the content, because napari's style sheet, which makes controls wider, is
    applied only after the dock was built.
    """

    def __init__(self, inner: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the content beside a scroll bar, and a height that can shrink."""
        return QSize(self._width(), 160)

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

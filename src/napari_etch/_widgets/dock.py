"""What all docks of the plugin are: they know when they are in front, and when they end."""

from __future__ import annotations

from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QDockWidget, QLineEdit, QWidget

from napari_etch._widgets.scroll import dock_of
from napari_etch._widgets.tabs import spell_out

# Docks that were taken out and wait for their end.
_leaving: dict[int, Dock] = {}


class Dock(QWidget):
    """A widget that deletes itself once it was taken out of its window, and is told of its tab.

    When a dock is closed, napari only takes the widget out and forgets it. What then remains hangs
    together in circles, so that Python's garbage collector would find it some time later, clear
    the functions that listen to its end, and have Qt call them when they are no more: a crash,
    with all work in the window. Deleting it at once, while all of it is whole, leaves the
    collector nothing but names.
    """

    _was_in_window = False
    _is_front = False
    _frame: QDockWidget | None = None

    def come_to_front(self, front: bool) -> None:
        """Do what has to be done when the dock becomes the one in front, or no longer is."""

    def showEvent(self, event: Any) -> None:
        """Watch the frame: Qt does not hide a dock when another tab comes before it."""
        super().showEvent(event)
        frame = dock_of(self)
        if frame is not None and frame is not self._frame:
            self._frame = frame
            frame.visibilityChanged.connect(self._set_front)
            frame.dockLocationChanged.connect(self._spell_out)
        self._spell_out()
        self._set_front(True)

    def hideEvent(self, event: Any) -> None:
        """Notice that it is hidden."""
        super().hideEvent(event)
        self._set_front(False)

    def keyPressEvent(self, event: Any) -> None:
        """Let Escape leave a field and what was typed there; napari would take it for a tool's."""
        field: Any = self.focusWidget()
        is_field = isinstance(field, QAbstractSpinBox | QLineEdit) and field.hasFocus()
        if event.key() != Qt.Key.Key_Escape or not is_field:
            super().keyPressEvent(event)
            return
        if hasattr(field, "setValue"):  # a number, also that of a slider
            field.setValue(field.value())  # what is not a value yet goes
        field.clearFocus()
        event.accept()

    def _spell_out(self, _area: object = None) -> None:
        frame = dock_of(self)
        if frame is not None:
            spell_out(frame)

    def _set_front(self, front: bool) -> None:
        if front != self._is_front:
            self._is_front = front
            self.come_to_front(front)

    def event(self, event: QEvent | None) -> bool:
        """Look for the moment at which the parent is taken away."""
        done = bool(super().event(event))
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_in_window = True
            elif self._was_in_window and id(self) not in _leaving:
                self._leave()
        return done

    def leave_window(self) -> None:
        """Do what has to be done at the end while all of it is still whole."""

    def _leave(self) -> None:
        self.leave_window()
        _leaving[id(self)] = self  # or it would be collected before Qt comes to deleting it
        self.destroyed.connect(partial(_leaving.pop, id(self), None))
        self.deleteLater()

"""What all docks of the plugin are: widgets that end when napari takes them out of its window."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

# Docks that were taken out and wait for their end.
_leaving: dict[int, Dock] = {}


class Dock(QWidget):
    """A widget that deletes itself once it was taken out of its window.

    When a dock is closed, napari only takes the widget out and forgets it. What then remains hangs
    together in circles, so that Python's garbage collector would find it some time later, clear
    the functions that listen to its end, and have Qt call them when they are no more: a crash,
    with all work in the window. Deleting it at once, while all of it is whole, leaves the
    collector nothing but names.
    """

    _was_in_window = False

    def event(self, event: QEvent | None) -> bool:
        """Look for the moment at which the parent is taken away."""
        done = bool(super().event(event))
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_in_window = True
            elif self._was_in_window and id(self) not in _leaving:
                self._leave()
        return done

    def _leave(self) -> None:
        _leaving[id(self)] = self  # or it would be collected before Qt comes to deleting it
        self.destroyed.connect(partial(_leaving.pop, id(self), None))
        self.deleteLater()

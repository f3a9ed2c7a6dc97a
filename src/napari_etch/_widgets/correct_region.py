"""The slider of cutting again: the region drawn last is cut anew while the slider moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch._widgets.correct_tools import TOOLS, Gesture, Options, Tool
from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari_etch._widgets.correct_session import CorrectSession

RECUT = "recut"
#: Milliseconds the slider must rest before a cut.
WAIT = 30


class RegionCutter(QObject):
    """Cuts a region again in place of the cut before, which stays one undo step.

    Signals
    -------
    cut : str
        What was done.
    refused : str
        Why nothing was.
    """

    cut = Signal(str)
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: CorrectSession | None = None
        self._gesture: Gesture | None = None
        self._options: Options | None = None
        self._step: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT)
        self._timer.timeout.connect(self._cut)

    def note(self, session: CorrectSession, tool: Tool, gesture: Gesture) -> None:
        """Remember a gesture that was just made, if it cut a region."""
        if tool.name == RECUT:
            self._session, self._gesture = session, gesture
            self._step = session.last
        else:
            self.forget()

    def forget(self) -> None:
        """Leave the region as it is from now on."""
        self._session = self._gesture = self._step = None
        self._timer.stop()

    def ask(self, options: Options) -> None:
        """Cut the region soon with other options; without one nothing happens."""
        if self._session is not None:
            self._options = options
            self._timer.start()

    def _cut(self) -> None:
        session, gesture, options = self._session, self._gesture, self._options
        if session is None or gesture is None or options is None:
            return
        if self._step is not None and session.last is not self._step:
            self.forget()  # something else was edited since: that must not be undone
            return
        if self._step is not None:
            session.layer.undo()
            self._step = None
        try:
            change = TOOLS[RECUT].act(session.editor(), gesture, options)
            session.do(change)
        except EditError as error:
            self.refused.emit(str(error))
            return
        self._step = session.last
        self.cut.emit(change.message)

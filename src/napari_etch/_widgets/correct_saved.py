"""Whether the corrections are on disk, for all to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import QTimer

from napari_etch._widgets.correct_line import StatusLine
from napari_etch._widgets.correct_restore import held

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_etch.corrections import Journal

#: Milliseconds between two looks while something is being written, and to what is in trouble.
LOOK_MS = 150


class Journalled(Protocol):
    """What has a journal."""

    journal: Journal


class SavedLine(StatusLine):
    """Says how many corrections the journal holds, and whether all of them are on disk."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__(viewer)
        self._session: Journalled | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    def watch(self, session: Journalled | None) -> None:
        """Speak of another map."""
        self._session = session
        self.look()

    def look(self) -> None:
        """Say how it stands; look again by itself until all is written."""
        journal = None if self._session is None else self._session.journal
        if journal is None or not journal.is_worth_keeping:
            self._timer.stop()
            self.say("")
            return
        self.setToolTip(
            f"A journal keeps every step, undo and redo too: {journal.path}.\nIt brings the map "
            "back after a crash. Save the layer as well when you are done."
        )
        what = held(journal.edits, journal.verdicts)
        if journal.trouble:
            self.say_trouble(f"NOT on disk: {what}.")
        elif journal.is_written:
            self.say(f"On disk: {what}.")
            return
        else:
            self.say(f"Writing {what} …")
        self._timer.start()

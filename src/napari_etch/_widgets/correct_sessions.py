"""The maps under correction in one viewer: opened when they are chosen, closed with their layer."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch._widgets.correct_reading import Reading
from napari_etch._widgets.correct_session import CorrectSession
from napari_etch._widgets.judged import answer_for
from napari_etch.corrections import Review, State
from napari_etch.corrections.places import discard
from napari_etch.corrections.verdicts import is_verdict

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer


#: Milliseconds between looks at whether a journal is on disk.
_LOOK_MS = 300


class Sessions(QObject):
    """Keeps a session for each layer that was corrected: its edits go on being journalled.

    Parameters
    ----------
    folder : pathlib.Path
        Where journals of maps go that come from no file.
    chosen_class : callable
        Returns the class that is chosen in the dock.

    Attributes
    ----------
    opened : dict of str to CorrectSession
        By the unique id of their layers.

    Signals
    -------
    edited : object
        A `Step` of any of the maps.
    turned : object, str, object
        Undo or redo took a `Verdict` of a session back, or gave it again.
    reviewed
        States or estimates of any of the maps changed.
    said : str
        What a journal says.
    """

    edited = Signal(object)
    turned = Signal(object, str, object)
    reviewed = Signal()
    said = Signal(str)

    def __init__(
        self, folder: Path, chosen_class: Callable[[], int], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._folder = folder
        self._chosen_class = chosen_class
        self.opened: dict[str, CorrectSession] = {}
        self._restored: dict[str, tuple[dict[str, Any], int]] = {}

    def all(self) -> list[CorrectSession]:
        """Return all sessions."""
        return list(self.opened.values())

    def of(
        self,
        layer: Labels,
        boundary: Image | None,
        image: Image | None,
        reading: Reading | None = None,
    ) -> CorrectSession:
        """Return the session of a layer, a new one where there is none.

        Raises
        ------
        EditError
            When the map cannot be corrected as it is.
        """
        key = str(layer.unique_id)
        if key in self.opened:
            self.opened[key].set_under(boundary, image)
            return self.opened[key]
        left = _taken_up(layer)
        notes, edits = self._restored.pop(key, (left.notes, left.edits) if left else ({}, 0))
        session = CorrectSession(
            layer,
            self._folder,
            boundary=boundary,
            image=image,
            notes=notes,
            edits=edits,
            reading=reading,
            chosen_class=self._chosen_class,
            parent=self,
        )
        session.edited.connect(self.edited)
        session.turned.connect(lambda *turned: self.turned.emit(session, *turned))
        session.reviewed.connect(self.reviewed)
        session.said.connect(self.said)
        if session.last_said:  # it spoke before it could be heard; after the refresh under way
            QTimer.singleShot(0, session.say_again)
        if left is not None:
            _Successor(session, left.path)
        _answer_for(session)
        self.opened[key] = session
        _ALL[key] = session
        return session

    def find(self, layer: Labels) -> CorrectSession | None:
        """Return the session of a layer if it has one."""
        return self.opened.get(str(layer.unique_id))

    def remember(self, layer: Labels, notes: dict[str, Any], edits: int) -> None:
        """Keep what a journal says of a layer, and its edits, until its session is opened."""
        self._restored[str(layer.unique_id)] = notes, edits

    def gone(self, there: Container[str]) -> list[CorrectSession]:
        """Return the sessions of layers that are no more in the viewer, and forget them."""
        return [self.opened.pop(key) for key in list(self.opened) if key not in there]


@dataclass(frozen=True)
class _Left:
    """What a dock that was closed knew of a map that is still open."""

    crc: int
    notes: dict[str, Any]
    edits: int
    path: Path


#: By the unique id of the layer.
_LEFT: dict[str, _Left] = {}


def leave(session: CorrectSession) -> None:
    """Close a session whose dock is closed; the next dock goes on from here."""
    path, journal, key = session.journal.path, session.journal, str(session.layer.unique_id)
    _ALL.pop(key, None)
    if path is not None and journal.is_worth_keeping:
        left = _LEFT[key] = _Left(_crc(session.layer), session.notes, journal.edits, path)
        answer_for(session.layer, lambda: any(map(is_verdict, left.notes.values())))
    session.close()


def awaited(layers: Iterable[Layer]) -> set[Path]:
    """Return the journals of maps that are open and wait for a dock: nobody has to restore them."""
    found = (_LEFT.get(str(layer.unique_id)) for layer in layers)
    return {left.path for left in found if left is not None}


def _taken_up(layer: Labels) -> _Left | None:
    """Return what was left of a map, unless somebody has changed it since."""
    left = _fitting(layer)
    if left is None:
        _LEFT.pop(str(layer.unique_id), None)  # its journal can still be restored
    return left


def _fitting(layer: Labels) -> _Left | None:
    """Return what was left of a map, as long as the map is the same."""
    left = _LEFT.get(str(layer.unique_id))
    return left if left is not None and left.crc == _crc(layer) else None


def _crc(layer: Labels) -> int:
    return zlib.crc32(np.ascontiguousarray(layer.data).data)


def _answer_for(session: CorrectSession) -> None:
    reference = weakref.ref(session)

    def has_verdicts() -> bool:
        there = reference()
        return there is not None and there.journal.verdicts > 0

    answer_for(session.layer, has_verdicts)


class _Successor(QTimer):
    """Deletes the journal that was left as soon as that of the next session holds all of it."""

    def __init__(self, session: CorrectSession, before: Path) -> None:
        super().__init__(session)
        self._session, self._before = session, before
        self.timeout.connect(self._look)
        self.start(_LOOK_MS)

    def _look(self) -> None:
        if self._session.journal.is_written:
            self.stop()
            with suppress(OSError):
                discard(self._before)


#: Every session of this napari: other docks ask what was reviewed.
_ALL: WeakValueDictionary[str, CorrectSession] = WeakValueDictionary()


def session_of(layer: Layer) -> CorrectSession | None:
    """Return the session in which a layer is corrected, None where it is not."""
    return _ALL.get(str(layer.unique_id))


def known_of(layer: Labels) -> dict[int, State]:
    """Return the states of the grains of a layer, also where the Correct dock was closed since."""
    session = _ALL.get(str(layer.unique_id))
    if session is not None:
        return session.review.known
    left = _fitting(layer)
    return {} if left is None else Review.states_from(left.notes)


def reviewed_of(layer: Labels) -> list[int]:
    """Return the grains of a layer that were accepted or edited in the Correct dock."""
    return sorted(known_of(layer))

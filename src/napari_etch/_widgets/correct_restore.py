"""Maps whose correction ended without a farewell: offered again, one line each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.class_tables import class_look, stored_table
from napari_etch._widgets.correct_target import CLASSES
from napari_etch._widgets.form import call
from napari_etch._widgets.layers import GRAINS, GRAINS_LOOK, METADATA_KEY, kind_of
from napari_etch._widgets.placement import Placement
from napari_etch.corrections import (
    JournalError,
    Restored,
    Summary,
    forget_old,
    journals_in,
    read_journal,
    summary_of,
)
from napari_etch.corrections.places import discard
from napari_etch.grains.class_table import ClassTableError

if TYPE_CHECKING:
    import numpy.typing as npt


#: Reads a journal, given its summary and the map that is open.
Read = Callable[[Summary, Any], Any]

#: What a journal calls that which it keeps of the metadata of a layer.
_MADE = "made"
#: The note of where a layer lies since its journal began.
_PLACE = "place"

OFFER = "Corrections can be restored:"
READING = "Corrections are being read …"


def left_behind(folders: Sequence[Path]) -> list[Summary]:
    """Return the journals with edits or verdicts that nobody writes any more, newest first.

    Journals without any are deleted: the map was looked at, not corrected.
    """
    found = []
    for folder in dict.fromkeys(folders):
        forget_old(folder)
        for path in journals_in(folder):
            summary = summary_of(path)
            if summary is None:
                continue
            if summary.edits or summary.verdicts:
                found.append(summary)
            else:
                with suppress(OSError):  # another napari may be looking at it
                    discard(path)
    return sorted(found, key=lambda summary: -summary.changed)


def read_back(summary: Summary, base: npt.NDArray[np.integer] | None = None) -> Restored:
    """Read the map of a journal.

    Raises
    ------
    JournalError
        When the journal cannot be read, or `base` is needed and does not fit.
    """
    return read_journal(summary.path, None if summary.complete else base)


def about_layer(layer: Labels, *, has_classes: bool) -> dict[str, Any]:
    """Return what a journal remembers of a layer beside its map, for `restored_layer`.

    Of its metadata the kind, by which 3D grains are told from grains of sections, and the table of
    its classes.
    """
    made: dict[str, Any] = {"kind": kind_of(layer)} if kind_of(layer) else {}
    with suppress(ClassTableError):
        table = stored_table(layer)
        made |= {} if table is None else {"class_table": table.as_json()}
    return {
        **Placement.of(layer).as_json(),
        "kind": "classes" if has_classes else "grains",
        "source_path": str(layer.source.path or ""),
        _MADE: made,
    }


def place_note(layer: Labels) -> dict[str, Any]:
    """Return the note of where a layer lies now; its pixel size may be typed at any time."""
    return {_PLACE: Placement.of(layer).as_json()}


def latest_place(notes: Mapping[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """Return where a layer was last: as its journal notes it, or else as it says at its start."""
    return notes.get(_PLACE) or first


def restored_layer(summary: Summary, back: Restored) -> Labels:
    """Return the map of a journal as a layer in its old place."""
    made = back.about.get(_MADE)
    if not isinstance(made, dict):  # the journal of an earlier version
        made = {"kind": GRAINS}
    if back.about.get("kind") == "classes":
        made = {**made, "kind": CLASSES}
    return Labels(
        back.grains,
        name=summary.name,
        metadata={METADATA_KEY: made},
        **place_of(latest_place(back.notes, back.about), back.grains.ndim),
        **GRAINS_LOOK,
        **class_look(made),
    )


class Restorer(QObject):
    """Reads one journal at a time in a thread: that of a large map takes seconds.

    Parameters
    ----------
    parent : QObject, optional
    read : callable, optional
        Reads a journal, given its summary and the map that is open; `read_back`.

    Signals
    -------
    restored : Summary, and what `read` returns
    failed : str
        The sentence that says why not.
    """

    restored = Signal(object, object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None, read: Read = read_back) -> None:
        super().__init__(parent)
        self._read = read
        self._worker: Any = None

    @property
    def is_running(self) -> bool:
        """Whether a journal is being read."""
        return self._worker is not None

    def ask(self, summary: Summary, base: npt.NDArray[np.integer] | None) -> None:
        """Begin to read a journal, unless one is being read."""
        if self.is_running:
            return
        worker = create_worker(_try_to_read, self._read, summary, base, _start_thread=False)
        worker.returned.connect(lambda found: self._end(summary, found))
        self._worker = worker
        worker.start()

    def _end(self, summary: Summary, found: Any) -> None:
        self._worker = None
        with suppress(RuntimeError):  # the dock was closed meanwhile
            if isinstance(found, str):
                self.failed.emit(found)
            else:
                self.restored.emit(summary, found)


def _try_to_read(read: Read, summary: Summary, base: npt.NDArray[np.integer] | None) -> Any:
    """Return what a journal holds, or the sentence that says why it cannot be read."""
    try:
        return read(summary, base)
    except JournalError as error:
        return str(error)
    except Exception as error:  # such as too little memory
        return f"“{summary.name}” could not be restored ({error}); its journal stays where it is."


def words(summary: Summary) -> str:
    """Return what is offered, such as ``steel · grains: 12 steps, 20 Nov 14:02``."""
    when = time.strftime("%d %b %H:%M", time.localtime(summary.changed))
    return f"{summary.name}: {held(summary.edits, summary.verdicts)}, {when}"


def held(edits: int, verdicts: int) -> str:
    """Return what a journal holds, such as ``12 steps and 1 verdict``.

    Undo and redo are written down as edits are, so these are steps, not corrections that stand.
    """
    counts = ((edits, "step"), (verdicts, "verdict"))
    said = [f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count]
    return " and ".join(said) or "nothing"


def removed_text(summary: Summary) -> str:
    """Return what is said when a layer is removed that was corrected."""
    with_what = held(summary.edits, summary.verdicts)
    return f"“{summary.name}” was removed with {with_what}: “Restore” brings it back."


class RestoreBox(QWidget):
    """Offers to restore; hidden while there is nothing to.

    Signals
    -------
    wanted : object
        A `Summary` to restore.
    """

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel(OFFER)
        self.text.setWordWrap(True)
        self.choice = QComboBox()
        self.choice.setToolTip("Which map to bring back, the latest first.")
        call(self.choice, "Map to bring back")
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.setMinimumContentsLength(10)
        self.restore = QPushButton("Restore")
        self.restore.setToolTip("Add the map as it was last on the screen, as a new layer.")
        self.discard = QPushButton("Discard…")
        self.discard.setToolTip("Delete these corrections for good.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.restore)
        buttons.addWidget(self.discard)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addWidget(self.choice)
        column.addLayout(buttons)
        self.restore.clicked.connect(self._restore)
        self.discard.clicked.connect(self._discard)
        self._found: list[Summary] = []
        self.hide()

    def offer(self, found: list[Summary], *, more: bool = False) -> None:
        """Offer these journals, besides those offered already if there are only `more`."""
        found = [*self._found, *found] if more else found
        each_once = {summary.path: summary for summary in found}.values()
        self._found = sorted(each_once, key=lambda summary: -summary.changed)
        self.choice.clear()
        self.choice.addItems([words(summary) for summary in self._found])
        self.setVisible(bool(found))

    def set_busy(self, busy: bool) -> None:
        """Take no orders while a journal is being read."""
        for widget in (self.choice, self.restore, self.discard):
            widget.setEnabled(not busy)
        self.text.setText(READING if busy else OFFER)

    def drop(self, summary: Summary, *, delete: bool) -> None:
        """Offer a journal no more."""
        if delete:
            with suppress(OSError):
                discard(summary.path)
        self.offer([each for each in self._found if each.path != summary.path])

    def _restore(self) -> None:
        if self._found:
            self.wanted.emit(self._found[self.choice.currentIndex()])

    def _discard(self) -> None:
        if not self._found:
            return
        summary = self._found[self.choice.currentIndex()]
        if ask_to_discard(self, summary):
            self.drop(summary, delete=True)


def ask_to_discard(parent: QWidget, summary: Summary) -> bool:
    """Ask whether what was left behind is to be deleted; *Restore* lies right beside."""
    said = f"Delete {held(summary.edits, summary.verdicts)} of “{summary.name}” for good?"
    answer = QMessageBox.question(parent, "Discard", said)
    return bool(answer == QMessageBox.StandardButton.Yes)


def place_of(about: dict[str, Any], ndim: int) -> dict[str, Any]:
    """Return where a layer lay, as keywords; what does not fit its axes is left out."""
    names = ("scale", "translate", "units", "axis_labels", "rotate", "shear", "affine")
    place = {name: about[name] for name in names if about.get(name) is not None}
    for name in ("scale", "translate", "units", "axis_labels"):
        if len(place.get(name, ())) != ndim:
            place.pop(name, None)
    for name in ("rotate", "shear", "affine"):
        if name in place:
            place[name] = np.asarray(place[name], float)
    return place


__all__ = ["RestoreBox", "Restorer", "left_behind", "read_back", "restored_layer", "words"]

"""Reads a large map in a thread before it can be corrected: napari goes on meanwhile."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch._widgets.correct_target import is_classes
from napari_etch.grains.editing import is_tiling
from napari_etch.grains.editing.index import GrainIndex
from napari_etch.measure.parting_lines import without_parting_lines

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Labels

#: Maps up to this size, px, are read at once, in a tenth of a second.
AT_ONCE = 1 << 21
LOOK_MS = 30
#: Pixels of each side of a map that are looked at for lines between its grains.
_LOOK = 1024


@dataclass(frozen=True, eq=False)
class Reading:
    """What has to be known about a map before it can be corrected.

    Attributes
    ----------
    tiles : bool
        Whether every label of every section is one piece.
    indices : dict of int to GrainIndex
        By section, for those that were read.
    is_parted : bool
        Whether lines of 0 lie between the grains: none has a boundary with another.
    """

    tiles: bool
    indices: dict[int, GrainIndex]
    is_parted: bool = False


def read(layer: Labels, section: int = 0) -> Reading:
    """Read a map; of a stack, every section is looked at, and one indexed."""
    data = layer.data
    if is_classes(layer):
        return Reading(True, {})
    tiles = all(is_tiling(each) for each in (data if data.ndim == 3 else [data]))
    shown = data[section] if data.ndim == 3 else data
    return Reading(tiles, {section: GrainIndex(shown)} if tiles else {}, _is_parted(shown))


def _is_parted(grains: npt.NDArray[np.integer]) -> bool:
    """Return whether lines of 0 part the grains of a section; its middle tells."""
    starts = [max(0, (edge - _LOOK) // 2) for edge in grains.shape]
    part = grains[tuple(slice(start, start + _LOOK) for start in starts)]
    if part.all():
        return False
    return bool(np.any(without_parting_lines(part) != part))


class MapReader(QObject):
    """Reads one map at a time; what changes meanwhile is read again.

    Signals
    -------
    ready
        A map was read: ask again.
    """

    ready = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layer: Labels | None = None
        self._is_stale = False
        self._found: list[Reading | Exception] = []
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def of(self, layer: Labels) -> Reading | None:
        """Return what is known of a map; None when it is being read, and `ready` will come."""
        if np.size(layer.data) <= AT_ONCE:
            return read(layer)
        if self._layer is layer:
            if not self._found:
                return None
            return self._take(layer)
        if self._layer is None:
            self._begin(layer)
        return None

    def _take(self, layer: Labels) -> Reading | None:
        found, self._layer = self._found.pop(), None
        self._listen(layer, on=False)
        if isinstance(found, Exception):
            return read(layer)  # it fails where the user is told
        if self._is_stale:
            self._begin(layer)
            return None
        return found

    def _begin(self, layer: Labels) -> None:
        self._layer, self._is_stale = layer, False
        self._listen(layer, on=True)
        found = self._found = []  # of this reading alone

        def work() -> None:
            try:
                found.append(read(layer))
            except Exception as error:
                found.append(error)

        threading.Thread(target=work, name="etch reading", daemon=True).start()
        self._timer.start()

    def _listen(self, layer: Labels, *, on: bool) -> None:
        for event in (layer.events.paint, layer.events.data):
            (event.connect if on else event.disconnect)(self._on_change)

    def _on_change(self, _event: Any = None) -> None:
        self._is_stale = True

    def _look(self) -> None:
        if self._found:
            self._timer.stop()
            found = self._found
            self.ready.emit()
            # Nobody wants it any more; what was begun since may have ended already, and is wanted.
            if self._layer is not None and found and self._found is found:
                self._listen(self._layer, on=False)
                self._layer = None
                self._found.clear()
                self.ready.emit()

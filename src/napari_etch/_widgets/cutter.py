"""The live granularity slider: cuts a grains layer again while the slider moves."""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch._widgets.judged import is_judged
from napari_etch._widgets.recut_layers import can_recut, is_edited, recut_layer

if TYPE_CHECKING:
    from napari.layers import Labels

#: Milliseconds the slider must rest before a cut; more where one cut takes longer.
SHORTEST_WAIT = 20
LONGEST_WAIT = 500


class GrainCutter(QObject):
    """Cuts one grains layer at the granularity asked for last, never one that was edited by hand.

    Nor one that was reviewed: verdicts are on boundaries that a cut takes away.

    Signals
    -------
    cut : int, float
        The layer was cut: number of grains, granularity.
    refused
        The layer has corrections by hand, or verdicts, that a cut would overwrite.
    """

    cut = Signal(int, float)
    refused = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._target: weakref.ref[Labels] | None = None
        self._granularity = 0.5
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SHORTEST_WAIT)
        self._timer.timeout.connect(self.cut_now)

    @property
    def target(self) -> Labels | None:
        """The grains layer that the slider acts on."""
        return self._target() if self._target is not None else None

    @target.setter
    def target(self, layer: Labels | None) -> None:
        if layer is self.target:
            return
        self._timer.stop()
        self._target = weakref.ref(layer) if layer is not None and can_recut(layer) else None

    def may_not_cut(self) -> bool:
        """Return whether the target has corrections or verdicts that a cut would overwrite."""
        layer = self.target
        return layer is not None and (is_edited(layer) or is_judged(layer))

    def ask(self, granularity: float) -> None:
        """Cut soon: while the slider keeps moving there is at most one cut per waiting time."""
        self._granularity = granularity
        if self.target is not None and not self._timer.isActive():
            self._timer.start()

    def cut_now(self) -> None:
        """Cut the target at the granularity asked for last."""
        self._timer.stop()
        layer = self.target
        if layer is None:
            return
        if self.may_not_cut():
            self.refused.emit()
            return
        started = time.perf_counter()
        count = recut_layer(layer, self._granularity)
        spent = 1000 * (time.perf_counter() - started)
        # Half of the time at least is left to the rest of the viewer.
        self._timer.setInterval(int(min(max(SHORTEST_WAIT, spent), LONGEST_WAIT)))
        self.cut.emit(count, self._granularity)

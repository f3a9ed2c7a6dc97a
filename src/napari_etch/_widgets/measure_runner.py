"""Measures grain layers in a worker thread; the last request counts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.measure_job import (
    LayerInput,
    LayerRange,
    LayerResult,
    measure_inputs,
)


class MeasureRunner(QObject):
    """At most one measurement at a time; all signals come on the main thread.

    Signals
    -------
    measured : LayerResult
    ranged : LayerRange
    ended : str
        All is measured, or the sentence that says why not.
    """

    measured = Signal(object)
    ranged = Signal(object)
    ended = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker: Any = None
        self._next: Sequence[LayerInput] | None = None
        self._trouble = ""
        # The event outlives this object: the thread must hear of a window that was closed.
        self._stop = threading.Event()
        stops = self._stops = [self._stop]
        self.destroyed.connect(lambda: _set_all(stops))

    @property
    def is_running(self) -> bool:
        """Whether something is being measured."""
        return self._worker is not None

    def ask(self, inputs: Sequence[LayerInput]) -> None:
        """Measure layers; what is being measured now is given up."""
        if self.is_running:
            self._next = inputs
            self._stop.set()
            return
        self._start(inputs)

    def _start(self, inputs: Sequence[LayerInput]) -> None:
        self._stop = threading.Event()
        self._stops[:] = [self._stop]
        self._trouble = ""
        worker = create_worker(measure_inputs, inputs, self._stop, _start_thread=False)
        worker.yielded.connect(self._on_yielded)
        worker.errored.connect(self._on_errored)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        worker.start()

    def _on_yielded(self, result: LayerResult | LayerRange) -> None:
        if self._stop.is_set():
            return
        if isinstance(result, LayerResult):
            self.measured.emit(result)
        else:
            self.ranged.emit(result)

    def _on_errored(self, error: Exception) -> None:
        self._trouble = f"The measurement ended with an error: {error}"

    def _on_finished(self) -> None:
        self._worker = None
        following, self._next = self._next, None
        if following is not None:
            self._start(following)
        else:
            self.ended.emit(self._trouble)


def _set_all(events: list[threading.Event]) -> None:
    for event in events:
        event.set()

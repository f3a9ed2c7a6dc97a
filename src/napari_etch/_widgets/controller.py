"""Runs a segmentation in a worker thread and reports on the main thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.run import Failed, Note, Progress, Stopped, segment


class RunController(QObject):
    """At most one run at a time; all signals are emitted on the main thread.

    Parameters
    ----------
    engine : object
        What the run calls.
    parent : QObject, optional
    run : generator function
        Is called in the thread with source, settings, cancel and engine; yields `Progress` and
        `Note`, returns how it ended and raises nothing.

    Signals
    -------
    progressed : Progress
    noted : Note
    ended : Stopped, Failed or the result, such as Segmented
        Exactly once for each run, after which another can start.
    """

    progressed = Signal(object)
    noted = Signal(object)
    ended = Signal(object)

    def __init__(
        self,
        engine: Any,
        parent: QObject | None = None,
        run: Callable[..., Generator[Progress | Note, None, Any]] = segment,
    ) -> None:
        super().__init__(parent)
        self.engine = engine
        self._run = run
        self._worker: Any = None
        self._outcome: Any = None
        # The events outlive this object: the thread must hear of a window that was closed.
        self._cancels: list[threading.Event] = []
        cancels = self._cancels
        self.destroyed.connect(lambda: _set_all(cancels))

    @property
    def is_running(self) -> bool:
        """Whether a run was started and has not ended."""
        return self._worker is not None

    @property
    def is_cancelling(self) -> bool:
        """Whether the run that is under way was told to stop."""
        return self.is_running and self._cancels[0].is_set()

    def start(self, source: Any, settings: Any) -> None:
        """Start a run on what its function takes as source, such as a `job.Source`.

        Raises
        ------
        RuntimeError
            If a run is under way.
        """
        if self.is_running:
            raise RuntimeError("A run is under way: cancel it or wait for its end.")
        cancel = threading.Event()
        self._cancels[:] = [cancel]
        self._outcome = None
        worker = create_worker(
            self._run, source, settings, cancel, self.engine, _start_thread=False
        )
        worker.yielded.connect(self._on_yielded)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        worker.start()

    def cancel(self) -> None:
        """Ask the run to stop; it does so within one batch of tiles and then `ended` comes."""
        for event in self._cancels:
            event.set()

    def _on_yielded(self, update: Progress | Note) -> None:
        if isinstance(update, Note):
            self.noted.emit(update)
        elif not self.is_cancelling:
            self.progressed.emit(update)

    def _on_returned(self, outcome: Any) -> None:
        self._outcome = outcome

    def _on_errored(self, error: Exception) -> None:
        self._outcome = Failed(f"The run ended with an error: {error}", error)

    def _on_finished(self) -> None:
        # A worker that napari told to quit returns nothing.
        outcome = self._outcome if self._outcome is not None else Stopped()
        self._worker = None
        self._outcome = None
        self.ended.emit(outcome)


def _set_all(events: list[threading.Event]) -> None:
    for event in events:
        event.set()

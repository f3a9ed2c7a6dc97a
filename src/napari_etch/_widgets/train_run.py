"""Drives a fit from the window: a timer asks the job what there is to tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch.training.jobs import FitJob, JobCancelled, JobDone, JobFailed
from napari_etch.training.labelfree.events import FitNotice, FitPreview, FitStep
from napari_etch.training.trainers import TrainStep

if TYPE_CHECKING:
    from napari_etch.training.fit_request import Window
    from napari_etch.training.jobs import Request

#: Milliseconds between two questions; 10 a second is what a progress bar can show.
POLL_MS = 100

BeginJob = Callable[[Callable[[], "Request"]], FitJob]


class FitRunner(QObject):
    """At most one fit at a time; the process of a fit ends with this object.

    Signals
    -------
    stepped : list of FitStep or TrainStep
        The steps since the last time.
    previewed : FitPreview
        The newest.
    noted : str, bool
        A sentence, and whether it means nothing once it is over.
    ended : JobDone, JobFailed or JobCancelled
        Exactly once for each fit. The model's folder is gone when the slots have returned.
    """

    stepped = Signal(list)
    previewed = Signal(object)
    noted = Signal(str, bool)
    ended = Signal(object)

    def __init__(self, begin_job: BeginJob = FitJob, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._begin_job = begin_job
        self._jobs: list[FitJob] = []
        self.is_stopping = False
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)
        # The list outlives this object: a window that was closed must not leave a process.
        jobs = self._jobs
        self.destroyed.connect(lambda: _close_all(jobs))

    @property
    def is_running(self) -> bool:
        """Whether a fit was started and has not ended."""
        return bool(self._jobs)

    @property
    def process_id(self) -> int | None:
        """Number of the process that fits, None while there is none."""
        return self._jobs[0].process_id if self._jobs else None

    def start(self, make_request: Callable[[], Request]) -> None:
        """Start a fit.

        Raises
        ------
        RuntimeError
            If one is under way.
        """
        if self._jobs:
            raise RuntimeError("A fit is under way: stop it or wait for its end.")
        self.is_stopping = False
        self._jobs.append(self._begin_job(make_request))
        self._timer.start()

    def look_at(self, index: int, window: Window | None) -> None:
        """Ask for previews of a window; None for no more."""
        if self._jobs:
            self._jobs[0].look_at(index, window)

    def stop(self) -> None:
        """End the fit and keep the best so far."""
        if self._jobs:
            self.is_stopping = True
            self._jobs[0].stop()

    def cancel(self) -> None:
        """Kill the fit; nothing is kept."""
        if self._jobs:
            self._jobs[0].cancel()

    def _poll(self) -> None:
        events = self._jobs[0].poll()
        steps = [event for event in events if isinstance(event, FitStep | TrainStep)]
        previews = [event for event in events if isinstance(event, FitPreview)]
        for event in events:  # what is said of the preparations, before the steps that end them
            if isinstance(event, FitNotice):
                self.noted.emit(event.message, event.passing)
        if steps:
            self.stepped.emit(steps)
        if previews:
            self.previewed.emit(previews[-1])
        for event in events:
            if isinstance(event, JobDone | JobFailed | JobCancelled):
                self._end(event)

    def _end(self, event: Any) -> None:
        self._timer.stop()
        job = self._jobs.pop()
        try:
            self.ended.emit(event)
        finally:
            job.close(wait=False)


def _close_all(jobs: list[FitJob]) -> None:
    for job in jobs:
        job.close(wait=False)

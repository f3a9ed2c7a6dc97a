"""Learning in a process of its own: for napari, and for a notebook that goes on meanwhile.

Two requests run so: a label-free fit (`fit_request.FitRequest`) and a training on labels
(`labelled_request.LabelledRequest`). napari never learns in its own process: the first optimiser
makes torch import triton, and that ends a process in which Mesa has drawn OpenGL before.

The request lies in a folder, as its `write` lays it out. The child
(`job_child`, ``python -m napari_etch.training.job_child FOLDER``) writes one JSON line an event to
its standard output, puts previews and the model into the folder, and reads orders from its standard
input: a window to show, or to stop. When the input ends, whoever asked is gone, and the child ends
as well.
"""

from __future__ import annotations

import atexit
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np

from napari_etch.training.fit_request import Window, window_from_json, window_to_json
from napari_etch.training.labelfree.events import FitNotice, FitPreview, FitStep
from napari_etch.training.trainers import TrainStep

MODEL = "model"
LOG = "log.txt"


@dataclass(frozen=True)
class JobDone:
    """The fit gave a model.

    Attributes
    ----------
    model : pathlib.Path
        Its folder; it is gone when the job is closed, so copy it, as
        `napari_etch.models.library.add_model` does.
    step : int
        The step whose weights were kept.
    why : str
        Why it ended, one sentence.
    before, after : dict
        Of a training on labels: scores on what was held back, by name.
    """

    model: Path
    step: int
    why: str
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class JobFailed:
    """The fit gave no model.

    Attributes
    ----------
    message : str
        One sentence.
    log : pathlib.Path or None
        What the process said, where it ended in a way that nobody foresaw.
    """

    message: str
    log: Path | None = None


@dataclass(frozen=True)
class JobCancelled:
    """The fit was cancelled."""


JobEnd = JobDone | JobFailed | JobCancelled
JobEvent = FitStep | TrainStep | FitPreview | FitNotice | JobEnd


class Request(Protocol):
    """What a job is asked to do."""

    #: What it is called in a sentence, such as "fit".
    word: ClassVar[str]

    def write(self, folder: Path) -> None:
        """Lay the request out in a folder, for the child to read."""


def child_command(folder: Path) -> list[str]:
    """Return the command that runs the request in a folder."""
    # -P: what lies in the working folder must not pass for a library.
    return [
        *(sys.executable, "-P", "-X", "faulthandler"),
        *("-m", "napari_etch.training.job_child", str(folder)),
    ]


class FitJob:
    """One fit in a process of its own; iterate over it, or call `poll` from a timer.

    Parameters
    ----------
    request : FitRequest, LabelledRequest or callable
        The request, or what makes it; it is made and written in a thread, for reading a large
        image takes time.
    command : callable, optional
        Takes the folder of the request and returns the command to run.

    Examples
    --------
    >>> with FitJob(FitRequest([micrograph], minutes=2)) as job:  # doctest: +SKIP
    ...     for event in job:
    ...         print(event)
    ...     if isinstance(event, JobDone):
    ...         add_model(event.model, Notes.now("my steel"))
    """

    def __init__(
        self,
        request: Request | Callable[[], Request],
        *,
        command: Callable[[Path], Sequence[str]] = child_command,
    ) -> None:
        self._events: queue.SimpleQueue[JobEvent] = queue.SimpleQueue()
        self._ended = False
        self._looked_at: tuple[int, Window] | None = None
        self._state = _Child(request, command, self._events)
        # The thread holds the state and not this object: one that is forgotten ends its process.
        self._finish = weakref.finalize(self, self._state.close)
        self._finish.atexit = False  # `_close_all` does it, and waits
        self._thread = threading.Thread(target=self._state.run, name="etch-fit", daemon=True)
        self._thread.start()

    def __enter__(self) -> FitJob:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[JobEvent]:
        """Wait for events; the last one is a `JobDone`, `JobFailed` or `JobCancelled`."""
        while not self._ended:
            yield self._noted(self._events.get())

    def poll(self) -> list[JobEvent]:
        """Return the events since the last call, without waiting."""
        events = []
        while True:
            try:
                events.append(self._noted(self._events.get_nowait()))
            except queue.Empty:
                return events

    def _noted(self, event: JobEvent) -> JobEvent:
        self._ended = self._ended or isinstance(event, JobEnd)
        return event

    @property
    def is_running(self) -> bool:
        """Whether the last event was not yet handed out."""
        return not self._ended

    @property
    def process_id(self) -> int | None:
        """Number of the child process, None before there is one."""
        return self._state.process_id

    def look_at(self, index: int, window: Window | None) -> None:
        """Ask for previews of a window of a micrograph, about one a second; None for no more."""
        wanted = None if window is None else (index, window)
        if wanted == self._looked_at:
            return
        self._looked_at = wanted
        order = None if window is None else {"index": index, "window": window_to_json(window)}
        self._state.tell({"look": order})

    def stop(self) -> None:
        """End the fit and keep the best so far; `JobDone` follows, or `JobFailed`."""
        self._state.tell({"stop": True})

    def cancel(self) -> None:
        """Kill the process; `JobCancelled` follows unless the fit has just ended."""
        self._state.cancel()

    def close(self, *, wait: bool = True) -> None:
        """Kill the process if it runs, and remove its folder; wait until that is done."""
        self._finish()
        if wait:
            self._thread.join()


#: Those whose process may still run when Python ends.
_CHILDREN: weakref.WeakSet[_Child] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for child in list(_CHILDREN):
        child.close()
        child.wait(5)


class _Child:
    """The process, its folder and what is said to it; lives in the thread of the job."""

    def __init__(
        self,
        request: Request | Callable[[], Request],
        command: Callable[[Path], Sequence[str]],
        events: queue.SimpleQueue[JobEvent],
    ) -> None:
        self._request: Request | Callable[[], Request] | None = request
        self._command = command
        self._events = events
        self._folder = Path(tempfile.mkdtemp(prefix="etch-fit-"))
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._unsaid: list[dict[str, Any]] = []
        self._cancelled = False
        self._word = "fit"
        self._over = threading.Event()
        self._closed = False
        _CHILDREN.add(self)

    @property
    def process_id(self) -> int | None:
        process = self._process
        return None if process is None else process.pid

    # -- from the thread of the caller -----------------------------------------------------------

    def tell(self, order: dict[str, Any]) -> None:
        with self._lock:
            if self._process is None:
                self._unsaid.append(order)
            else:
                _say(self._process, order)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        self.cancel()
        with self._lock:
            self._closed = True
            if self._over.is_set():
                shutil.rmtree(self._folder, ignore_errors=True)

    def wait(self, seconds: float) -> None:
        self._over.wait(seconds)

    # -- in the thread of the job ----------------------------------------------------------------

    def run(self) -> None:
        """Write the request, start the process, pass on its events; the last is a `JobEnd`."""
        try:
            end = self._run()
        except Exception as error:  # the thread must end with an event, or nobody hears of it
            end = JobFailed(sentence(error, self._word))
        if self._cancelled and not isinstance(end, JobDone):
            end = JobCancelled()
        with self._lock:
            if self._closed:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._over.set()
        self._events.put(end)

    def _run(self) -> JobEnd:
        request, self._request = self._request, None  # its images need not stay in memory
        assert request is not None
        made = request() if callable(request) else request
        self._word = made.word
        made.write(self._folder)
        del request, made
        with (self._folder / LOG).open("wb") as log:
            process = self._start(log)
            if process is None:
                return JobCancelled()
            with process:
                end = self._listen(process)
                process.wait()
        return end or self._crashed(process.returncode)

    def _start(self, log: IO[bytes]) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._cancelled:
                return None
            self._process = subprocess.Popen(
                self._command(self._folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows only
            )
            for order in self._unsaid:
                _say(self._process, order)
            return self._process

    def _listen(self, process: subprocess.Popen[str]) -> JobEnd | None:
        """Pass on what the process says; return how it ended, None when it did not say."""
        assert process.stdout is not None
        end: JobEnd | None = None
        for line in process.stdout:
            try:
                event = self._event(json.loads(line))
            except (ValueError, KeyError, TypeError, OSError):
                continue  # a line that was cut off when the process was killed
            if isinstance(event, JobEnd):
                end = event
            else:
                self._events.put(event)
        return end

    def _event(self, said: dict[str, Any]) -> JobEvent:
        kind = said.pop("event")
        if kind == "step":
            return FitStep(**said)
        if kind == "train step":
            return TrainStep(**said)
        if kind == "notice":
            return FitNotice(**said)
        if kind == "preview":
            path = self._folder / said["file"]
            boundary = np.load(path, allow_pickle=False)
            path.unlink()
            return FitPreview(said["index"], window_from_json(said["window"]), boundary)
        if kind == "done":
            return JobDone(self._folder / MODEL, **said)
        if kind == "failed":
            return JobFailed(said["message"], self._keep_log() if said["keep_log"] else None)
        raise ValueError(kind)

    def _crashed(self, code: int) -> JobEnd:
        if self._cancelled:
            return JobCancelled()
        log = self._keep_log()
        if code == -9:
            why = f"was ended by the system, most likely because memory ran out: {self._smaller}"
        else:
            why = f"ended without a word (exit code {code})"
        return JobFailed(f"The {self._word} {why}; what it said is kept in {log}.", log)

    @property
    def _smaller(self) -> str:
        return "fit a rectangle" if self._word == "fit" else "close other programs"

    def _keep_log(self) -> Path:
        kept = self._folder.with_name(f"{self._folder.name}.log")
        shutil.copyfile(self._folder / LOG, kept)
        return kept


def _say(process: subprocess.Popen[str], order: dict[str, Any]) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    except (OSError, ValueError):  # the process has just ended, its input is closed
        return


def sentence(error: Exception, word: str = "fit") -> str:
    """Return an error as the one sentence a user sees; `word` is what failed.

    Errors of this package already are such sentences; of any other, its kind and its first line
    are shown.
    """
    first_line = (str(error).strip().splitlines() or [""])[0]
    if type(error).__module__.partition(".")[0] == "napari_etch" and first_line:
        return first_line
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        smaller = "draw a rectangle and fit that" if word == "fit" else "close other programs"
        return f"There is not enough memory for the {word}: {smaller}."
    said = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return f"The {word} failed ({said.rstrip('.')})."

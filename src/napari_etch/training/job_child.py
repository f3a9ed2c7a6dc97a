"""The process that learns: reads a request, reports events, takes orders; see `jobs`."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.training.fit_request import FitRequest, Window, window_from_json, window_to_json
from napari_etch.training.fitted import save_fitted
from napari_etch.training.jobs import MODEL, sentence
from napari_etch.training.kept import save_trained
from napari_etch.training.labelfree.events import FitNotice, FitPreview, FitStep, Fitted
from napari_etch.training.labelled_request import LabelledRequest
from napari_etch.training.trainers import (
    Trained,
    TrainNotice,
    TrainRequest,
    TrainStep,
    find_trainer,
)
from napari_etch.training.unfinished import ProgressNote

#: The viewer goes first where the processor has too much to do.
NICENESS = 5
#: After a preview the network learns for so many times as long as the preview took.
LEARNING_SHARE = 4.0

Fit = Callable[..., Iterator[Any]]


def main(fit: Fit | None = None) -> None:
    """Run the request in the folder that the command line names; tests give another `fit`."""
    folder = Path(sys.argv[1])
    # Ctrl-C in the terminal of napari reaches this process as well; its fate is the pipe's.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    report = Report()
    orders = Orders(folder)
    reader = threading.Thread(target=orders.read, daemon=True)
    reader.start()
    labelled = LabelledRequest.is_in(folder)
    try:
        if labelled:
            _train(LabelledRequest.read(folder), folder, report, orders)
        else:
            _run(FitRequest.read(folder), folder, report, orders, fit or _label_free_fit())
    except ParentGoneError:
        reader.join()  # it clears up and ends this process, as it hears of the same end
    except Exception as error:
        foreseen = type(error).__module__.partition(".")[0] == "napari_etch"
        traceback.print_exception(error)
        word = LabelledRequest.word if labelled else FitRequest.word
        with suppress(ParentGoneError):
            report.send("failed", message=sentence(error, word), keep_log=not foreseen)
            return
        reader.join()


def _label_free_fit() -> Fit:
    from napari_etch.training.labelfree import fit

    return fit


class ParentGoneError(Exception):
    """Nobody reads the events any more."""


class Report:
    """Writes events to what was the standard output; what else is printed goes to the log."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        # A crash would lose what libraries have printed and Python still holds back.
        if isinstance(sys.stdout, io.TextIOWrapper):
            # And a sign that the code page of Windows lacks is no reason to end.
            sys.stdout.reconfigure(line_buffering=True, errors="replace")

    def send(self, event: str, **content: Any) -> None:
        """Write one event; raises ParentGoneError when nobody is there to read it."""
        try:
            print(json.dumps({"event": event, **content}), file=self._out, flush=True)
        except OSError:  # a broken pipe, which on Windows is an invalid argument
            raise ParentGoneError from None


class Orders:
    """What the parent last ordered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._look: tuple[int, Window] | None = None
        self._asked = 0.0
        self._next = 0.0
        self._stop = threading.Event()

    def stop(self) -> bool:
        """Return whether the fit is to end with the best so far."""
        return self._stop.is_set()

    def preview(self) -> tuple[int, Window] | None:
        """Return the window to show; None while previews would take too much of the time."""
        self._asked = time.monotonic()
        return self._look if self._asked >= self._next else None

    def preview_came(self) -> None:
        """Hold the next preview back in proportion to what this one took."""
        now = time.monotonic()
        self._next = now + LEARNING_SHARE * (now - self._asked)

    def read(self) -> None:
        """Read orders until the parent is gone, then end this process."""
        rest = b""
        # Not sys.stdin: a thread that waits in it holds a lock that the end of Python wants.
        while said := os.read(0, 65536):
            *lines, rest = (rest + said).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(1)

    def _obey(self, order: dict[str, Any]) -> None:
        if order.get("stop"):
            self._stop.set()
        if "look" in order:
            look = order["look"]
            self._look = (look["index"], window_from_json(look["window"])) if look else None


def _run(request: FitRequest, folder: Path, report: Report, orders: Orders, fit: Fit) -> None:
    losses: dict[str, float] = {}
    previews = 0
    events = fit(request.micrographs, **request.options, stop=orders.stop, preview=orders.preview)
    for event in events:
        if isinstance(event, FitStep):
            losses = event.losses
            report.send("step", **_numbers(event))
        elif isinstance(event, FitPreview):
            previews += 1
            _send_preview(event, folder, report, previews)
            orders.preview_came()
        elif isinstance(event, FitNotice):
            report.send("notice", message=event.message, passing=event.passing)
        elif isinstance(event, Fitted):
            _finish(event, request, folder, report, losses)
            return
    raise RuntimeError("the fit ended without a result")


def _finish(
    fitted: Fitted, request: FitRequest, folder: Path, report: Report, losses: dict[str, float]
) -> None:
    save_fitted(
        fitted,
        folder / MODEL,
        request.micrographs,
        start=request.start,
        regions=request.regions,
        losses=losses,
        device=request.device,
    )
    report.send("done", step=int(fitted.step), why=fitted.why)


def _train(request: TrainRequest, folder: Path, report: Report, orders: Orders) -> None:
    losses: dict[str, float] = {}
    note = ProgressNote(request.checkpoint)
    for event in find_trainer(request.model)(request, orders.stop):
        if isinstance(event, TrainStep):
            note.tell(event.step, event.steps, event.elapsed)
            losses = event.losses or losses
            report.send("train step", **_plain(asdict(event)))
        elif isinstance(event, TrainNotice):
            report.send("notice", message=event.message)
        elif isinstance(event, Trained):
            note.tell()
            save_trained(event, folder / MODEL, request, losses)
            scores = {"before": event.before, "after": event.after}
            report.send("done", step=int(event.step), why=event.why, **_plain(scores))
            return
    raise RuntimeError("the training ended without a result")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return numbers as JSON has them, whatever library they come from."""
    return {
        name: _plain(value)
        if isinstance(value, dict)
        else value
        if value is None or isinstance(value, int)
        else float(value)
        for name, value in values.items()
    }


def _numbers(step: FitStep) -> dict[str, Any]:
    return {
        "step": int(step.step),
        "steps": int(step.steps),
        "elapsed": float(step.elapsed),
        "left": float(step.left),
        "losses": {name: float(value) for name, value in step.losses.items()},
        "quality": None if step.quality is None else float(step.quality),
    }


def _send_preview(event: FitPreview, folder: Path, report: Report, number: int) -> None:
    name = f"preview-{number}.npy"
    with suppress(FileNotFoundError):  # the folder is gone: so is the parent
        np.save(folder / f"part-{name}", event.boundary, allow_pickle=False)
        (folder / f"part-{name}").replace(folder / name)
    report.send("preview", index=event.index, window=window_to_json(event.window), file=name)


if __name__ == "__main__":
    main()

"""Stand-ins for a model and the engine: a grid of boundaries instead of a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_etch._widgets.run import Engine
from napari_etch.grains import partition
from napari_etch.inference import Cancelled, Notice, Prediction, TileDone

#: Milliseconds that a test waits for something that must happen.
PATIENCE = 60_000
PITCH = 32
#: Upright walls are sure, level ones doubtful: a low granularity merges the grains of a column.
UPRIGHT, LEVEL = 0.9, 0.4


def grid_boundary(shape: tuple[int, int]) -> np.ndarray:
    """Return a boundary map whose walls are `PITCH` px apart."""
    y, x = np.indices(shape)
    level = LEVEL * np.exp(-(((y + PITCH / 2) % PITCH - PITCH / 2) ** 2) / 4)
    upright = UPRIGHT * np.exp(-(((x + PITCH / 2) % PITCH - PITCH / 2) ** 2) / 4)
    return np.maximum(level, upright).astype(np.float32)


@dataclass
class FakeModel:
    """Finds `grid_boundary` in every image."""

    name: str = "fake"
    title: str = "Fake model"
    description: str = "Finds a grid."
    ready: bool = True
    why_not: str = ""
    weights_hash: str = "00c0ffee"
    segment_options: dict[str, Any] = field(
        default_factory=lambda: {"grain_size": None, "quality": "best"}
    )

    def partition(self, fields: dict[str, np.ndarray], *, mask: Any, granularity: float) -> Any:
        return partition(fields["boundary"], mask=mask, granularity=granularity)


@dataclass
class FakePredict:
    """Behaves as `inference.predict` does; with `hold` it works on until that is set."""

    tiles: int = 3
    hold: threading.Event | None = None
    error: Exception | None = None
    notice: str = ""
    started: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, model: Any, micrograph: Any, **options: Any) -> Iterator[Any]:
        self.calls.append({"micrograph": micrograph, **options})
        try:
            yield from self._run(micrograph, options["cancel"])
        finally:
            self.stopped.set()

    def _run(self, micrograph: Any, cancel: threading.Event) -> Iterator[Any]:
        for done in range(1, self.tiles + 1):
            self.started.set()
            self._compute(cancel)
            yield TileDone(done, self.tiles, done / self.tiles, "looking", 3.0)
        if self.notice:
            yield Notice(self.notice)
        if self.error is not None:
            raise self.error
        boundary = grid_boundary((micrograph.height, micrograph.width))
        yield Prediction(boundary, {"boundary": boundary}, {"tile": 64}, "cpu", 0.1, ())

    def _compute(self, cancel: threading.Event) -> None:
        while True:
            if cancel.is_set():
                raise Cancelled
            if self.hold is None or self.hold.wait(0.005):
                return


def fake_engine(predict: FakePredict | None = None, model: Any = None) -> Engine:
    """Return an engine of stand-ins."""
    return Engine(lambda _name: model or FakeModel(), predict or FakePredict())


def drain(generator: Any) -> tuple[list[Any], Any]:
    """Run a generator to its end and return what it yielded and what it returned."""
    updates = []
    while True:
        try:
            updates.append(next(generator))
        except StopIteration as end:
            return updates, end.value

"""A whole run of a model on a micrograph, as one generator."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.inference.device import pick_device
from napari_etch.inference.errors import InferenceError
from napari_etch.inference.events import Notice, Pass, Prediction, Predictor, Progress, TileDone
from napari_etch.inference.memory import MemoryLadder
from napari_etch.inference.prepare import PreparedNetwork
from napari_etch.inference.run import Clock, run_pass

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

# Until the model has returned, the run is not over, however its shares add up.
_MOST_BEFORE_END = 0.99


def predict(
    model: Predictor,
    micrograph: Micrograph,
    *,
    device: str = "auto",
    tile: int | None = None,
    batch: int | None = None,
    cancel: threading.Event | None = None,
    **options: Any,
) -> Generator[Progress | Prediction, None, None]:
    """Run a model on a micrograph.

    Nothing happens until the first item is asked for, and nothing happens between items, so the
    caller's thread decides when work is done. Closing the generator frees what it holds.

    Parameters
    ----------
    model : Predictor
        Network, preparation and interpretation.
    micrograph : Micrograph
        One section.
    device : str
        "auto", "cpu", "cuda" or "mps".
    tile : int, optional
        A window of the image that the network sees at once holds at most ``tile ** 2`` px; chosen
        from the memory at hand when None.
    batch : int, optional
        Windows run together; chosen likewise when None.
    cancel : threading.Event, optional
        Set it from any thread to stop the run; looked at before every batch and every layer.
    **options
        The model's own, such as ``grain_size``.

    Yields
    ------
    TileDone
        After every tile.
    Notice
        When memory ran out and the run goes on in another way.
    Prediction
        Last, once.

    Raises
    ------
    Cancelled
        Within one batch after `cancel` was set.
    DeviceError
        If this machine has no such device.
    InferenceError
        If the network returns something other than its model promises, or memory runs out even
        on the CPU.
    """
    began = time.perf_counter()
    ladder = MemoryLadder(model.name, pick_device(device), tile, batch)
    notices: list[str] = []
    reminder = ladder.reminder()
    if reminder:
        notices.append(reminder)
        yield Notice(reminder)
    run = _Run(model, ladder, cancel)
    with closing(run.events(micrograph, options)) as events:
        for event in events:
            if isinstance(event, Notice):
                notices.append(event.message)
            yield event
    fields = dict(run.fields)
    log = fields.pop("log", {})
    setting = ladder.setting
    engine = {"window": ladder.window, "batch": ladder.batch, "precision": setting.precision}
    yield Prediction(
        boundary=_boundary(fields, model.name),
        fields=fields,
        parameters={**options, **log, "engine": engine},
        device=setting.device,
        seconds=time.perf_counter() - began,
        notices=tuple(notices),
    )


class _Run:
    """Drives a model's passes, and turns each one's progress into the run's."""

    def __init__(
        self, model: Predictor, ladder: MemoryLadder, cancel: threading.Event | None
    ) -> None:
        self._model, self._ladder, self._cancel = model, ladder, cancel
        # Of each model that is asked, by identity.
        self._networks: dict[int, PreparedNetwork] = {}
        self._clock = Clock()
        self._fraction = 0.0
        self.fields: dict[str, Any] = {}

    def events(
        self, micrograph: Micrograph, options: dict[str, Any]
    ) -> Generator[Progress, None, None]:
        """Yield the run's progress; the fields are there afterwards."""
        passes = self._model.passes(micrograph, **options)
        last: TileDone | None = None
        try:
            item = next(passes)
            while True:
                finished = self._fraction
                output, last = yield from self._one(item, finished)
                self._fraction = min(_MOST_BEFORE_END, finished + item.share)
                item = passes.send(output)
                del output  # as large as the result; the next pass needs the room
                yield replace(last, fraction=self._fraction, seconds_left=self._left())
        except StopIteration as stop:
            self.fields = stop.value
        finally:
            passes.close()
            for network in self._networks.values():
                network.release()
        # A pass's last tile is held back until the model says whether it was the run's last.
        if last is not None:
            yield replace(last, fraction=1.0, seconds_left=0.0)

    def _one(
        self, item: Pass, finished: float
    ) -> Generator[Progress, None, tuple[np.ndarray, TileDone]]:
        """Run one pass; return its output and its last tile, which is not yielded."""
        model = item.model or self._model
        work = run_pass(
            self._prepared(model, item),
            item.image,
            stride=model.stride,
            margin=model.margin,
            channels_out=model.channels_out,
            cancel=self._cancel,
            ladder=self._ladder,
            what=item.what,
        )
        last: TileDone | None = None
        try:
            while True:
                event = next(work)
                if isinstance(event, Notice):
                    self._clock = Clock(self._fraction)
                    yield event
                elif event.fraction >= 1.0:
                    last = event
                else:
                    fraction = finished + item.share * event.fraction
                    self._fraction = min(_MOST_BEFORE_END, fraction)
                    yield replace(event, fraction=self._fraction, seconds_left=self._left())
        except StopIteration as stop:
            assert last is not None  # a pass ends with all of its tiles
            return stop.value, last
        finally:
            work.close()

    def _left(self) -> float | None:
        return self._clock.seconds_left(self._fraction)

    def _prepared(self, model: Predictor, item: Pass) -> PreparedNetwork:
        """The run's copy of a model's network, made at its first pass."""
        if id(model) not in self._networks:
            for other in self._networks.values():  # one at a time on the device
                other.release()
            channels = item.image.shape[0]
            network = PreparedNetwork(model.network, channels, model.stride, self._cancel)
            self._networks[id(model)] = network
        return self._networks[id(model)]


def _boundary(fields: dict[str, Any], name: str) -> np.ndarray:
    """The boundary map among a model's fields."""
    boundary = fields.get("boundary")
    if not isinstance(boundary, np.ndarray) or boundary.ndim != 2:
        raise InferenceError(
            f"{name} returned no boundary map; its passes must return a field 'boundary' that is "
            "float32 (y, x)."
        )
    if not np.isfinite(boundary.sum(dtype=np.float64)):
        raise InferenceError(f"{name} returned a boundary map with NaN or infinite values.")
    return boundary.astype(np.float32, copy=False)

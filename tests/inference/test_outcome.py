from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_etch.inference import Notice, Prediction, TileDone, prediction_of

TILE, SAID = TileDone(1, 2, 0.5, "looking"), Notice("half the batch")
FOUND = Prediction(np.zeros((2, 2), np.float32), {})


class Run:
    """A run that yields what it is given, and knows whether it was closed."""

    def __init__(self, *items: Any) -> None:
        self.items, self.closed = items, False

    def events(self) -> Iterator[Any]:
        try:
            yield from self.items
        finally:
            self.closed = True


def test_progress_is_passed_on_and_the_result_returned() -> None:
    run = Run(TILE, SAID, FOUND)
    events = prediction_of(run.events(), "steel")
    assert [next(events), next(events)] == [TILE, SAID]
    with pytest.raises(StopIteration) as end:
        next(events)
    assert end.value.value is FOUND and run.closed


def test_progress_alone_is_turned_into_that_of_a_larger_run() -> None:
    events = prediction_of(
        Run(TILE, SAID, FOUND).events(), "steel", lambda tile: replace(tile, fraction=0.1)
    )
    assert list(events) == [replace(TILE, fraction=0.1), SAID]


def test_whoever_stops_closes_the_run() -> None:
    run = Run(TILE, FOUND)
    events = prediction_of(run.events(), "steel")
    next(events)
    events.close()
    assert run.closed


def test_a_run_without_a_result_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="the run on steel ended without a result"):
        list(prediction_of(Run(TILE).events(), "steel"))

"""Driving a run: its progress is passed on, its result returned."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from napari_etch.inference.events import Prediction, Progress, TileDone


def prediction_of(
    events: Generator[Any, None, None],
    name: str,
    tell: Callable[[TileDone], TileDone] | None = None,
) -> Generator[Progress, None, Prediction]:
    """Pass on what comes out of a run, and return its result.

    Parameters
    ----------
    events : generator
        Of `predict`; it is closed at the end, however that comes.
    name : str
        Of the micrograph, for the error.
    tell : callable, optional
        Turns the progress of the run into that of a larger one.

    Yields
    ------
    TileDone or Notice

    Returns
    -------
    Prediction
        Give it a name with ``yield from``.

    Raises
    ------
    RuntimeError
        When the run ends without one.
    """
    with closing(events):
        for event in events:
            if isinstance(event, Prediction):
                return event
            yield tell(event) if tell is not None and isinstance(event, TileDone) else event
    raise RuntimeError(f"the run on {name} ended without a result")

"""What a run of the Track dock does, free of Qt and napari: grain maps in, one 3D map out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.job import MAX_RESULT_PIXELS, Source
from napari_etch._widgets.run import PROGRESS_INTERVAL, Failed, Note, Progress, Stopped
from napari_etch._widgets.sentences import error_sentence
from napari_etch._widgets.torch_door import make_way_for_torch

if TYPE_CHECKING:
    import threading

    from napari_etch.grains.tracking import Method, Tracks
    from napari_etch.micrograph.align import SectionShift

log = logging.getLogger("napari_etch")

TrackEngine = Callable[..., Generator[tuple[str, int], None, Any]]
# Shares of the bar: with alignment, that comes first.
_ALIGNING, _READING, _LINKING = 0.25, 0.7, 0.1


@dataclass(frozen=True)
class TrackSettings:
    """What the user chose.

    Attributes
    ----------
    method : str
        ``global``, ``overlap``, ``centroid`` or ``pairs``.
    align : bool
        Move the sections over each other first.
    absorb_single : bool
        Give grains of one inner section to a neighbour.
    fill : bool
        Draw blank and damaged sections from their neighbours.
    """

    method: Method = "global"
    align: bool = False
    absorb_single: bool = False
    fill: bool = True


@dataclass(frozen=True, eq=False)
class Tracked:
    """What a run made.

    Attributes
    ----------
    grains : numpy.ndarray
        int32 (z, y, x), one number for a grain in all sections.
    tracks : Tracks
    shifts : tuple of SectionShift
        Empty without alignment.
    seconds : float
    """

    source: Source
    settings: TrackSettings
    grains: np.ndarray
    tracks: Tracks
    shifts: tuple[SectionShift, ...]
    seconds: float


def default_track(*args: Any, **kwargs: Any) -> Generator[tuple[str, int], None, Any]:
    """Run `napari_etch.grains.tracking.track_steps`, which is loaded when it is called."""
    from napari_etch.grains.tracking import track_steps

    return track_steps(*args, **kwargs)


def track_refusal(source: Source) -> str:
    """Return why grains cannot be tracked, as one sentence; empty when they can."""
    name, axes = f"“{source.name}”", source.axes
    if len(axes) != 3:
        return f"{name} has {len(axes)} axes: choose the grains of a stack (z, y, x)."
    if axes[0] < 2:
        return f"{name} has one section: tracking needs at least two."
    if int(np.prod(axes, dtype=np.int64)) > MAX_RESULT_PIXELS:
        return f"{name} is too large for memory here: use etch track."
    return ""


def follow_grains(
    source: Source, settings: TrackSettings, cancel: threading.Event, engine: TrackEngine
) -> Generator[Progress | Note, None, Tracked | Stopped | Failed]:
    """Track grains through a stack; nothing is raised.

    Parameters
    ----------
    source : Source
        The grain maps; they are only read.
    settings : TrackSettings
    cancel : threading.Event
        Set it to stop the run within one section.
    engine : callable
        `napari_etch.grains.tracking.track_steps`, or a stand-in.

    Yields
    ------
    Progress or Note
        At most ten `Progress` a second.

    Returns
    -------
    Tracked, Stopped or Failed
    """
    try:
        return (yield from _follow(source, settings, cancel, engine))
    except Exception as error:
        if cancel.is_set():
            log.info("Tracking “%s” ended with an error while cancelled: %r", source.name, error)
            return Stopped()
        log.exception("Tracking “%s” failed", source.name)
        if isinstance(error, ValueError) and not isinstance(error, np.linalg.LinAlgError):
            return Failed(f"“{source.name}”: {error}.", error)
        return Failed(error_sentence(error, source.name, "tracked"), error)


def _follow(
    source: Source, settings: TrackSettings, cancel: threading.Event, engine: TrackEngine
) -> Generator[Progress | Note, None, Tracked | Stopped]:
    from napari_etch.micrograph.align import MovedSections

    began, ticker = time.monotonic(), _Ticker()
    yield from ticker.tell(0, "reading the sections", always=True)
    # the layer may be painted on while this runs: what was there at the start is tracked
    sections: Any = np.array(source.data)
    shifts: tuple[SectionShift, ...] = ()
    first = 0.0
    if settings.align:
        found = yield from _aligned(sections, cancel, ticker)
        if found is None:
            return Stopped()
        shifts, first = found, _ALIGNING
        sections = MovedSections(sections, shifts)
    tracks = yield from _linked(sections, settings, cancel, engine, ticker, first)
    if tracks is None:
        return Stopped()
    parts = []
    for part in tracks.relabelled(sections, fill=settings.fill):
        if cancel.is_set():
            return Stopped()
        parts.append(part)
        done = _READING + _LINKING + (1 - _READING - _LINKING) * len(parts) / len(sections)
        yield from ticker.tell(first + (1 - first) * done, "drawing the 3D grains")
    seconds = time.monotonic() - began
    return Tracked(source, settings, np.stack(parts), tracks, shifts, seconds)


def _aligned(
    sections: Any, cancel: threading.Event, ticker: _Ticker
) -> Generator[Progress, None, tuple[SectionShift, ...] | None]:
    from napari_etch.micrograph.align import Aligner, outline_picture

    aligner = Aligner()
    for index, section in enumerate(sections):
        if cancel.is_set():
            return None
        aligner.add(index, outline_picture(section))
        part = _ALIGNING * (index + 1) / len(sections)
        yield from ticker.tell(part, "moving the sections over each other")
    return aligner.shifts()


def _linked(
    sections: Sequence[Any],
    settings: TrackSettings,
    cancel: threading.Event,
    engine: TrackEngine,
    ticker: _Ticker,
    first: float,
) -> Generator[Progress, None, Tracks | None]:
    classifier = None
    if settings.method == "pairs":
        from napari_etch.models.pairs import load_pair_classifier

        make_way_for_torch()
        classifier = load_pair_classifier()
    steps = engine(
        sections,
        method=settings.method,
        absorb_single=settings.absorb_single,
        classifier=classifier,
    )
    share = _READING if classifier is None else _READING / 2
    begins = {"reading": 0.0, "comparing": share, "linking": _READING}
    words = {
        "reading": "comparing the sections",
        "comparing": "looking at pairs of grains",
        "linking": "linking the grains",
    }
    while not cancel.is_set():
        try:
            what, done = next(steps)
        except StopIteration as end:
            tracks: Tracks = end.value
            return tracks
        part = begins[what] + share * done / len(sections)
        yield from ticker.tell(first + (1 - first) * part, words[what])
    return None


@dataclass
class _Ticker:
    """Lets at most ten messages a second through."""

    shown: float = -1.0

    def tell(
        self, fraction: float, message: str, *, always: bool = False
    ) -> Generator[Progress, None, None]:
        now = time.monotonic()
        if always or now - self.shown >= PROGRESS_INTERVAL:
            self.shown = now
            yield Progress(min(fraction, 1.0), message)

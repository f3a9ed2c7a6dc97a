"""What one run of the Segment dock does, free of Qt and napari: source and settings in, arrays out.

The generator `segment` is driven by a worker thread. It never raises: napari's generator worker
drops a `RuntimeError` without telling anyone, so every end is an `Outcome` that is returned.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.job import Region, Settings, Source

if TYPE_CHECKING:
    import threading

    from napari_etch.grains import Partition
    from napari_etch.inference import Prediction
    from napari_etch.micrograph import Micrograph

log = logging.getLogger("napari_etch")

#: Seconds between two progress messages; 10 a second is what a progress bar can show.
PROGRESS_INTERVAL = 0.1
#: Share of a section's progress that is the network's; the rest is finding the grains.
NETWORK_SHARE = 0.9
#: Median of the stretched image above which an additive overlay would be lost in white.
BRIGHT = 0.6


@dataclass(frozen=True)
class Engine:
    """The functions a run calls; tests put fakes here."""

    load_model: Callable[[str], Any]
    predict: Callable[..., Generator[Any, None, None]]


@dataclass(frozen=True)
class Progress:
    """How far the run is: `fraction` in [0, 1], what it does, seconds left where known."""

    fraction: float
    message: str
    seconds_left: float | None = None


@dataclass(frozen=True)
class Note:
    """Something the user should read once, such as a step down because memory ran out."""

    message: str


@dataclass(frozen=True)
class Stopped:
    """The user cancelled."""


@dataclass(frozen=True)
class Failed:
    """The run ended with an error; `message` is the one sentence the user sees."""

    message: str
    error: Exception


@dataclass(frozen=True, eq=False)
class Segmented:
    """What a run made.

    Attributes
    ----------
    boundary : numpy.ndarray
        float32 in [0, 1], ``(y, x)`` or ``(z, y, x)``.
    partitions : tuple of Partition
        One a section; they hold the grains and re-cut them.
    sections : tuple of int
        Indices of the sections in the source; ``(0,)`` for a single image.
    provenance : dict
        Model, weights, device, parameters, duration.
    bright : bool
        Whether most of the image is nearly white, as in bright-field light.
    grain_number : float or None
        ASTM grain size number (planimetric) of a calibrated single image.
    notices : tuple of str
        What the user should know about the run.
    """

    source: Source
    settings: Settings
    region: Region
    sections: tuple[int, ...]
    boundary: np.ndarray
    partitions: tuple[Partition, ...]
    provenance: dict[str, Any]
    bright: bool = False
    grain_number: float | None = None
    notices: tuple[str, ...] = ()


Outcome = Segmented | Stopped | Failed


def default_engine() -> Engine:
    """Return the engine of the package; torch is loaded when it first runs, not here."""

    def load_model(name: str) -> Any:
        from napari_etch.models import load_model

        return load_model(name)

    def predict(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
        from napari_etch.inference import predict

        return predict(*args, **kwargs)

    return Engine(load_model, predict)


def segment(
    source: Source, settings: Settings, cancel: threading.Event, engine: Engine
) -> Generator[Progress | Note, None, Outcome]:
    """Run a model on an image, section by section.

    Parameters
    ----------
    source : Source
        The image; it is only read.
    settings : Settings
        What the user chose.
    cancel : threading.Event
        Set it to stop the run within one batch.
    engine : Engine
        Loads the model and drives it.

    Yields
    ------
    Progress or Note
        At most ten `Progress` a second.

    Returns
    -------
    Segmented, Stopped or Failed
        How the run ended; nothing is raised.
    """
    from napari_etch.inference import Cancelled

    try:
        return (yield from _segment(source, settings, cancel, engine))
    except Cancelled:
        return Stopped()
    except Exception as error:
        if cancel.is_set():
            log.info(
                "Segmenting “%s” ended with an error while it was cancelled: %r", source.name, error
            )
            return Stopped()
        log.exception("Segmenting “%s” failed", source.name)
        return Failed(sentence(error, source.name), error)


def sentence(error: Exception, name: str) -> str:
    """Return the one sentence that tells the user about an error.

    Errors of this package already are such sentences; of any other, its kind and its first line
    are shown.
    """
    first_line = (str(error).strip().splitlines() or [""])[0]
    if type(error).__module__.partition(".")[0] == "napari_etch" and first_line:
        return first_line
    if isinstance(error, MemoryError):
        return (
            f"There is not enough memory for “{name}”: draw a smaller rectangle and choose it as "
            "the region."
        )
    said = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return f"“{name}” could not be segmented ({said.rstrip('.')}); the full report is in the log."


@dataclass
class _Ticker:
    """Turns progress of one section into progress of the run, at most ten times a second."""

    total: int
    index: int = 0
    started: float = field(default_factory=time.monotonic)
    shown: float = -1.0

    def progress(
        self, share: float, message: str, seconds_left: float | None = None, *, always: bool = False
    ) -> Iterator[Progress]:
        now = time.monotonic()
        if not always and now - self.shown < PROGRESS_INTERVAL:
            return
        self.shown = now
        fraction = (self.index + share) / self.total
        if self.total > 1:
            message = f"section {self.index + 1} of {self.total} · {message}"
            spent = now - self.started
            seconds_left = spent * (1 - fraction) / fraction if self.index and fraction else None
        yield Progress(min(fraction, 1.0), message, seconds_left)


def _segment(
    source: Source, settings: Settings, cancel: threading.Event, engine: Engine
) -> Generator[Progress | Note, None, Outcome]:
    from napari_etch.inference import Cancelled

    region = settings.region or source.whole
    sections = _sections(source, settings)
    ticker = _Ticker(len(sections))
    yield from ticker.progress(0, "loading the model", always=True)
    model = engine.load_model(settings.model)
    boundary = np.zeros((len(sections), *region.shape), np.float32)
    partitions: list[Partition] = []
    notices: dict[str, None] = {}  # a set that keeps the order
    bright = False
    for ticker.index, section in enumerate(sections):
        if cancel.is_set():
            raise Cancelled
        micrograph = _micrograph(source, settings, section, region)
        prediction = yield from _predict(
            model, micrograph, settings, cancel, engine, ticker, notices
        )
        boundary[ticker.index] = prediction.boundary
        yield from ticker.progress(NETWORK_SHARE, "finding the grains", always=True)
        bright = bright or is_bright(micrograph)
        partitions.append(
            model.partition(
                prediction.fields, mask=micrograph.mask, granularity=settings.granularity
            )
        )
        if micrograph.info_bar_row is not None:
            notices[
                f"The information bar from row {micrograph.info_bar_row} down was left out."
            ] = None
    if cancel.is_set():
        raise Cancelled
    yield from ticker.progress(1, "adding the layers", always=True)
    return Segmented(
        source=source,
        settings=settings,
        region=region,
        sections=sections,
        boundary=boundary if source.is_stack else boundary[0],
        partitions=tuple(partitions),
        provenance=_provenance(model, prediction, settings, time.monotonic() - ticker.started),
        bright=bright,
        grain_number=_grain_number(source, partitions),
        notices=tuple(notices),
    )


def is_bright(micrograph: Micrograph) -> bool:
    """Return whether most of a micrograph is nearly white, as in bright-field light."""
    grey = micrograph.grey()[::4, ::4]
    return bool(np.median(grey) > BRIGHT)


def _grain_number(source: Source, partitions: list[Partition]) -> float | None:
    """Return the ASTM number of a single calibrated image; a stack has one in each section."""
    if source.pixel_size_um is None or len(partitions) != 1 or not partitions[0].grains.any():
        return None
    from napari_etch.measure import astm_planimetric

    number = float(astm_planimetric(partitions[0].grains, source.pixel_size_um).grain_number)
    return number if np.isfinite(number) else None


def _sections(source: Source, settings: Settings) -> tuple[int, ...]:
    if not source.is_stack:
        return (0,)
    if settings.section is not None:
        return (settings.section,)
    return tuple(range(source.axes[0]))


def _micrograph(source: Source, settings: Settings, section: int, region: Region) -> Micrograph:
    from napari_etch.micrograph import micrograph_from_array

    # The bar spans the bottom of a whole frame: in a rectangle there is nothing to recognise it by.
    search = settings.skip_info_bar and region == source.whole and source.info_bar_row is None
    micrograph = micrograph_from_array(
        source.plane(section, region),
        source.name,
        pixel_size_um=source.pixel_size_um,
        rgb=source.rgb,
        keep_info_bar=not search,
    )
    if settings.skip_info_bar and source.info_bar_row is not None:
        row = source.info_bar_row - region.top
        if row < region.shape[0]:
            micrograph = replace(micrograph, info_bar_row=max(row, 0))
    return micrograph


def _predict(
    model: Any,
    micrograph: Micrograph,
    settings: Settings,
    cancel: threading.Event,
    engine: Engine,
    ticker: _Ticker,
    notices: dict[str, None],
) -> Generator[Progress | Note, None, Prediction]:
    from napari_etch.inference import Notice, TileDone

    events = engine.predict(
        model,
        micrograph,
        device=settings.device,
        tile=settings.tile,
        cancel=cancel,
        **_options(model, settings),
    )
    last: Any = None
    with closing(events):
        for last in events:
            if isinstance(last, TileDone):
                message = f"{last.what} · tile {last.done} of {last.total}"
                done = NETWORK_SHARE * last.fraction
                yield from ticker.progress(done, message, last.seconds_left)
            elif isinstance(last, Notice):
                notices[last.message] = None
                yield Note(last.message)
    return last


def _options(model: Any, settings: Settings) -> dict[str, Any]:
    """Return those of the settings that this model knows."""
    offered = getattr(model, "segment_options", {})
    chosen = {"grain_size": settings.grain_size, "quality": settings.quality}
    return {name: value for name, value in chosen.items() if name in offered}


def _provenance(
    model: Any, prediction: Prediction, settings: Settings, seconds: float
) -> dict[str, Any]:
    from napari_etch import __version__

    return {
        "model": model.name,
        "title": getattr(model, "title", model.name),
        "weights_hash": getattr(model, "weights_hash", None),
        "version": __version__,
        "device": prediction.device,
        "parameters": {**_options(model, settings), **prediction.parameters},
        "seconds": round(seconds, 3),
    }

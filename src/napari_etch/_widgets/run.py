"""What one run of the Segment dock does, free of Qt and napari: source and settings in, arrays out.

The generator `segment` is driven by a worker thread. It never raises: napari's generator worker
drops a `RuntimeError` without telling anyone, so every end is an `Outcome` that is returned.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.job import Region, Settings, Source
from napari_etch._widgets.sentences import error_sentence, sentence

if TYPE_CHECKING:
    import threading

    from napari_etch.grains import Partition
    from napari_etch.inference import Prediction
    from napari_etch.micrograph import Micrograph
    from napari_etch.micrograph.margins import Margins
    from napari_etch.segmentation import SectionDone

log = logging.getLogger("napari_etch")

#: Seconds between two progress messages; 10 a second is what a progress bar can show.
PROGRESS_INTERVAL = 0.1
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
        return Failed(error_sentence(error, source.name), error)


@dataclass
class _Ticker:
    """Lets at most ten messages a second through; the bar cannot show more."""

    shown: float = -1.0

    def progress(
        self, fraction: float, message: str, left: float | None = None, *, always: bool = False
    ) -> Iterator[Progress]:
        now = time.monotonic()
        if always or now - self.shown >= PROGRESS_INTERVAL:
            self.shown = now
            yield Progress(min(fraction, 1.0), message, left)


@dataclass
class _Harvest:
    """What the finished sections gave."""

    boundaries: list[np.ndarray] = field(default_factory=list)
    partitions: list[Partition] = field(default_factory=list)
    notices: dict[str, None] = field(default_factory=dict)  # a set that keeps the order
    bright: bool = False
    gaps: int = 0  # that were closed
    of_stack: bool = False
    has_margins: bool = False
    has_scale: bool = False
    bare_sections: int = 0  # of a stack, with something around the specimen
    prediction: Prediction | None = None

    def says(self) -> tuple[str, ...]:
        """Return what the user should know."""
        gaps = "1 gap was" if self.gaps == 1 else f"{self.gaps} gaps were"
        said = (f"{gaps} closed.",) if self.gaps else ()
        count = self.bare_sections  # each has margins of its own
        many = "1 section" if count == 1 else f"{count} sections"
        bare = (f"What lies around the specimen was left out of {many}.",) if count else ()
        return (*said, *self.notices, *bare)

    def add(self, done: SectionDone) -> None:
        self.boundaries.append(done.prediction.boundary)
        self.partitions.append(done.partition)
        self.prediction = done.prediction
        self.bright = self.bright or is_bright(done.micrograph)
        self.gaps += done.prediction.parameters.get("bridges", 0)
        self.notices |= dict.fromkeys(left_out(done.micrograph, around=not self.of_stack))
        around = done.micrograph.surroundings
        self.bare_sections += around is not None and self.of_stack
        if not self.has_scale:  # of a stack the first section tells
            self._tell_scale(done.micrograph)
        if not self.has_margins and around is None:
            self._tell_margins(done.micrograph)

    def _tell_scale(self, micrograph: Micrograph) -> None:
        scale = micrograph.printed_scale_words()
        self.has_scale = bool(scale)
        if scale:
            # of a stack, that button finds no scale bar
            is_taken = micrograph.calibration is None and not self.of_stack
            take = ": “From a line…” takes that over" if is_taken else ""
            self.notices[sentence(f"{scale}{take}")] = None

    def _tell_margins(self, micrograph: Micrograph) -> None:
        from napari_etch.micrograph.margins import margin_trouble

        margins = margins_of(micrograph)
        self.has_margins = bool(margins)
        if margins:
            told = f"{margin_trouble(margins)}: draw a rectangle without it as the region"
            self.notices[sentence(told)] = None


def _segment(
    source: Source, settings: Settings, cancel: threading.Event, engine: Engine
) -> Generator[Progress | Note, None, Outcome]:
    from napari_etch.inference import Cancelled

    region = settings.region or source.whole
    sections = _sections(source, settings)
    started, ticker, harvest = time.monotonic(), _Ticker(), _Harvest(of_stack=source.is_stack)
    if source.size_conflict:
        harvest.notices[sentence(source.size_conflict)] = None
    yield from ticker.progress(0, "loading the model", always=True)
    model = engine.load_model(settings.model)
    if cancel.is_set():
        raise Cancelled
    try:
        yield from _run_sections(
            model, source, settings, region, sections, cancel, engine, ticker, harvest
        )
        if cancel.is_set() and not source.is_stack:
            raise Cancelled
    except Cancelled:
        if not harvest.partitions:
            raise
        # Sections that are done may have taken minutes: they are kept.
        harvest.notices[_kept(sections, len(harvest.partitions))] = None
    assert harvest.prediction is not None
    yield from ticker.progress(1, "adding the layers", always=True)
    boundary = np.stack(harvest.boundaries)
    return Segmented(
        source=source,
        settings=settings,
        region=region,
        sections=sections[: len(boundary)],
        boundary=boundary if source.is_stack else boundary[0],
        partitions=tuple(harvest.partitions),
        provenance=_provenance(model, harvest.prediction, settings, time.monotonic() - started),
        bright=harvest.bright,
        grain_number=_grain_number(source, harvest.partitions),
        notices=harvest.says(),
    )


def _kept(sections: Sequence[int], done: int) -> str:
    first, last = sections[0], sections[done - 1]
    between = "and" if done == 2 else "to"
    there = f"section {first} is" if done == 1 else f"sections {first} {between} {last} are"
    return f"Cancelled after {done} of {len(sections)} sections: {there} there, the others are not."


def _run_sections(
    model: Any,
    source: Source,
    settings: Settings,
    region: Region,
    sections: tuple[int, ...],
    cancel: threading.Event,
    engine: Engine,
    ticker: _Ticker,
    harvest: _Harvest,
) -> Generator[Progress | Note, None, None]:
    """Fill the harvest section by section; what is in it stays there when the run is cancelled."""
    from napari_etch.inference import Cancelled, Notice, TileDone
    from napari_etch.segmentation import SectionDone, segment_sections

    def micrographs() -> Iterator[Micrograph]:
        for section in sections:
            if cancel.is_set():  # reading a section of a lazy stack may take long
                raise Cancelled
            yield micrograph_of(source, settings, section, region)

    events = segment_sections(
        model,
        micrographs(),
        len(sections),
        granularity=settings.granularity,
        predict=engine.predict,
        device=settings.device,
        tile=settings.tile,
        cancel=cancel,
        **_options(model, settings),
    )
    for event in events:
        if isinstance(event, TileDone):
            tiles = f" · tile {event.done} of {event.total}" if event.total > 1 else ""
            yield from ticker.progress(event.fraction, event.what + tiles, event.seconds_left)
        elif isinstance(event, Notice):
            harvest.notices[event.message] = None
            yield Note(event.message)
        elif isinstance(event, SectionDone):
            harvest.add(event)
            if len(sections) > 1:
                done = event.index + 1
                message = f"{done} of {len(sections)} sections are done"
                yield from ticker.progress(done / len(sections), message, always=True)


def left_out(micrograph: Micrograph, *, around: bool = True) -> tuple[str, ...]:
    """Return what was left out of a micrograph, a sentence each.

    Parameters
    ----------
    micrograph : Micrograph
    around : bool
        False: all but its surroundings.
    """
    row, bar = micrograph.info_bar_row, micrograph.scale_bar_words()
    said = [] if row is None else [f"The information bar from row {row} down was left out."]
    said += [sentence(f"{bar} was left out")] if bar else []
    bare = micrograph.surroundings_words(past=True) if around else ""
    return (*said, *([sentence(bare)] if bare else []))


def is_bright(micrograph: Micrograph) -> bool:
    """Return whether most of a micrograph is nearly white, as in bright-field light."""
    grey = micrograph.grey()[::4, ::4]
    return bool(np.median(grey) > BRIGHT)


def margins_of(micrograph: Micrograph) -> Margins:
    """Return the blank margins of a micrograph, (y, x) or (y, x, 3), above its information bar."""
    from napari_etch.micrograph.luminance import grey_values
    from napari_etch.micrograph.margins import find_margins

    grey = grey_values(micrograph.data, is_rgb=micrograph.is_rgb)
    return find_margins(grey[: micrograph.info_bar_row])


def sized(result: Segmented, source: Source) -> Segmented:
    """Return a result as one of the image as it is by now, which may have another pixel size."""
    if source.pixel_size_um == result.source.pixel_size_um:
        return replace(result, source=source)
    return replace(result, source=source, grain_number=_grain_number(source, result.partitions))


def _grain_number(source: Source, partitions: Sequence[Partition]) -> float | None:
    """Return the ASTM number of a single calibrated image; a stack has one in each section."""
    if source.pixel_size_um is None or len(partitions) != 1 or not partitions[0].grains.any():
        return None
    from napari_etch.measure import astm_planimetric
    from napari_etch.measure.summary import FEWEST_GRAINS

    found = astm_planimetric(partitions[0].grains, source.pixel_size_um)
    if found.grain_count < FEWEST_GRAINS or not np.isfinite(found.grain_number):
        return None
    return float(found.grain_number)


def _sections(source: Source, settings: Settings) -> tuple[int, ...]:
    if not source.is_stack:
        return (0,)
    if settings.section is not None:
        return (settings.section,)
    return tuple(range(source.axes[0]))


def micrograph_of(source: Source, settings: Settings, section: int, region: Region) -> Micrograph:
    """Return a region of a section as a micrograph, without printed bars if so chosen."""
    from napari_etch.micrograph import micrograph_from_array

    if region == source.whole:
        return micrograph_from_array(
            source.plane(section, region),
            source.name,
            pixel_size_um=source.pixel_size_um,
            rgb=source.rgb,
            keep_info_bar=not settings.skip_info_bar,
            info_bar_row=source.info_bar_row,
        )
    micrograph = micrograph_from_array(
        source.plane(section, region),
        source.name,
        pixel_size_um=source.pixel_size_um,
        rgb=source.rgb,
    )
    if settings.skip_info_bar:
        micrograph = _without_bars(micrograph, source, section, region)
    return _within_outline(micrograph, region.outside())


def _within_outline(micrograph: Micrograph, outside: np.ndarray | None) -> Micrograph:
    """Leave out what is outside the drawn shape, (y, x); None where that is nothing."""
    from napari_etch.micrograph.around import KnownSurroundings
    from napari_etch.micrograph.surroundings import Surroundings

    if outside is None:
        return micrograph
    words = "what lies outside the drawn shape"
    if micrograph.surroundings is not None:
        outside = outside | micrograph.surroundings.outside
        words += f" and {micrograph.surroundings.words}"
    return replace(micrograph, around=(KnownSurroundings(Surroundings(outside, words)),))


def _without_bars(
    micrograph: Micrograph, source: Source, section: int, region: Region
) -> Micrograph:
    """Leave out of a region what is printed into the whole section.

    An information bar spans the bottom of a whole frame: in a rectangle there is nothing to
    recognise it by, so it must be known. A scale bar is looked for where pixels are at hand.
    """
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.micrograph.around import KnownSurroundings, surroundings_of
    from napari_etch.micrograph.box import Box
    from napari_etch.micrograph.scale_bar import KnownBar, find_scale_bar

    row = source.info_bar_row
    end = source.whole.bottom if row is None else row
    found = around = None
    if isinstance(source.data, np.ndarray):
        plane = source.plane(section, source.whole)
        found = find_scale_bar(plane[:end])
        whole = micrograph_from_array(plane, source.name, rgb=source.rgb)
        around = surroundings_of(replace(whole, info_bar_row=row, bars=(KnownBar(found),)))
    window = Box(region.top, region.bottom, region.left, region.right)
    return replace(
        micrograph,
        info_bar_row=max(0, end - region.top) if end < region.bottom else None,
        bars=(KnownBar(found and found.within(window)),),
        around=(KnownSurroundings(around and around.within(*window.slices)),),
    )


def _options(model: Any, settings: Settings) -> dict[str, Any]:
    """Return those of the settings that this model knows."""
    offered = getattr(model, "segment_options", {})
    chosen: dict[str, Any] = {"grain_size": settings.grain_size, "quality": settings.quality}
    if settings.close_gaps is not None:  # otherwise the model does what it usually does
        chosen["close_gaps"] = settings.close_gaps
    if not settings.fill_scratches:
        chosen["fill_scratches"] = False
    return {name: value for name, value in chosen.items() if name in offered}


def _provenance(
    model: Any, prediction: Prediction, settings: Settings, seconds: float
) -> dict[str, Any]:
    from napari_etch import __version__

    card = getattr(model, "card", {})  # with "count", how sure its counts are
    return {
        "model": model.name,
        "title": getattr(model, "title", model.name),
        "weights_hash": getattr(model, "weights_hash", None),
        "version": __version__,
        "device": prediction.device,
        "parameters": {**_options(model, settings), **prediction.parameters},
        "seconds": round(seconds, 3),
        **{name: card[name] for name in ("count",) if name in card},
    }

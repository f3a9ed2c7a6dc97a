"""A run of the Fracture dock, in a worker thread: a network's map, or one that outlines lead."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.job import MAX_SECTION_PIXELS, Source
from napari_etch._widgets.run import (
    PROGRESS_INTERVAL,
    Failed,
    Note,
    Progress,
    Stopped,
    left_out,
)
from napari_etch._widgets.sentences import error_sentence

if TYPE_CHECKING:
    from napari_etch.fractography import ClassArea, FractureMap, OutlineMapper
    from napari_etch.micrograph import Micrograph

log = logging.getLogger(__name__)
#: In place of a model's name: the outlines alone.
OUTLINES_ALONE = ""


@dataclass(frozen=True, eq=False)
class FractureSettings:
    """What the user chose.

    Attributes
    ----------
    model : str
        Name of a fracture model, or `OUTLINES_ALONE`.
    outlines : ndarray of uint8, shape (y, x), or None
        Class where an area was outlined.
    table : ClassTable
        Of the outlines.
    device : str
    least : float
        Pixels less sure than this stay unlabelled.
    """

    model: str
    outlines: np.ndarray | None
    table: Any
    device: str = "auto"
    least: float = 0.0


@dataclass(frozen=True, eq=False)
class Mapped:
    """What a run made."""

    source: Source
    found: FractureMap
    areas: tuple[ClassArea, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """What was left out of the map, a sentence each."""
        return left_out(self.found.micrograph)


@dataclass
class FractureEngine:
    """Loads models and keeps what was computed of the image that is worked on.

    The network runs once for an image; after each further outline only the light classifier is
    fitted, which takes a second.
    """

    load: Callable[[str], Any] | None = None
    _key: tuple[Any, str] | None = field(default=None, repr=False)
    _mapper: OutlineMapper | None = field(default=None, repr=False)

    def mapper(
        self, source: Source, settings: FractureSettings, cancel: threading.Event
    ) -> Generator[Any, None, OutlineMapper]:
        """Return the image made ready; progress is yielded while that takes time."""
        from napari_etch.fractography import OutlineMapper, prepare_outlining

        # the pixels themselves: their id may be that of another image once they are gone
        key = (source.data, settings.model)
        if self._mapper is None or self._key is None or not _is_same(self._key, key):
            self._mapper = None
            model = self._model(settings.model)
            table = settings.table if model is None else model.table
            for event in prepare_outlining(
                micrograph_of(source),
                table=table,
                model=model,
                device=settings.device,
                cancel=cancel,
            ):
                if isinstance(event, OutlineMapper):
                    self._key, self._mapper = key, event
                else:
                    yield event
        assert self._mapper is not None
        return replace(self._mapper, table=settings.table)

    def _model(self, name: str) -> Any:
        if name == OUTLINES_ALONE:
            return None
        from napari_etch.fractography.mapping import check_maps_classes
        from napari_etch.models import load_model

        model = (self.load or load_model)(name)
        check_maps_classes(model)
        return model


def _is_same(one: tuple[Any, str], two: tuple[Any, str]) -> bool:
    return one[0] is two[0] and one[1] == two[1]


def fracture_refusal(source: Source, settings: FractureSettings) -> str:
    """Return why a run cannot be started, as one sentence; empty when it can."""
    name, axes = f"“{source.name}”", source.axes
    if len(axes) != 2:
        return f"{name} is no single image: choose one section, as an image (y, x)."
    if axes[0] * axes[1] > MAX_SECTION_PIXELS:
        most = MAX_SECTION_PIXELS // 1_000_000
        return f"{name} is too large for one run: cut out at most {most} megapixels."
    if settings.model != OUTLINES_ALONE:
        return ""
    drawn = np.unique(settings.outlines) if settings.outlines is not None else np.zeros(1)
    if np.count_nonzero(drawn) < 2:
        return "Outline areas of at least two classes, or choose a network."
    return ""


def map_modes(
    source: Source, settings: FractureSettings, cancel: threading.Event, engine: FractureEngine
) -> Generator[Progress | Note, None, Mapped | Stopped | Failed]:
    """Map the fracture modes of an image; nothing is raised.

    Parameters
    ----------
    source : Source
    settings : FractureSettings
    cancel : threading.Event
        Set it to stop the run within one batch.
    engine : FractureEngine
    """
    from napari_etch.inference import Cancelled

    try:
        return (yield from _map(source, settings, cancel, engine))
    except Cancelled:
        return Stopped()
    except Exception as error:
        if cancel.is_set():
            return Stopped()
        if not isinstance(error, ValueError):
            log.exception("Mapping “%s” failed", source.name)
        return Failed(error_sentence(error, source.name, "mapped"), error)


def _map(
    source: Source, settings: FractureSettings, cancel: threading.Event, engine: FractureEngine
) -> Generator[Progress | Note, None, Mapped | Stopped]:
    from napari_etch.fractography import class_areas
    from napari_etch.inference import Notice, TileDone

    yield Progress(0, "loading the model")
    began, shown = time.monotonic(), 0.0
    work = engine.mapper(source, settings, cancel)
    while True:
        try:
            event = next(work)
        except StopIteration as stop:
            mapper = stop.value
            break
        if isinstance(event, TileDone) and time.monotonic() - shown >= PROGRESS_INTERVAL:
            shown = time.monotonic()
            yield Progress(min(0.95 * event.fraction, 1.0), event.what, event.seconds_left)
        elif isinstance(event, Notice):
            yield Note(event.message)
    if cancel.is_set():
        return Stopped()
    yield Progress(0.95, "following the outlines")
    found = _found(mapper, settings)
    found = replace(found, seconds=time.monotonic() - began)
    areas = class_areas(
        found.classes,
        found.table,
        specimen=found.field,
        pixel_size_um=source.pixel_size_um,
    )
    return Mapped(source, found, areas)


def _found(mapper: OutlineMapper, settings: FractureSettings) -> FractureMap:
    from napari_etch.fractography.mapping import choose_classes

    if settings.outlines is not None and settings.outlines.any():
        return mapper.map(settings.outlines, least=settings.least)
    prior = mapper.prior
    assert prior is not None  # without a network and outlines no run is started
    classes = choose_classes(prior.probability, prior.table, mapper.specimen, settings.least)
    return replace(prior, classes=classes)


def micrograph_of(source: Source) -> Micrograph:
    """Return an image as a micrograph; an information bar and a scale bar are looked for."""
    from napari_etch.micrograph import micrograph_from_array

    return micrograph_from_array(
        source.plane(0, source.whole),
        source.name,
        pixel_size_um=source.pixel_size_um,
        rgb=source.rgb,
        keep_info_bar=False,
        info_bar_row=source.info_bar_row,
    )

"""What is measured of grain layers, in a thread; no Qt, no napari."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.sentences import sentence
from napari_etch.measure import (
    FieldMeasurement,
    Measurement,
    combine_fields,
    grain_table,
    measure_field,
    without_parting_lines,
)
from napari_etch.measure.segmentation_range import measure_cuts

if TYPE_CHECKING:
    import pandas as pd

NO_PIXEL_SIZE = "The pixel size is not known: type it above, or read it off the scale bar."


@dataclass(frozen=True, eq=False)
class LayerInput:
    """A grain layer as it was when its measurement was asked for.

    Attributes
    ----------
    layer_id, name : str
        Of the layer.
    grains : ndarray, (y, x)
        A copy, so that corrections go on meanwhile.
    pixel_size_um : float or None
        None leaves out everything in µm.
    boundary : ndarray or None
        Boundary map, (y, x).
    partition : Partition or None
        What the grains were cut from, if it is known.
    section : int or None
        Which section of a stack this is.
    placements : str
        How often circles are laid over it, see `napari_etch.measure.measure_field`.
    """

    layer_id: str
    name: str
    grains: np.ndarray
    pixel_size_um: float | None
    boundary: np.ndarray | None = None
    partition: Any = None
    section: int | None = None
    placements: str = "several"


@dataclass(frozen=True, eq=False)
class LayerResult:
    """What a layer gave.

    Attributes
    ----------
    source : LayerInput
    grains : ndarray, (y, x)
        The map that all of this is of: lines of 0 between grains went to the nearest grain.
    table : pandas.DataFrame
        A row a grain, without µm where there is no pixel size.
    field : FieldMeasurement or None
        None when it could not be measured.
    alone : Measurement or None
        The field taken by itself.
    trouble : str
        Why not; empty when it could.
    """

    source: LayerInput
    grains: np.ndarray
    table: pd.DataFrame
    field: FieldMeasurement | None
    alone: Measurement | None = None
    trouble: str = ""


@dataclass(frozen=True)
class LayerRange:
    """A layer as it is cut at each granularity; None where it cannot be, or to a single grain."""

    layer_id: str
    found: tuple[FieldMeasurement, ...] | None = field(default=None)


def measure_inputs(
    inputs: Sequence[LayerInput], stop: threading.Event
) -> Iterator[LayerResult | LayerRange]:
    """Measure layers; first all tables and sizes, then what takes longer.

    Parameters
    ----------
    inputs : sequence of LayerInput
    stop : threading.Event
        Set when nobody wants the results any more.

    Yields
    ------
    LayerResult or LayerRange
    """
    for source in inputs:
        if stop.is_set():
            return
        yield measured(source)
    for source in inputs:
        if stop.is_set():
            return
        if source.pixel_size_um is not None:
            yield LayerRange(source.layer_id, _range(source, stop))


def measured(source: LayerInput) -> LayerResult:
    """Return the table and the grain sizes of a layer.

    Parameters
    ----------
    source : LayerInput
    """
    grains = without_parting_lines(source.grains)
    table = grain_table(grains, pixel_size_um=source.pixel_size_um, boundary=source.boundary)
    if source.pixel_size_um is None:
        return LayerResult(source, grains, table, None, trouble=NO_PIXEL_SIZE)
    try:
        found = measure_field(
            source.grains,
            source.pixel_size_um,
            name=f"“{source.name}”",
            placements=source.placements,
        )
    except ValueError as error:
        return LayerResult(source, grains, table, None, trouble=sentence(str(error)))
    return LayerResult(source, grains, table, found, combine_fields([found]))


def _range(source: LayerInput, stop: threading.Event) -> tuple[FieldMeasurement, ...] | None:
    if source.partition is None or source.pixel_size_um is None:
        return None
    try:
        return measure_cuts(
            source.partition,
            source.pixel_size_um,
            placements=source.placements,
            cancelled=stop.is_set,
        )
    except ValueError:  # a cut left a single grain: there is no range to speak of
        return None

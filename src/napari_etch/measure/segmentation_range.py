"""How far the grain size depends on where the segmentation was cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_etch.measure.field import FieldMeasurement, TooFewGrainsError, measure_field
from napari_etch.measure.fields import grain_numbers

# Boundaries taken for real with 30 to 70 % are open to dispute: over this range G of the hand-drawn
# maps of the development sets lies inside (docs/measuring.md).
PLAUSIBLE = (0.3, 0.4, 0.5, 0.6, 0.7)


class Cuttable(Protocol):
    """A grain map that can be cut finer or coarser; `napari_etch.grains.Partition` is one."""

    @property
    def grains(self) -> np.ndarray:
        """The grain map, int, (y, x)."""

    def recut(self, granularity: float) -> Cuttable:
        """Return the map at another granularity."""


@dataclass(frozen=True)
class SegmentationRange:
    """Grain size over the granularities that are plausible.

    Attributes
    ----------
    granularities : tuple of float
        Where the maps were cut, ascending.
    grain_numbers : dict of str to tuple of float
        G by each method at each of them; a method that failed at one is left out.
    ranges : dict of str to tuple of float
        For each method the lowest and the highest G. No difference to another map: the grains
        beside which it is shown may be cut elsewhere, or corrected.
    """

    granularities: tuple[float, ...]
    grain_numbers: dict[str, tuple[float, ...]]
    ranges: dict[str, tuple[float, float]]


def segmentation_range(
    partitions: Sequence[Cuttable],
    pixel_size_um: float,
    *,
    granularities: Sequence[float] = PLAUSIBLE,
    placements: str = "several",
    cancelled: Callable[[], bool] | None = None,
) -> SegmentationRange | None:
    """Cut the grains again over a range of granularity and measure each cut.

    Parameters
    ----------
    partitions : sequence of Cuttable
        One for each field.
    pixel_size_um : float
        Edge of a pixel, µm.
    granularities : sequence of float
        In [0, 1].
    placements : str
        As `measure_field` has it.
    cancelled : callable, optional
        Returns True when nobody wants the result any more.

    Returns
    -------
    SegmentationRange or None
        None when it was cancelled.

    Raises
    ------
    ValueError
        When a cut leaves no two grains, or no granularity is given.
    """
    cuts = []
    for each in partitions:
        measured = measure_cuts(
            each,
            pixel_size_um,
            granularities=granularities,
            placements=placements,
            cancelled=cancelled,
        )
        if measured is None:
            return None
        cuts.append(measured)
    return range_over(cuts, granularities)


def measure_cuts(
    partition: Cuttable,
    pixel_size_um: float,
    *,
    granularities: Sequence[float] = PLAUSIBLE,
    placements: str = "several",
    cancelled: Callable[[], bool] | None = None,
) -> tuple[FieldMeasurement, ...] | None:
    """Measure a field as it is cut at each granularity; see `segmentation_range`.

    Returns
    -------
    tuple of FieldMeasurement or None
        By ascending granularity; None when it was cancelled.
    """
    steps = sorted(granularities)
    if not steps:
        raise ValueError("there is no granularity to cut at")
    found = []
    for granularity in steps:
        if cancelled is not None and cancelled():
            return None
        cut = partition.recut(granularity).grains
        try:
            found.append(measure_field(cut, pixel_size_um, directions=False, placements=placements))
        except TooFewGrainsError:
            raise ValueError(
                f"cut at granularity {granularity:g}, a field shows fewer than two grains"
            ) from None
    return tuple(found)


def range_over(
    cuts: Sequence[Sequence[FieldMeasurement]], granularities: Sequence[float] = PLAUSIBLE
) -> SegmentationRange:
    """Return the grain size of fields taken together over the granularities they were cut at.

    Parameters
    ----------
    cuts : sequence of sequence of FieldMeasurement
        Of each field what `measure_cuts` returned.
    granularities : sequence of float
        The same for all of them.

    Raises
    ------
    ValueError
        When their pixel sizes differ.
    """
    found = [grain_numbers(fields) for fields in zip(*cuts, strict=True)]
    common = [key for key in found[0] if all(key in each for each in found)]
    numbers = {key: tuple(each[key] for each in found) for key in common}
    ranges = {key: (min(values), max(values)) for key, values in numbers.items()}
    return SegmentationRange(tuple(sorted(granularities)), numbers, ranges)

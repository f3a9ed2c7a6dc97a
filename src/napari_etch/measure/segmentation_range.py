"""How far the grain size depends on where the segmentation was cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_etch.measure.field import TooFewGrainsError, measure_field
from napari_etch.measure.fields import combine_fields

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
    steps = tuple(sorted(granularities))
    if not steps:
        raise ValueError("there is no granularity to cut at")
    found: list[dict[str, float]] = []
    for granularity in steps:
        if cancelled is not None and cancelled():
            return None
        cuts = [each.recut(granularity).grains for each in partitions]
        try:
            fields = [
                measure_field(cut, pixel_size_um, directions=False, placements=placements)
                for cut in cuts
            ]
        except TooFewGrainsError:
            raise ValueError(
                f"cut at granularity {granularity:g}, a field shows fewer than two grains"
            ) from None
        measured = combine_fields(fields)
        found.append({each.method.key: each.grain_number for each in measured.results})
    common = [key for key in found[0] if all(key in each for each in found)]
    numbers = {key: tuple(each[key] for each in found) for key in common}
    ranges = {key: (min(values), max(values)) for key, values in numbers.items()}
    return SegmentationRange(steps, numbers, ranges)

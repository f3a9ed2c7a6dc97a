"""How a map of boundary strength is cut into grains: which edges between two fragments stay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.grains.even_odds import PART, even_odds

if TYPE_CHECKING:
    from napari_etch.grains import Partition

# The flooding's smoothing stays within these limits, px; the lower one shrinks with grains below
# `FINE`, the mean intercept at which networks see them, px: so do lines between them.
SMOOTHING = (0.7, 4.0)
FINE = 28.0
LEAST_SMOOTHING = 0.2
# Least area of a grain: this part of the square of the mean intercept, and at least so many px.
LEAST_GRAIN = 0.02
LEAST_PX = 5.0


@dataclass(frozen=True)
class Cutting:
    """A rule by which maps are cut.

    Attributes
    ----------
    part : float
        An edge is as likely real as not at this part of the image's typical strength.
    weakest : float
        An edge is as strong as its mean, and for this share as its weakest tenth.
    small : float
        A grain below this part of the square of the mean intercept needs a stronger boundary, the
        smaller the stronger (`grains.agglomerate`); 0 for none.
    smoothed : float
        The flooding's smoothing is 1 px at this mean intercept, px.
    """

    part: float = PART
    weakest: float = 0.0
    small: float = 0.0
    smoothed: float = 40.0

    def scale(self, grain_size: float) -> float:
        """Return the flooding's smoothing, px, at a mean intercept in px."""
        least = max(LEAST_SMOOTHING, SMOOTHING[0] * min(1.0, grain_size / FINE))
        return float(np.clip(grain_size / self.smoothed, least, SMOOTHING[1]))


#: By the mean alone, small grains like large ones: what `dinov2`'s lean and `wpunet` were set with.
PLAIN = Cutting()
#: Chosen on the development images in four orientations each; see docs/accuracy.md.
GENERALIST = Cutting(part=0.57, weakest=0.3, small=0.3, smoothed=80.0)
#: For a network fitted to one image: its lines are wide; their weakest tenth says little.
SPECIMEN = Cutting(small=0.15)


def least_area(grain_size: float) -> float:
    """Return the least area of a grain, px, at a mean intercept in px."""
    return max(LEAST_PX, LEAST_GRAIN * grain_size**2)


def cut_grains(
    strength: npt.NDArray[np.float32],
    grain_size: float,
    *,
    mask: npt.NDArray[np.bool_] | None = None,
    granularity: float = 0.5,
    min_area: float | None = None,
    lean: float = 0.0,
    cutting: Cutting = GENERALIST,
) -> Partition:
    """Cut a map of boundary strength, float32 (y, x) in [0, 1], by its own typical boundary.

    Parameters
    ----------
    strength : float32 (y, x)
    grain_size : float
        Mean intercept, px.
    mask, granularity, min_area
        As in `napari_etch.grains.partition`; `min_area` follows the grain size when not given.
    lean : float
        Log-odds that are taken from every boundary: above 0 for fewer grains.
    cutting : Cutting
    """
    from napari_etch.grains import BASE_COLUMNS, partition, shift_odds

    mean, weakest, length = (BASE_COLUMNS.index(name) for name in ("mean", "p10", "length"))

    def scorer(table: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        strong = table[:, mean]
        if cutting.weakest:
            strong = strong + np.float32(cutting.weakest) * (table[:, weakest] - strong)
        odds = shift_odds(strong, even_odds(strong, table[:, length], cutting.part))
        return shift_odds(odds, 1 / (1 + math.exp(-lean))) if lean else odds

    if min_area is None:
        min_area = least_area(grain_size)
    return partition(
        strength,
        mask=mask,
        granularity=granularity,
        scorer=scorer,
        scale=cutting.scale(grain_size),
        min_area=min_area,
        small_area=cutting.small * grain_size**2,
    )

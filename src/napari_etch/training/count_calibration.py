"""How far counts are from the truth: a calibration of the interval on images with truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_etch.counting import Calibration, Links

#: Part of the images outside the interval on either side.
TAIL = 0.025
#: Fewest images: with less, the outermost one is no limit of 95 %.
LEAST = 39
# Beyond this error of the log count an image is an outlier and weighs less.
_OUTLIER = 0.25


@dataclass(frozen=True, eq=False)
class Counted:
    """An image that was counted, with its true number of grains.

    Attributes
    ----------
    links : Links
    true : int
    style : str
        Kind of image, for the report.
    """

    links: Links
    true: int
    style: str = ""


def fit_calibration(images: Sequence[Counted], start: Calibration | None = None) -> Calibration:
    """Fit what is there, seen or not; what a person draws stays as it is in `start`.

    Offset and slope are those with the least error of the log count (Huber); the limits are the
    conformal quantiles of what is left, in units of the doubt of each image.

    Parameters
    ----------
    images : sequence of Counted
        At least `LEAST`, of all kinds alike.
    start : Calibration, optional

    Raises
    ------
    ValueError
        When there are too few.
    """
    from scipy.optimize import minimize

    if len(images) < LEAST:
        raise ValueError(f"{len(images)} images are too few for 95 %: give at least {LEAST}.")
    start = start or Calibration()

    def tried(values: npt.NDArray[np.float64]) -> Calibration:
        return replace(start, hidden_offset=float(values[0]), hidden_slope=float(values[1]))

    def loss(values: npt.NDArray[np.float64]) -> float:
        error = np.abs([_error(image, tried(values)) for image in images])
        inner = np.minimum(error, _OUTLIER)
        return float((inner * (error - inner / 2)).mean())

    found = minimize(loss, [start.hidden_offset, start.hidden_slope], method="Nelder-Mead")
    fitted = tried(found.x)
    scores = np.sort([_error(image, fitted) / _with(image, fitted).doubt for image in images])
    rank = min(int(np.ceil((len(scores) + 1) * (1 - TAIL))), len(scores))
    return replace(fitted, low=float(scores[-rank]), high=float(scores[rank - 1]))


def holds(image: Counted, calibration: Calibration) -> bool:
    """Return whether the interval, which holds the count too, holds the true number."""
    low, high = interval_of(image, calibration)
    return low <= image.true <= high


def interval_of(image: Counted, calibration: Calibration) -> tuple[int, int]:
    """Return the interval as `counting.count_partition` gives it."""
    links = _with(image, calibration)
    low, high = links.interval()
    return min(low, links.count), max(high, links.count)


def _with(image: Counted, calibration: Calibration) -> Links:
    return replace(image.links, calibration=calibration)


def _error(image: Counted, calibration: Calibration) -> float:
    return float(np.log(image.true / _with(image, calibration).expected))

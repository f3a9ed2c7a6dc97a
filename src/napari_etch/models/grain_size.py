"""Mean intercept from the network's own view of an image at several sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

# Mean intercepts, px, between which a trial's grains are taken at their word.
TRUSTED = (14.0, 95.0)


def measure_trial(
    maps: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_] | None = None
) -> tuple[float, float]:
    """Return the mean intercept of the grains in a trial and how sharp its boundaries are.

    Parameters
    ----------
    maps : float32 (2, y, x), as `heads.read_heads` returns them
    mask : bool (y, x), optional
        True = specimen; what is off it is neither line nor grain.

    Returns
    -------
    intercept : float
        Mean intercept of the lines along both axes, px; the image's side when no boundary is found.
    sharpness : float
        Mean boundary probability on the boundaries between the grains, 0 to 1.
    """
    from napari_etch.grains import partition

    grains = partition(maps[0], mask=mask).grains
    inside = np.ones(grains.shape, bool) if mask is None else mask
    beside, below = inside[:, 1:] & inside[:, :-1], inside[1:] & inside[:-1]
    across = (grains[:, 1:] != grains[:, :-1]) & beside
    down = (grains[1:] != grains[:-1]) & below
    crossings = int(across.sum()) + int(down.sum())
    if crossings == 0:
        return float(max(grains.shape)), 0.0
    length = int(beside.sum()) + int(below.sum())
    on_line = np.concatenate([maps[0][:, 1:][across], maps[0][1:][down]])
    return length / crossings, float(on_line.mean())


def choose_grain_size(trials: Mapping[float, tuple[float, float]]) -> float:
    """Return the mean intercept in px of the image, from trials at several sizes.

    Each trial votes for its own intercept divided by its factor. Its weight is how sharp its
    boundaries are, and how far inside the trusted range its grains look: too large an
    image makes texture look like grains, too small a one loses grains.

    Parameters
    ----------
    trials : mapping of factor to (intercept in the trial's px, sharpness)
    """
    low, high = TRUSTED
    centre = math.sqrt(low * high)
    reach = math.log(high / centre)
    votes, weights = [], []
    for factor, (intercept, sharpness) in trials.items():
        off = math.log(max(intercept, 1.0) / centre) / reach
        votes.append(math.log(max(intercept, 1.0) / factor))
        weights.append((sharpness + 1e-3) ** 2 * math.exp(-2 * off * off))
    return float(math.exp(np.average(votes, weights=weights)))

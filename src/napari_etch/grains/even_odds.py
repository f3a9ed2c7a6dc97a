"""How strong a boundary has to be in this image before it is more likely real than not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# A boundary counts from this part of the image's typical boundary on. On the development sets the
# best thresholds run from 0.4 (membranes, weakly called) to 0.6 (etched steel); this part of the
# typical strength follows them, a constant cannot.
PART = 0.6
# Where nothing in the image looks like a boundary, the strongest texture must not become one.
LIMITS = (0.35, 0.6)
_BINS = 100

Values = npt.NDArray[np.floating]


def typical_strength(strength: Values, length: Values) -> float:
    """Return the mean strength of the image's boundaries, apart from its texture.

    Parameters
    ----------
    strength : ndarray of float (n,)
        Mean boundary probability along each edge between two fragments, in [0, 1].
    length : ndarray of float (n,)
        Length of each edge.

    Returns
    -------
    float
        Mean of the upper of the two classes into which Otsu's threshold (1979) parts the
        edges by strength, weighted by length; NaN without edges.
    """
    weight, _ = np.histogram(strength, _BINS, (0, 1), weights=length)
    if weight.sum() <= 0:
        return float("nan")
    share = weight / weight.sum()
    middle = (np.arange(_BINS) + 0.5) / _BINS
    below, moment = np.cumsum(share), np.cumsum(share * middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moment[-1] * below - moment) ** 2 / (below * (1 - below))
    between[~np.isfinite(between)] = -1  # one of the classes would be empty
    cut = int(np.argmax(between))
    above = 1 - below[cut]
    if above <= 1e-9:  # all edges are equally strong: there is one class
        return float(moment[-1])
    return float((moment[-1] - moment[cut]) / above)


def even_odds(strength: Values, length: Values, part: float = PART) -> float:
    """Return the strength at which an edge of this image is as likely real as not, in `LIMITS`.

    Parameters
    ----------
    strength, length : ndarray of float (n,)
        As in `typical_strength`.
    part : float
        Of the typical strength.
    """
    typical = typical_strength(strength, length)
    if not np.isfinite(typical):
        return LIMITS[1]
    return float(np.clip(part * typical, *LIMITS))

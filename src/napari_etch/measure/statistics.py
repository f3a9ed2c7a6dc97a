"""Means over fields, how sure they are, and how many more fields they need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# E112 asks for a relative accuracy of 10 % or better.
GOAL_PERCENT = 10.0
_MOST_FIELDS = 10_000


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % confidence interval.

    Attributes
    ----------
    value : float
        The mean of the measured quantity.
    half_width : float or None
        Half of the 95 % interval; None when nothing says how large it is.
    n : int
        Values, or parts of a single field, that it was taken over.
    source : str
        ``fields``, ``parts of one field``, or an empty string.
    deviation : float or None
        Standard deviation of the values.
    """

    value: float
    half_width: float | None
    n: int
    source: str = "fields"
    deviation: float | None = None

    @property
    def relative_accuracy(self) -> float | None:
        """% RA, the half width in percent of the mean."""
        if self.half_width is None or not self.value:
            return None
        return 100 * self.half_width / abs(self.value)


def student_t(n: int) -> float:
    """Return t for a two-sided 95 % interval of n values.

    Parameters
    ----------
    n : int
        Number of values, at least 2.
    """
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 0.975))


def mean_of_fields(values: Sequence[float]) -> Mean:
    """Return the mean over fields and its 95 % interval, t · s / √n.

    Parameters
    ----------
    values : sequence of float
        The measured quantity (grains per mm², intersections per mm, mean area) of each field,
        never G: the mean of G is not the G of the mean.

    Returns
    -------
    Mean

    Raises
    ------
    ValueError
        Without values.
    """
    measured = np.asarray(values, float)
    if measured.size == 0:
        raise ValueError("there is no field to take the mean of")
    if measured.size == 1:
        return Mean(float(measured[0]), None, 1, "")
    deviation = float(measured.std(ddof=1))
    half = student_t(measured.size) * deviation / math.sqrt(measured.size)
    return Mean(float(measured.mean()), half, int(measured.size), "fields", deviation)


def ratio_of_parts(counts: np.ndarray, sizes: np.ndarray) -> Mean | None:
    """Return counts per size of one field with an interval from the differences of its parts.

    Parameters
    ----------
    counts, sizes : ndarray of float, (n,)
        What was counted in each part, and the area or the length of test line in it.

    Returns
    -------
    Mean or None
        None with fewer than four parts, or fewer than five counts a part, which say too little.

    Notes
    -----
    The usual variance of a ratio estimator (Cochran, Sampling Techniques, section 2.11) with
    t for one value less than there are parts.
    """
    used = sizes > 0
    counts, sizes = np.asarray(counts)[used], np.asarray(sizes)[used]
    n = int(counts.size)
    if n < 4 or counts.sum() < 5 * n:
        return None
    ratio = float(counts.sum() / sizes.sum())
    spread = math.sqrt(n / (n - 1) * float(((counts - ratio * sizes) ** 2).sum()))
    half = student_t(n) * spread / float(sizes.sum())
    return Mean(ratio, half, n, "parts of one field")


def fields_needed(mean: Mean, goal_percent: float = GOAL_PERCENT) -> int | None:
    """Return how many more fields the mean needs for a relative accuracy.

    Parameters
    ----------
    mean : Mean
        Over fields.
    goal_percent : float
        % RA wanted.

    Returns
    -------
    int or None
        0 when it is reached; None when the spread between fields is not known (a single field).
    """
    if mean.source != "fields" or mean.deviation is None or not mean.value:
        return None
    share = mean.deviation / abs(mean.value)
    n = mean.n
    while 100 * student_t(n) * share / math.sqrt(n) > goal_percent:
        n += 1
        if n >= _MOST_FIELDS:
            break
    return n - mean.n

"""How grain diameters are distributed, by number and by area."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PERCENTILES = (5, 10, 25, 50, 75, 90, 95)
# Above this the exact p-value is 1 to rounding, which SciPy takes for a failure and warns of.
_SURELY_ALIKE = 0.99
# An exact p-value takes some milliseconds, and the pairs grow with the square of the fields: 300 of
# them took minutes. Of more pairs than these it is that of large samples.
_FEW_PAIRS = 200


@dataclass(frozen=True)
class Shares:
    """A distribution of diameters, each grain weighing 1 or its area.

    Attributes
    ----------
    percentiles_um : dict of int to float
        Diameter below which that many percent are.
    log_mean_um : float
        Median of the log-normal distribution with the same log-moments, µm.
    log_deviation : float
        Its standard deviation of ln(diameter).
    mean_um, deviation_um : float
        Mean and standard deviation of the diameters.
    """

    percentiles_um: dict[int, float]
    log_mean_um: float
    log_deviation: float
    mean_um: float
    deviation_um: float


@dataclass(frozen=True)
class Difference:
    """Kolmogorov-Smirnov between the diameters of two fields.

    Attributes
    ----------
    one, two : int
        Which fields, from 0.
    distance, p_value : float
    """

    one: int
    two: int
    distance: float
    p_value: float


@dataclass(frozen=True)
class Distribution:
    """The diameters of the grains that no border cuts.

    Attributes
    ----------
    n : int
        Grains.
    by_number, by_area : Shares
    fit_distance : float
        Kolmogorov-Smirnov distance between the diameters by number and their log-normal fit.
    differences : tuple of Difference
        Between every two fields.
    """

    n: int
    by_number: Shares
    by_area: Shares
    fit_distance: float
    differences: tuple[Difference, ...]


def diameters(areas: np.ndarray) -> np.ndarray:
    """Return the diameters of the circles of equal area, float64, in µm for areas in µm²."""
    return np.asarray(2 * np.sqrt(np.asarray(areas, float) / np.pi))


def distribution(
    fields: Sequence[np.ndarray], compared: Sequence[int] | None = None
) -> Distribution:
    """Describe the grain diameters of one or several fields.

    Parameters
    ----------
    fields : sequence of ndarray of float
        Areas of the grains of each field, µm².
    compared : sequence of int, optional
        Which fields are compared with each other; all when not given. Sections of a stack are not:
        they share their grains, so the test does not hold.

    Returns
    -------
    Distribution
        Of all fields together, and the differences between them.

    Raises
    ------
    ValueError
        Without any grain.
    """
    areas = (
        np.concatenate([np.asarray(field, float) for field in fields]) if fields else np.zeros(0)
    )
    if areas.size == 0:
        raise ValueError("there is no grain whose diameter could be counted")
    sizes = diameters(areas)
    number = _shares(sizes, np.ones_like(sizes))
    return Distribution(
        n=int(sizes.size),
        by_number=number,
        by_area=_shares(sizes, areas),
        fit_distance=_distance_to_fit(sizes, number),
        differences=_differences(fields, range(len(fields)) if compared is None else compared),
    )


def cumulative(sizes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sizes in order and the share of the weight up to each.

    Parameters
    ----------
    sizes, weights : ndarray of float, (n,)

    Returns
    -------
    sizes, share : ndarray of float, (n,)
    """
    order = np.argsort(sizes)
    share = np.cumsum(weights[order])
    return sizes[order], share / share[-1]


def _shares(sizes: np.ndarray, weights: np.ndarray) -> Shares:
    ordered, share = cumulative(sizes, weights)
    middle = share - weights[np.argsort(sizes)] / (2 * weights.sum())
    logs = np.log(sizes)
    log_mean = float(np.average(logs, weights=weights))
    log_deviation = math.sqrt(float(np.average((logs - log_mean) ** 2, weights=weights)))
    mean = float(np.average(sizes, weights=weights))
    return Shares(
        {p: float(np.interp(p / 100, middle, ordered)) for p in PERCENTILES},
        math.exp(log_mean),
        log_deviation,
        mean,
        math.sqrt(float(np.average((sizes - mean) ** 2, weights=weights))),
    )


def log_normal_share(sizes: np.ndarray, shares: Shares) -> np.ndarray:
    """Return the share, in [0, 1], of a log-normal fit up to each size, µm."""
    from scipy.special import ndtr

    if shares.log_deviation == 0:
        return (np.asarray(sizes) >= shares.log_mean_um).astype(float)
    return np.asarray(ndtr((np.log(sizes) - math.log(shares.log_mean_um)) / shares.log_deviation))


def _distance_to_fit(sizes: np.ndarray, shares: Shares) -> float:
    ordered, share = cumulative(sizes, np.ones_like(sizes))
    fit = log_normal_share(ordered, shares)
    return float(max(np.abs(share - fit).max(), np.abs(share - 1 / sizes.size - fit).max()))


def _differences(fields: Sequence[np.ndarray], compared: Sequence[int]) -> tuple[Difference, ...]:
    pairs = [
        (one, two)
        for one, two in itertools.combinations(compared, 2)
        if len(fields[one]) * len(fields[two]) > 1  # of one grain each, nothing is known
    ]
    sizes = {at: np.sort(diameters(fields[at])) for at in compared}
    distances = np.array([_distance(sizes[one], sizes[two]) for one, two in pairs])
    alike = _alike(distances, [(sizes[one].size, sizes[two].size) for one, two in pairs])
    if len(pairs) <= _FEW_PAIRS:
        from scipy.stats import ks_2samp

        for at in np.flatnonzero(alike < _SURELY_ALIKE):
            alike[at] = ks_2samp(*(sizes[each] for each in pairs[at])).pvalue
    found = zip(pairs, distances.tolist(), alike.tolist(), strict=True)
    return tuple(Difference(one, two, distance, p) for (one, two), distance, p in found)


def _distance(one: np.ndarray, two: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance of two ascending samples."""
    both = np.concatenate([one, two])
    shares = (np.searchsorted(each, both, side="right") / each.size for each in (one, two))
    return float(np.abs(np.subtract(*shares)).max())


def _alike(distances: np.ndarray, counts: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the p-values of distances between samples of so many (Stephens 1970)."""
    from scipy.special import kolmogorov

    one, two = np.array(counts, float).reshape(-1, 2).T
    root = np.sqrt(one * two / (one + two))
    return np.asarray(kolmogorov(distances * (root + 0.12 + 0.11 / root)))

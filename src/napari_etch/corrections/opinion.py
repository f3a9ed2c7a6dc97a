"""A second opinion on boundaries: what the clear ones of this very image look like.

The network has learned from many images and may be unsure in this one. Within one image, though,
its clear calls show what a boundary looks like here: how dark or bright the line is, how much the
grains beside it differ, how long and straight it is. A logistic regression learns that from all
pieces that the boundary map can be cut into, clear boundaries and clear non-boundaries alike, and
is asked about the doubtful ones. Nothing is fitted beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.grains.cutting import PLAIN
from napari_etch.grains.even_odds import LIMITS

__all__ = ["Opinion", "ask_nobody", "even_strength", "learn"]

Float = npt.NDArray[np.float64]
Area = Callable[[npt.NDArray[np.int64]], Float]

_LEAST = 0.01  # probabilities beyond this and 1 minus this are as good as certain
_GREY = 0.004  # contrast, grey values, below which there is nothing but rounding
_MOST_CONTRAST = 4.0  # times the typical: beyond, it is another thing than a boundary
_LONGEST = 30.0  # px: longer boundaries teach no more
# The second opinion has learned from the first, so it is not independent and counts half: on
# virtual micrographs half and whole do equally well, and twice worse.
_SHARE = 0.5
# How confidence becomes the probability that a boundary of the generalist's map is real: fitted on
# 16 virtual micrographs at two granularities.
_SLOPE, _FOUND = 1.35, 1.96
# A true line that is missing has no gap: how much its weakest tenth counts beside the mean, and how
# much that takes off on the average; chosen on 20 other virtual micrographs.
_GAP, _USUAL_GAP = 0.75, 0.5
_RIDGE = 3.0  # of the regression, in boundaries
_ROUNDS = 30


@dataclass(frozen=True, eq=False)
class Opinion:
    """What is known about boundaries in one image.

    Parameters
    ----------
    even : float
        Strength at which the boundary map says nothing either way.
    typical : (float, float)
        Typical ridge and step of this image's boundaries.
    centre, spread, weights : ndarray of float
        Of the features; the first weight stands alone.
    """

    even: float
    typical: tuple[float, float]
    centre: Float
    spread: Float
    weights: Float

    def confidence(self, table: npt.NDArray[np.void], area: Area) -> npt.NDArray[np.float32]:
        """Return the probability that each boundary is real, from both opinions.

        Parameters
        ----------
        table : structured ndarray
            As `traces` returns.
        area : callable
            From labels to the pixels of these grains.
        """
        return np.asarray(_probability(self._both(table, area)), np.float32)

    def of_missing(self, table: npt.NDArray[np.void], area: Area) -> npt.NDArray[np.float32]:
        """Return the probability that a boundary belongs along each line where there is none.

        As `confidence`; but the line was looked for, so it is the best of many. A single gap says
        more against it than faintness all along.
        """
        gap = _log_odds(table["strength"].astype(float)) - _log_odds(table["weakest"].astype(float))
        odds = self._both(table, area) - _GAP * gap + _USUAL_GAP
        return np.asarray(_probability(odds), np.float32)

    def _both(self, table: npt.NDArray[np.void], area: Area) -> Float:
        """Return the log-odds of both opinions."""
        own = _log_odds(self.of_map(table))
        seen = (_features(table, area, self.typical) - self.centre) / self.spread
        second = self.weights[0] + seen @ self.weights[1:]
        return np.asarray(own + _SHARE * second)

    def trust(self, table: npt.NDArray[np.void], area: Area) -> npt.NDArray[np.float32]:
        """Return the probability that each boundary of a map is real.

        As `confidence`, which is asked about any line; a boundary is in the map because the model
        found reason for it, which is worth something too.
        """
        likely = _log_odds(self.confidence(table, area).astype(float))
        known = np.isfinite(table["strength"])
        return np.where(known, _probability(_SLOPE * likely + _FOUND), 0.5).astype(np.float32)

    def of_map(self, table: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
        """Return the probability that each boundary is real, from the boundary map alone."""
        return _from_strength(table["strength"], self.even)


def even_strength(table: npt.NDArray[np.void]) -> float:
    """Return the strength at which a boundary of this image is as likely real as not.

    By the plain rule (`grains.cutting`), whichever rule cut the map: the numbers of this module
    were fitted with it.

    Parameters
    ----------
    table : structured ndarray
        The map's boundaries, as `traces` returns.
    """
    known = np.isfinite(table["strength"])
    if not known.any():
        return LIMITS[1]
    typical = np.average(table["strength"][known], weights=table["length"][known])
    return float(np.clip(PLAIN.part * typical, *LIMITS))


def ask_nobody(even: float) -> Opinion:
    """Return the boundary map's opinion alone."""
    width = len(_FEATURES)
    return Opinion(even, (1.0, 1.0), np.zeros(width), np.ones(width), np.zeros(width + 1))


def learn(edges: npt.NDArray[np.void], area: Area, boundaries: npt.NDArray[np.void]) -> Opinion:
    """Learn from one image what its boundaries look like.

    Parameters
    ----------
    edges : structured ndarray
        All edges between the pieces that the boundary map can be cut into, as `traces` returns.
    area : callable
        From labels to the pixels of these pieces.
    boundaries : structured ndarray
        The boundaries of the map itself: they set what is typical.
    """
    even = even_strength(boundaries)
    if edges.size < 2 * len(_FEATURES) or not np.isfinite(edges["strength"]).any():
        return ask_nobody(even)
    typical = (
        _typical(np.abs(boundaries["ridge"]), boundaries["length"]),
        _typical(boundaries["step"], boundaries["length"]),
    )
    features = _features(edges, area, typical)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread < 1e-9] = 1.0
    says = _from_strength(edges["strength"], even)
    weight = np.minimum(edges["length"].astype(float), _LONGEST)
    weights = _regress((features - centre) / spread, says, weight / weight.mean())
    return Opinion(even, typical, centre, spread, weights)


_FEATURES = ("ridge", "depth", "step", "length", "area", "straight")


def _features(table: npt.NDArray[np.void], area: Area, typical: tuple[float, float]) -> Float:
    """Return the columns of `_FEATURES`, float (n, 6)."""
    ridge = np.clip(table["ridge"] / typical[0], -_MOST_CONTRAST, _MOST_CONTRAST)
    step = np.clip(table["step"] / typical[1], 0, _MOST_CONTRAST)
    smaller = np.minimum(area(table["label_a"]), area(table["label_b"]))
    columns = (
        ridge,
        np.abs(ridge),
        step,
        np.log(np.maximum(table["length"], 1)),
        np.log(np.maximum(smaller, 1)),
        table["straight"],
    )
    return np.stack([np.asarray(column, float) for column in columns], axis=1)


def _typical(values: npt.NDArray[np.floating], length: npt.NDArray[np.floating]) -> float:
    """Return the median, weighted by length."""
    if values.size == 0:
        return 1.0
    order = np.argsort(values)
    share = np.cumsum(length[order])
    at = np.searchsorted(share, share[-1] / 2)
    return float(values[order][min(at, values.size - 1)]) + _GREY


def _regress(features: Float, says: Float, weight: Float) -> Float:
    """Return the weights of a logistic regression on probabilities, the constant first."""
    design = np.concatenate([np.ones((len(features), 1)), features], axis=1)
    penalty = _RIDGE * np.diag([0.0] + [1.0] * features.shape[1])
    weights = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        now = _probability(design @ weights)
        bend = weight * now * (1 - now) + 1e-9
        slope = design.T @ (weight * (says - now)) - penalty @ weights
        step = np.linalg.solve((design * bend[:, None]).T @ design + penalty, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def _from_strength(strength: npt.NDArray[np.floating], even: float) -> Float:
    known = np.where(np.isfinite(strength), strength, even).astype(float)
    return _probability(_log_odds(known) - _log_odds(np.array(even)))


def _log_odds(probability: Float) -> Float:
    clipped = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.log(clipped / (1 - clipped))


def _probability(log_odds: Float) -> Float:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -50, 50))))

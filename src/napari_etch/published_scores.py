"""Scores of boundary lines as WPU-Net was published with, to stand beside those of `evaluation`.

The definitions differ: the lines count as a segment of their own in RI and ARI, pixels on a line of
either map are left out of VI, and a margin is cut off. Numbers by one must not be compared with
numbers by the other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Cut off on every side before anything is counted, px.
MARGIN = 10
THRESHOLDS = tuple(0.5 + 0.05 * step for step in range(10))
# Pratt's figure: scale of the squared distance, half the window a neighbour is looked for in, and
# the distance that stands for none.
_PRATT_SCALE, _PRATT_WINDOW, _PRATT_NONE = 0.1, 60, 30.0

Lines = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PublishedScores:
    """RI and ARI, VI in bits with its parts, mean average precision, Pratt's figure of merit.

    Attributes
    ----------
    ri, ari : float
        Rand index and adjusted Rand index over all pixels, lines included as one segment.
    vi, merge, split : float
        Of the pixels that are on no line of either map: H(truth | pred) and H(pred | truth).
    map : float
        TP / (TP + FP + FN), mean over IoU above 0.50, 0.55 … 0.95, with the frame made a line.
    pratt : float
        Mean over the lines' pixels of 1 / (1 + 0.1 d²), d the distance to the nearest true one.
    """

    ri: float
    ari: float
    vi: float
    merge: float
    split: float
    map: float
    pratt: float

    def as_dict(self) -> dict[str, Any]:
        """Return the scores by name."""
        return asdict(self)


def published_scores(pred: Lines, truth: Lines, *, margin: int = MARGIN) -> PublishedScores:
    """Score the lines of one section.

    Parameters
    ----------
    pred, truth : bool (y, x)
        One-pixel boundary lines; what they enclose, 4-connected, is a grain.
    margin : int
        Px cut off on every side.

    Raises
    ------
    ValueError
        When the shapes differ or nothing is left within the margin.
    """
    if pred.ndim != 2 or pred.shape != truth.shape:
        raise ValueError(f"the lines are {pred.shape} and the true ones {truth.shape}")
    if min(pred.shape) <= 2 * margin + 2:
        raise ValueError(f"a section of {pred.shape} px has nothing within a margin of {margin} px")
    inner = tuple(slice(margin, length - margin) for length in pred.shape)
    found, real = pred[inner] != 0, truth[inner] != 0
    table = _table(_enclosed(found), _enclosed(real))
    ri, ari = _rand(table)
    merge, split = _information(table[1:, 1:])
    precision = _precision(_framed(found), _framed(real))
    return PublishedScores(ri, ari, merge + split, merge, split, precision, _pratt(found, real))


def _enclosed(lines: Lines) -> npt.NDArray[np.int32]:
    from scipy.ndimage import label

    return np.asarray(label(~lines)[0], np.int32)


def _framed(lines: Lines) -> Lines:
    framed = lines.copy()
    framed[[0, -1]] = framed[:, [0, -1]] = True
    return framed


def _table(pred: npt.NDArray[np.int32], truth: npt.NDArray[np.int32]) -> Floats:
    """Return how many pixels each pair of labels shares, (pred, truth), row and column 0 lines."""
    shape = int(pred.max()) + 1, int(truth.max()) + 1
    keys = pred.astype(np.int64).ravel() * shape[1] + truth.ravel()
    return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape).astype(float)


def _rand(table: Floats) -> tuple[float, float]:
    def pairs(counts: Floats) -> float:
        return float((counts * (counts - 1)).sum()) / 2

    total = table.sum()
    possible = total * (total - 1) / 2
    both, in_pred, in_true = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    index = (possible + 2 * both - in_pred - in_true) / possible
    by_chance = in_pred * in_true / possible
    best = (in_pred + in_true) / 2
    adjusted = (both - by_chance) / (best - by_chance) if best != by_chance else 1.0
    return float(index), float(adjusted)


def _information(table: Floats) -> tuple[float, float]:
    """Return H(truth | pred) and H(pred | truth) in bits."""
    total = table.sum()
    if total == 0:
        return 0.0, 0.0

    def entropy(counts: Floats) -> float:
        share = counts[counts > 0] / total
        return float(-(share * np.log2(share)).sum())

    together = entropy(table)
    merge = together - entropy(table.sum(1))
    split = together - entropy(table.sum(0))
    return max(0.0, merge), max(0.0, split)


def _precision(pred: Lines, truth: Lines) -> float:
    table = _table(_enclosed(pred), _enclosed(truth))
    area_pred, area_true = table.sum(1)[1:, None], table.sum(0)[None, 1:]
    shared = table[1:, 1:]
    if not shared.size:
        return 0.0
    best = (shared / (area_pred + area_true - shared)).max(1)
    scores = []
    for threshold in THRESHOLDS:
        hits = int((best > threshold).sum())
        scores.append(hits / (shared.shape[0] + shared.shape[1] - hits))
    return float(np.mean(scores))


def _pratt(pred: Lines, truth: Lines) -> float:
    from scipy.ndimage import distance_transform_cdt, distance_transform_edt

    most = max(int(pred.sum()), int(truth.sum()))
    if most == 0:
        return 1.0
    if not pred.any() or not truth.any():
        return 0.0
    distance = distance_transform_edt(~truth)[pred]
    beyond = distance_transform_cdt(~truth, "chessboard")[pred] > _PRATT_WINDOW
    distance[beyond] = _PRATT_NONE
    return float((1 / (1 + _PRATT_SCALE * distance**2)).sum() / most)

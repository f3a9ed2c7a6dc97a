"""Which pixels of a grain map and its truth agree: information, pairs, matched grains."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_etch.evaluation.truth import Truth

IOU_THRESHOLDS = tuple(0.5 + 0.05 * step for step in range(10))


def overlap_scores(pred: np.ndarray, truth: Truth) -> dict[str, Any]:
    """Return VI, Rand and matching scores of labels 1, 2 … over the pixels that truth claims.

    Parameters
    ----------
    pred : np.ndarray
        Dense and without gaps, of the shape of the truth, which may be 3D.
    truth : Truth
    """
    from scipy.sparse import coo_array

    at = truth.labels > 0
    shape = (int(pred.max()) + 1, int(truth.labels.max()) + 1)
    pixels = np.ones(np.count_nonzero(at), np.int64)
    table = coo_array((pixels, (pred[at], truth.labels[at])), shape=shape).tocsr().tocoo()
    pred_area = table.sum(axis=1).astype(float)
    true_area = table.sum(axis=0).astype(float)
    scores = information(table.data, pred_area, true_area)
    scores |= rand(table.data, pred_area, true_area)
    kept = kept_grains(pred, truth)
    row, column = table.coords
    union = pred_area[row] + true_area[column] - table.data
    iou = (table.data / union)[kept[row]]
    return scores | _matches(iou, int(kept.sum()), int(truth.labels.max()))


def information(joint: np.ndarray, pred: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Return the variation of information and its two parts, bits, from pixel counts.

    Parameters
    ----------
    joint : ndarray of int, (k,)
        Pixels that a predicted grain and a true one share, for each pair that shares any.
    pred, true : ndarray of float, (n,), (m,)
        Its sums over each predicted and over each true grain.
    """
    total = joint.sum()
    if total == 0:
        return {"vi": None, "vi_split": None, "vi_merge": None}

    def entropy(counts: np.ndarray) -> float:
        share = counts[counts > 0] / total
        return float(-np.sum(share * np.log2(share)))

    together = entropy(joint)
    split = max(together - entropy(true), 0.0)
    merge = max(together - entropy(pred), 0.0)
    return {"vi": split + merge, "vi_split": split, "vi_merge": merge}


def rand(joint: np.ndarray, pred: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Return the adapted Rand error and the adjusted Rand index, over pairs of pixels.

    The counts are those of `information`; both are None for fewer than two pixels.
    """
    total = float(joint.sum())
    if total < 2:
        return {"are": None, "ari": None}

    def pairs(counts: np.ndarray) -> float:
        return float(np.sum(np.square(counts.astype(float)))) - total  # ordered, of two pixels

    both, in_pred, in_true = pairs(joint), pairs(pred), pairs(true)
    error = 1 - 2 * both / (in_pred + in_true) if in_pred + in_true else 0.0
    by_chance = in_pred * in_true / (total * (total - 1))
    best = (in_pred + in_true) / 2
    index = (both - by_chance) / (best - by_chance) if best != by_chance else 1.0
    return {"are": error, "ari": index}


def kept_grains(pred: np.ndarray, truth: Truth) -> np.ndarray:
    """Tell by label, bool (n + 1,), which predicted grains count: at most half is unscored.

    `pred` is dense, of the shape of the truth; 0, which it may lack, never counts.
    """
    area = np.bincount(pred.ravel())
    unscored = np.bincount(pred[truth.unscored], minlength=area.size)
    kept = (area > 0) & (2 * unscored <= area)
    kept[0] = False
    return kept


def _matches(iou: np.ndarray, n_pred: int, n_true: int) -> dict[str, Any]:
    """Return average precision and panoptic quality from the overlaps of all pairs."""
    if n_true == 0:
        return {"ap50": None, "map": None, "pq": None, "tp50": None}
    hits = [int(np.count_nonzero(iou > threshold)) for threshold in IOU_THRESHOLDS]
    precision = [hit / (n_pred + n_true - hit) for hit in hits]
    quality = float(iou[iou > 0.5].sum()) / ((n_pred + n_true) / 2)
    return {
        "ap50": precision[0],
        "map": float(np.mean(precision)),
        "pq": quality,
        "tp50": hits[0],
    }

"""How large the grains of a map are beside those of its truth, and how many there are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from napari_etch.evaluation.overlap import kept_grains
from napari_etch.evaluation.truth import Truth, filled


def size_scores(pred: np.ndarray, truth: Truth) -> dict[str, Any]:
    """Return how many grains of what size a map and its truth hold.

    Parameters
    ----------
    pred : np.ndarray
        Dense and without gaps, (y, x).
    truth : Truth
    """
    kept = kept_grains(pred, truth)
    shared_out = np.where(truth.unscored, 0, filled(truth.labels))
    all_true = np.arange(int(shared_out.max()) + 1) > 0
    in_pred, edge_pred = _interior(pred, kept, truth)
    in_true, edge_true = _interior(shared_out, all_true, truth)
    field = int(np.count_nonzero(~truth.unscored))
    return {
        **count_scores(kept, truth),
        "ks_ecd": _distance(in_pred, in_true) if in_pred.size and in_true.size else None,
        "interior_pred": int(in_pred.size),
        "interior_true": int(in_true.size),
        "mean_area_interior_pred": mean(in_pred),
        "mean_area_interior_true": mean(in_true),
        "delta_g": _delta_g(
            _planimetric_mean(field, in_pred.size, edge_pred),
            _planimetric_mean(field, in_true.size, edge_true),
        ),
        "delta_g_interior": _delta_g(mean(in_pred), mean(in_true)),
    }


def count_scores(kept: np.ndarray, truth: Truth) -> dict[str, Any]:
    """Return the numbers of grains; `kept` tells by label which predicted ones count."""
    count_pred, count_true = int(kept.sum()), int(truth.labels.max())
    return {
        "count_pred": count_pred,
        "count_true": count_true,
        "count_ratio": count_pred / count_true if count_true else None,
    }


def _distance(in_pred: np.ndarray, in_true: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov distance between the diameters of two sets of areas."""
    from scipy.stats import ks_2samp

    # no p-value is wanted, and SciPy warns where the exact one of equal samples rounds above 1
    return float(ks_2samp(np.sqrt(in_pred), np.sqrt(in_true), method="asymp").statistic)


def _interior(labels: np.ndarray, counted: np.ndarray, truth: Truth) -> tuple[np.ndarray, int]:
    """Return the areas of the grains away from frame and mask, and the number of the others."""
    area = np.bincount(labels[~truth.unscored], minlength=counted.size)
    edge = np.zeros(counted.size, bool)
    edge[np.unique(labels[_rim(truth.masked)])] = True
    present = counted & (area > 0)
    return area[present & ~edge], int(np.count_nonzero(present & edge))


def _rim(masked: np.ndarray) -> np.ndarray:
    """Mark the frame, the masked pixels and their neighbours."""
    from scipy.ndimage import binary_dilation

    rim = binary_dilation(masked) if masked.any() else np.zeros(masked.shape, bool)
    rim[[0, -1]] = True
    rim[:, [0, -1]] = True
    return rim


def _planimetric_mean(field: int, interior: int, edge: int) -> float | None:
    count = interior + edge / 2
    return field / count if count else None


def _delta_g(pred_area: float | None, true_area: float | None) -> float | None:
    """Return the difference in ASTM G of two mean areas; the pixel size cancels."""
    if not pred_area or not true_area:
        return None
    return -math.log2(pred_area / true_area)


def mean(values: np.ndarray) -> float | None:
    """Return the mean; None of nothing."""
    return float(values.mean()) if values.size else None


def mean_of(values: Iterable[float | None]) -> float | None:
    """Return the mean of those values that are known; None where none is."""
    return mean(np.array([value for value in values if value is not None], float))

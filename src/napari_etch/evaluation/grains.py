"""Scores of one grain map."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_etch.evaluation.lines import DEFAULT_TOLERANCE_PX, boundary_scores
from napari_etch.evaluation.overlap import overlap_scores
from napari_etch.evaluation.sizes import size_scores
from napari_etch.evaluation.truth import (
    DEFAULT_MIN_AREA_PX,
    TruthKind,
    checked,
    claimed_truth,
    dense,
    filled,
)


@dataclass(frozen=True)
class GrainScores:
    """How well a grain map agrees with truth; None where a number has no meaning.

    Attributes
    ----------
    vi, vi_split, vi_merge : float
        Variation of information in bits: H(pred | truth), which grows when true grains are cut,
        plus H(truth | pred), which grows when true grains are joined.
    are, ari : float
        Adapted Rand error (1 - F of pair precision and recall) and adjusted Rand index.
    ap50, map : float
        TP / (TP + FP + FN) at an IoU strictly above 0.5, and its mean over 0.50, 0.55 … 0.95.
    pq : float
        Panoptic quality at an IoU above 0.5.
    tp50 : int
        Matched grains at an IoU above 0.5.
    count_pred, count_true, count_ratio
        Grains that count on both sides.
    ks_ecd : float
        Kolmogorov-Smirnov distance between the diameters of the grains away from the edge.
    interior_pred, interior_true, mean_area_interior_pred, mean_area_interior_true
        Number and mean area (px) of those grains.
    delta_g, delta_g_interior : float
        ASTM G of the prediction less that of the truth, from the planimetric mean area (edge grains
        count ½) and from the grains away from the edge. Positive: the prediction is too fine.
    boundary_precision, boundary_recall, boundary_f1 : float
        Of one-pixel lines, within ``tolerance_px``.
    tolerance_px, min_area_px
        What the scores were taken with.
    pred_pieces_beyond_labels : int
        How many more connected pieces the prediction has than labels.
    """

    vi: float | None
    vi_split: float | None
    vi_merge: float | None
    are: float | None
    ari: float | None
    ap50: float | None
    map: float | None
    pq: float | None
    tp50: int | None
    count_pred: int
    count_true: int
    count_ratio: float | None
    ks_ecd: float | None
    interior_pred: int
    interior_true: int
    mean_area_interior_pred: float | None
    mean_area_interior_true: float | None
    delta_g: float | None
    delta_g_interior: float | None
    boundary_precision: float | None
    boundary_recall: float | None
    boundary_f1: float | None
    tolerance_px: float
    min_area_px: int
    pred_pieces_beyond_labels: int

    def as_dict(self) -> dict[str, Any]:
        """Return the scores by name, ready for JSON."""
        return asdict(self)


def evaluate_grains(
    pred: np.ndarray,
    truth: np.ndarray,
    *,
    ignore: np.ndarray | None = None,
    tolerance_px: float = DEFAULT_TOLERANCE_PX,
    truth_kind: TruthKind = "auto",
    min_area_px: int = DEFAULT_MIN_AREA_PX,
) -> GrainScores:
    """Score one predicted grain map.

    Parameters
    ----------
    pred : np.ndarray
        Grain map, whole numbers, (y, x).
    truth : np.ndarray
        Label map or boundary mask, (y, x).
    ignore : np.ndarray, optional
        Mask, (y, x); nonzero pixels are not scored.
    tolerance_px : float
        How far a boundary may be from the true one, px.
    truth_kind : {"auto", "labels", "boundary"}
        What the truth is. "auto" takes a bool or uint8 array of at most two values for a boundary
        mask, anything else for a label map. The grains of a boundary mask are the 4-connected parts
        of its zero pixels.
    min_area_px : int
        Truth grains below this area, px, are left out.

    Returns
    -------
    GrainScores
        All scores.

    Raises
    ------
    ValueError
        When the arrays are not 2D, differ in shape, are empty, or labels or classes are fractions.
    """
    pred, truth, masked = checked(pred, truth, ignore)
    claimed = claimed_truth(truth, masked, truth_kind, min_area_px)
    labels = dense(filled(pred))
    return GrainScores(
        **overlap_scores(labels, claimed),
        **size_scores(labels, claimed),
        **boundary_scores(labels, claimed, tolerance_px),
        tolerance_px=tolerance_px,
        min_area_px=min_area_px,
        pred_pieces_beyond_labels=_pieces(labels) - int(labels.max()),
    )


def _pieces(labels: np.ndarray) -> int:
    from skimage.measure import label

    return int(label(labels, connectivity=2).max())

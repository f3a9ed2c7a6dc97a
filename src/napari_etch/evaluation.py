"""Scores of a predicted grain map, or of a map of classes, against truth.

A truth is a label map (one positive integer a grain, 0 where nothing is claimed) or a drawn
boundary mask (nonzero on the line). What the scores agree on:

- A prediction tiles the plane: its 0 pixels go to the nearest label before anything is measured.
- Truth pixels of value 0, masked pixels and truth grains below a least area enter no region score.
  A predicted grain that lies by more than half under the mask or on such small grains is dropped;
  one that lies on a truth line is a false grain.
- A quantity that cannot be computed is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

TruthKind = Literal["auto", "labels", "boundary"]
DEFAULT_TOLERANCE_PX = 3.0
DEFAULT_MIN_AREA_PX = 30
IOU_THRESHOLDS = tuple(0.5 + 0.05 * step for step in range(10))
# Lines go on this far beyond the frame while they are thinned, or thick ones fork into corners.
FRAME_MARGIN_PX = 16


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
        When the arrays are not 2D, differ in shape, or the prediction holds fractions.
    """
    pred, truth, masked = _checked(pred, truth, ignore)
    claimed = _claimed_truth(truth, masked, truth_kind, min_area_px)
    labels = _dense(_filled(pred))
    return GrainScores(
        **_overlap_scores(labels, claimed),
        **_size_scores(labels, claimed),
        **_boundary_scores(labels, claimed, tolerance_px),
        tolerance_px=tolerance_px,
        min_area_px=min_area_px,
        pred_pieces_beyond_labels=_pieces(labels) - int(labels.max()),
    )


@dataclass(frozen=True)
class StackScores:
    """How well the grains of a stack agree with truth; None where a number has no meaning.

    Attributes
    ----------
    vi, vi_split, vi_merge, are, ari, ap50, map, pq, tp50, count_pred, count_true, count_ratio
        Of grains in space, as in `GrainScores`; None where the truth is drawn lines, which do not
        tell what is one grain in two sections.
    tracking_vi : float or None
        VI in space less the mean VI of the sections: what is wrong from section to section.
    sections : dict of str to float or None
        Means of the scores of the sections, each by itself.
    tolerance_px, min_area_px
        What the scores were taken with; in space the area is a volume, voxels.
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
    count_pred: int | None
    count_true: int | None
    count_ratio: float | None
    tracking_vi: float | None
    sections: dict[str, float | None]
    tolerance_px: float
    min_area_px: int

    def as_dict(self) -> dict[str, Any]:
        """Return the scores by name, ready for JSON."""
        return asdict(self)


_IN_SPACE = ("vi", "vi_split", "vi_merge", "are", "ari", "ap50", "map", "pq", "tp50")
_COUNTS = ("count_pred", "count_true", "count_ratio")
_IN_SECTIONS = (*_IN_SPACE[:8], "count_ratio", "delta_g", "boundary_f1")


def evaluate_stack(
    pred: np.ndarray,
    truth: np.ndarray,
    *,
    ignore: np.ndarray | None = None,
    tolerance_px: float = DEFAULT_TOLERANCE_PX,
    truth_kind: TruthKind = "auto",
    min_area_px: int = DEFAULT_MIN_AREA_PX,
) -> StackScores:
    """Score the grain maps of a stack, numbered through its sections, in space and by section.

    Parameters
    ----------
    pred, truth, ignore : np.ndarray
        As for `evaluate_grains`, (z, y, x).
    tolerance_px, truth_kind, min_area_px
        As for `evaluate_grains`.

    Returns
    -------
    StackScores

    Raises
    ------
    ValueError
        When the arrays are not 3D, differ in shape, or the prediction holds fractions.
    """
    pred, truth, masked = _checked(pred, truth, ignore, dimensions=3)
    if truth_kind == "auto":
        truth_kind = "boundary" if _is_drawn(truth) else "labels"
    labels = _dense(_filled(pred))
    options: dict[str, Any] = {"tolerance_px": tolerance_px, "min_area_px": min_area_px}
    sections = [
        evaluate_grains(each, true, ignore=mask, truth_kind=truth_kind, **options).as_dict()
        for each, true, mask in zip(labels, truth, masked, strict=True)
    ]
    means = {name: _mean_of(section[name] for section in sections) for name in _IN_SECTIONS}
    in_space: dict[str, Any] = dict.fromkeys((*_IN_SPACE, *_COUNTS))
    if truth_kind == "labels":
        claimed = _claimed_truth(truth, masked, truth_kind, min_area_px)
        in_space = _overlap_scores(labels, claimed) | _counts(_kept(labels, claimed), claimed)
    vi, of_sections = in_space["vi"], means["vi"]
    tracking = None if vi is None or of_sections is None else vi - of_sections
    return StackScores(**in_space, tracking_vi=tracking, sections=means, **options)


def _mean_of(values: Iterable[float | None]) -> float | None:
    return _mean(np.array([value for value in values if value is not None], float))


@dataclass(frozen=True)
class ClassScores:
    """How well a map of classes agrees with truth, over the pixels that truth labels.

    Attributes
    ----------
    accuracy : float or None
        Share of the labelled pixels that have the true class.
    miou : float or None
        Mean of `iou` over the classes of the truth.
    iou : dict of int to float
        Of each class of the truth: pixels in common over pixels of either.
    share_pred, share_true : dict of int to float
        Area fraction of each class, of the labelled pixels.
    labelled_px, labelled_share
        How many pixels the truth labels, and how much of the image that is.
    classes : list of int
        Classes on either side; 0 where the prediction left labelled pixels open.
    confusion : list of list of int
        Pixels by true class (row) and predicted class (column), in the order of `classes`.
    """

    accuracy: float | None
    miou: float | None
    iou: dict[int, float]
    share_pred: dict[int, float]
    share_true: dict[int, float]
    labelled_px: int
    labelled_share: float
    classes: list[int]
    confusion: list[list[int]]

    def as_dict(self) -> dict[str, Any]:
        """Return the scores by name, ready for JSON."""
        return asdict(self)


def evaluate_classes(
    pred: np.ndarray, truth: np.ndarray, *, ignore: np.ndarray | None = None
) -> ClassScores:
    """Score one map of classes, such as fracture modes.

    Parameters
    ----------
    pred, truth : np.ndarray
        Class ids, whole numbers, (y, x); 0 is unlabelled, and is not scored in the truth.
    ignore : np.ndarray, optional
        Mask, (y, x); nonzero pixels are not scored.

    Returns
    -------
    ClassScores

    Raises
    ------
    ValueError
        When the arrays are not 2D, differ in shape, or the prediction holds fractions.
    """
    pred, truth, masked = _checked(pred, truth, ignore)
    labelled = (truth != 0) & ~masked
    found, true = (each[labelled].astype(np.int64) for each in (pred, truth))
    classes = np.unique(np.concatenate([found, true]))
    n = classes.size
    at = np.searchsorted(classes, true) * n + np.searchsorted(classes, found)
    confusion = np.bincount(at, minlength=n * n).reshape(n, n)
    of_true, of_pred, right = confusion.sum(1), confusion.sum(0), confusion.diagonal()
    there = of_true > 0
    iou = right[there] / (of_true + of_pred - right)[there]

    def shares(counts: np.ndarray) -> dict[int, float]:
        return dict(zip(classes.tolist(), (counts / true.size).tolist(), strict=True))

    return ClassScores(
        accuracy=float(right.sum() / true.size) if true.size else None,
        miou=_mean(iou),
        iou=dict(zip(classes[there].tolist(), iou.tolist(), strict=True)),
        share_pred=shares(of_pred),
        share_true=shares(of_true),
        labelled_px=int(true.size),
        labelled_share=float(labelled.mean()),
        classes=classes.tolist(),
        confusion=confusion.tolist(),
    )


@dataclass(frozen=True)
class _Truth:
    """Truth as the scores want it: dense labels, and what is not to be scored."""

    labels: np.ndarray
    masked: np.ndarray
    unscored: np.ndarray  # masked, or on a grain that is too small
    lines: np.ndarray | None  # drawn lines, when that is what the truth is


def _checked(
    pred: np.ndarray, truth: np.ndarray, ignore: np.ndarray | None, dimensions: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pred, truth = np.ma.filled(pred, 0), np.ma.filled(truth, 0)
    masked = np.zeros(truth.shape, bool) if ignore is None else np.asarray(ignore) != 0
    if truth.ndim != dimensions:
        wanted = "one 2D map" if dimensions == 2 else "a stack (z, y, x)"
        raise ValueError(f"the truth must be {wanted}, not an array of shape {truth.shape}")
    for name, array in (("prediction", pred), ("ignore mask", masked)):
        if array.shape != truth.shape:
            raise ValueError(
                f"the {name} is {array.shape}, the truth {truth.shape}: give two maps of one image"
            )
    if pred.dtype.kind == "f" and (pred != np.round(pred)).any():
        raise ValueError("the prediction holds fractions: give the grain map, not the boundary map")
    return pred, truth, masked


def _claimed_truth(truth: np.ndarray, masked: np.ndarray, kind: str, min_area: int) -> _Truth:
    from skimage.measure import label

    if kind == "auto":
        kind = "boundary" if _is_drawn(truth) else "labels"
    lines = None
    if kind == "boundary":
        lines = truth != 0
        labels = label(~(lines | masked), connectivity=1)
    else:
        labels = np.where(masked, 0, _dense(truth))
    small = (np.bincount(labels.ravel()) < min_area)[labels] & (labels > 0)
    if lines is not None:
        lines = lines | small
    return _Truth(_dense(np.where(small, 0, labels)), masked, masked | small, lines)


def _is_drawn(truth: np.ndarray) -> bool:
    return truth.dtype in (np.bool_, np.uint8) and np.unique(truth).size <= 2


def _filled(labels: np.ndarray) -> np.ndarray:
    """Give every 0 pixel the nearest label; a map of nothing becomes one grain."""
    from scipy.ndimage import distance_transform_edt

    gaps = labels == 0
    if gaps.all():
        return np.ones(labels.shape, np.int64)
    if not gaps.any():
        return labels
    nearest = distance_transform_edt(gaps, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]


def _dense(labels: np.ndarray) -> np.ndarray:
    """Number the labels 1, 2 … in their order; 0 stays 0."""
    values, index = np.unique(labels, return_inverse=True)
    return index.reshape(labels.shape) + (0 if values.size and values[0] == 0 else 1)


def _pieces(labels: np.ndarray) -> int:
    from skimage.measure import label

    return int(label(labels, connectivity=2).max())


# ------------------------------------------------------------------------------ which pixels agree


def _overlap_scores(pred: np.ndarray, truth: _Truth) -> dict[str, Any]:
    from scipy.sparse import coo_array

    at = truth.labels > 0
    shape = (int(pred.max()) + 1, int(truth.labels.max()) + 1)
    pixels = np.ones(np.count_nonzero(at), np.int64)
    table = coo_array((pixels, (pred[at], truth.labels[at])), shape=shape).tocsr().tocoo()
    pred_area = table.sum(axis=1).astype(float)
    true_area = table.sum(axis=0).astype(float)
    scores = _information(table.data, pred_area, true_area)
    scores |= _rand(table.data, pred_area, true_area)
    kept = _kept(pred, truth)
    row, column = table.coords
    union = pred_area[row] + true_area[column] - table.data
    iou = (table.data / union)[kept[row]]
    return scores | _matches(iou, int(kept.sum()), int(truth.labels.max()))


def _information(joint: np.ndarray, pred: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Return the variation of information and its two parts, from pixel counts."""
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


def _rand(joint: np.ndarray, pred: np.ndarray, true: np.ndarray) -> dict[str, Any]:
    """Return the adapted Rand error and the adjusted Rand index, over pairs of pixels."""
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


def _kept(pred: np.ndarray, truth: _Truth) -> np.ndarray:
    """Tell by label which predicted grains count: at most half of them is unscored."""
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


# ----------------------------------------------------------------------------------- size of grains


def _size_scores(pred: np.ndarray, truth: _Truth) -> dict[str, Any]:
    kept = _kept(pred, truth)
    shared_out = np.where(truth.unscored, 0, _filled(truth.labels))
    all_true = np.arange(int(shared_out.max()) + 1) > 0
    in_pred, edge_pred = _interior(pred, kept, truth)
    in_true, edge_true = _interior(shared_out, all_true, truth)
    field = int(np.count_nonzero(~truth.unscored))
    return {
        **_counts(kept, truth),
        "ks_ecd": _distance(in_pred, in_true) if in_pred.size and in_true.size else None,
        "interior_pred": int(in_pred.size),
        "interior_true": int(in_true.size),
        "mean_area_interior_pred": _mean(in_pred),
        "mean_area_interior_true": _mean(in_true),
        "delta_g": _delta_g(
            _planimetric_mean(field, in_pred.size, edge_pred),
            _planimetric_mean(field, in_true.size, edge_true),
        ),
        "delta_g_interior": _delta_g(_mean(in_pred), _mean(in_true)),
    }


def _counts(kept: np.ndarray, truth: _Truth) -> dict[str, Any]:
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


def _interior(labels: np.ndarray, counted: np.ndarray, truth: _Truth) -> tuple[np.ndarray, int]:
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


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


# -------------------------------------------------------------------------------------------- lines


def _boundary_scores(pred: np.ndarray, truth: _Truth, tolerance: float) -> dict[str, Any]:
    found = _lines_between(pred)
    if truth.lines is not None:
        wanted = _thinned(truth.lines)
    else:
        wanted = _lines_between(_filled(truth.labels))
    precision = _share_near(found, wanted, truth.masked, tolerance)
    recall = _share_near(wanted, found, truth.masked, tolerance)
    f1 = None
    if recall is not None:
        f1 = 2 * precision * recall / (precision + recall) if precision and recall else 0.0
    return {"boundary_precision": precision, "boundary_recall": recall, "boundary_f1": f1}


def _lines_between(labels: np.ndarray) -> np.ndarray:
    from skimage.segmentation import find_boundaries

    return _thinned(find_boundaries(labels, mode="thick"))


def _thinned(lines: np.ndarray) -> np.ndarray:
    from skimage.morphology import skeletonize

    if not lines.any():
        return np.zeros(lines.shape, bool)
    margin = FRAME_MARGIN_PX
    return skeletonize(np.pad(lines, margin, mode="edge"))[margin:-margin, margin:-margin]


def _share_near(
    lines: np.ndarray, others: np.ndarray, masked: np.ndarray, tolerance: float
) -> float | None:
    """Return which share of the pixels of `lines` has one of `others` within the tolerance."""
    from scipy.ndimage import distance_transform_edt

    counted = lines & ~masked
    if not counted.any():
        return None
    if not others.any():
        return 0.0
    return float(np.mean(distance_transform_edt(~others)[counted] <= tolerance))

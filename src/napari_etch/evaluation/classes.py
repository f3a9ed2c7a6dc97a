"""Scores of a map of classes, such as fracture modes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_etch.evaluation.sizes import mean
from napari_etch.evaluation.truth import checked, refuse_no_labels


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
        When the arrays are not 2D, differ in shape, are empty, or labels or classes are fractions.
    """
    pred, truth, masked = checked(pred, truth, ignore)
    refuse_no_labels(truth, "truth")
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
        miou=mean(iou),
        iou=dict(zip(classes[there].tolist(), iou.tolist(), strict=True)),
        share_pred=shares(of_pred),
        share_true=shares(of_true),
        labelled_px=int(true.size),
        labelled_share=float(labelled.mean()),
        classes=classes.tolist(),
        confusion=confusion.tolist(),
    )

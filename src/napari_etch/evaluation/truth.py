"""A grain map and its truth as the scores want them: checked, dense, without gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

TruthKind = Literal["auto", "labels", "boundary"]
DEFAULT_MIN_AREA_PX = 30


@dataclass(frozen=True)
class Truth:
    """Truth as the scores want it: dense labels, and what is not to be scored."""

    labels: np.ndarray
    masked: np.ndarray
    unscored: np.ndarray  # masked, or on a grain that is too small
    lines: np.ndarray | None  # drawn lines, when that is what the truth is


def checked(
    pred: np.ndarray, truth: np.ndarray, ignore: np.ndarray | None, dimensions: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return prediction, truth and where nothing is scored (bool), all of one shape.

    Raises
    ------
    ValueError
        When they are not of so many dimensions, differ in shape, are empty, or the prediction
        holds fractions.
    """
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
    if not truth.size:
        raise ValueError(f"the maps have no pixels (shape {truth.shape}): give maps of an image")
    refuse_no_labels(pred, "prediction")
    return pred, truth, masked


def refuse_no_labels(array: np.ndarray, name: str) -> None:
    """Raise ValueError where a map holds what is no number of a grain or class; `name` is its own.

    Of numbers below 0 each would be a grain, and 0 another one.
    """
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the {name} holds {array.dtype}: give a map of whole numbers")
    if array.dtype.kind == "f" and (array != np.round(array)).any():
        raise ValueError(
            f"the {name} holds fractions: give a map of whole numbers, not the boundary map"
        )
    if array.min(initial=0) < 0 or not np.isfinite(array.max(initial=0)):
        raise ValueError(
            f"the {name} holds numbers below 0 or without end: give a map of whole numbers, from 0"
        )


def claimed_truth(truth: np.ndarray, masked: np.ndarray, kind: TruthKind, min_area: int) -> Truth:
    """Return truth as the scores want it, without what is masked or smaller than `min_area`, px.

    Parameters
    ----------
    truth, masked : np.ndarray
        Label map or drawn lines, and where nothing is scored (bool), of one shape.
    kind : {"auto", "labels", "boundary"}
        What the truth is, see `evaluate_grains`.
    min_area : int
        In a stack a volume, voxels.
    """
    from skimage.measure import label

    if kind == "auto":
        kind = "boundary" if is_drawn(truth) else "labels"
    lines = None
    if kind == "boundary":
        lines = truth != 0
        labels = label(~(lines | masked), connectivity=1)
    else:
        refuse_no_labels(truth, "truth")
        labels = np.where(masked, 0, dense(truth))
    small = (np.bincount(labels.ravel()) < min_area)[labels] & (labels > 0)
    if lines is not None:
        lines = lines | small
    return Truth(dense(np.where(small, 0, labels)), masked, masked | small, lines)


def is_drawn(truth: np.ndarray) -> bool:
    """Return whether a truth is drawn lines: bool or uint8, of two values at most."""
    return truth.dtype in (np.bool_, np.uint8) and np.unique(truth).size <= 2


def filled(labels: np.ndarray) -> np.ndarray:
    """Give every 0 pixel, (y, x) or (z, y, x), the nearest label; a map of nothing is one grain."""
    from scipy.ndimage import distance_transform_edt

    gaps = labels == 0
    if gaps.all():
        return np.ones(labels.shape, np.int64)
    if not gaps.any():
        return labels
    nearest = distance_transform_edt(gaps, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]


def dense(labels: np.ndarray) -> np.ndarray:
    """Number the labels 1, 2 … in their order; 0 stays 0."""
    values, index = np.unique(labels, return_inverse=True)
    return index.reshape(labels.shape) + (0 if values.size and values[0] == 0 else 1)

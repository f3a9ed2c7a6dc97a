"""How near the lines between the grains of a map lie to those of its truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_etch.evaluation.truth import Truth, filled

DEFAULT_TOLERANCE_PX = 3.0
# Lines go on this far beyond the frame while they are thinned, or thick ones fork into corners.
FRAME_MARGIN_PX = 16


def boundary_scores(pred: np.ndarray, truth: Truth, tolerance: float) -> dict[str, Any]:
    """Return precision, recall and F1 of the one-pixel lines within `tolerance`, px."""
    found = _lines_between(pred)
    if truth.lines is not None:
        wanted = _thinned(truth.lines)
    else:
        wanted = _lines_between(filled(truth.labels))
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

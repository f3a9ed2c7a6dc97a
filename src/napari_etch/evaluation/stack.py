"""Scores of the grains of a stack, in space and by section."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from napari_etch.evaluation.grains import evaluate_grains
from napari_etch.evaluation.lines import DEFAULT_TOLERANCE_PX
from napari_etch.evaluation.overlap import kept_grains, overlap_scores
from napari_etch.evaluation.sizes import count_scores, mean_of
from napari_etch.evaluation.truth import (
    DEFAULT_MIN_AREA_PX,
    TruthKind,
    checked,
    claimed_truth,
    dense,
    filled,
    is_drawn,
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
        As for `evaluate_grains`, (z, y, x). Where the truth is drawn lines, what a grain shows of
        itself in two places of a section counts as two.
    tolerance_px, truth_kind, min_area_px
        As for `evaluate_grains`.

    Returns
    -------
    StackScores

    Raises
    ------
    ValueError
        When the arrays are not 3D, differ in shape, are empty, or labels or classes are fractions.
    """
    pred, truth, masked = checked(pred, truth, ignore, dimensions=3)
    if truth_kind == "auto":
        truth_kind = "boundary" if is_drawn(truth) else "labels"
    labels = dense(filled(pred))
    options: dict[str, Any] = {"tolerance_px": tolerance_px, "min_area_px": min_area_px}
    # drawn lines part what one grain in space shows of itself in two places of a section
    planar = [_parts(each) for each in labels] if truth_kind == "boundary" else labels
    sections = [
        evaluate_grains(each, true, ignore=mask, truth_kind=truth_kind, **options).as_dict()
        for each, true, mask in zip(planar, truth, masked, strict=True)
    ]
    means = {name: mean_of(section[name] for section in sections) for name in _IN_SECTIONS}
    in_space: dict[str, Any] = dict.fromkeys((*_IN_SPACE, *_COUNTS))
    if truth_kind == "labels":
        claimed = claimed_truth(truth, masked, truth_kind, min_area_px)
        kept = kept_grains(labels, claimed)
        in_space = overlap_scores(labels, claimed) | count_scores(kept, claimed)
    vi, of_sections = in_space["vi"], means["vi"]
    tracking = None if vi is None or of_sections is None else vi - of_sections
    return StackScores(**in_space, tracking_vi=tracking, sections=means, **options)


def _parts(section: np.ndarray) -> np.ndarray:
    """Return the 4-connected parts of the grains of a section, as those of drawn lines are."""
    from skimage.measure import label

    return np.asarray(label(section, connectivity=1))

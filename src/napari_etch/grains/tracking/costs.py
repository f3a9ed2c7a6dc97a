"""What an overlap says: the log-odds that two grains of different sections are one grain."""

from __future__ import annotations

import numpy as np

from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Floats

FEATURES = (
    "iou",  # log-odds of shared area over joint area
    "inside",  # log-odds of shared area over the smaller grain
    "apart",  # distance of the centroids over the radius of the mean area, at most `_FAR`
    "agreement",  # how alike the sections are as a whole
    "two steps",  # 1 across a section
    "constant",
)
# Further apart than this the centroids say no more: long and branched grains would be cut.
_FAR = 1.0
# Logistic regression on virtual stacks (`python benchmarks/tracking.py --calibrate`), from true
# grain maps and from maps with joined, cut and displaced grains.
WEIGHTS = np.array([0.51, 0.50, -3.75, 0.41, -0.28, 2.18])
# Grains that touch in a section are seldom one: log-odds of that.
TOUCHING = -3.0
# Evidence across a section repeats in part what the sections between say.
TWO_STEPS_SHARE = 0.25
# Nothing is more certain than this, log-odds.
_CAP = 6.0


def link_features(graph: SectionGraph) -> Floats:
    """Return what is known of each link, float64 (m, 6); the columns are `FEATURES`."""
    before, after = graph.links.T
    area_before, area_after = graph.area[before], graph.area[after]
    union = area_before + area_after - graph.overlap
    smaller = np.minimum(area_before, area_after)
    apart = np.linalg.norm(graph.centroid[before] - graph.centroid[after], axis=1)
    return np.column_stack(
        [
            _log_odds(graph.overlap / union),
            _log_odds(graph.overlap / smaller),
            np.minimum(apart / np.sqrt((area_before + area_after) / (2 * np.pi)), _FAR),
            graph.agreement,
            graph.steps - 1.0,
            np.ones(graph.overlap.size),
        ]
    )


def link_log_odds(graph: SectionGraph) -> Floats:
    """Return the log-odds that the two nodes of each link are one grain, float64 (m,)."""
    return np.clip(link_features(graph) @ WEIGHTS, -_CAP, _CAP)


def _log_odds(share: Floats) -> Floats:
    share = np.clip(share, 0.01, 0.99)
    return np.log(share / (1 - share))

"""What an overlap says: the log-odds that two grains of different sections are one grain."""

from __future__ import annotations

import numpy as np

from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Floats

FEATURES = (
    "iou",  # log-odds of shared area over joint area
    "inside",  # log-odds of shared area over the smaller grain
    "first's choice",  # log of shared area over the most that the earlier grain shares with another
    "second's choice",  # the same of the later grain
    "apart",  # distance of the centroids over the radius of the mean area
    "agreement",  # how alike the sections are as a whole
    "two steps",  # 1 across a section
    "constant",
)
# Logistic regression on virtual stacks (`python benchmarks/tracking.py --calibrate`), from true
# grain maps and from maps with joined, cut and displaced grains.
WEIGHTS = np.array([1.18, 0.86, -0.56, -0.56, -2.16, 1.32, -0.28, 1.08])
# Grains that touch in a section are seldom one: log-odds of that.
TOUCHING = -3.0
# Evidence across a section repeats in part what the sections between say.
TWO_STEPS_SHARE = 0.25
# A choice cannot be clearer than this many times the area of the next.
_MOST_RATIO = 20.0
# Nothing is more certain than this, log-odds.
_CAP = 6.0


def link_features(graph: SectionGraph) -> Floats:
    """Return what is known of each link, float64 (m, 8); the columns are `FEATURES`."""
    before, after = graph.links.T
    area_before, area_after = graph.area[before], graph.area[after]
    union = area_before + area_after - graph.overlap
    smaller = np.minimum(area_before, area_after)
    apart = np.linalg.norm(graph.centroid[before] - graph.centroid[after], axis=1)
    return np.column_stack(
        [
            _log_odds(graph.overlap / union),
            _log_odds(graph.overlap / smaller),
            *(_choice(graph, side) for side in (0, 1)),
            apart / np.sqrt((area_before + area_after) / (2 * np.pi)),
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


def _choice(graph: SectionGraph, side: int) -> Floats:
    """Return the log of each overlap over the largest other one of its first or second node.

    A node has choices in the next section and in the next but one, which do not compete.
    """
    if graph.overlap.size == 0:
        return np.zeros(0)
    key = 2 * graph.links[:, side] + graph.steps - 1
    order = np.lexsort((graph.overlap, key))
    last = np.flatnonzero(np.diff(key[order], append=-1))
    first = np.concatenate([[0], last[:-1] + 1])
    group = np.repeat(np.arange(last.size), np.diff(last, prepend=-1))
    ranked = graph.overlap[order]
    runner_up = np.where(last > first, ranked[last - 1], 0)
    other = ranked[last][group]
    other[last] = runner_up
    ratio = np.empty(ranked.size)
    ratio[order] = ranked / np.maximum(other, 1)
    return np.log(np.clip(ratio, 1 / _MOST_RATIO, _MOST_RATIO))

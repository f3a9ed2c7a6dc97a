"""All sections at once: which grains of sections are one grain, as a minimum-cost multicut.

Every overlap pulls two grains together or pushes them apart by its log-odds, and the cut that
agrees best with all of them is sought (Chopra and Rao 1993). Grains appear, disappear, split and
merge where that costs least; a grain that was cut in two in one section is put together by the
sections on both sides. That two grains touch in a section says nothing beyond that: a cost for it
made virtual stacks no better.
"""

from __future__ import annotations

import numpy as np

from napari_etch.grains.tracking.costs import TWO_STEPS_SHARE, link_log_odds
from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Ints


def link_globally(graph: SectionGraph) -> Ints:
    """Link grains by the evidence of all sections together.

    Greedy additive edge contraction (Keuper et al. 2015), then Kernighan-Lin moves on each part of
    the problem that hangs together. Deterministic.

    Parameters
    ----------
    graph : SectionGraph

    Returns
    -------
    ndarray of int64, shape (n,)
        3D grain of each node, from 0, not consecutive.
    """
    from bioimage_cpp.graph import UndirectedGraph, multicut

    if len(graph.links) == 0:
        return np.arange(graph.count)
    costs = link_log_odds(graph) * np.where(graph.steps == 1, 1.0, TWO_STEPS_SHARE)
    edges = np.ascontiguousarray(graph.links, np.uint64)
    problem = UndirectedGraph.from_edges(graph.count, edges)
    objective = multicut.MulticutObjective(problem, costs)
    solver = multicut.ChainedMulticutSolvers(
        [multicut.GreedyAdditiveMulticut(), multicut.KernighanLinMulticut()]
    )
    found = multicut.MulticutDecomposer(solver, number_of_threads=1).optimize(objective)
    return np.asarray(found, np.int64)

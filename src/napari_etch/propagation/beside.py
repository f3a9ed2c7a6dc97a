"""Cutting a section by the grains over and under it, not by its own boundaries alone.

Where a boundary is weak in one section, two grains run together there; in the section beside they
often do not. Boundaries move from section to section, so a map of them says this only roughly; the
grains themselves still lie over each other. Two fragments of a section that lie under one grain of
the section beside belong together, two that lie under different ones do not:

    log-odds of an edge += w · t · (1 - exp(-a / (r I)²)) · (1 - 2 s),   s = Σ o_a(g) o_b(g)

o_a(g) is the share of fragment a that lies under grain g, a the area of the smaller fragment, I the
mean intercept (what is small may lie anywhere), and t how far the section beside can be trusted.
The method is ours; that a section informs the next is WPU-Net's idea.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_etch.grains import Partition, RegionGraph

Values = npt.NDArray[np.float64]

# w, r: log-odds at full trust, and side of a fragment that is believed, in mean intercepts. Every
# weight from 1 to 2 lowers VI on stack-sstem and on virtual stacks.
WEIGHT, SIDE = 1.5, 0.25
# A section beside that is trusted less is not asked: pictures of other places have about 0.1.
TRUSTED = 0.2
# Edges of the section that are surely no boundary and surely one: trust is measured on them.
NONE, SURE = 0.2, 0.8
# No edge is so sure by itself that others cannot be heard; as in `grains.merge_tree`.
LEAST = 0.01


def cut_beside(
    partition: Partition, beside: Sequence[npt.NDArray[np.int32]], grain_size: float
) -> Partition:
    """Return the partition of a section, merged anew with what the sections beside say.

    Parameters
    ----------
    partition : Partition
    beside : sequence of int32 (y, x)
        Grain maps of the sections before and after, as far as they are there and usable; 0 is off
        the specimen.
    grain_size : float
        Mean intercept, px.

    Returns
    -------
    Partition
        The same fragments at the same granularity.
    """
    graph = partition.graph
    if not beside or not graph.length.size:
        return partition
    smaller = graph.areas[graph.edges].min(axis=1).astype(np.float64)
    believed = 1 - np.exp(-smaller / (SIDE * grain_size) ** 2)
    said = np.zeros(graph.length.size)
    for grains in beside:
        same, known = lie_under_one(partition.fragments, graph, grains)
        weight = believed * known * graph.length
        trusted = trust(partition.probability, same, weight)
        if trusted >= TRUSTED:
            said += trusted * known * (1 - 2 * same)
    own = np.clip(partition.probability, LEAST, 1 - LEAST).astype(np.float64)
    yes = own * np.exp(WEIGHT * believed * said / len(beside))
    return partition.rescored(yes / (yes + 1 - own))


def lie_under_one(
    fragments: npt.NDArray[np.int32], graph: RegionGraph, grains: npt.NDArray[np.int32]
) -> tuple[Values, Values]:
    """Return how far the two fragments of each edge lie under one grain of the section beside.

    Parameters
    ----------
    fragments : int32 (y, x)
    graph : RegionGraph
        Of the fragments.
    grains : int32 (y, x)
        0 is off the specimen.

    Returns
    -------
    same : float64 (n_edges,)
        Chance that a pixel of one and a pixel of the other lie under the same grain.
    known : float64 (n_edges,)
        Share of the one of them that lies less under grains at all.
    """
    from scipy.sparse import csr_matrix

    inside = grains > 0
    shape = graph.areas.size, int(grains.max(initial=0)) + 1
    ones = np.ones(int(inside.sum()))
    shared = csr_matrix((ones, (fragments[inside], grains[inside])), shape=shape)
    total = np.asarray(shared.sum(axis=1)).ravel()
    first, second = graph.edges.T
    both = np.asarray(shared[first].multiply(shared[second]).sum(axis=1)).ravel()
    area = total[first] * total[second]
    covered = np.divide(total, graph.areas, out=np.zeros_like(total), where=graph.areas > 0)
    known = np.minimum(covered[first], covered[second])
    return np.divide(both, area, out=np.zeros_like(both), where=area > 0), known


def trust(probability: npt.NDArray[np.float32], same: Values, weight: Values) -> float:
    """Return how far the section beside can be trusted, from 0 to 1.

    What it says of edges that are surely no boundary, less what it says of sure boundaries: 0.4 to
    0.9 for a next section, about 0.1 for one of another specimen, or moved far.

    Parameters
    ----------
    probability, same, weight : (n_edges,)
        Of a boundary; of lying under one grain; of the edge.
    """
    means = []
    for sure in (probability < NONE, probability > SURE):
        if weight[sure].sum() <= 0:
            return 0.0
        means.append(float(np.average(same[sure], weights=weight[sure])))
    return max(0.0, means[0] - means[1])

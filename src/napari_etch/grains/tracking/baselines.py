"""Section by section: the two published ways of linking grains, to compare with."""

from __future__ import annotations

import numpy as np

from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Ints

# A grain with the nearest centroid is the same only if the two share this much.
LEAST_IOU = 0.2


def link_by_overlap(graph: SectionGraph) -> Ints:
    """Link each grain to that of the section before with which it shares the largest area.

    Every grain of the section before is taken once; who loses it takes the next largest that is
    free. A grain that finds none is new.

    Parameters
    ----------
    graph : SectionGraph

    Returns
    -------
    ndarray of int64, shape (n,)
        3D grain of each node, from 0, not consecutive.
    """
    chosen = np.flatnonzero((graph.steps == 1) & (graph.overlap > 0))
    order = chosen[np.argsort(-graph.overlap[chosen], kind="stable")]
    # The largest overlap of all that is still open is the first choice of both of its grains, so
    # one pass from large to small ends where the published rounds of picking end.
    before_free, after_free = np.ones(graph.count, bool), np.ones(graph.count, bool)
    parent = np.arange(graph.count)
    for before, after in graph.links[order].tolist():
        if before_free[before] and after_free[after]:
            before_free[before] = after_free[after] = False
            parent[after] = before
    return followed(parent)


def link_by_centroid(graph: SectionGraph) -> Ints:
    """Link each grain to that of the section before whose centroid is nearest.

    The two must overlap with an IoU above 0.2, and every grain of the section before keeps the
    nearest of those that want it.

    Parameters
    ----------
    graph : SectionGraph

    Returns
    -------
    ndarray of int64, shape (n,)
        3D grain of each node, from 0, not consecutive.
    """
    chosen = np.flatnonzero((graph.steps == 1) & (graph.overlap > 0))
    before, after = graph.links[chosen].T
    far = np.linalg.norm(graph.centroid[before] - graph.centroid[after], axis=1)
    union = graph.area[before] + graph.area[after] - graph.overlap[chosen]
    alike = graph.overlap[chosen] / union > LEAST_IOU
    order = np.lexsort((far, after))
    nearest = order[np.flatnonzero(np.diff(after[order], prepend=-1))]
    nearest = nearest[alike[nearest]]
    order = nearest[np.lexsort((far[nearest], before[nearest]))]
    kept = order[np.flatnonzero(np.diff(before[order], prepend=-1))]
    parent = np.arange(graph.count)
    parent[after[kept]] = before[kept]
    return followed(parent)


def absorb_single_sections(graph: SectionGraph, grains: Ints) -> Ints:
    """Give grains that live in one inner section to the neighbour they share most with.

    Parameters
    ----------
    graph : SectionGraph
    grains : ndarray of int64, shape (n,)
        3D grain of each node, from 0.

    Returns
    -------
    ndarray of int64, shape (n,)
        As `grains`; a node without any overlap stays.
    """
    grains = grains.copy()
    sound = np.flatnonzero(~graph.is_skipped())
    if sound.size < 3:
        return grains
    inner = (graph.section > sound[0]) & (graph.section < sound[-1])
    alone = inner & (np.bincount(grains, minlength=graph.count)[grains] == 1)
    chosen = np.flatnonzero((graph.steps == 1) & (graph.overlap > 0))
    # each link seen from both of its ends
    here = graph.links[chosen].ravel()
    there = graph.links[chosen][:, ::-1].ravel()
    shared = np.repeat(graph.overlap[chosen], 2)
    usable = alone[here] & ~alone[there]
    here, there, shared = here[usable], there[usable], shared[usable]
    order = np.lexsort((-shared, here))
    best = order[np.flatnonzero(np.diff(here[order], prepend=-1))]
    grains[here[best]] = grains[there[best]]
    return grains


def followed(parent: Ints) -> Ints:
    """Return the first of the chain of each node; parents have lower numbers."""
    grains = parent.tolist()
    for node, before in enumerate(grains):
        grains[node] = grains[before] if before != node else node
    return np.array(grains, np.int64)

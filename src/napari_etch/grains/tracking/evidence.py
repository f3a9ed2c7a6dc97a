"""What is known of two grains of different sections that lie over each other.

Beside their own overlap, what comes before and after counts: a grain that is about to end shrinks,
one that has just begun grows, and where two links of a grain hang together the third one should,
too. What a whole pair of sections is like tells how much all of that can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Floats, Ints

# Of the stack and of the pair of sections.
COMMON = (
    "raggedness",  # log of outline over the root of the area, mean of the stack
    "forks",  # log share of grains that lie in another one which is not their partner
    "partnered",  # share of grains that share most with each other both ways
    "usual distance",  # log of the partners' median distance after the drift, in radii
    "agreement",  # log-odds of how alike the sections are as a whole
    "two steps",  # 1 across a section
)
# Of the two grains.
OWN = (
    "iou",  # log-odds of shared area over joint area, after the drift
    "inside",  # log-odds of shared area over the smaller grain
    "cover",  # log-odds of shared area over the larger grain
    "apart",  # distance of the centroids after the drift, in radii
    "apart as it stands",  # the same without taking the drift off
    "stray",  # log of that distance over what is usual between the two sections
    "off the path",  # distance from where the links before and after point to, in radii
    "size",  # log of their mean area over that of the section
    "unrest",  # how far grains stray from the drift, in radii
    "unequal",  # absolute log ratio of the areas
)
# Of each of the two; they change places when the stack is turned over.
EACH = (
    "ahead of rivals",  # log of the shared area over that with the best other grain
    "shrinks",  # log ratio of its area here to that a section further away
    "hangs together",  # log-odds of the IoU with its partner a section further away
    "goes on",  # 1 when there is one
    "larger",  # log ratio of its area to the other one's
    "own raggedness",
)
FEATURES = (*COMMON, *OWN, *(f"{name}, {side}" for side in ("before", "after") for name in EACH))


@dataclass(frozen=True, eq=False)
class _Partners:
    """Which links are between grains that share most with each other both ways.

    `mutual` is a flag of each link; `earlier` and `later` are the links of one step of each node to
    its partner in the section before and after, -1 for none.
    """

    mutual: np.ndarray
    earlier: Ints
    later: Ints


def link_features(graph: SectionGraph, *, turned_over: bool = False) -> Floats:
    """Return what is known of each link.

    Parameters
    ----------
    graph : SectionGraph
    turned_over : bool
        As if the stack were read from its end.

    Returns
    -------
    ndarray of float64, shape (m, 28)
        The columns are `FEATURES`.
    """
    before, after = graph.links.T
    partners = _partners(graph)
    apart = np.linalg.norm(_rest(graph), axis=1) / _radius(graph)
    ragged = _raggedness(graph)
    common = _common(graph, partners, apart, ragged)
    own = _own(graph, partners, apart)
    sides = [
        _each(graph, before, after, partners.earlier, ragged),
        _each(graph, after, before, partners.later, ragged),
    ]
    if turned_over:
        sides.reverse()
    return np.column_stack([*common, *own, *sides[0], *sides[1]])


def _radius(graph: SectionGraph) -> Floats:
    return np.sqrt(graph.area[graph.links].sum(axis=1) / (2 * np.pi))


def _rest(graph: SectionGraph) -> Floats:
    """Return how far each pair has moved beyond the drift around it, (m, 2)."""
    before, after = graph.links.T
    return np.asarray(graph.centroid[after] - graph.centroid[before] - graph.move)


def _log_odds(share: Floats) -> Floats:
    share = np.clip(share, 0.01, 0.99)
    return np.asarray(np.log(share / (1 - share)))


def _iou(graph: SectionGraph) -> Floats:
    union = graph.area[graph.links].sum(axis=1) - graph.carried
    return np.asarray(graph.carried / union)


def _pair_of_sections(graph: SectionGraph) -> Ints:
    """Return one number for the two sections of each link."""
    sections = graph.section[graph.links]
    return np.asarray(sections[:, 0] * graph.shape[0] + sections[:, 1])


def _mean_area(graph: SectionGraph) -> Floats:
    """Return the mean area of the grains of each section, (z,)."""
    number = np.bincount(graph.section, minlength=graph.shape[0])
    total = np.bincount(graph.section, graph.area, minlength=graph.shape[0])
    return np.asarray(total / np.maximum(number, 1))


def _firsts(group: Ints, *keys: Floats | Ints) -> Ints:
    """Return the place of the first of each group in the order of the keys, last key first."""
    order = np.lexsort((*keys, group))
    return order[np.flatnonzero(np.diff(group[order], prepend=-1))]


def _partners(graph: SectionGraph) -> _Partners:
    depth = graph.shape[0]
    sections = graph.section[graph.links]
    best = [
        _firsts(graph.links[:, side] * depth + sections[:, 1 - side], -graph.carried)
        for side in (0, 1)
    ]
    found = np.intersect1d(best[0], best[1])
    found = found[graph.carried[found] > 0]
    mutual = np.zeros(graph.overlap.size, bool)
    mutual[found] = True
    earlier, later = np.full(graph.count, -1), np.full(graph.count, -1)
    near = found[graph.steps[found] == 1]
    later[graph.links[near, 0]] = near
    earlier[graph.links[near, 1]] = near
    return _Partners(mutual, earlier, later)


def _raggedness(graph: SectionGraph) -> Floats:
    """Return the log of each grain's outline over the root of its area, (n,); 0 is not known."""
    outline = np.bincount(
        graph.touching.ravel(), np.repeat(graph.contact, 2), minlength=graph.count
    )
    return np.clip(np.log(np.maximum(outline / np.sqrt(graph.area), 1.0)), 0, 4)


def _common(
    graph: SectionGraph, partners: _Partners, apart: Floats, ragged: Floats
) -> list[Floats]:
    smaller = graph.area[graph.links].min(axis=1)
    mean_area = _mean_area(graph)[graph.section[graph.links[:, 0]]]
    pairs, index = np.unique(_pair_of_sections(graph), return_inverse=True)
    known = ragged > 0
    weight = max(float(graph.area[known].sum()), 1.0)
    stack = float((ragged * graph.area)[known].sum()) / weight
    # a speck that lies in something says nothing
    fork = (graph.carried > 0.8 * smaller) & ~partners.mutual & (smaller > 0.1 * mean_area)
    mutual = np.bincount(index, partners.mutual, minlength=pairs.size)
    forks = np.bincount(index, fork, minlength=pairs.size)
    number = np.bincount(graph.section, minlength=graph.shape[0])
    both = (number[pairs // graph.shape[0]] + number[pairs % graph.shape[0]]) / 2
    usual = _medians(apart[partners.mutual], index[partners.mutual], pairs.size)
    return [
        np.full(index.size, stack),
        np.log((forks + 0.2) / (mutual + 1))[index],
        (mutual / np.maximum(both, 1))[index],
        np.log(usual + 0.02)[index],
        _log_odds(graph.agreement),
        graph.steps - 1.0,
    ]


def _medians(values: Floats, group: Ints, count: int) -> Floats:
    """Return the median of the values of each group, 0 of an empty one."""
    order = np.lexsort((values, group))
    values, size = values[order], np.bincount(group, minlength=count)
    start = np.cumsum(size) - size
    medians = np.zeros(count)
    full = size > 0
    low = values[(start + (size - 1) // 2)[full]]
    medians[full] = (low + values[(start + size // 2)[full]]) / 2
    return medians


def _own(graph: SectionGraph, partners: _Partners, apart: Floats) -> list[Floats]:
    before, after = graph.links.T
    one, two = graph.area[before].astype(float), graph.area[after].astype(float)
    radius, rest = _radius(graph), _rest(graph)
    stands = np.linalg.norm(graph.centroid[after] - graph.centroid[before], axis=1) / radius
    distance = np.linalg.norm(rest, axis=1)
    stray = np.log((distance + 0.5) / (graph.spread + 0.5))
    off = np.linalg.norm(rest - _path(graph, partners), axis=1) / radius
    size = np.log(np.sqrt(one * two) / _mean_area(graph)[graph.section[before]])
    return [
        _log_odds(_iou(graph)),
        _log_odds(graph.carried / np.minimum(one, two)),
        _log_odds(graph.carried / np.maximum(one, two)),
        np.minimum(apart, 3),
        np.minimum(stands, 3),
        np.clip(stray, -3, 3),
        np.minimum(off, 3),
        np.clip(size, -4, 3),
        np.clip(graph.spread / radius, 0, 2),
        np.clip(np.abs(np.log(one / two)), 0, 4),
    ]


def _path(graph: SectionGraph, partners: _Partners) -> Floats:
    """Return how each pair should have moved beyond the drift, by its links on both sides."""
    rest = _rest(graph)
    total, number = np.zeros(rest.shape), np.zeros(len(rest))
    for links in (partners.earlier[graph.links[:, 0]], partners.later[graph.links[:, 1]]):
        known = links >= 0
        total[known] += rest[links[known]]
        number += known
    return np.asarray(total / np.maximum(number, 1)[:, None] * graph.steps[:, None])


def _each(
    graph: SectionGraph, node: Ints, other: Ints, further: Ints, ragged: Floats
) -> list[Floats]:
    """Return what is known of one of the two; `further` are the links that lead away from them."""
    links = further[node]
    known = links >= 0
    shrinks, together = np.zeros(node.size), np.zeros(node.size)
    ends = graph.links[links[known]]
    beyond = np.where(ends[:, 0] == node[known], ends[:, 1], ends[:, 0])
    shrinks[known] = np.log(graph.area[beyond] / graph.area[node[known]])
    together[known] = _log_odds(_iou(graph))[links[known]]
    larger = np.log(graph.area[node] / graph.area[other])
    return [
        _ahead(graph, node, other),
        np.clip(shrinks, -2, 2),
        together,
        known.astype(float),
        np.clip(larger, -3, 3),
        ragged[node],
    ]


def _ahead(graph: SectionGraph, node: Ints, other: Ints) -> Floats:
    """Return the log of the area that a node shares over that with its best other partner."""
    group = node * graph.shape[0] + graph.section[other]
    first = _firsts(group, -graph.carried)
    groups, index = np.unique(group, return_inverse=True)
    is_first = np.zeros(group.size, bool)
    is_first[first] = True
    best, second = np.zeros(groups.size), np.zeros(groups.size)
    np.maximum.at(best, index, graph.carried)
    np.maximum.at(second, index, np.where(is_first, 0, graph.carried))
    rival = np.where(is_first, second[index], best[index])
    return np.clip(np.log((graph.carried + 1) / (rival + 1)), -4, 4)

"""The published way: a network looks at every two grains that lie over each other.

It sees both as black and white pictures, cut to the box around the two and brought to one size,
and says whether they are one grain. From one section to the next each grain takes the one it is
surest of, and keeps it when it is that one's surest, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Floats, Ints, SectionGrains, describe, overlaps

Crops = npt.NDArray[np.uint8]
PairScorer = Callable[[Crops], Floats]
"""From crops, uint8 (n, 2, side, side) of 0 and 1, to how sure it is that each two are one."""

# As published: less sure than this is another grain, and a box thinner than this is none.
LEAST_SCORE = 0.5
LEAST_BOX = 2
# Pairs that are cut out in one go.
_BATCH = 2048


def pair_crops(one: SectionGrains, two: SectionGrains, pairs: Ints, side: int) -> Crops:
    """Cut out pairs of grains.

    Parameters
    ----------
    one, two : SectionGrains
    pairs : ndarray of int64, shape (n, 2)
        Numbers from 0 of grains of `one` and of `two`.
    side : int
        Of a crop, px.

    Returns
    -------
    ndarray of uint8, shape (n, 2, side, side)
        1 in the grain: channel 0 the one of `one`, channel 1 the one of `two`. Both are cut to the
        box around the two and brought to the size by nearest pixels, whatever the box's shape.
    """
    boxes = np.stack([_boxes(one.dense, one.count)[pairs[:, 0]], _boxes(two.dense, two.count)[pairs[:, 1]]])
    low, high = boxes[:, :, :2].min(axis=0), boxes[:, :, 2:].max(axis=0)
    steps = (np.arange(side) + 0.5) / side
    at = np.floor(low[:, :, None] + (high - low)[:, :, None] * steps).astype(np.int64)
    crops = np.empty((len(pairs), 2, side, side), np.uint8)
    rows, columns = at[:, 0, :, None], at[:, 1, None, :]
    for channel, section in enumerate((one, two)):
        crops[:, channel] = section.dense[rows, columns] == pairs[:, channel, None, None] + 1
    return crops


def thin_pairs(one: SectionGrains, two: SectionGrains, pairs: Ints) -> npt.NDArray[np.bool_]:
    """Tell which pairs have a grain whose box is less than 2 px wide or high, bool (n,)."""
    thin = [
        ((boxes[:, 2:] - boxes[:, :2]) < LEAST_BOX).any(axis=1)
        for boxes in (_boxes(each.dense, each.count) for each in (one, two))
    ]
    return thin[0][pairs[:, 0]] | thin[1][pairs[:, 1]]


def score_pairs(
    sections: Iterable[npt.NDArray[np.integer]],
    graph: SectionGraph,
    scorer: PairScorer,
    side: int,
) -> Floats:
    """Return how sure a classifier is of every link, float64 (m,); links it does not see are 0.

    Parameters
    ----------
    sections : iterable of ndarray of int, shape (y, x)
        The stack that the graph is of; it is read once more.
    graph : SectionGraph
    scorer : PairScorer
    side : int
        Of the crops that it takes, px.
    """
    scores = np.zeros(graph.overlap.size)
    seen = np.flatnonzero((graph.steps == 1) & (graph.overlap > 0))
    place = {key: at for key, at in zip(map(tuple, graph.links[seen].tolist()), seen, strict=True)}
    for first, one, two in _neighbouring(sections, graph):
        pairs, _ = overlaps(one, two)
        pairs = pairs[~thin_pairs(one, two, pairs)]
        at = np.array([place[a, b] for a, b in (pairs + np.array(first)).tolist()], np.int64)
        for start in range(0, len(pairs), _BATCH):
            part = slice(start, start + _BATCH)
            scores[at[part]] = scorer(pair_crops(one, two, pairs[part], side))
    return scores


def link_by_pairs(graph: SectionGraph, scores: Floats) -> Ints:
    """Link each grain to the one of the section before that the classifier is surest of.

    Parameters
    ----------
    graph : SectionGraph
    scores : ndarray of float64, shape (m,)
        How sure it is of each link, above a half for one grain.

    Returns
    -------
    ndarray of int64, shape (n,)
        3D grain of each node, from 0, not consecutive.
    """
    from napari_etch.grains.tracking.baselines import followed

    chosen = np.flatnonzero((graph.steps == 1) & (scores > LEAST_SCORE))
    for side in (1, 0):  # each takes its surest before it, and is taken by its surest after it
        node = graph.links[chosen, side]
        order = np.lexsort((-scores[chosen], node))
        chosen = chosen[order[np.flatnonzero(np.diff(node[order], prepend=-1))]]
    parent = np.arange(graph.count)
    parent[graph.links[chosen, 1]] = graph.links[chosen, 0]
    return followed(parent)


def _neighbouring(
    sections: Iterable[npt.NDArray[np.integer]], graph: SectionGraph
) -> Iterator[tuple[tuple[int, int], SectionGrains, SectionGrains]]:
    """Yield each sound section and the next, with the numbers of their first nodes."""
    skipped = graph.is_skipped()
    before: tuple[int, SectionGrains] | None = None
    for index, section in enumerate(sections):
        if skipped[index]:
            continue
        now = int(np.searchsorted(graph.section, index)), describe(section)
        if before is not None:
            yield (before[0], now[0]), before[1], now[1]
        before = now


def _boxes(dense: npt.NDArray[np.int32], count: int) -> Ints:
    """Return top, left, bottom, right of each grain, (n, 4), ends excluded."""
    from scipy.ndimage import find_objects

    found = find_objects(dense, count)
    return np.array(
        [[rows.start, columns.start, rows.stop, columns.stop] for rows, columns in found], np.int64
    ).reshape(-1, 4)

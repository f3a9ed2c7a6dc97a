"""The published way: a network looks at every two grains that lie over each other.

It sees both as black and white pictures, cut to the box around the two and brought to one size,
and says whether they are one grain. From one section to the next each grain takes the one it is
surest of, and keeps it when it is that one's surest, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.graph import SectionGraph
from napari_etch.grains.tracking.sections import Floats, Ints, SectionGrains, describe, overlaps

Crops = npt.NDArray[np.uint8]


class Classifier(Protocol):
    """From crops, uint8 (n, 2, side, side) of 0 and 1, to how sure it is that each two are one."""

    @property
    def side(self) -> int:
        """Of the crops that it takes, px."""

    def __call__(self, crops: Crops) -> Floats:
        """Return the probability of one grain, (n,)."""


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
    boxes = np.stack(
        [_boxes(each.dense, each.count)[pairs[:, side]] for side, each in enumerate((one, two))]
    )
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
    result = np.zeros(len(pairs), bool)
    for side, each in enumerate((one, two)):
        boxes = _boxes(each.dense, each.count)[pairs[:, side]]
        result |= ((boxes[:, 2:] - boxes[:, :2]) < LEAST_BOX).any(axis=1)
    return result


def score_pairs(
    sections: Iterable[npt.NDArray[np.integer]], graph: SectionGraph, classifier: Classifier
) -> Iterator[tuple[Ints, Floats]]:
    """Score the links between each section and the next.

    Parameters
    ----------
    sections : iterable of ndarray of int, shape (y, x)
        The stack that the graph is of; it is read once more.
    graph : SectionGraph
    classifier : Classifier

    Yields
    ------
    links : ndarray of int64, shape (k,)
        Which of the graph's links these are. It does not see grains that are too thin.
    scores : ndarray of float64, shape (k,)
    """
    seen = np.flatnonzero((graph.steps == 1) & (graph.overlap > 0))
    keys = graph.links[seen, 0] * graph.count + graph.links[seen, 1]
    order = np.argsort(keys)
    keys, seen = keys[order], seen[order]
    for first, one, two in _neighbouring(sections, graph):
        pairs, _ = overlaps(one, two)
        pairs = pairs[~thin_pairs(one, two, pairs)]
        wanted = (pairs[:, 0] + first[0]) * graph.count + pairs[:, 1] + first[1]
        parts = [pairs[start : start + _BATCH] for start in range(0, len(pairs), _BATCH)]
        scores = [classifier(pair_crops(one, two, part, classifier.side)) for part in parts]
        yield seen[np.searchsorted(keys, wanted)], np.concatenate([np.zeros(0), *scores])


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

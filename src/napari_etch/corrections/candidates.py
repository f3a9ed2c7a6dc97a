"""Boundaries that may be missing: where a grain would be cut next, if it were to be cut.

The boundary map is flooded inside each grain, finer than a segmentation is, and the pieces are
merged again, weakest line first. The last line that holds two halves of a grain apart is where a
boundary may be missing. This needs no memory of how the map was made, so it works after any edit
and for maps that come from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.opinion import Opinion
from napari_etch.corrections.traces import traces
from napari_etch.grains.connected import connected
from napari_etch.grains.editing.change import Labels, Mask
from napari_etch.grains.fragments import flood
from napari_etch.grains.merge_tree import MergeTree, agglomerate

__all__ = ["Cut", "Missing"]

# The flooding's smoothing, as part of that of a segmentation: half finds a tenth more of the
# missing boundaries, and less finds more false ones.
_FINER = 0.7
# A line that is less likely a boundary than this is not worth a look.
_LEAST_SURE = 0.05
# A line of which so much was dismissed is the one that was dismissed.
_SAME = 0.5
_ROUNDS = 12

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Missing:
    """Lines at which a boundary may be missing, at most one a grain.

    Parameters
    ----------
    labels : ndarray of int64, shape (n,)
        The grains.
    lines : structured ndarray, shape (n,)
        As `traces` returns; the labels in it mean nothing.
    confidence : ndarray of float32, shape (n,)
        Probability that the line is a boundary.
    half : ndarray of bool, shape (y, x)
        True on the smaller half of each of these grains.
    """

    labels: Integers
    lines: npt.NDArray[np.void]
    confidence: npt.NDArray[np.float32]
    half: Mask


class Cut:
    """The pieces into which grains can be cut along the boundary map.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
        The grains, 0 elsewhere.
    boundary : ndarray of float32, shape (y, x)
        Boundary map, finite, in [0, 1].
    image : ndarray, shape (y, x), optional
        The micrograph, grey.
    scale : float
        As in `napari_etch.grains.partition`.
    beside : int
        As in `traces`.
    """

    def __init__(
        self,
        grains: Labels,
        boundary: npt.NDArray[np.float32],
        image: Any,
        *,
        scale: float,
        beside: int,
    ) -> None:
        self._boundary, self._image, self._beside = boundary, image, beside
        fragments = flood(boundary, grains > 0, scale=_FINER * scale)
        key = fragments.astype(np.int64) * (int(grains.max(initial=0)) + 1) + grains
        key[grains == 0] = 0
        self._pieces = connected(key)
        areas = np.bincount(self._pieces.ravel())
        areas[0] = 0
        self._areas = areas
        self._owner = np.zeros(areas.size, np.int64)
        self._owner[self._pieces.ravel()] = grains.ravel()
        self.edges = traces(self._pieces, boundary, image, beside=beside)

    def area(self, pieces: Integers) -> npt.NDArray[np.float64]:
        """Return the pixels of pieces."""
        return self._areas[pieces].astype(float)

    def missing(self, opinion: Opinion, *, least: float, dismissed: Mask) -> Missing:
        """Return the likeliest missing boundary of each grain.

        Parameters
        ----------
        opinion : Opinion
            How likely a line is a boundary.
        least : float
            Px that either side of a line must have.
        dismissed : ndarray of bool, shape (y, x)
            True near lines that the user has dismissed.
        """
        tree = self._tree(opinion, least)
        smaller = _smaller_sides(tree, self._areas)
        worth = np.where((tree.heights >= 0) & (smaller >= least), tree.heights, -1.0)
        grain = self._owner[tree.links[:, 0]]
        for _ in range(_ROUNDS):
            chosen = _best_of_each(grain, worth)
            found = self._lines(tree, chosen, opinion, dismissed)
            again = found.labels[found.lines["marked"] >= _SAME]
            if again.size == 0:
                break
            worth[chosen[np.isin(grain[chosen], again)]] = -1.0
        return _without(found, (found.confidence < _LEAST_SURE) | np.isin(found.labels, again))

    def _tree(self, opinion: Opinion, least: float) -> MergeTree:
        """Return in which order the pieces of each grain merge; grains stay apart."""
        a, b = self.edges["label_a"], self.edges["label_b"]
        inner = self.edges[self._owner[a] == self._owner[b]]
        ends = np.stack([inner["label_a"], inner["label_b"]], axis=1).astype(np.int32)
        likely = opinion.of_map(inner)
        areas = self._areas.astype(np.float32)
        return agglomerate(ends, likely, inner["length"], areas, min_area=least)

    def _lines(
        self, tree: MergeTree, chosen: npt.NDArray[np.intp], opinion: Opinion, dismissed: Mask
    ) -> Missing:
        """Measure the lines between the halves into which removing the chosen links cuts."""
        part = _halves(tree, chosen, self._areas.size)
        owner = np.zeros(int(part.max(initial=0)) + 1, np.int64)
        owner[part] = self._owner
        areas = np.bincount(part, self._areas, minlength=owner.size)
        concerned = np.zeros(self._areas.size, bool)
        concerned[np.isin(self._owner, self._owner[tree.links[chosen, 0]])] = True
        halves = np.where(concerned, part, 0)[self._pieces].astype(np.int32)
        lines = traces(
            halves,
            self._boundary,
            self._image,
            beside=self._beside,
            only=lambda pairs: owner[pairs.low] == owner[pairs.high],
            marks=dismissed,
        )
        confidence = opinion.of_missing(lines, lambda labels: areas[labels].astype(float))
        a, b = lines["label_a"], lines["label_b"]
        is_half = np.zeros(owner.size, bool)
        is_half[np.where(areas[a] <= areas[b], a, b)] = True
        return Missing(owner[a], lines, confidence, is_half[halves])


def _halves(tree: MergeTree, removed: npt.NDArray[np.intp], n: int) -> Integers:
    """Return the group of each piece, from 1, when some links are not made; 0 for piece 0."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    made = np.delete(tree.links, removed, axis=0)
    links = coo_matrix((np.ones(len(made), np.int8), (made[:, 0], made[:, 1])), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _smaller_sides(tree: MergeTree, areas: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return for each link the area of the smaller of the two groups that it joins."""
    parent, size, smaller = list(range(areas.size)), areas.tolist(), []

    def top(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for one, two in tree.links.tolist():
        a, b = top(one), top(two)
        smaller.append(min(size[a], size[b]))
        parent[b] = a
        size[a] += size[b]
    return np.array(smaller, float)


def _best_of_each(grain: Integers, worth: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
    """Return the number of the most worthwhile link of each grain that has one."""
    order = np.lexsort((-worth, grain))
    first = order[np.flatnonzero(np.diff(grain[order], prepend=-1))]
    return first[worth[first] >= 0]


def _without(found: Missing, out: Mask) -> Missing:
    """Return what is missing but for some lines; their halves are forgotten by nobody asking."""
    return Missing(found.labels[~out], found.lines[~out], found.confidence[~out], found.half)

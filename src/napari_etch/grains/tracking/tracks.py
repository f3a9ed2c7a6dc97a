"""Grains through a stack of sections: which 2D grains are one 3D grain, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.baselines import (
    absorb_single_sections,
    link_by_centroid,
    link_by_overlap,
)
from napari_etch.grains.tracking.between import fill_between
from napari_etch.grains.tracking.global_cut import link_globally
from napari_etch.grains.tracking.graph import GraphBuilder, SectionGraph, SkippedSection
from napari_etch.grains.tracking.history import TrackedGrain, histories
from napari_etch.grains.tracking.pairs import Classifier, link_by_pairs, score_pairs
from napari_etch.grains.tracking.sections import Floats, Ints

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["global", "overlap", "centroid", "pairs"]
Sections = Sequence[npt.NDArray[np.integer]] | npt.NDArray[np.integer]

METHODS: dict[str, Callable[[SectionGraph], Ints]] = {
    "global": link_globally,
    "overlap": link_by_overlap,
    "centroid": link_by_centroid,
}
"""From the graph of a stack to the 3D grain of each node."""

PAIRS = "pairs"
"""The way that looks at the sections themselves: it needs a pair classifier."""


@dataclass(frozen=True, eq=False)
class Tracks:
    """Which grains of the sections are one grain of the stack.

    Attributes
    ----------
    graph : SectionGraph
        The grains of the sections and their overlaps.
    node_grain : ndarray of int32, shape (n,)
        Number of the 3D grain, from 1, of each node of the graph; 0 in skipped sections.
    grains : tuple of TrackedGrain
        The 3D grains in the order of their numbers.
    method : str
        How they were linked.
    """

    graph: SectionGraph
    node_grain: npt.NDArray[np.int32]
    grains: tuple[TrackedGrain, ...]
    method: str

    def __repr__(self) -> str:
        """Return a line for notebooks, where the graph would fill pages."""
        return f"<Tracks: {len(self.grains)} grains through {self.shape[0]} sections>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) of the stack."""
        return self.graph.shape

    @property
    def skipped(self) -> tuple[SkippedSection, ...]:
        """Sections that took no part."""
        return self.graph.skipped

    def relabel(self, index: int, section: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
        """Return a section with the numbers of the 3D grains.

        Parameters
        ----------
        index : int
            Its place in the stack.
        section : ndarray of int, shape (y, x)
            The grain map that was tracked.

        Returns
        -------
        ndarray of int32, shape (y, x)
            0 where the section has no grain, and all over when it is skipped.
        """
        import fastremap

        nodes = slice(*np.searchsorted(self.graph.section, [index, index + 1]))
        table = {0: 0} | dict(
            zip(self.graph.label[nodes].tolist(), self.node_grain[nodes].tolist(), strict=True)
        )
        wide = np.array(np.ma.filled(section, 0), np.int64)
        return fastremap.remap(wide, table, in_place=True).astype(np.int32)

    def relabelled(
        self, sections: Sections, *, fill: bool = True
    ) -> Iterator[npt.NDArray[np.int32]]:
        """Yield the sections of the 3D grain map one by one.

        Parameters
        ----------
        sections : sequence of ndarray of int, shape (y, x)
            The stack that was tracked.
        fill : bool
            Draw skipped sections from the next sound ones on both sides; else they are 0.

        Yields
        ------
        ndarray of int32, shape (y, x)
        """
        skipped = self.graph.is_skipped()
        sound = np.flatnonzero(~skipped)
        before: npt.NDArray[np.int32] | None = None
        after: tuple[int, npt.NDArray[np.int32]] | None = None
        for index in range(self.shape[0]):
            if not skipped[index]:
                ready = after is not None and after[0] == index
                before = after[1] if ready and after else self.relabel(index, sections[index])
                yield before
                continue
            following = sound[sound > index]
            if not fill or before is None or following.size == 0:
                yield np.zeros(self.shape[1:], np.int32)
                continue
            if after is None or after[0] != following[0]:
                after = int(following[0]), self.relabel(following[0], sections[following[0]])
            yield fill_between(before, after[1], self._way(sound, index))

    def _way(self, sound: Ints, index: int) -> float:
        """Return how far a skipped section is on the way from the sound one before to the next."""
        at = int(np.searchsorted(sound, index))
        return float((index - sound[at - 1]) / (sound[at] - sound[at - 1]))

    def volume(self, sections: Sections, *, fill: bool = True) -> npt.NDArray[np.int32]:
        """Return the whole 3D grain map, int32 (z, y, x); see `relabelled`."""
        return np.stack(list(self.relabelled(sections, fill=fill)))

    def table(self, voxel_size_um: tuple[float, float, float] | None = None) -> pd.DataFrame:
        """Return a row for each 3D grain; with a voxel size (z, y, x) in µm also its volume.

        Lengths along z count section by section; µm³ are of the sections that hold the grain.
        """
        import pandas as pd

        from napari_etch.grains.tracking.history import COLUMNS

        table = pd.DataFrame([each.as_row() for each in self.grains], columns=COLUMNS)
        for name in ("from_grain", "into_grain"):  # whole numbers, some of them missing
            table[name] = table[name].astype("Int64")
        if voxel_size_um is not None:
            place = list(COLUMNS).index("voxels") + 1
            table.insert(place, "volume_um3", table["voxels"] * float(np.prod(voxel_size_um)))
        return table


def track(
    sections: Iterable[npt.NDArray[np.integer]],
    *,
    method: Method = "global",
    absorb_single: bool = False,
    classifier: Classifier | None = None,
) -> Tracks:
    """Track grains through a stack of sections.

    Parameters
    ----------
    sections : iterable of ndarray of int, shape (y, x)
        Grain maps in order, e.g. the first axis of an array (z, y, x). They are read once, one
        after the other, and with "pairs" once more.
    method : {"global", "overlap", "centroid", "pairs"}
        All sections at once, or one of the published ways from section to section.
    absorb_single : bool
        Give a grain that lives in one inner section only to its neighbour of largest overlap, as
        the published system does afterwards.
    classifier : callable, optional
        For "pairs": see `napari_etch.models.pairs.load_pair_classifier`.

    Returns
    -------
    Tracks

    Raises
    ------
    ValueError
        When the method is unknown, it needs a classifier, or the sections are no grain maps of one
        size.
    """
    steps = track_steps(sections, method=method, absorb_single=absorb_single, classifier=classifier)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Tracks = end.value
            return found


def track_steps(
    sections: Iterable[npt.NDArray[np.integer]],
    *,
    method: Method = "global",
    absorb_single: bool = False,
    classifier: Classifier | None = None,
) -> Generator[tuple[str, int], None, Tracks]:
    """Track as `track` does, step by step: whoever does not go on has cancelled.

    Yields
    ------
    what : str
        "reading", "comparing" (with a classifier) or "linking".
    done : int
        Sections that are done of it.

    Returns
    -------
    Tracks
    """
    if method not in (*METHODS, PAIRS):
        known = ", ".join([*METHODS, PAIRS])
        raise ValueError(f"there is no way of tracking {method!r}: choose {known}")
    if method == PAIRS and classifier is None:
        raise ValueError("tracking by pairs needs a classifier: see models.pairs")
    builder = GraphBuilder()
    for done, section in enumerate(sections):
        yield "reading", done
        builder.add(section)
    graph = builder.graph()
    scores = None
    if method == PAIRS and classifier is not None:
        scores = np.zeros(graph.overlap.size)
        for done, (links, values) in enumerate(score_pairs(sections, graph, classifier)):
            scores[links] = values
            yield "comparing", done
    yield "linking", 0
    return link(graph, method=method, absorb_single=absorb_single, scores=scores)


def link(
    graph: SectionGraph,
    *,
    method: Method = "global",
    absorb_single: bool = False,
    scores: Floats | None = None,
) -> Tracks:
    """Link the grains of a stack whose graph is known; see `track`.

    With "pairs", `scores` says how sure a classifier is of each link.
    """
    if method == PAIRS:
        if scores is None:
            raise ValueError("linking by pairs needs the scores of a classifier")
        found = link_by_pairs(graph, scores)
    else:
        found = METHODS[method](graph)
    if absorb_single:
        found = absorb_single_sections(graph, found)
    sound = ~graph.is_skipped()[graph.section]
    node_grain = np.zeros(graph.count, np.int32)
    # numbered by their first appearance: sections in order, nodes in order
    _, first, index = np.unique(found[sound], return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int32)
    rank[np.argsort(first)] = np.arange(1, first.size + 1)
    node_grain[sound] = rank[index]
    return Tracks(graph, node_grain, histories(graph, node_grain), method)

"""The graph of a stack: grains of sections, and where they lie over each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.drift import Drift, estimate_drift
from napari_etch.grains.tracking.sections import (
    Floats,
    Ints,
    SectionGrains,
    agreement,
    describe,
    neighbours,
    overlaps,
)

# A section is damaged when it is less like both its neighbours than this share of what they are
# like each other, across it. A jump between two sound sections leaves each like one neighbour.
DAMAGED = 0.6
# Sections are compared with so many before them: the next, and the next but one.
REACH = 2


@dataclass(frozen=True)
class SkippedSection:
    """A section that takes no part.

    Attributes
    ----------
    section : int
        Its place in the stack, from 0.
    why : str
        "blank", without two grains, or "damaged", unlike what is on both sides of it.
    """

    section: int
    why: str


@dataclass(frozen=True)
class SectionDrift:
    """How the grains of a section have moved in the next sound one, as a whole.

    Attributes
    ----------
    before, after : int
        The two sections, from 0.
    y, x : float
        Median movement, px.
    agreement : float
        How alike the two are once it is taken off, 0 to 1.
    """

    before: int
    after: int
    y: float
    x: float
    agreement: float


@dataclass(frozen=True, eq=False)
class SectionGraph:
    """The grains of all sections (nodes) and what speaks about which are one grain.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x) of the stack.
    section : ndarray of int64, shape (n,)
        Section of each node; nodes are sorted by it.
    label : ndarray of int64, shape (n,)
        What the node is called in its section.
    area : ndarray of int64, shape (n,)
        In px.
    centroid : ndarray of float64, shape (n, 2)
        (y, x) in px.
    links : ndarray of int64, shape (m, 2)
        Nodes that lie over each other, the one of the earlier section first.
    overlap : ndarray of int64, shape (m,)
        Px that they share as the sections stand.
    carried : ndarray of int64, shape (m,)
        Px that they share once the earlier one is moved with the grains around it.
    move : ndarray of float64, shape (m, 2)
        That movement, (y, x) in px.
    spread : ndarray of float64, shape (m,)
        How far grains of these two sections stray from it, median in px.
    steps : ndarray of int64, shape (m,)
        1 between neighbouring sections, 2 with one between them; skipped ones do not count.
    agreement : ndarray of float64, shape (m,)
        How alike the two sections are, 0 to 1, once the drift is taken off.
    touching : ndarray of int64, shape (k, 2)
        Nodes that touch within a section.
    contact : ndarray of float64, shape (k,)
        Length of their common boundary, px.
    drifts : tuple of SectionDrift
        Between each sound section and the next.
    skipped : tuple of SkippedSection
    """

    shape: tuple[int, int, int]
    section: Ints
    label: Ints
    area: Ints
    centroid: Floats
    links: Ints
    overlap: Ints
    carried: Ints
    move: Floats
    spread: Floats
    steps: Ints
    agreement: Floats
    touching: Ints
    contact: Floats
    drifts: tuple[SectionDrift, ...]
    skipped: tuple[SkippedSection, ...]

    @property
    def count(self) -> int:
        """Number of nodes."""
        return int(self.area.size)

    def is_skipped(self) -> npt.NDArray[np.bool_]:
        """Tell for each section whether it is skipped, (z,)."""
        flags = np.zeros(self.shape[0], bool)
        flags[[each.section for each in self.skipped]] = True
        return flags


def build_graph(sections: Iterable[npt.NDArray[np.integer]]) -> SectionGraph:
    """Read a stack section by section and return its graph.

    No more than four sections are held at a time.

    Parameters
    ----------
    sections : iterable of ndarray of int, shape (y, x)
        Grain maps; a number means the same grain within its section only.

    Raises
    ------
    ValueError
        When there are no sections, they differ in size, or one is no grain map.
    """
    builder = GraphBuilder()
    for section in sections:
        builder.add(section)
    return builder.graph()


@dataclass(eq=False)
class _Sound:
    """A section that has not been found damaged, its place and its first node."""

    index: int
    first: int
    grains: SectionGrains


@dataclass(frozen=True, eq=False)
class _Pair:
    """What two sections say about each other; `links` are numbers of nodes."""

    links: Ints
    overlap: Ints
    carried: Ints
    move: Floats
    drift: Drift
    alike: float


@dataclass(eq=False)
class GraphBuilder:
    """Reads a stack section by section; no more than four are held at a time."""

    height_width: tuple[int, ...] = ()
    index: int = 0
    nodes: int = 0
    parts: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {"section": [], "label": [], "area": [], "centroid": []}
    )
    touching: list[tuple[Ints, Floats]] = field(default_factory=list)
    # by the indices of two sections
    pairs: dict[tuple[int, int], _Pair] = field(default_factory=dict)
    window: list[_Sound] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)

    def add(self, section: npt.NDArray[np.integer]) -> None:
        """Add the next section, a grain map (y, x); see `build_graph`."""
        try:
            grains = describe(section)
        except ValueError as error:
            raise ValueError(f"section {self.index}: {error}") from None
        self._check_size(grains.dense.shape)
        if grains.count < 2:
            self.skipped[self.index] = "blank"
        else:
            self._join(_Sound(self.index, self.nodes, grains))
        self._keep(grains)
        self.index += 1

    def _check_size(self, shape: tuple[int, ...]) -> None:
        self.height_width = self.height_width or shape
        if shape != self.height_width:
            raise ValueError(
                f"section {self.index} is {shape[0]} × {shape[1]} px and those before it "
                f"{self.height_width[0]} × {self.height_width[1]}: all must be of one size"
            )

    def _keep(self, grains: SectionGrains) -> None:
        self.parts["section"].append(np.full(grains.count, self.index, np.int64))
        for name in ("label", "area", "centroid"):
            self.parts[name].append(getattr(grains, "labels" if name == "label" else name))
        self.nodes += grains.count

    def _join(self, new: _Sound) -> None:
        """Compare a section with those before it, and drop the last of them if it is damaged."""
        touching, contact = neighbours(new.grains)
        self.touching.append((touching + new.first, contact))
        for old in self.window[-REACH:]:
            self._compare(old, new)
        if len(self.window) >= 2 and self._is_damaged(new):
            self.skipped[self.window.pop().index] = "damaged"
            for old in self.window[-REACH:]:
                self._compare(old, new)
        self.window = [*self.window[-REACH:], new]

    def _compare(self, old: _Sound, new: _Sound) -> None:
        if (old.index, new.index) in self.pairs:
            return
        self.pairs[old.index, new.index] = _compared(old, new)

    def _is_damaged(self, after: _Sound) -> bool:
        before, middle = self.window[-2:]

        def alike(one: _Sound, two: _Sound) -> float:
            return self.pairs[one.index, two.index].alike

        with_it = max(alike(before, middle), alike(middle, after))
        return with_it < DAMAGED * alike(before, after)

    def graph(self) -> SectionGraph:
        """Return the graph of the sections so far."""
        if self.index == 0:
            raise ValueError("there are no sections to track grains through")
        nodes = {name: np.concatenate(values) for name, values in self.parts.items()}
        used = self._used_pairs()
        first = [(np.zeros((0, 2), np.int64), np.zeros(0))]
        touching, contact = (
            np.concatenate(parts) for parts in zip(*first, *self.touching, strict=True)
        )
        sound = ~np.isin(nodes["section"], list(self.skipped))[touching].any(axis=1)
        return SectionGraph(
            shape=(self.index, self.height_width[0], self.height_width[1]),
            touching=touching[sound],
            contact=contact[sound],
            drifts=tuple(
                SectionDrift(one, two, *pair.drift.common, pair.alike)
                for (one, two), pair, steps in used
                if steps == 1
            ),
            skipped=tuple(SkippedSection(at, why) for at, why in sorted(self.skipped.items())),
            **_columns(used),
            **nodes,
        )

    def _used_pairs(self) -> list[tuple[tuple[int, int], _Pair, int]]:
        """Return the pairs of sound sections, sorted, and how many steps they are apart."""
        sound = [index for index in range(self.index) if index not in self.skipped]
        rank = {index: place for place, index in enumerate(sound)}
        used = []
        for (one, two), pair in sorted(self.pairs.items(), key=lambda item: item[0]):
            apart = rank[two] - rank[one] if one in rank and two in rank else 0
            if 1 <= apart <= REACH:
                used.append(((one, two), pair, apart))
        return used


def _compared(old: _Sound, new: _Sound) -> _Pair:
    pairs, area = overlaps(old.grains, new.grains)
    drift, carried, shared = estimate_drift(old.grains, new.grains, pairs, area)
    alike = agreement(old.grains, new.grains, carried, shared)
    count = new.grains.count
    keys = [each[:, 0] * count + each[:, 1] for each in (pairs, carried)]
    both = np.union1d(*keys)
    columns = [np.zeros(both.size, np.int64) for _ in keys]
    for column, key, values in zip(columns, keys, (area, shared), strict=True):
        column[np.searchsorted(both, key)] = values
    here, there = np.divmod(both, max(count, 1))
    links = np.stack([here + old.first, there + new.first], axis=1)
    return _Pair(links, columns[0], columns[1], drift.move[here], drift, alike)


def _columns(used: list[tuple[tuple[int, int], _Pair, int]]) -> dict[str, np.ndarray]:
    """Return what the graph holds of each link."""
    pairs = [pair for _, pair, _ in used]
    sizes = [pair.overlap.size for pair in pairs]

    def joined(name: str, empty: np.ndarray) -> np.ndarray:
        return np.concatenate([empty, *(getattr(pair, name) for pair in pairs)])

    def spread_out(values: list[float], dtype: type) -> np.ndarray:
        return np.repeat(np.array(values, dtype), sizes)

    none = np.zeros(0, np.int64)
    return {
        "links": joined("links", np.zeros((0, 2), np.int64)),
        "overlap": joined("overlap", none),
        "carried": joined("carried", none),
        "move": joined("move", np.zeros((0, 2))),
        "spread": spread_out([pair.drift.spread for pair in pairs], float),
        "steps": spread_out([steps for *_, steps in used], int),
        "agreement": spread_out([pair.alike for pair in pairs], float),
    }

"""What was looked at: a state for each grain, an order for the doubtful boundaries."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Pair = tuple[int, int]
#: Judged boundaries that the model's own confidence counts for in `Review.errors_left`.
PRIOR_WEIGHT = 4.0
#: Boundaries shorter than this, pixel pairs, are contacts at a corner: they come last in the walk.
SHORT = 4.0
_PREFIX = "grain"


class State(StrEnum):
    """What the user did with a grain."""

    UNREVIEWED = "unreviewed"
    ACCEPTED = "accepted"
    EDITED = "edited"


class Edge(NamedTuple):
    """A boundary between two grains: how sure it is, how long, and a pixel near its middle."""

    confidence: float
    length: float
    y: int
    x: int

    @property
    def rank(self) -> float:
        """Place in the walk: the confidence, behind all others for a contact at a corner."""
        return self.confidence + (self.length < SHORT)


class Review:
    """States of grains and the walk along boundaries, from the least sure to the surest.

    Parameters
    ----------
    edges : structured ndarray
        Fields ``label_a`` < ``label_b``, ``confidence`` (probability that the boundary is real),
        ``length`` (pixel pairs), ``y`` and ``x``, as `Partition.edge_confidence` has them.
    states : mapping of int to State, optional
        What is known about grains already.
    """

    def __init__(
        self, edges: npt.NDArray[np.void], states: Mapping[int, State] | None = None
    ) -> None:
        self._states: dict[int, State] = dict(states or {})
        self._edges: dict[Pair, Edge] = {}
        self._of_grain: dict[int, set[Pair]] = {}
        self._kept: set[Pair] = set()
        self._expected_wrong = 0.0
        self._found_wrong = 0
        # Kept up to date edge by edge: a map of 40,000 grains has 120,000 boundaries.
        self._order: list[tuple[float, Pair]] = []
        self._doubt: dict[Pair, float] = {}
        self._doubt_sum = 0.0
        pairs = self._store(edges)
        self._order = sorted((self._edges[pair].rank, pair) for pair in pairs)
        for pair in pairs:
            self._weigh(pair)

    # -- grains ----------------------------------------------------------------------------------

    def state(self, label: int) -> State:
        """Return the state of a grain."""
        return self._states.get(label, State.UNREVIEWED)

    def set_state(self, labels: Iterable[int], state: State) -> None:
        """Give grains a state."""
        for label in labels:
            if state is State.UNREVIEWED:
                self._states.pop(label, None)
            else:
                self._states[label] = state
            for pair in self._of_grain.get(label, ()):
                self._weigh(pair)

    @property
    def known(self) -> dict[int, State]:
        """States of all grains that have one."""
        return dict(self._states)

    @property
    def accepted(self) -> set[int]:
        """Grains that tools must leave alone."""
        return {label for label, state in self._states.items() if state is State.ACCEPTED}

    def reviewed_area(self, area: Callable[[int], int]) -> int:
        """Return how many pixels belong to grains that were accepted or edited.

        Parameters
        ----------
        area : callable
            Returns the pixels of a grain, 0 for one that is no more.
        """
        return sum(area(label) for label in self._states)

    # -- boundaries ------------------------------------------------------------------------------

    def replace_edges(self, labels: Iterable[int], edges: npt.NDArray[np.void]) -> None:
        """Forget all boundaries of the given grains and take in those they have now.

        A boundary that was kept, and is still there, stays kept.
        """
        gone: set[Pair] = set()
        for label in labels:
            gone |= self._of_grain.get(label, set())
        for pair in gone:
            self._forget(pair)
        pairs = self._store(edges)
        for pair in pairs:
            insort(self._order, (self._edges[pair].rank, pair))
            self._weigh(pair)
        self._kept -= gone - set(pairs)

    def _store(self, edges: npt.NDArray[np.void]) -> list[Pair]:
        columns = [edges[name].tolist() for name in ("label_a", "label_b", *Edge._fields)]
        pairs = []
        for label_a, label_b, *rest in zip(*columns, strict=True):
            pair = (label_a, label_b)
            if pair in self._edges:
                self._forget(pair)
            self._edges[pair] = Edge(*rest)
            self._of_grain.setdefault(label_a, set()).add(pair)
            self._of_grain.setdefault(label_b, set()).add(pair)
            pairs.append(pair)
        return pairs

    def _forget(self, pair: Pair) -> None:
        edge = self._edges.pop(pair)
        at = bisect_left(self._order, (edge.rank, pair))
        if at < len(self._order) and self._order[at][1] == pair:
            del self._order[at]
        self._doubt_sum -= self._doubt.pop(pair, 0.0)
        for label in pair:
            self._of_grain[label].discard(pair)
            if not self._of_grain[label]:
                del self._of_grain[label]

    def _weigh(self, pair: Pair) -> None:
        """Count a boundary among those not judged yet, or not."""
        self._doubt_sum -= self._doubt.pop(pair, 0.0)
        if pair in self._edges and self._is_open(pair):
            doubt = 1.0 - self._edges[pair].confidence
            self._doubt[pair] = doubt
            self._doubt_sum += doubt

    def keep(self, pair: Pair) -> list[int]:
        """Say that a boundary is right.

        Returns
        -------
        list of int
            Grains that become accepted, because all of their boundaries now were kept.
        """
        pair = _ordered(pair)
        if pair in self._edges and pair not in self._kept:
            self._expected_wrong += 1.0 - self._edges[pair].confidence
            self._kept.add(pair)
            self._weigh(pair)
        done = [
            label
            for label in pair
            if self.state(label) is not State.ACCEPTED
            and self._of_grain.get(label, set()) <= self._kept
        ]
        self.set_state(done, State.ACCEPTED)
        return done

    def remove(self, pair: Pair) -> None:
        """Say that a boundary is wrong; the edit itself is made elsewhere."""
        pair = _ordered(pair)
        if pair in self._edges:
            self._expected_wrong += 1.0 - self._edges[pair].confidence
            self._found_wrong += 1

    def edge(self, pair: Pair) -> Edge | None:
        """Return what is known about a boundary."""
        return self._edges.get(_ordered(pair))

    def pairs_of(self, label: int) -> set[Pair]:
        """Return the boundaries of a grain."""
        return set(self._of_grain.get(label, ()))

    def next(self, after: tuple[float, Pair] | None = None, *, back: bool = False) -> Pair | None:
        """Return the boundary to look at: the least sure one, or the one after another.

        Boundaries that were kept, and those between two accepted grains, are passed over.

        Parameters
        ----------
        after : tuple of float and pair, optional
            Rank and pair where the walk stands; the boundary itself may be no more.
        back : bool, optional
            Walk towards the less sure ones.
        """
        order = self._order
        if back:
            at = len(order) if after is None else bisect_left(order, after)
            places: Iterable[int] = range(at - 1, -1, -1)
        else:
            at = 0 if after is None else bisect_left(order, after)
            places = range(at, len(order))
        for place in places:
            if order[place] != after and self._is_open(order[place][1]):
                return order[place][1]
        return None

    def left(self) -> int:
        """Return the number of boundaries that nobody judged yet."""
        return len(self._doubt)

    def errors_left(self) -> float:
        """Estimate how many of the boundaries not yet judged are wrong.

        Each is wrong with probability 1 - confidence, times how much more, or less, often than
        that the boundaries judged so far were wrong; the model's own word counts as
        `PRIOR_WEIGHT` errors. Boundaries that are missing cannot be counted so.
        """
        factor = (self._found_wrong + PRIOR_WEIGHT) / (self._expected_wrong + PRIOR_WEIGHT)
        return max(0.0, self._doubt_sum) * factor

    # -- notes for the journal -------------------------------------------------------------------

    def notes(self, labels: Iterable[int]) -> dict[str, Any]:
        """Return the states of grains as a journal keeps them."""
        return {f"{_PREFIX} {label}": str(self.state(label)) for label in labels}

    @staticmethod
    def states_from(notes: Mapping[str, Any]) -> dict[int, State]:
        """Return the states of grains from a journal's notes."""
        found = {}
        for key, value in notes.items():
            kind, _, label = key.partition(" ")
            if kind == _PREFIX and value != State.UNREVIEWED:
                found[int(label)] = State(value)
        return found

    def _is_open(self, pair: Pair) -> bool:
        if pair in self._kept:
            return False
        return any(self.state(label) is not State.ACCEPTED for label in pair)


def _ordered(pair: Pair) -> Pair:
    return (min(pair), max(pair))

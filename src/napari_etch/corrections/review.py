"""What was looked at: a state for each grain, an order for what is doubtful."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Container, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

#: Two grains and the boundary between them; or twice the same grain, for the place inside it where
#: a boundary may be missing.
Pair = tuple[int, int]
#: Judged boundaries that the model's own confidence counts for in `Review.errors_left`.
PRIOR_WEIGHT = 4.0
#: Which kind of error is looked for next follows from the last verdicts: so much of each counts
#: after the next one, and before the first one it is as if HOPED such verdicts had been even.
MEMORY, HOPED = 0.9, 4.0
#: Boundaries shorter than this, pixel pairs, are contacts at a corner: they come last in the walk.
SHORT = 4.0
_PREFIX = "grain"


class State(StrEnum):
    """What the user did with a grain."""

    UNREVIEWED = "unreviewed"
    ACCEPTED = "accepted"
    EDITED = "edited"


class Edge(NamedTuple):
    """A boundary between two grains: how sure it is, how long, and a pixel near its middle.

    Of a place where one may be missing: how sure it is that none is, and the same of the line.
    """

    confidence: float
    length: float
    y: int
    x: int

    @property
    def rank(self) -> float:
        """Place among its kind: the confidence, behind all others for a contact at a corner."""
        return self.confidence + (self.length < SHORT)


class Judged(NamedTuple):
    """A verdict that counts in the estimate: on what, how doubtful that was, and what it says."""

    pair: Pair
    doubt: float
    wrong: bool


class _Queue:
    """The boundaries, or the places, by rank, and how often those judged were wrong.

    Kept up to date one by one: a map of 40,000 grains has 120,000 boundaries.
    """

    def __init__(self) -> None:
        self.order: list[tuple[float, Pair]] = []
        self._verdicts: list[Judged] = []
        self._count_anew()
        self._doubt: dict[Pair, float] = {}
        self._sum = 0.0

    def weigh(self, pair: Pair, doubt: float) -> None:
        """Count something among what is not judged yet, with so much doubt; 0 is judged."""
        self._sum -= self._doubt.pop(pair, 0.0)
        if doubt:
            self._doubt[pair] = doubt
            self._sum += doubt

    def judged(self, verdict: Judged) -> None:
        """Take a verdict."""
        self._verdicts.append(verdict)
        self._count(verdict.doubt, verdict.wrong)

    def take_back(self, pair: Pair) -> Judged | None:
        """Forget the last verdict on something, and return it, if there is one."""
        for at in reversed(range(len(self._verdicts))):
            if self._verdicts[at].pair == pair:
                verdict = self._verdicts.pop(at)
                self._count_anew()
                return verdict
        return None

    def _count_anew(self) -> None:
        self.expected_wrong, self.found_wrong = 0.0, 0
        self._seen, self._hits = HOPED, HOPED / 2
        for _, doubt, wrong in self._verdicts:
            self._count(doubt, wrong)

    def _count(self, doubt: float, wrong: bool) -> None:
        self.expected_wrong += doubt
        self.found_wrong += wrong
        self._seen = MEMORY * self._seen + 1
        self._hits = MEMORY * self._hits + wrong

    @property
    def yield_(self) -> float:
        """The share of the last verdicts that found an error."""
        return self._hits / self._seen

    def drop(self, rank: float, pair: Pair) -> None:
        """Forget it."""
        at = bisect_left(self.order, (rank, pair))
        if at < len(self.order) and self.order[at][1] == pair:
            del self.order[at]
        self.weigh(pair, 0.0)

    def first(self, passed: Container[Pair]) -> tuple[float, Pair] | None:
        """Return what is least sure among what is neither judged nor passed."""
        for rank, pair in self.order:
            if pair in self._doubt and pair not in passed:
                return rank, pair
        return None

    @property
    def factor(self) -> float:
        """How much more often than expected what was judged was wrong."""
        return (self.found_wrong + PRIOR_WEIGHT) / (self.expected_wrong + PRIOR_WEIGHT)

    @property
    def left(self) -> int:
        """How many nobody judged yet."""
        return len(self._doubt)

    @property
    def errors_left(self) -> float:
        """How many of these may be wrong."""
        return max(0.0, self._sum) * self.factor


class Review:
    """States of grains and the walk along boundaries, from the least sure to the surest.

    Parameters
    ----------
    edges : structured ndarray
        Fields ``label_a`` < ``label_b``, ``confidence`` (probability that the boundary is real),
        ``length`` (pixel pairs), ``y`` and ``x``, as `Partition.edge_confidence` has them. A row
        with twice the same label is a place where a boundary may be missing, see `Doubts.table`.
    states : mapping of int to State, optional
        What is known about grains already.
    kept : iterable of pairs, optional
        Boundaries that were found right already.
    """

    def __init__(
        self,
        edges: npt.NDArray[np.void],
        states: Mapping[int, State] | None = None,
        kept: Iterable[Pair] = (),
    ) -> None:
        self._states: dict[int, State] = dict(states or {})
        self._edges: dict[Pair, Edge] = {}
        self._of_grain: dict[int, set[Pair]] = {}
        self._kept: set[Pair] = set()
        self._boundaries, self._places = _Queue(), _Queue()
        pairs = self._store(edges)
        self._kept.update(pair for pair in map(_ordered, kept) if pair in self._edges)
        for pair in pairs:
            self._queue(pair).order.append((self._edges[pair].rank, pair))
            self._weigh(pair)
        for queue in (self._boundaries, self._places):
            queue.order.sort()

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

    @property
    def kept(self) -> frozenset[Pair]:
        """Boundaries that were found right and are still there."""
        return frozenset(self._kept)

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
        self._kept -= gone - set(self._insert(edges))

    def _insert(self, edges: npt.NDArray[np.void]) -> list[Pair]:
        pairs = self._store(edges)
        for pair in pairs:
            insort(self._queue(pair).order, (self._edges[pair].rank, pair))
            self._weigh(pair)
        return pairs

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

    def _queue(self, pair: Pair) -> _Queue:
        return self._places if pair[0] == pair[1] else self._boundaries

    def _forget(self, pair: Pair) -> None:
        self._queue(pair).drop(self._edges.pop(pair).rank, pair)
        for label in set(pair):
            self._of_grain[label].discard(pair)
            if not self._of_grain[label]:
                del self._of_grain[label]

    def _weigh(self, pair: Pair) -> None:
        """Count a boundary among those not judged yet, or not."""
        is_there = pair in self._edges and self._is_open(pair)
        # Never quite without doubt: what is certain is still to be judged.
        doubt = max(1.0 - self._edges[pair].confidence, 1e-9) if is_there else 0.0
        self._queue(pair).weigh(pair, doubt)

    def _judged(self, pair: Pair, *, wrong: bool) -> None:
        verdict = Judged(pair, 1.0 - self._edges[pair].confidence, wrong)
        self._queue(pair).judged(verdict)

    def take_back(self, pair: Pair) -> Judged | None:
        """Let the last verdict on a boundary or a place count no more in the estimate.

        Returns
        -------
        Judged or None
            The verdict, for `give_again`.
        """
        pair = _ordered(pair)
        return self._queue(pair).take_back(pair)

    def give_again(self, verdict: Judged) -> None:
        """Let a verdict that was taken back count again."""
        self._queue(verdict.pair).judged(verdict)

    def keep(self, pair: Pair) -> list[int]:
        """Say that a boundary is right.

        Returns
        -------
        list of int
            Grains that become accepted, because all of their boundaries now were kept.
        """
        pair = _ordered(pair)
        if pair in self._edges and pair not in self._kept:
            self._judged(pair, wrong=False)
            self._kept.add(pair)
            self._weigh(pair)
        return self._accept_done(pair)

    def take_drawn(self, pair: Pair) -> None:
        """Take a boundary that the user drew for right: it is no verdict on the map's own."""
        pair = _ordered(pair)
        if pair in self._edges:
            self._kept.add(pair)
            self._weigh(pair)

    def dismiss(self, label: int, others: npt.NDArray[np.void]) -> list[int]:
        """Say that no boundary is missing at the place shown in a grain.

        Parameters
        ----------
        label : int
        others : structured ndarray
            The next place in the same grain, if there is one.

        Returns
        -------
        list of int
            The grain, when it becomes accepted with that.
        """
        if (label, label) in self._edges:
            self._judged((label, label), wrong=False)
            self._forget((label, label))
        self._insert(others)
        return self._accept_done((label, label))

    def _accept_done(self, pair: Pair) -> list[int]:
        """Accept those of two grains of which every boundary was kept and every place judged."""
        done = [
            label
            for label in dict.fromkeys(pair)
            if self.state(label) is not State.ACCEPTED
            and self._of_grain.get(label, set()) <= self._kept
        ]
        self.set_state(done, State.ACCEPTED)
        return done

    def remove(self, pair: Pair) -> None:
        """Say that a boundary is wrong, or missing; the edit itself is made elsewhere."""
        pair = _ordered(pair)
        if pair in self._edges:
            self._judged(pair, wrong=True)

    def edge(self, pair: Pair) -> Edge | None:
        """Return what is known about a boundary."""
        return self._edges.get(_ordered(pair))

    def pairs_of(self, label: int) -> set[Pair]:
        """Return the boundaries of a grain."""
        return set(self._of_grain.get(label, ()))

    def next(self, passed: Container[Pair] = ()) -> Pair | None:
        """Return what to look at: what is most likely wrong.

        Boundaries that were kept, and those between two accepted grains, are passed over. Least
        sure boundaries and least sure places take turns: the kind of which the last ones were
        wrong more often goes on, at first the more doubtful one.

        Parameters
        ----------
        passed : container of pairs, optional
            What the user has passed by without a verdict.
        """
        found = []
        for queue in (self._boundaries, self._places):
            first = queue.first(passed)
            if first is not None:
                rank, pair = first
                found.append((rank < 1.0, queue.yield_, -rank, pair))
        return max(found)[-1] if found else None

    def is_open(self, pair: Pair) -> bool:
        """Return whether something is there and not judged yet."""
        pair = _ordered(pair)
        return pair in self._edges and self._is_open(pair)

    def left(self) -> int:
        """Return the number of boundaries and places that nobody judged yet."""
        return self._boundaries.left + self._places.left

    def errors_left(self) -> float:
        """Estimate how many of the boundaries not yet judged are wrong or missing.

        Each is wrong with probability 1 - confidence, times how much more, or less, often than
        that those judged so far were wrong; the model's own word counts as
        `PRIOR_WEIGHT` errors. Of missing boundaries only those are counted of which the boundary
        map shows a trace.
        """
        return self._boundaries.errors_left + self._places.errors_left

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

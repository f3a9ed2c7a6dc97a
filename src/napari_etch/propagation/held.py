"""Sections in their order, each held back until the one after it is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from napari_etch.grains import Partition
from napari_etch.propagation.beside import cut_beside

What = TypeVar("What")

# What lies beside a section is asked at this granularity, whatever the stack is cut at.
EVIDENCE = 0.5


@dataclass(frozen=True, eq=False)
class Settled(Generic[What]):
    """The last word on a section.

    Attributes
    ----------
    what : object
        What was handed in with it.
    partition : Partition
        Cut by its own boundaries and by the grains of the sections beside.
    """

    what: What
    partition: Partition


@dataclass(frozen=True, eq=False)
class _Held(Generic[What]):
    index: int
    partition: Partition
    grain_size: float
    what: What
    evidence: npt.NDArray[np.int32]


class HeldBack(Generic[What]):
    """Takes the cuts of sections in their order and gives each back when the next is there.

    Sections beside each other follow one another by number: across a gap nothing is asked. What a
    section is asked about is always the cut by its own boundaries, so nothing runs through a stack.
    """

    def __init__(self) -> None:
        self._held: _Held[What] | None = None
        self._before: tuple[int, npt.NDArray[np.int32]] | None = None

    def push(
        self, index: int, partition: Partition, what: What, grain_size: float | None = None
    ) -> Settled[What] | None:
        """Take the next section; return the one that was held back, if any.

        Parameters
        ----------
        index : int
            Its place in the stack.
        partition : Partition
            Its cut by its own boundaries.
        what : object
            What shall come back with it.
        grain_size : float, optional
            Mean intercept, px; read off the partition when not given.
        """
        own = partition.granularity == EVIDENCE
        evidence = partition.grains if own else partition.recut(EVIDENCE).grains
        size = _mean_intercept(evidence) if grain_size is None else grain_size
        held = _Held(index, partition, size, what, evidence)
        settled = self._settle(held)
        self._held = held
        return settled

    def finish(self) -> Settled[What] | None:
        """Return the section that is still held back, if any."""
        return self._settle(None)

    def _settle(self, after: _Held[What] | None) -> Settled[What] | None:
        held, self._held = self._held, None
        if held is None:
            return None
        known = {} if self._before is None else dict([self._before])
        if after is not None:
            known[after.index] = after.evidence
        beside = [
            known[place]
            for place in (held.index - 1, held.index + 1)
            if place in known and known[place].shape == held.evidence.shape
        ]
        self._before = held.index, held.evidence
        return Settled(held.what, cut_beside(held.partition, beside, held.grain_size))


def _mean_intercept(grains: npt.NDArray[np.int32]) -> float:
    """Return about the mean intercept, px, of a grain map: 0.89 √(mean area)."""
    count = max(1, int(grains.max(initial=0)))
    return 0.89 * float(np.sqrt(max(1, int((grains > 0).sum())) / count))

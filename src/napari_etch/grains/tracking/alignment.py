"""Whether the sections of a stack lie over each other, told from how their grains have moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_etch.grains.tracking.graph import SectionGraph

# A section is out of place when it jumps by this share of a grain's diameter, and by these px.
_OUT_OF_PLACE, _LEAST_PX = 0.35, 2.0
# Sections that are less alike than this, however they are moved, have little in common.
_LITTLE_ALIKE = 0.4


@dataclass(frozen=True)
class Misfit:
    """Two sections that do not lie over each other.

    Attributes
    ----------
    before, after : int
        The two, from 0.
    why : str
        "shifted", or "unlike": with little in common.
    y, x : float
        By how much they are shifted, px, beyond what all sections of the stack drift.
    """

    before: int
    after: int
    why: Literal["shifted", "unlike"]
    y: float
    x: float

    def sentence(self) -> str:
        """Return it in words."""
        pair = f"sections {self.before} and {self.after}"
        if self.why == "unlike":
            return f"{pair} have little in common"
        return f"{pair} are shifted by {self.y:+.0f} px down and {self.x:+.0f} px to the right"


def misfits(graph: SectionGraph) -> tuple[Misfit, ...]:
    """Return the sections that do not lie over the one before them.

    A drift that all sections share is that of grains which lean, and no misfit.

    Parameters
    ----------
    graph : SectionGraph

    Returns
    -------
    tuple of Misfit
        In order; empty when the stack is aligned.
    """
    if not graph.drifts or graph.count == 0:
        return ()
    moves = np.array([(each.y, each.x) for each in graph.drifts])
    usual = np.median(moves, axis=0)
    diameter = 2 * float(np.sqrt(np.median(graph.area) / np.pi))
    limit = max(_LEAST_PX, _OUT_OF_PLACE * diameter)
    found = []
    for each, (y, x) in zip(graph.drifts, (moves - usual).tolist(), strict=True):
        if each.agreement < _LITTLE_ALIKE:
            found.append(Misfit(each.before, each.after, "unlike", y, x))
        elif max(abs(y), abs(x)) > limit:
            found.append(Misfit(each.before, each.after, "shifted", y, x))
    return tuple(found)

"""What a walk through the stack remembers, and how far it trusts it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.graph import DAMAGED
from napari_etch.propagation.agreement import agreement, certainty

Maps = npt.NDArray[np.float32]

# Below this, two sections have nothing to do with each other, whatever the others of the stack do.
LEAST_AGREEMENT = 0.2
# A map with less than this part of the boundary that sections of this stack have tells nothing.
LEAST_LINES = 0.25
# Nor does one that is sure of its lines less than this part of what is usual: on virtual stacks
# such sections had a VI of 1.2 and more, those above 0.75 that of good ones.
LEAST_SURE = 0.72
# So many sections say what is usual, and fewer than so many do not.
USUAL, KNOWN = 8, 3
# A section that goes on from none must show so much of the usual boundary by itself: one that is
# faint is better off with what it was told.
LEAST_ALONE = 0.6


@dataclass(eq=False)
class Memory:
    """The latest boundary map that can be told, the one before it, and what is usual here.

    Attributes
    ----------
    latest, older : float32 (y, x) or None
        Boundary probability in the network's scale.
    """

    latest: Maps | None = None
    older: Maps | None = None
    _agreements: deque[float] = field(default_factory=lambda: deque(maxlen=USUAL))
    _lines: deque[float] = field(default_factory=lambda: deque(maxlen=USUAL))
    _sure: deque[float] = field(default_factory=lambda: deque(maxlen=USUAL))

    def goes_on(self, found: Maps, told: Maps, steps: int = 1) -> tuple[bool, float]:
        """Return whether a section goes on from what was told as sections here do, and how far.

        Over several steps, as across a section that shows nothing, less is to be expected.
        """
        value = agreement(found, told)
        known = len(self._agreements) >= KNOWN
        usual = float(np.median(self._agreements)) if known else 0.0
        return value >= max(LEAST_AGREEMENT, DAMAGED * usual**steps), value

    def stands_alone(self, found: Maps) -> bool:
        """Return whether a section shows enough of the usual boundary without being told any."""
        usual = float(np.median(self._lines)) if self._lines else 0.0
        return float(found.mean()) >= LEAST_ALONE * usual

    def keep(self, found: Maps, value: float | None = None) -> bool:
        """Remember a section, and return whether it is told on.

        It is not when it has hardly any boundary, or is not sure of it.
        """
        lines, sure = float(found.mean()), certainty(found)
        usual = float(np.median(self._lines)) if self._lines else 0.0
        usually = float(np.median(self._sure)) if self._sure else 0.0
        if lines < LEAST_LINES * usual or sure < LEAST_SURE * usually:
            return False
        if value is not None:
            self._agreements.append(value)
        self._lines.append(lines)
        self._sure.append(sure)
        self.latest, self.older = found, self.latest
        return True

    def forget_latest(self) -> None:
        """Drop the latest map: its section was damaged."""
        self.latest, self.older = self.older, None

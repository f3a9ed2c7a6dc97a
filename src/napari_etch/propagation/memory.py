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
# So many sections say what is usual.
USUAL = 8


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
        usual = float(np.median(self._agreements)) if self._agreements else 0.0
        return value >= max(LEAST_AGREEMENT, DAMAGED * usual**steps), value

    def stands_alone(self, found: Maps) -> bool:
        """Return whether a section shows enough, and surely enough, without being told anything.

        One that is faint is better off with what it was told.
        """
        lines, sure = float(found.mean()), certainty(found)
        usual = float(np.median(self._lines)) if self._lines else 0.0
        usually = float(np.median(self._sure)) if self._sure else 0.0
        return lines >= LEAST_LINES * usual and sure >= LEAST_SURE * usually

    def keep(self, found: Maps, value: float | None = None) -> bool:
        """Remember a section, and return whether it is told on.

        It is not when it has hardly any boundary, or is not sure of it.
        """
        if not self.stands_alone(found):
            return False
        if value is not None:
            self._agreements.append(value)
        self._lines.append(float(found.mean()))
        self._sure.append(certainty(found))
        self.latest, self.older = found, self.latest
        return True

    def forget_latest(self) -> None:
        """Drop the latest map: its section was damaged."""
        self.latest, self.older = self.older, None

"""Random places for square windows in a micrograph that has parts to leave out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

# A window is taken when at least this share of it lies inside the mask, and after so many tries
# the one that lies inside most.
INSIDE = 0.98
TRIES = 64


class Corners:
    """Draws the upper left corners of square windows.

    Parameters
    ----------
    shape : (int, int)
        Of the micrograph, px.
    size : int
        Side of the windows, px; at most the smaller side of the micrograph.
    mask : bool (y, x), optional
        False on what must not be looked at, such as the information bar.
    """

    def __init__(
        self, shape: tuple[int, int], size: int, mask: npt.NDArray[np.bool_] | None = None
    ) -> None:
        self.size = size
        self.most = (shape[0] - size + 1, shape[1] - size + 1)
        self._sums: npt.NDArray[np.int64] | None = None
        if mask is not None and not mask.all():
            self._sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def draw(self, number: Callable[[int], int]) -> tuple[int, int]:
        """Return one corner, (row, column); `number(n)` draws a whole number below n."""
        best, most = (0, 0), -1.0
        for _ in range(TRIES):
            corner = number(self.most[0]), number(self.most[1])
            share = self._inside(*corner)
            if share >= INSIDE:
                return corner
            if share > most:
                best, most = corner, share
        return best

    def _inside(self, top: int, left: int) -> float:
        """Return the share of a window that lies inside the mask."""
        if self._sums is None:
            return 1.0
        bottom, right = top + self.size, left + self.size
        sums = self._sums
        inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        return float(inside) / self.size**2

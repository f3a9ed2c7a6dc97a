"""Rectangles of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Box:
    """A rectangle, px; the first row and column in it, and the first after it.

    Attributes
    ----------
    top, bottom, left, right : int
    """

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to cut it out."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def holds(self, other: Box) -> bool:
        """Whether another rectangle lies in this one."""
        rows = self.top <= other.top and other.bottom <= self.bottom
        return rows and self.left <= other.left and other.right <= self.right

    def moved(self, rows: int, columns: int) -> Box:
        """Return it so much further down and to the right."""
        return Box(self.top + rows, self.bottom + rows, self.left + columns, self.right + columns)

    def widened(self, rows: int, columns: int, within: tuple[int, ...]) -> Box:
        """Return it with a margin, as far as an image (y, x, …) goes."""
        return Box(
            max(0, self.top - rows),
            min(within[0], self.bottom + rows),
            max(0, self.left - columns),
            min(within[1], self.right + columns),
        )


def around(boxes: Sequence[Box]) -> Box:
    """Return the rectangle around rectangles; there is at least one."""
    return Box(
        min(box.top for box in boxes),
        max(box.bottom for box in boxes),
        min(box.left for box in boxes),
        max(box.right for box in boxes),
    )


def window_of(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Return the rows and columns of a mask (y, x) without those at its rim that are all False.

    None where the mask is False everywhere.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)

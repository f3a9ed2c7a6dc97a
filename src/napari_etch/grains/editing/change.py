"""What a gesture would do, and the windows that it is confined to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Change", "Labels", "Mask", "Window", "closed", "grow", "local", "union"]

Window = tuple[slice, slice]
"""Rows and columns of a part of the map; both slices have a start and a stop."""

Labels = npt.NDArray[np.integer[Any]]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Change:
    """What a gesture would do to a map; nothing is written until it is applied.

    Parameters
    ----------
    window : (slice, slice)
        Rows and columns of the map that are concerned; nothing changes outside.
    before, after : ndarray of integers, shape (h, w)
        The map in this window, in the map's own dtype.
    removed, created, touched : tuple of int
        Labels that vanish, that are new, and that go on with other pixels than before.
    message : str
        What is done, in one sentence for the status line.
    """

    window: Window
    before: Labels
    after: Labels
    removed: tuple[int, ...]
    created: tuple[int, ...]
    touched: tuple[int, ...]
    message: str

    @property
    def pixels(self) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], Labels]:
        """Return ((rows, columns) in the map, new values) of the pixels that differ."""
        rows, columns = np.nonzero(self.before != self.after)
        values = self.after[rows, columns]
        return (rows + self.window[0].start, columns + self.window[1].start), values


def closed(window: Window, shape: tuple[int, ...]) -> Window:
    """Return a window that a caller gave with both ends of its slices filled in."""
    rows, columns = (slice(*s.indices(n)[:2]) for s, n in zip(window, shape, strict=True))
    return rows, columns


def union(windows: Iterable[Window]) -> Window:
    """Return the smallest window that holds all of them; there must be at least one."""
    rows, columns = zip(*windows, strict=True)
    return (
        slice(min(s.start for s in rows), max(s.stop for s in rows)),
        slice(min(s.start for s in columns), max(s.stop for s in columns)),
    )


def grow(window: Window, by: int, shape: tuple[int, ...]) -> Window:
    """Return the window with `by` pixels more on each side, as far as the map reaches."""
    rows, columns = window
    return (
        slice(max(0, rows.start - by), min(shape[0], rows.stop + by)),
        slice(max(0, columns.start - by), min(shape[1], columns.stop + by)),
    )


def local(window: Window, outer: Window) -> Window:
    """Return where `window` lies in an array that holds `outer`."""
    return (
        slice(window[0].start - outer[0].start, window[0].stop - outer[0].start),
        slice(window[1].start - outer[1].start, window[1].stop - outer[1].start),
    )

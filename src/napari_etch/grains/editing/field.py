"""The map that gestures work on, and what all of them need from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, Window, grow, union
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.index import GrainIndex

__all__ = ["Field", "checked_grains"]

Float = npt.NDArray[np.float32]


@dataclass(eq=False)
class Field:
    """A grain map with its index, and the images that lie under it.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
        Held by reference.
    index : GrainIndex
        Of this map.
    boundary : ndarray of float, shape (y, x), optional
        Boundary map in [0, 1].
    image : ndarray, shape (y, x), optional
        The micrograph, grey.
    locked : set of int
        Accepted grains; no gesture may change one.
    """

    grains: Labels
    index: GrainIndex
    boundary: Float | None = None
    image: npt.NDArray[np.generic] | None = None
    locked: set[int] = field(default_factory=set)

    @property
    def frame(self) -> Window:
        """The window of the whole map."""
        return slice(0, self.grains.shape[0]), slice(0, self.grains.shape[1])

    def window_of(self, labels: Iterable[int], *, margin: int = 0) -> Window:
        """Return the window that holds all these grains."""
        return grow(union(self.index.box(label) for label in labels), margin, self.grains.shape)

    def refuse_unknown(self, labels: Iterable[int]) -> None:
        """Raise EditError when a label is not a grain of this map."""
        for label in labels:
            if label == 0:
                raise EditError("0 is not a grain: choose places inside grains.")
            if label not in self.index:
                raise EditError(f"There is no grain {label} in this map.")

    def refuse_locked(self, labels: Iterable[int]) -> None:
        """Raise EditError when one of these grains is accepted."""
        locked = sorted(self.locked.intersection(labels))
        if len(locked) == 1:
            raise EditError(f"Grain {locked[0]} is accepted: unlock it first.")
        if locked:
            listed = ", ".join(map(str, locked[:5])) + (" …" if len(locked) > 5 else "")
            raise EditError(f"Grains {listed} are accepted: unlock them first.")

    def boundary_in(self, window: Window) -> Float | None:
        """Return the boundary map in a window, finite and in [0, 1]; None without one."""
        if self.boundary is None:
            return None
        values = np.asarray(self.boundary[window], np.float32)
        return np.clip(np.nan_to_num(values, nan=0.0), 0.0, 1.0)

    def change(self, window: Window, after: Labels, message: str) -> Change:
        """Return the change to `after`, cropped to what differs.

        Raises
        ------
        EditError
            When nothing differs, or an accepted grain would change.
        """
        before = self.grains[window]
        rows, columns = np.nonzero(before != after)
        if rows.size == 0:
            raise EditError("Nothing would change: the map is like that already.")
        old, lost = np.unique(before[rows, columns], return_counts=True)
        new, gained = np.unique(after[rows, columns], return_counts=True)
        balance = dict.fromkeys([*old.tolist(), *new.tolist()], 0)
        for label, n in zip(new.tolist(), gained.tolist(), strict=True):
            balance[label] += n
        for label, n in zip(old.tolist(), lost.tolist(), strict=True):
            balance[label] -= n
        balance.pop(0, None)
        self.refuse_locked(balance)
        left = {label: self.index.count(label) + n for label, n in balance.items()}
        inner = (
            slice(int(rows.min()), int(rows.max()) + 1),
            slice(int(columns.min()), int(columns.max()) + 1),
        )
        removed = tuple(sorted(label for label, n in left.items() if n <= 0))
        created = tuple(sorted(label for label in left if label not in self.index))
        return Change(
            window=(
                slice(window[0].start + inner[0].start, window[0].start + inner[0].stop),
                slice(window[1].start + inner[1].start, window[1].start + inner[1].stop),
            ),
            before=np.array(before[inner]),
            after=np.array(after[inner]),
            removed=removed,
            created=created,
            touched=tuple(sorted(set(left) - set(removed) - set(created))),
            message=message,
        )

    def label_at(self, point: npt.ArrayLike) -> int:
        """Return the label under a point (row, column).

        Raises
        ------
        EditError
            When the point lies outside the map.
        """
        y, x = self.pixel_at(point)
        return int(self.grains[y, x])

    def pixel_at(self, point: npt.ArrayLike) -> tuple[int, int]:
        """Return the pixel under a point (row, column).

        Raises
        ------
        EditError
            When the point is not two finite numbers, or lies outside the map.
        """
        given = np.asarray(point, float)
        if given.shape != (2,) or not np.isfinite(given).all():
            raise EditError(f"{point!r} is not a point: give its row and column.")
        y, x = np.rint(given).astype(int).tolist()
        if not (0 <= y < self.grains.shape[0] and 0 <= x < self.grains.shape[1]):
            raise EditError(f"The point {y}, {x} lies outside the map: click inside it.")
        return y, x


def checked_grains(grains: Labels) -> Labels:
    """Return the map itself when it can be edited.

    Raises
    ------
    EditError
        When it is not a 2D array of integers.
    """
    if not isinstance(grains, np.ndarray):
        raise EditError(f"A grain map is a numpy array, not a {type(grains).__name__}.")
    if grains.ndim != 2 or grains.size == 0:
        raise EditError(f"A grain map is one section (y, x), not an array {grains.shape}.")
    if not np.issubdtype(grains.dtype, np.integer):
        raise EditError(f"A grain map has integer labels, not {grains.dtype}: convert it to int32.")
    return grains

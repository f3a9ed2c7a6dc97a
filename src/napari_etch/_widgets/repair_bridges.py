"""The bridges of a repair and what becomes of them: which stand, which were judged.

Whether a bridge stands follows from the grain map alone: it does where the grains on its two sides
differ. So it comes and goes with every edit, undo and redo of that map, whoever makes it. Of those
that close no grain it is the verdict that decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.grains import boundary_lines

if TYPE_CHECKING:
    from napari_etch.repairing import Repaired

Grains = npt.NDArray[np.integer]
Window = tuple[slice, slice]
Indices = tuple[npt.NDArray[np.intp], ...]


@dataclass(frozen=True, eq=False)
class _Sides:
    """Pixels across bridges: `first` and `second` lie side by side, on two sides of `bridge`."""

    bridge: npt.NDArray[np.int64]
    first: Indices
    second: Indices


class Bridges:
    """The bridges of one repair.

    Parameters
    ----------
    repaired : Repaired
        What `napari_etch.repairing.repair` made.

    Attributes
    ----------
    numbers : int32 (y, x)
        Number of the bridge at each added pixel, from 1; 0 elsewhere.
    confidence, length : float (n,)
        Of the bridges 1 to n.
    accepted : bool (n,)
        Which of them the user has said are right.
    closing : bool (n,)
        Which of them part two grains; others are lines that close nothing.
    least : float
        Bridges less sure than this are not wanted unless they were accepted; 0 for all.
    """

    def __init__(self, repaired: Repaired) -> None:
        from scipy.ndimage import find_objects

        self._paths = [bridge.path for bridge in repaired.bridges]
        self.numbers = repaired.numbers
        self.confidence = np.array([bridge.confidence for bridge in repaired.bridges], float)
        self.length = np.array([bridge.length for bridge in repaired.bridges], float)
        self.accepted = np.zeros(len(self), bool)
        self.least = 0.0
        self._base = repaired.grains
        self._whole, self._given = repaired.boundary, repaired.strength
        self._windows = find_objects(self.numbers, max_label=len(self))
        self._rejected = np.zeros(len(self), bool)
        # Also those that were undone or put back: undo and redo may take them away again.
        self._once_rejected = np.zeros(len(self), bool)
        self._sides = _find_sides(self._paths, repaired.grains)
        self._contacts = np.bincount(self._sides.bridge, minlength=len(self) + 1)[1:]
        self.closing = self._contacts > 0

    def __len__(self) -> int:
        return len(self._paths)

    def middle(self, bridge: int) -> tuple[int, int]:
        """Return the pixel in the middle of a bridge's line."""
        path = self._paths[bridge - 1]
        y, x = path[len(path) // 2]
        return int(y), int(x)

    def window(self, bridge: int) -> Window:
        """Return the smallest window that holds a bridge's pixels and its line."""
        path = self._paths[bridge - 1]
        low, high = path.min(0), path.max(0) + 1
        drawn = self._windows[bridge - 1]
        if drawn is not None:
            low = np.minimum(low, [axis.start for axis in drawn])
            high = np.maximum(high, [axis.stop for axis in drawn])
        return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))

    def mask(self, bridge: int) -> tuple[Window, npt.NDArray[np.bool_]]:
        """Return the pixels of a bridge in its window; of one that adds none, its line."""
        window = self.window(bridge)
        mask: npt.NDArray[np.bool_] = self.numbers[window] == bridge
        if not mask.any():
            rows, columns = (self._paths[bridge - 1] - [axis.start for axis in window]).T
            mask[rows, columns] = True
        return window, mask

    def nearest(self, point: npt.NDArray[np.floating], reach: float) -> int:
        """Return the bridge nearest to a point, (row, column), within `reach` px; 0 without one."""
        row, column = np.rint(point).astype(int)
        far = int(np.ceil(reach))
        top, left = max(0, row - far), max(0, column - far)
        part = self.numbers[top : max(0, row + far + 1), left : max(0, column + far + 1)]
        places = np.argwhere(part > 0)
        if not len(places):
            return 0
        away = np.hypot(*(places - (point - (top, left))).T)
        best = int(np.argmin(away))
        return int(part[tuple(places[best])]) if away[best] <= reach + 0.5 else 0

    def standing(self, grains: Grains) -> npt.NDArray[np.bool_]:
        """Return which bridges part two grains in a map, bool (n,).

        Of those that close no grain, which are wanted.
        """
        sides = self._sides
        first, second = grains[sides.first], grains[sides.second]
        apart = np.bincount(sides.bridge, first != second, len(self) + 1)[1:]
        return np.where(self.closing, 2 * apart >= self._contacts, self.wanted())

    def pairs(self, bridge: int, grains: Grains) -> list[tuple[int, int]]:
        """Return the grains that a bridge parts in a map, the commonest pair first."""
        sides = self._sides
        mine = sides.bridge == bridge
        both = np.stack([grains[axes][mine] for axes in (sides.first, sides.second)], 1)
        both = np.sort(both[(both[:, 0] != both[:, 1]) & (both > 0).all(1)], axis=1)
        found, counts = np.unique(both, axis=0, return_counts=True)
        return [(int(a), int(b)) for a, b in found[np.argsort(-counts)]]

    def without(self, bridge: int, grains: Grains) -> tuple[Indices, int, list[int]] | None:
        """Return what merges the grains that a bridge parts.

        Returns
        -------
        pixels, value, grains or None
            The pixels to change and their new value; the grains that become one, the one that
            keeps its number first. None when the bridge does not stand.
        """
        pairs = self.pairs(bridge, grains)
        if not pairs:
            return None
        labels = list(dict.fromkeys(pairs[0]))
        masks = {label: grains == label for label in labels}
        labels.sort(key=lambda label: -int(np.count_nonzero(masks[label])))
        return np.nonzero(masks[labels[1]]), labels[0], labels

    def back(self, bridge: int, grains: Grains) -> tuple[Indices, int, list[int]] | None:
        """Return what parts the grains again that a fallen bridge of the repair had parted.

        A boundary with two gaps is closed when both are: other fallen bridges of it come back too.

        Returns
        -------
        pixels, value, bridges or None
            The pixels that become a grain of their own, its number, and the bridges that stand
            again, `bridge` first. None when that would part nothing: two different grains are
            there, or the grains are also one through another fallen bridge.
        """
        from scipy.ndimage import label

        standing, pair = self.standing(grains), self._pair(bridge)
        fellows = [
            number
            for number in (np.flatnonzero(self.closing & ~standing) + 1).tolist()
            if number != bridge and self._pair(number) == pair
        ]
        fallen = ~np.append(True, standing)
        fallen[[bridge, *fellows]] = False
        group = self._groups(fallen)
        mine = self._sides.bridge == bridge
        first, second = (
            tuple(axis[mine] for axis in axes) for axes in (self._sides.first, self._sides.second)
        )
        joined = grains[first][grains[first] == grains[second]]
        if not joined.any() or group[pair[0]] == group[pair[1]]:
            return None
        whole = grains == np.bincount(joined).argmax()
        halves = [whole & (group[self._base] == group[grain]) for grain in pair]
        pieces, _ = label(min(halves, key=np.count_nonzero))
        touching = np.concatenate([pieces[first], pieces[second]])
        if not touching.any():
            return None
        piece = np.bincount(touching[touching > 0]).argmax()
        return np.nonzero(pieces == piece), int(grains.max()) + 1, [bridge, *fellows]

    def reject(self, bridge: int) -> None:
        """Take down that the user does not want a bridge; `without` says what changes."""
        self.accepted[bridge - 1] = False
        self._rejected[bridge - 1] = self._once_rejected[bridge - 1] = True

    def accept(self, bridge: int) -> None:
        """Take down that a bridge is right."""
        self.accepted[bridge - 1] = True
        self._rejected[bridge - 1] = False

    @property
    def rejected(self) -> npt.NDArray[np.bool_]:
        """Which bridges the user has rejected, and they did not come back; bool (n,)."""
        return self._rejected.copy()

    def seen(self, grains: Grains) -> npt.NDArray[np.bool_]:
        """Look at a map: what stands again was not rejected after all; return what stands.

        When it falls once more, the rejection was done again.
        """
        standing = self.standing(grains)
        self._rejected = (self._rejected | (self._once_rejected & self.closing)) & ~standing
        self.accepted &= standing
        return standing

    def forget_undone(self) -> None:
        """Undo and redo cannot bring a rejection back any more."""
        self._once_rejected = self._rejected.copy()

    def wanted(self) -> npt.NDArray[np.bool_]:
        """Return which bridges should stand by the verdicts and `least`, bool (n,)."""
        return np.asarray(self.accepted | ((self.confidence >= self.least) & ~self._rejected))

    def cut(self) -> npt.NDArray[np.int32]:
        """Return the grain map in which exactly the wanted bridges stand, int32 (y, x)."""
        base = self._base
        group = self._groups(~np.append(True, self.wanted()))
        count = len(group)
        area = np.bincount(base.ravel(), minlength=count)
        order = np.argsort(area, kind="stable")
        largest = np.zeros(count, np.int32)
        largest[group[order]] = order  # of each group the largest grain is written last
        merged = largest[group]
        merged[0] = 0
        return merged[base].astype(np.int32)

    def _groups(self, fallen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """Return of each grain of the repair the group that it is in, by which bridges fell."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        sides, base = self._sides, self._base
        joined = fallen[sides.bridge]
        links = tuple(base[axes][joined] for axes in (sides.first, sides.second))
        count = int(base.max(initial=0)) + 1
        table = coo_matrix((np.ones(len(links[0])), links), shape=(count, count))
        group: npt.NDArray[np.int32] = connected_components(table, directed=False)[1]
        return group

    def _pair(self, bridge: int) -> tuple[int, int]:
        """Return the two grains of the repair that a closing bridge parts."""
        low, high = self.pairs(bridge, self._base)[0]
        return low, high

    def is_cut(self, grains: Grains) -> bool:
        """Return whether a map differs from `cut` in nothing but numbers: nobody else edited it."""
        if grains.shape != self._base.shape:
            return False
        return bool((boundary_lines(grains) == boundary_lines(self.cut())).all())

    def draw(self, boundary: npt.NDArray[np.floating], standing: npt.NDArray[np.bool_]) -> bool:
        """Bring a boundary map up to date in place; return whether anything changed."""
        changed = False
        for number, (window, stands) in enumerate(zip(self._windows, standing, strict=True), 1):
            if window is None:
                continue
            mine = self.numbers[window] == number
            part = boundary[window]
            value = (self._whole if stands else self._given)[window][mine]
            if (part[mine] != value).any():
                part[mine] = value
                changed = True
        return changed


def _find_sides(paths: list[npt.NDArray[np.intp]], grains: Grains) -> _Sides:
    """Find pixels side by side that the bridges hold apart, each of its commonest pair."""
    bridges, firsts, seconds = [], [], []
    limits = np.array(grains.shape)
    for number, path in enumerate(paths, 1):
        # From each pixel of the line and its neighbours, right and down.
        steps = np.array([(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        near = np.unique((path[:, None] + steps).reshape(-1, 2), axis=0)
        first = np.concatenate([near, near])
        second = np.concatenate([near + np.array([1, 0]), near + np.array([0, 1])])
        inside = ((first >= 0) & (first < limits) & (second >= 0) & (second < limits)).all(1)
        first, second = first[inside], second[inside]
        both = np.sort(np.stack([grains[tuple(first.T)], grains[tuple(second.T)]], 1), axis=1)
        apart = (both[:, 0] != both[:, 1]) & (both[:, 0] > 0)
        if not apart.any():
            continue
        _, which, counts = np.unique(both[apart], axis=0, return_inverse=True, return_counts=True)
        most = which.ravel() == int(np.argmax(counts))
        bridges.append(np.full(int(most.sum()), number))
        firsts.append(first[apart][most])
        seconds.append(second[apart][most])
    none = np.zeros((0, 2), np.intp)
    first, second = (np.concatenate([none, *each]) for each in (firsts, seconds))
    return _Sides(
        np.concatenate([np.zeros(0, np.int64), *bridges]), tuple(first.T), tuple(second.T)
    )

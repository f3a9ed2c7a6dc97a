"""What a gesture leaves in a section of a stack, to go on with in the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing import EditError

if TYPE_CHECKING:
    from napari_etch.grains.editing import Change, GrainEditor

#: A new grain has at least this part of the pixels, or of the share, of the section before.
LEAST_SHARE = 1 / 3


@dataclass(frozen=True, eq=False)
class Parts:
    """The grains that a gesture concerns, as it leaves them.

    Attributes
    ----------
    corner : (int, int)
        Row and column where `labels` begin.
    labels : ndarray of int, shape (h, w)
        0 where other grains are.
    created : tuple of int
        Those that are new in this section.
    """

    corner: tuple[int, int]
    labels: npt.NDArray[np.integer]
    created: tuple[int, ...]

    def numbers(self) -> list[int]:
        """Return the numbers of the grains, sorted."""
        found: list[int] = np.unique(self.labels[self.labels > 0]).tolist()
        return found

    def area(self, label: int) -> int:
        """Return the pixels of a grain."""
        return int(np.count_nonzero(self.labels == label))

    def share(self, label: int) -> float:
        """Return the part of all these grains that is one of them."""
        return self.area(label) / max(1, int(np.count_nonzero(self.labels)))


def parts_of(editor: GrainEditor, change: Change) -> Parts:
    """Return what a change leaves that is not made yet."""
    kept = [label for label in (*change.removed, *change.touched) if editor.area(label)]
    windows = [change.window, *(editor.bounding_box(label) for label in kept)]
    rows, columns = (
        slice(min(window[axis].start for window in windows), max(w[axis].stop for w in windows))
        for axis in (0, 1)
    )
    labels = np.array(editor.grains[rows, columns])
    top, left = change.window[0].start - rows.start, change.window[1].start - columns.start
    height, width = change.after.shape
    labels[top : top + height, left : left + width] = change.after
    labels[~np.isin(labels, [*change.touched, *change.created])] = 0
    return Parts((rows.start, columns.start), labels, change.created)


def carried_on(before: Parts, parts: Parts, editor: GrainEditor) -> dict[int, int]:
    """Return the numbers with which grains go on from the section before.

    Parameters
    ----------
    before, parts : Parts
        Of the same gesture in two sections, one after the other.
    editor : GrainEditor
        Of the section of `parts`.

    Returns
    -------
    dict of int to int
        By the number that the gesture gave; only those that differ.
    """
    numbers = parts.numbers()
    old = [number for number in numbers if number not in parts.created]
    free = {*old, *(number for number in before.created if not editor.area(number))}
    given: dict[int, int] = {}
    for number, under in _lying_over(parts, before):
        if under in free:
            given[number] = under
            free.remove(under)
    left = [number for number in numbers if number not in given]
    given |= {number: number for number in left if number in free}
    # where another grain goes on in its place, a number of this section is not lost all the same
    spare = [number for number in old if number not in given.values()]
    new = [number for number in left if number not in given]
    given |= dict(zip(new, spare, strict=False))
    return {number: to for number, to in given.items() if number != to}


def continued(before: Parts, parts: Parts, numbers: dict[int, int]) -> list[int]:
    """Return which grains, new in the section before, a cut by hand goes on with.

    Parameters
    ----------
    before, parts : Parts
        Of the gesture there, and of the cut here, which may be of other grains.
    numbers : dict of int to int
        As `carried_on` returns them.

    Returns
    -------
    list of int
        Numbers from the section before; none where what would get them hardly lies over them.
    """
    found = []
    for number, under in numbers.items():
        if under not in before.created:
            continue
        least = LEAST_SHARE * min(parts.area(number), before.area(under))
        if _shared(parts, number, before, under) < least:
            return []
        found.append(under)
    return found


def refuse_other_parts(before: Parts, parts: Parts, section: int) -> None:
    """Refuse to repeat a cut that parts grains otherwise than in the section before.

    Raises
    ------
    EditError
        When what is new is missing, or much smaller than there, as where a stroke only nicks the
        grain.
    """
    over = {under: number for number, under in _lying_over(parts, before)}
    for under in before.created:
        number = over.get(under)
        if number is None or _is_much_smaller(parts, number, before, under):
            pixels = [parts.area(each) for each in (parts.created if number is None else [number])]
            raise EditError(
                f"In section {section} the same gesture parts the grain otherwise: grain {under}, "
                f"{before.area(under)} px in the section before, would have "
                f"{max(pixels, default=0)} px, so correct it by hand."
            )


def _is_much_smaller(parts: Parts, number: int, before: Parts, under: int) -> bool:
    # by its share too: all of the grain may end; and by its area: more may lie around it
    shares, areas = (
        parts.share(number) / before.share(under),
        parts.area(number) / before.area(under),
    )
    return max(shares, areas) < LEAST_SHARE


def _lying_over(parts: Parts, before: Parts) -> list[tuple[int, int]]:
    """Return which grain lies over which of the section before, each once, largest overlap first.

    Returns
    -------
    list of (int, int)
        Numbers in `parts` and in `before`.
    """
    low = np.maximum(parts.corner, before.corner)
    high = np.minimum(
        np.add(parts.corner, parts.labels.shape), np.add(before.corner, before.labels.shape)
    )
    if (low >= high).any():
        return []
    here, there = (_within(each, low, high) for each in (parts, before))
    both = (here > 0) & (there > 0)
    pairs, shared = np.unique(np.stack([here[both], there[both]]), axis=1, return_counts=True)
    found: dict[int, int] = {}
    for at in np.argsort(-shared, kind="stable"):
        number, under = pairs[:, at].tolist()
        if number not in found and under not in found.values():
            found[number] = under
    return list(found.items())


def _shared(parts: Parts, number: int, before: Parts, under: int) -> int:
    """Return how many pixels of two grains, in two sections, lie over each other."""
    low = np.maximum(parts.corner, before.corner)
    high = np.minimum(
        np.add(parts.corner, parts.labels.shape), np.add(before.corner, before.labels.shape)
    )
    if (low >= high).any():
        return 0
    here, there = (_within(each, low, high) for each in (parts, before))
    return int(np.count_nonzero((here == number) & (there == under)))


def _within(
    parts: Parts, low: npt.NDArray[np.intp], high: npt.NDArray[np.intp]
) -> npt.NDArray[np.integer]:
    (top, left), (bottom, right) = low - parts.corner, high - parts.corner
    return parts.labels[top:bottom, left:right]

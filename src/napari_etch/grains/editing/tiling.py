"""What makes a grain map valid, and how an edit is brought back to it.

A valid map is a tiling: every label is one 4-connected piece. Four, because the flooding and the
merge tree make such grains: two grains share a boundary where their pixels share a side.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_etch.grains.connected import connected
from napari_etch.grains.editing.change import Labels, Mask, Window, closed, grow, local, union
from napari_etch.grains.editing.field import Field, Float

__all__ = ["SLIVER", "first_violation", "flood_from_neighbours", "is_tiling", "settle"]

SLIVER = 8
"""Pieces with fewer pixels, cut off by an edit, go to a neighbour instead of becoming a grain."""


def is_tiling(grains: Labels, window: Window | None = None) -> bool:
    """Return whether every label is one 4-connected piece.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
        The map; 0 is not a grain and may lie anywhere.
    window : (slice, slice), optional
        Look only here; a grain that reaches beyond the window may look like several and is passed
        over.
    """
    return first_violation(grains, window) is None


def first_violation(
    grains: Labels, window: Window | None = None
) -> tuple[int, tuple[int, int]] | None:
    """Return the lowest label that is in several pieces, and a pixel (y, x) of its smallest one.

    Parameters
    ----------
    grains, window
        As for `is_tiling`.
    """
    window = closed(window or (slice(None), slice(None)), grains.shape)
    part = np.ascontiguousarray(grains[window])
    pieces, labels, sizes = _pieces(part)
    split = np.flatnonzero(np.bincount(_ranks(labels))[_ranks(labels)] > 1)
    split = split[~np.isin(labels[split], _leaving(part, window, grains.shape))]
    if split.size == 0:
        return None
    split = split[labels[split] == labels[split].min()]
    smallest = int(split[np.argmin(sizes[split])]) + 1
    y, x = np.unravel_index(int(np.argmax(pieces == smallest)), part.shape)
    return int(labels[smallest - 1]), (int(y) + window[0].start, int(x) + window[1].start)


def settle(
    field: Field,
    window: Window,
    after: Labels,
    *,
    origin: Labels | None = None,
    suspects: Iterable[int] = (),
) -> tuple[Window, Labels]:
    """Bring a map that an edit left in pieces back to a tiling.

    Of a label in several pieces, the one that holds most of the former grain keeps the number;
    others become grains, or go to a neighbour when they are smaller than `SLIVER`.

    Parameters
    ----------
    field : Field
        The map before the edit, or after it when `origin` is given.
    window : (slice, slice)
        Where the edit was made.
    after : ndarray of integers, shape (h, w)
        The window as the edit leaves it.
    origin : ndarray of integers, shape (h, w), optional
        The window as it was before a foreign edit.
    suspects : iterable of int
        Grains that may be in pieces although the window does not show it.

    Returns
    -------
    window : (slice, slice)
        Holds all of every grain concerned.
    settled : ndarray of integers
        This window, valid.
    """
    before = field.grains[window]
    former = before if origin is None else origin
    differs = (former != after) | (before != after)
    concerned = {int(n) for n in np.unique(np.concatenate([former[differs], after[differs]]))}
    concerned |= {int(n) for n in np.unique(before[differs])} | set(suspects)
    concerned.discard(0)
    known = [field.index.box(label) for label in concerned if label in field.index]
    outer = grow(union([window, *known]), 1, field.grains.shape)
    settled = np.array(field.grains[outer])
    owned = settled.copy()
    settled[local(window, outer)] = after
    owned[local(window, outer)] = former
    _part(field, settled, owned, concerned, outer)
    return outer, settled


def flood_from_neighbours(
    labels: Labels,
    hole: Mask,
    *,
    surface: Float | None = None,
    barred: Iterable[int] = (),
) -> None:
    """Fill a hole in place with the labels around it, which then stay in one piece each.

    Parameters
    ----------
    labels : ndarray of integers, shape (h, w)
        Its pixels in the hole are overwritten; what no neighbour reaches keeps its value.
    hole : ndarray of bool, shape (h, w)
    surface : ndarray of float32, shape (h, w), optional
        Flooded from low to high, so that neighbours meet on its ridges; level when not given.
    barred : iterable of int
        Labels that may not grow.
    """
    from skimage.segmentation import watershed

    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    if rows.size == 0:
        return
    inner = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    box = grow(inner, 1, labels.shape)
    part, empty = labels[box], hole[box]
    # The flooding keeps 32 bits of a marker; labels may have more.
    names, ranks = np.unique(part, return_inverse=True)
    markers = (ranks.reshape(part.shape) + 1).astype(np.int32)
    markers[empty | (part == 0) | np.isin(part, list(barred))] = 0
    heights = np.zeros(part.shape, np.float32) if surface is None else surface[box]
    filled = watershed(heights, markers, mask=empty | (markers > 0), connectivity=1)
    reached = empty & (filled > 0)
    part[reached] = names[filled[reached] - 1]


def _part(field: Field, settled: Labels, owned: Labels, concerned: set[int], outer: Window) -> None:
    """Name or absorb the surplus pieces of `concerned` in place."""
    pieces, labels, sizes = _pieces(settled)
    held = np.bincount(pieces[(owned == settled) & (pieces > 0)], minlength=labels.size + 1)[1:]
    surplus: list[int] = []
    for label in sorted(concerned):
        own = np.flatnonzero(labels == label)
        if own.size > 1:
            first = max(own.tolist(), key=lambda i: (held[i], sizes[i]))
            surplus += [i for i in own.tolist() if i != first]
    if not surplus:
        return
    large = [i for i in surplus if sizes[i] >= SLIVER]
    _name(field, settled, pieces, large)
    small = np.isin(pieces, [i + 1 for i in surplus if sizes[i] < SLIVER])
    settled[small] = 0
    flood_from_neighbours(
        settled,
        small,
        surface=field.boundary_in(outer) if small.any() else None,
        barred=field.locked,
    )
    left, numbers, _ = _pieces((small & (settled == 0)).astype(np.uint8))
    _name(field, settled, left, list(range(numbers.size)))  # slivers that nothing may absorb


def _name(field: Field, settled: Labels, pieces: npt.NDArray[np.integer], which: list[int]) -> None:
    if not which:
        return
    taken = {int(n) for n in np.unique(settled)}
    taken = {label for label in taken if label and label not in field.index}
    fresh = [n for n in field.index.new_labels(len(which) + len(taken)) if n not in taken]
    table = np.zeros(int(pieces.max()) + 1, settled.dtype)
    table[[i + 1 for i in which]] = fresh[: len(which)]
    names = table[pieces]
    np.copyto(settled, names, where=names > 0)


def _pieces(
    part: Labels,
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return pieces 1 … n as an image, and the label and size of each, shape (n,)."""
    pieces = connected(part)
    n = int(pieces.max(initial=0))
    labels = np.zeros(n + 1, np.int64)
    labels[pieces.ravel()] = part.ravel()
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)
    return pieces, labels[1:], sizes[1:]


def _ranks(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def _leaving(part: Labels, window: Window, shape: tuple[int, ...]) -> npt.NDArray[np.integer]:
    """Return the labels at those sides of the window that are not sides of the map."""
    sides = []
    if window[0].start > 0:
        sides.append(part[0])
    if window[0].stop < shape[0]:
        sides.append(part[-1])
    if window[1].start > 0:
        sides.append(part[:, 0])
    if window[1].stop < shape[1]:
        sides.append(part[:, -1])
    return np.unique(np.concatenate(sides)) if sides else np.zeros(0, part.dtype)

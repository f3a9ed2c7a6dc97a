"""Whole grains and their outlines: delete, fill holes, smooth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, Mask, Window, closed
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.tiling import flood_from_neighbours, settle

__all__ = ["delete", "fill_holes", "smooth"]


def delete(field: Field, labels: Iterable[int], *, absorb: bool) -> Change:
    """See `GrainEditor.delete`."""
    wanted = _chosen(field, labels, "delete")
    window = field.window_of(wanted, margin=1)
    after = np.array(field.grains[window])
    hole = np.isin(after, wanted)
    after[hole] = 0
    what = f"grain {wanted[0]}" if len(wanted) == 1 else f"{len(wanted)} grains"
    if not absorb:
        return field.change(window, after, f"Deleted {what}.")
    flood_from_neighbours(after, hole, surface=field.boundary_in(window), barred=field.locked)
    if (hole & (after == 0)).any():
        raise EditError(f"No unlocked neighbour can take the place of {what}: delete to 0 instead.")
    return field.change(window, after, f"Deleted {what}; the neighbours took its place.")


def _chosen(field: Field, labels: Iterable[int], verb: str) -> list[int]:
    wanted = list(dict.fromkeys(int(label) for label in labels))
    if not wanted:
        raise EditError(f"Choose at least one grain to {verb}.")
    field.refuse_unknown(wanted)
    field.refuse_locked(wanted)
    return wanted


def fill_holes(field: Field, labels: Iterable[int] | None, window: Window | None) -> Change:
    """See `GrainEditor.fill_holes`."""
    wanted = None if labels is None else _chosen(field, labels, "fill")
    if wanted is not None:
        window = field.window_of(wanted, margin=1)
    window = field.frame if window is None else closed(window, field.grains.shape)
    after = np.array(field.grains[window])
    holes = _holes(after, wanted)
    if not holes.any():
        raise EditError("There is no hole to fill: a hole is a 0 region with grains all around.")
    flood_from_neighbours(after, holes, surface=field.boundary_in(window), barred=field.locked)
    filled = int((holes & (after != 0)).sum())
    return field.change(window, after, f"Filled {filled} px of holes.")


def _holes(part: Labels, wanted: list[int] | None) -> Mask:
    """Return the 0 regions that do not reach a side, and border on the wanted grains only."""
    from scipy import ndimage as ndi

    pieces, n = ndi.label(part == 0)
    open_ = np.zeros(n + 1, bool)
    open_[0] = True
    for side in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):
        open_[side] = True
    if wanted is not None:
        foreign = (part != 0) & ~np.isin(part, wanted)
        open_[pieces[ndi.binary_dilation(foreign)]] = True
    return np.asarray(~open_[pieces])


def smooth(field: Field, labels: Iterable[int], *, radius: float) -> Change:
    """See `GrainEditor.smooth`."""
    wanted = _chosen(field, labels, "smooth")
    if not (np.isfinite(radius) and radius > 0):
        raise EditError(f"The radius is {radius}: give a number of pixels above 0.")
    window = field.window_of(wanted, margin=int(np.ceil(3 * radius)))
    part = field.grains[window]
    winner = _majority(part, radius)
    after = np.array(part)
    fixed = [0, *field.locked]
    moves = (np.isin(part, wanted) | np.isin(winner, wanted)) & (winner != part)
    moves &= ~np.isin(part, fixed) & ~np.isin(winner, fixed)
    after[moves] = winner[moves]
    lost = [label for label in wanted if not (after == label).any()]
    if lost:
        raise EditError(f"Grain {lost[0]} would vanish: choose a radius below {radius:g} px.")
    outer, settled = settle(field, window, after)
    what = f"grain {wanted[0]}" if len(wanted) == 1 else f"{len(wanted)} grains"
    return field.change(outer, settled, f"Smoothed {what}.")


def _majority(part: Labels, radius: float) -> Labels:
    """Return for each pixel the label with the largest weight around it, Gaussian of `radius`."""
    from scipy import ndimage as ndi

    best = np.zeros(part.shape, np.float32)
    winner = np.zeros_like(part)
    for label in np.unique(part):
        weight: npt.NDArray[np.float32] = ndi.gaussian_filter(
            (part == label).astype(np.float32), radius, mode="nearest"
        )
        more = weight > best
        best[more] = weight[more]
        winner[more] = label
    return winner

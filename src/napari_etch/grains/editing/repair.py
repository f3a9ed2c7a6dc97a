"""After an edit by someone else (brush, fill, polygon): back to a tiling."""

from __future__ import annotations

import numpy as np

from napari_etch.grains.editing.change import Change, Labels, Mask, Window, grow, local
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.tiling import flood_from_neighbours, settle

__all__ = ["repair"]

# A line of 0 drawn between grains is a cut, as in maps that part grains by such lines: up to twice
# this width in px it is closed again from both sides. Wider erased areas stay "not a grain".
_LINE = 2.5


def repair(field: Field, window: Window, before: Labels | None) -> Change | None:
    """See `GrainEditor.repair`."""
    now = np.array(field.grains[window])
    former = _former(field, window, now, before)
    after = np.array(now)
    if before is not None:
        _give_back_locked(field, after, before)
    lines = _thin_lines(after, before)
    # A grain may have been cut in two by what now fills the window, and not show in it any more.
    near = grow(window, 1, field.grains.shape)
    suspects = field.index.touching(near) if before is None else []
    outer, settled = settle(field, window, after, origin=former, suspects=suspects)
    if lines.any():
        everywhere = np.zeros(settled.shape, bool)
        everywhere[local(window, outer)] = lines
        flood_from_neighbours(
            settled, everywhere, surface=field.boundary_in(outer), barred=field.locked
        )
    if np.array_equal(field.grains[outer], settled):
        return None
    held, field.locked = field.locked, set()  # what is given back to an accepted grain is allowed
    try:
        return field.change(outer, settled, "Brought the painted map back to whole grains.")
    finally:
        field.locked = held


def _former(field: Field, window: Window, now: Labels, before: Labels | None) -> Labels:
    """Return the window before the foreign edit; unknown, every grain there counts as changed."""
    if before is None:
        return np.zeros_like(now)
    if before.shape != now.shape:
        raise EditError(f"The window is {now.shape}, but what was in it before is {before.shape}.")
    return np.asarray(before).astype(now.dtype)


def _give_back_locked(field: Field, after: Labels, before: Labels) -> None:
    if not field.locked:
        return
    accepted = list(field.locked)
    foreign = (np.isin(before, accepted) | np.isin(after, accepted)) & (before != after)
    after[foreign] = before[foreign]


def _thin_lines(after: Labels, before: Labels | None) -> Mask:
    """Return the newly erased places that are lines rather than areas."""
    from scipy import ndimage as ndi

    if before is None:
        return np.zeros(after.shape, bool)
    erased = (after == 0) & (before != 0)
    if not erased.any():
        return erased
    depth = ndi.distance_transform_edt(np.pad(erased, 1))[1:-1, 1:-1]
    pieces, n = ndi.label(erased, np.ones((3, 3)))
    deepest = ndi.maximum(depth, pieces, np.arange(1, n + 1))
    return np.asarray(erased & np.isin(pieces, np.flatnonzero(deepest <= _LINE) + 1))

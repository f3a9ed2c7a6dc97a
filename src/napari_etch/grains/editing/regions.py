"""Whole regions: delete grains."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_etch.grains.editing.change import Change
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.tiling import flood_from_neighbours

__all__ = ["delete"]


def delete(field: Field, labels: Iterable[int], *, absorb: bool) -> Change:
    """See `GrainEditor.delete`."""
    wanted = list(dict.fromkeys(int(label) for label in labels))
    if not wanted:
        raise EditError("Choose at least one grain to delete.")
    field.refuse_unknown(wanted)
    field.refuse_locked(wanted)
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

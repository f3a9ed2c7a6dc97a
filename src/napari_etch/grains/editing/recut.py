"""Re-cut a drawn region: the granularity slider for a part of the map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, Mask, Window, grow, local
from napari_etch.grains.editing.edges import strength_between
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.strokes import inside_polygon
from napari_etch.grains.editing.tiling import settle

__all__ = ["recut"]


def recut(field: Field, polygon: npt.ArrayLike, granularity: float, *, scale: float) -> Change:
    """See `GrainEditor.recut`."""
    from napari_etch.grains.grain_map import partition

    if field.boundary is None:
        raise EditError("A re-cut needs the boundary map: choose its layer.")
    inner, drawn = inside_polygon(polygon, field.grains.shape)
    window = grow(inner, 1, field.grains.shape)
    part = field.grains[window]
    region = np.zeros(part.shape, bool)
    region[local(inner, window)] = drawn
    region &= ~np.isin(part, [0, *field.locked])
    if not region.any():
        raise EditError("The region holds no unlocked grain: draw it around grains.")
    boundary = field.boundary_in(window)
    assert boundary is not None
    try:
        found = partition(boundary, mask=region, granularity=granularity, scale=scale).grains
    except ValueError as error:
        raise EditError(f"The region cannot be cut: {error}.") from None
    after = _fitted(field, window, region, found, 1.0 - granularity)
    outer, settled = settle(field, window, after)
    n = np.unique(settled[local(window, outer)][region]).size
    return field.change(outer, settled, f"Cut the region anew into {n} grains.")


def _fitted(
    field: Field, window: Window, region: Mask, found: npt.NDArray[np.int32], least: float
) -> Labels:
    """Return the window with the pieces found, joined to the grains that the region cut through.

    The outline of the region is no boundary. A piece goes to the grain beyond it when that grain
    reached into the region there and the boundary map speaks for no boundary between them.
    """
    part = field.grains[window]
    beyond = np.where(region, 0, part)
    pieces = np.where(region, found.astype(np.int64), 0)
    owner: dict[int, tuple[int, int]] = {}
    for piece, label, strength, length in strength_between(
        pieces, beyond, part, field.boundary_in(window)
    ):
        if strength <= least and length > owner.get(piece, (0, 0))[1]:
            owner[piece] = (label, length)
    after = np.array(part)
    n = int(pieces.max())
    free = [piece for piece in range(1, n + 1) if piece not in owner]
    kept = _kept_numbers(field, part, pieces, region, free)
    missing = [piece for piece in free if piece not in kept]
    kept.update(zip(missing, field.index.new_labels(len(missing)), strict=True))
    table = np.zeros(n + 1, part.dtype)
    for piece in range(1, n + 1):
        table[piece] = owner[piece][0] if piece in owner else kept[piece]
    after[region] = table[pieces[region]]
    return after


def _kept_numbers(
    field: Field, part: Labels, pieces: npt.NDArray[np.int64], region: Mask, free: list[int]
) -> dict[int, int]:
    """Give the number of each grain that lay wholly inside to the piece that holds most of it."""
    kept: dict[int, int] = {}
    inside, counts = np.unique(part[region], return_counts=True)
    for label, count in zip(inside.tolist(), counts.tolist(), strict=True):
        if count < field.index.count(label):
            continue
        held = np.bincount(pieces[region & (part == label)], minlength=int(pieces.max()) + 1)
        for piece in np.argsort(-held, kind="stable").tolist():
            if held[piece] == 0:
                break
            if piece in free and piece not in kept:
                kept[piece] = label
                break
    return kept

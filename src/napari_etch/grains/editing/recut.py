"""Re-cut a drawn region: the granularity slider for a part of the map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, Mask, Window, grow, local
from napari_etch.grains.editing.edges import strength_between
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.strokes import inside_polygon
from napari_etch.grains.editing.tiling import flood_from_neighbours, settle

__all__ = ["recut"]

_SIGHT = 32  # px at scale 1 beyond the region that the flooding sees, so that its outline is no end


def recut(field: Field, polygon: npt.ArrayLike, granularity: float, *, scale: float) -> Change:
    """See `GrainEditor.recut`."""
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
    try:
        pieces = _cut_anew(field, window, region, granularity, scale)
    except ValueError as error:
        raise EditError(f"The region cannot be cut: {error}.") from None
    after = _fitted(field, window, region, pieces)
    outer, settled = settle(field, window, after)
    n = np.unique(settled[local(window, outer)][region]).size
    return field.change(outer, settled, f"Cut the region anew into {n} grains.")


def _cut_anew(
    field: Field, window: Window, region: Mask, granularity: float, scale: float
) -> npt.NDArray[np.int64]:
    """Return pieces 1 … n of the region, 0 outside, cut with sight of what lies around it."""
    import cc3d

    from napari_etch.grains.grain_map import MIN_AREA, partition

    wide = grow(window, int(np.ceil(_SIGHT * scale)), field.grains.shape)
    boundary = field.boundary_in(wide)
    assert boundary is not None
    usable = ~np.isin(field.grains[wide], [0, *field.locked])
    found = partition(boundary, mask=usable, granularity=granularity, scale=scale).grains
    inside = np.where(region, found[local(window, wide)], 0)
    pieces = cc3d.connected_components(inside, connectivity=4).astype(np.int64)
    # The outline of the region cuts corners off grains beside it: they go to what lies inside.
    small = (np.bincount(pieces.ravel()) < MIN_AREA * scale**2)[pieces] & region
    if small[region].all():
        return pieces
    joined = np.where(small, 0, pieces)
    flood_from_neighbours(joined, small)
    joined = np.where(region & (joined == 0), pieces, joined)
    names = np.unique(joined[region])
    return np.where(region, np.searchsorted(names, joined) + 1, 0)


def _fitted(field: Field, window: Window, region: Mask, pieces: npt.NDArray[np.int64]) -> Labels:
    """Return the window with the pieces found, joined to the grains that the region cut through.

    The outline of the region is no boundary. Of each grain that reaches out of it, the piece with
    the longest way out goes on being that grain, unless the boundary map parts them there. The
    grain's other pieces end at the outline: one grain outside can go on in one piece only, or all
    that was cut inside would be joined again behind the outline.
    """
    part = field.grains[window]
    beyond = np.where(region, 0, part)
    meetings = strength_between(pieces, beyond, part, field.boundary_in(window))
    owner: dict[int, int] = {}
    for piece, label, strength, _ in sorted(meetings, key=lambda m: -m[3]):
        if strength < 0.5 and piece not in owner and label not in owner.values():
            owner[piece] = label
    after = np.array(part)
    n = int(pieces.max())
    free = [piece for piece in range(1, n + 1) if piece not in owner]
    kept = _kept_numbers(field, part, pieces, region, free)
    missing = [piece for piece in free if piece not in kept]
    kept.update(zip(missing, field.index.new_labels(len(missing)), strict=True))
    table = np.zeros(n + 1, part.dtype)
    for piece in range(1, n + 1):
        table[piece] = owner[piece] if piece in owner else kept[piece]
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

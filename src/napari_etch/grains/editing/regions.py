"""Regions that a hand has drawn or clicked: add, reassign, magic wand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Mask, Window, grow, local, union
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.strokes import inside_polygon
from napari_etch.grains.editing.tiling import settle

__all__ = ["add", "reassign", "wand"]

_WAND_START = 128  # px around the click that the wand looks at first
_BARRIER = 0.5  # the wand does not cross pixels that are more likely boundary than not
_NECK = 2.0  # px: half the width of a gap in a line through which the wand does not leak
_RIM = 4.0  # px: half the width of what the wand may leave between its region and an outline
_WAND_LARGEST = 2048  # px: a region that reaches further is a background, not a grain


def add(field: Field, polygon: npt.ArrayLike) -> Change:
    """See `GrainEditor.add`."""
    window, mask = inside_polygon(polygon, field.grains.shape)
    return _new_grain(field, window, _largest(mask), "Added grain {}.")


def _new_grain(field: Field, window: Window, mask: Mask, message: str) -> Change:
    part = field.grains[window]
    field.refuse_locked(np.unique(part[mask]).tolist())
    (label,) = field.index.new_labels(1)
    after = np.array(part)
    after[mask] = label
    outer, settled = settle(field, window, after)
    return field.change(outer, settled, message.format(label))


def _largest(mask: Mask, at: tuple[int, int] | None = None) -> Mask:
    """Return the largest 4-connected piece of a mask, or the one that holds a pixel."""
    from scipy import ndimage as ndi

    pieces, n = ndi.label(mask)
    if n < 2:
        return mask
    best = int(pieces[at]) if at is not None else int(np.argmax(np.bincount(pieces.flat)[1:])) + 1
    return np.asarray(pieces == best)


def reassign(field: Field, polygon: npt.ArrayLike, label: int) -> Change:
    """See `GrainEditor.reassign`."""
    window, mask = inside_polygon(polygon, field.grains.shape)
    window, mask = _with_margin(field, window, mask)
    after = np.array(field.grains[window])
    if label == 0:
        after[mask] = 0
        outer, settled = settle(field, window, after)
        return field.change(outer, settled, "Took the region out of the grain map.")
    field.refuse_unknown([label])
    after[_attached(mask & (after != label), after == label, label)] = label
    outer, settled = settle(field, window, after)
    return field.change(outer, settled, f"Gave the region to grain {label}.")


def _with_margin(field: Field, window: Window, mask: Mask) -> tuple[Window, Mask]:
    """Return window and mask with a pixel more on each side, where neighbours can be seen."""
    outer = grow(window, 1, field.grains.shape)
    wide = np.zeros([s.stop - s.start for s in outer], bool)
    wide[local(window, outer)] = mask
    return outer, wide


def _attached(region: Mask, grain: Mask, label: int) -> Mask:
    """Return the pieces of a region that share a side with the grain."""
    from scipy import ndimage as ndi

    if not region.any():
        raise EditError(f"All of the region is grain {label} already: draw around what it lacks.")
    pieces, _ = ndi.label(region)
    found = np.unique(pieces[ndi.binary_dilation(grain) & region])
    if found.size == 0:
        raise EditError(
            f"The region does not touch grain {label}: draw it up to the grain that shall have it."
        )
    return np.isin(pieces, found)


def wand(field: Field, point: npt.ArrayLike, *, tolerance: float) -> Change:
    """See `GrainEditor.wand`."""
    if field.image is None:
        raise EditError("The magic wand needs the micrograph: choose its image layer.")
    if not (np.isfinite(tolerance) and 0 < tolerance <= 1):
        raise EditError(f"The tolerance is {tolerance}: choose a number above 0, at most 1.")
    pixel = field.pixel_at(point)
    field.refuse_locked([int(field.grains[pixel])])
    window, mask = _alike(field, pixel, tolerance)
    if not mask.any():
        raise EditError("The click is on a line: click inside the grain.")
    window, mask = _with_rims(field, window, mask)
    return _new_grain(field, window, mask, "Made the region around the click grain {}.")


def _alike(field: Field, pixel: tuple[int, int], tolerance: float) -> tuple[Window, Mask]:
    """Return the region of similar brightness around a pixel, without holes."""
    from scipy import ndimage as ndi
    from skimage.segmentation import flood

    half = _WAND_START
    height, width = field.grains.shape
    while True:
        window = grow(
            (slice(pixel[0], pixel[0] + 1), slice(pixel[1], pixel[1] + 1)), half, (height, width)
        )
        at = pixel[0] - window[0].start, pixel[1] - window[1].start
        grey = ndi.gaussian_filter(_grey(field, window), 1.0)  # pixel noise would riddle the region
        mask = flood(grey, at, connectivity=1, tolerance=tolerance)
        boundary = field.boundary_in(window)
        if boundary is not None:
            mask &= boundary < _BARRIER
        mask = _without_necks(mask, at)
        if not _reaches_side(mask, window, (height, width)):
            return window, np.asarray(ndi.binary_fill_holes(mask), bool)
        half *= 2
        if half > _WAND_LARGEST // 2:
            raise EditError("The region runs over much of the image: choose a smaller tolerance.")


def _without_necks(mask: Mask, at: tuple[int, int]) -> Mask:
    """Return the part of a mask around a pixel, shut off where it is narrower than a neck."""
    from scipy import ndimage as ndi

    wide = ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] > _NECK
    if not wide[at]:  # a click beside a line: the nearest open place, if it is near
        _, where = ndi.distance_transform_edt(~wide, return_indices=True)
        near = int(where[0][at]), int(where[1][at])
        if not wide[near] or np.hypot(near[0] - at[0], near[1] - at[1]) > 2 * _NECK:
            return _largest(mask, at) if mask[at] else mask & False
        at = near
    core = _largest(wide, at)
    return np.asarray(ndi.distance_transform_edt(~core) <= _NECK) & mask


def _with_rims(field: Field, window: Window, mask: Mask) -> tuple[Window, Mask]:
    """Return a region with the thin remains of grains between it and their outlines.

    A line in the image is dark or bright to both sides: the region ends before it, and what is
    left of the grain there is no grain.
    """
    import cc3d
    import edt
    from scipy import ndimage as ndi

    over = np.unique(field.grains[window][mask])
    over = over[over != 0]
    if over.size == 0:
        return window, mask
    outer = union([window, field.window_of(over.tolist(), margin=1)])
    region = np.zeros([s.stop - s.start for s in outer], bool)
    region[local(window, outer)] = mask
    part = field.grains[outer]
    rest = np.where(np.isin(part, over) & ~region, part, 0)
    pieces, n = cc3d.connected_components(rest, connectivity=4, return_N=True)
    deepest = ndi.maximum(edt.edt(pieces), pieces, np.arange(1, n + 1))
    thin = np.isin(pieces, np.flatnonzero(np.atleast_1d(deepest) <= _RIM) + 1)
    touching = np.unique(pieces[thin & ndi.binary_dilation(region)])
    return outer, region | (thin & np.isin(pieces, touching))


def _grey(field: Field, window: Window) -> npt.NDArray[np.float32]:
    """Return the micrograph in a window, its 1 % and 99 % quantiles brought to 0 and 1."""
    assert field.image is not None
    step = max(1, int(max(field.grains.shape) // 512))
    low, high = np.nanpercentile(np.asarray(field.image[::step, ::step], np.float32), (1, 99))
    values = np.nan_to_num(np.asarray(field.image[window], np.float32), nan=float(low))
    return np.asarray((values - low) / max(float(high - low), 1e-6), np.float32)


def _reaches_side(mask: Mask, window: Window, shape: tuple[int, int]) -> bool:
    """Return whether a mask runs out of its window, other than over the frame of the map."""
    rows, columns = window
    return bool(
        (rows.start > 0 and mask[0].any())
        or (rows.stop < shape[0] and mask[-1].any())
        or (columns.start > 0 and mask[:, 0].any())
        or (columns.stop < shape[1] and mask[:, -1].any())
    )

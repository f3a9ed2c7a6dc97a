"""A stroke drawn across a missing boundary, rather than along it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Window
from napari_etch.grains.editing.field import Field, Float
from napari_etch.grains.editing.pieces import SLIVER
from napari_etch.grains.editing.seeds import pieces_between
from napari_etch.grains.editing.strokes import Pixels, Run

__all__ = ["cut_across"]

# The stroke was drawn across when the line between its ends is this much stronger in the boundary
# map than the line along it. A stroke along a faint boundary has a line across its ends that is
# fainter still, so the two are seldom close.
_TIMES = 2.0
_LEAST = 0.1
_OUTLINE = 4  # px from the grain's outline that say nothing: that boundary is there already


def cut_across(
    field: Field, run: Run, along: Pixels
) -> tuple[npt.NDArray[np.int32], Pixels] | None:
    """Return the pieces on both sides of a missing boundary that a stroke crosses, and their line.

    Parameters
    ----------
    field : Field
        With a boundary map.
    run : Run
        A stroke that begins and ends inside the grain.
    along : ndarray of int, shape (n, 2)
        The line that a cut along the stroke would take.

    Returns
    -------
    pieces : ndarray of int32
        In the grain's box, 1 and 2.
    line : ndarray of int, shape (m, 2)
        Pixels of the map, in no order.
    None instead of both when the stroke was drawn along.
    """
    pixels = [tuple(np.rint(run.points[i]).astype(int).tolist()) for i in (0, -1)]
    if pixels[0] == pixels[1] or any(field.grains[pixel] != run.label for pixel in pixels):
        return None
    box = field.index.box(run.label)
    pieces = pieces_between(field, run.label, pixels)
    if min(np.bincount(pieces.ravel(), minlength=3)[1:]) < SLIVER:
        return None
    between = _between(pieces) + np.array([box[0].start, box[1].start])
    strength = _strength(field, box, run.label)
    one, two = (_mean(strength, line, box) for line in (along, between))
    if two < max(_LEAST, _TIMES * one):
        return None
    return pieces, between


def _between(pieces: npt.NDArray[np.int32]) -> Pixels:
    """Return the pixels of piece 1 that touch piece 2."""
    edge = np.zeros(pieces.shape, bool)
    one, two = pieces == 1, pieces == 2
    edge[:-1] |= one[:-1] & two[1:]
    edge[1:] |= one[1:] & two[:-1]
    edge[:, :-1] |= one[:, :-1] & two[:, 1:]
    edge[:, 1:] |= one[:, 1:] & two[:, :-1]
    return np.argwhere(edge)


def _strength(field: Field, box: Window, label: int) -> Float:
    """Return the highest boundary value within a pixel; NaN near the outline and outside."""
    from scipy import ndimage as ndi

    boundary = field.boundary_in(box)
    assert boundary is not None
    strength: Float = ndi.maximum_filter(boundary, 3)
    depth = ndi.distance_transform_edt(np.pad(field.grains[box] == label, 1))[1:-1, 1:-1]
    return np.where(depth > _OUTLINE, strength, np.float32(np.nan))


def _mean(strength: Float, line: Pixels, box: Window) -> float:
    values = strength[tuple((line - np.array([box[0].start, box[1].start])).T)]
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else 0.0

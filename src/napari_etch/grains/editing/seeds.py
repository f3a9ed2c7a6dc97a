"""Split a grain between clicks, by flooding the boundary map from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Mask, Window, grow, local
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.pieces import number_pieces, split_message
from napari_etch.grains.editing.tiling import flood_from_neighbours

__all__ = ["pieces_between", "split_seeds"]

_SEED = 1.5  # px around a click that surely belong to its piece
_SMOOTHING = 1.0  # px, of the boundary map that is flooded


def split_seeds(field: Field, points: npt.ArrayLike) -> Change:
    """See `GrainEditor.split_seeds`."""
    pixels, label = _clicks(field, points)
    box = field.index.box(label)
    part = np.array(field.grains[box])
    new = field.index.new_labels(len(pixels) - 1)
    number_pieces(part, pieces_between(field, label, pixels), label, new)
    return field.change(box, part, split_message({label: new}))


def _clicks(field: Field, points: npt.ArrayLike) -> tuple[list[tuple[int, int]], int]:
    given = np.asarray(points, float)
    if given.ndim != 2 or given.shape[1:] != (2,) or given.shape[0] < 2:
        raise EditError("A split by clicks needs at least two of them in one grain.")
    pixels = list(dict.fromkeys(field.pixel_at(point) for point in given))
    labels = {int(field.grains[pixel]) for pixel in pixels}
    if len(pixels) < 2 or len(labels) > 1:
        raise EditError("Click at two or more different places in one and the same grain.")
    (label,) = labels
    field.refuse_unknown([label])
    field.refuse_locked([label])
    return pixels, label


def pieces_between(
    field: Field, label: int, pixels: Sequence[tuple[int, int]]
) -> npt.NDArray[np.int32]:
    """Return pieces 1 … n of a grain's box, one for each pixel, that meet on the strongest lines.

    Parameters
    ----------
    field : Field
        Without a boundary map the pieces meet halfway.
    label : int
    pixels : sequence of (row, column)
        All different, all in the grain.
    """
    from skimage.segmentation import watershed

    box = field.index.box(label)
    corner = np.array([box[0].start, box[1].start])
    seeds = [tuple((np.array(pixel) - corner).tolist()) for pixel in pixels]
    grain = field.grains[box] == label
    markers = np.zeros(grain.shape, np.int32)
    rows, columns = np.ogrid[: grain.shape[0], : grain.shape[1]]
    for number, (y, x) in enumerate(seeds, 1):
        near = (rows - y) ** 2 + (columns - x) ** 2 <= _SEED**2
        markers[near & grain & (markers == 0)] = number
    for number, seed in enumerate(seeds, 1):
        markers[seed] = number
    flooded = watershed(_surface(field, box), markers, mask=grain, connectivity=1)
    return _one_piece_each(np.asarray(flooded, np.int32), grain, seeds)


def _surface(field: Field, box: Window) -> npt.NDArray[np.float32]:
    from scipy import ndimage as ndi

    outer = grow(box, 4, field.grains.shape)
    boundary = field.boundary_in(outer)
    if boundary is None:
        return np.zeros([s.stop - s.start for s in box], np.float32)
    smooth: npt.NDArray[np.float32] = ndi.gaussian_filter(boundary, _SMOOTHING)
    return smooth[local(box, outer)]


def _one_piece_each(
    pieces: npt.NDArray[np.int32], grain: Mask, seeds: Sequence[tuple[int, ...]]
) -> npt.NDArray[np.int32]:
    """Keep of each number the piece that holds its click; the rest goes to what adjoins it."""
    from scipy import ndimage as ndi

    for number, seed in enumerate(seeds, 1):
        parts, n = ndi.label(pieces == number)
        if n > 1:
            pieces[(parts > 0) & (parts != parts[seed])] = 0
    flood_from_neighbours(pieces, grain & (pieces == 0))
    return pieces

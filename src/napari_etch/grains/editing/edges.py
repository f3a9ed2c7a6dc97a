"""The boundaries between grains, and what the boundary map says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, Window, grow, local, union
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Float, checked_grains
from napari_etch.grains.editing.pixel_pairs import (
    Groups,
    PixelPairs,
    level_of,
    pairs_in,
    read_pairs,
)
from napari_etch.grains.grain_map import shift_odds

if TYPE_CHECKING:
    from napari_etch.grains.editing.editor import GrainEditor

__all__ = [
    "BOUNDARY_DTYPE",
    "boundaries",
    "boundaries_in",
    "boundaries_of",
    "made_by",
    "strength_between",
]

BOUNDARY_DTYPE = np.dtype(
    [
        ("label_a", np.int64),
        ("label_b", np.int64),
        ("confidence", np.float32),
        ("length", np.float32),
        ("y", np.int32),
        ("x", np.int32),
    ]
)
"""As `Partition.edge_confidence` returns, but for labels of any size."""

_EVEN = 0.4  # mean boundary that counts as even odds; see `grains.grain_map`


def boundaries(grains: Labels, boundary: npt.NDArray[np.floating] | None) -> npt.NDArray[np.void]:
    """Return every boundary between two grains, with what speaks for it.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
    boundary : ndarray of float, shape (y, x), optional
        Boundary map in [0, 1]; without one each confidence is 0.5.

    Returns
    -------
    structured ndarray, shape (k,)
        Fields ``label_a`` < ``label_b`` (int64), ``confidence`` (float32 in [0, 1]; mean of the
        boundary map along the boundary, of which 0.4 counts as even odds), ``length`` (float32,
        pixel pairs) and ``y``, ``x`` (int32, the pixel of the boundary nearest its centre of
        gravity), sorted by labels.

    Raises
    ------
    EditError
        When the map is not a 2D array of integers, or the two differ in shape.
    """
    grains = checked_grains(grains)
    if boundary is not None and boundary.shape != grains.shape:
        raise EditError(
            f"The boundary map {boundary.shape} and the grain map {grains.shape} differ in shape."
        )
    pairs, (level,) = read_pairs(grains, lambda found: (level_of(found, boundary),))
    return _table(pairs, level)


def boundaries_in(
    grains: Labels,
    boundary: npt.NDArray[np.floating] | None,
    window: Window,
    labels: Iterable[int],
) -> npt.NDArray[np.void]:
    """Return the boundaries of some grains that lie wholly in a window, as `boundaries` does.

    Parameters
    ----------
    grains : ndarray of int, shape (y, x)
        All of the map.
    boundary : ndarray of float, shape (y, x), or None
        In [0, 1]; without it no boundary is surer than another.
    window : (slice, slice)
        Rows and columns of the map.
    labels : iterable of int

    Returns
    -------
    structured ndarray, shape (k,)
    """
    pairs = pairs_in(grains, grow(window, 1, grains.shape)).of(labels)
    return _table(pairs, level_of(pairs, boundary))


def _table(pairs: PixelPairs, level: Float) -> npt.NDArray[np.void]:
    groups = Groups(pairs)
    result = np.zeros(groups.count, BOUNDARY_DTYPE)
    groups.describe(result)
    mean = groups.mean(np.nan_to_num(level, nan=_EVEN))
    result["confidence"] = shift_odds(np.clip(mean, 0, 1), _EVEN)
    return result


def boundaries_of(editor: GrainEditor, labels: Iterable[int]) -> npt.NDArray[np.void]:
    """Return the boundaries of some grains, read from their windows alone.

    Parameters
    ----------
    editor : GrainEditor
    labels : iterable of int
        Those that are no grain (any more) are passed over.

    Returns
    -------
    structured ndarray, shape (k,)
        As `boundaries` returns, for pairs of which at least one is among the labels.
    """
    present = [label for label in labels if editor.area(label)]
    if not present:
        return np.zeros(0, BOUNDARY_DTYPE)
    window = union(editor.bounding_box(label) for label in present)
    return boundaries_in(editor.grains, editor.boundary, window, present)


def made_by(change: Change, grains: Labels) -> dict[tuple[int, int], int]:
    """Return the boundaries that a change made, and the pixel pairs that it added to each.

    Parameters
    ----------
    change : Change
        Applied already.
    grains : ndarray of integers, shape (y, x)
        The map as it is since.
    """
    window = grow(change.window, 1, (grains.shape[0], grains.shape[1]))
    now = np.asarray(grains[window])
    before = now.copy()
    before[local(change.window, window)] = change.before
    found: dict[tuple[int, int], int] = {}
    for one, two in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        new = (before[one] == before[two]) & (now[one] != now[two])
        new &= (now[one] > 0) & (now[two] > 0)
        ends = np.sort(np.stack([now[one][new], now[two][new]], axis=1), axis=1)
        pairs, counts = np.unique(ends, axis=0, return_counts=True)
        for (low, high), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            found[low, high] = found.get((low, high), 0) + count
    return found


def strength_between(
    pieces: npt.NDArray[np.int64], beyond: Labels, former: Labels, boundary: Float | None
) -> Iterator[tuple[int, int, float, int]]:
    """Yield (piece, label, confidence, length) where a piece meets the grain it was cut from.

    Parameters
    ----------
    pieces : ndarray of int64, shape (h, w)
        Pieces 1 … n inside a region, 0 outside.
    beyond : ndarray of integers, shape (h, w)
        Grains outside the region, 0 inside.
    former : ndarray of integers, shape (h, w)
        The map before: only pixel pairs that lay in one grain count.
    boundary : ndarray of float32, shape (h, w), optional
    """
    found: dict[tuple[int, int], list[float]] = {}
    for one, two in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[1:, :], np.s_[:-1, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        across = (pieces[one] > 0) & (beyond[two] > 0) & (former[one] == former[two])
        y, x = np.nonzero(across)
        level = np.full(y.size, _EVEN)
        if boundary is not None:
            level = np.maximum(boundary[one][y, x], boundary[two][y, x]).astype(float)
        pairs = zip(pieces[one][y, x].tolist(), beyond[two][y, x].tolist(), strict=True)
        for pair, value in zip(pairs, level.tolist(), strict=True):
            found.setdefault(pair, []).append(value)
    for (piece, label), values in sorted(found.items()):
        yield piece, label, float(shift_odds(np.array(np.mean(values)), _EVEN)), len(values)

"""The pieces of a grain that is cut, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Labels, Mask
from napari_etch.grains.editing.tiling import SLIVER, flood_from_neighbours

__all__ = ["SLIVER", "number_pieces", "pieces_of", "split_message"]


def pieces_of(grain: Mask, cut: Mask, *, least: int, depth: float = 0.0) -> npt.NDArray[np.int32]:
    """Return what a cut leaves of a grain: pieces 1 … n that fill it.

    Parameters
    ----------
    grain, cut : ndarray of bool, shape (h, w)
    least : int
        A piece with fewer pixels goes to another one.
    depth : float
        So does one that is nowhere deeper than this, px.
    """
    import edt
    from scipy import ndimage as ndi

    pieces, n = ndi.label(grain & ~cut)
    keep = np.bincount(pieces.ravel(), minlength=n + 1) >= least
    if depth > 0 and n > 1:
        inside = edt.edt(pieces.astype(np.uint32), black_border=True)
        deepest = ndi.maximum(inside, pieces, np.arange(n + 1))
        keep &= np.asarray(deepest) > depth
    keep[0] = False
    if not keep.any():
        return np.asarray(grain, np.int32)
    table = np.zeros(n + 1, np.int32)
    table[keep] = np.arange(1, keep.sum() + 1)
    pieces = table[pieces]
    flood_from_neighbours(pieces, grain & (pieces == 0))
    return pieces


def number_pieces(
    part: Labels, pieces: npt.NDArray[np.integer], label: int, new: Iterable[int]
) -> None:
    """Write the pieces of a grain into `part`, in place: the largest keeps its number.

    Parameters
    ----------
    part : ndarray of int, shape (y, x)
        The window of the grain map.
    pieces : ndarray of int, shape (y, x)
        Which piece each pixel is of, from 1; 0 is left alone.
    label : int
        Of the grain.
    new : iterable of int
        A number for each further piece, the larger first.
    """
    order = np.argsort(-np.bincount(pieces.ravel())[1:], kind="stable") + 1
    table = np.zeros(order.size + 1, part.dtype)
    table[order[0]] = label
    table[order[1:]] = list(new)
    np.copyto(part, table[pieces], where=pieces > 0)


def split_message(made: dict[int, list[int]]) -> str:
    """Return the sentence that says which grains were split into which."""
    if len(made) == 1:
        ((label, new),) = made.items()
        return f"Split grain {label} into {', '.join(map(str, [label, *new[:-1]]))} and {new[-1]}."
    total = len(made) + sum(len(new) for new in made.values())
    return f"Split {len(made)} grains into {total}."

"""Run lengths as COCO has them: column by column, without, with, without … the thing.

pycocotools packs them; they are unpacked here, window by window, for it trusts damaged runs and
reads beyond its memory, and takes a whole image for each grain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_etch.labels.polygons import Mask, Part, Window
from napari_etch.labels.values import numbers

_LONGEST = 40  # bits of a run: more is no image


def runs_of_mask(window: Window, mask: Mask, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the packed run lengths of a mask in an image.

    Parameters
    ----------
    window : tuple of slice
        Where the mask lies.
    mask : ndarray of bool
    shape : tuple of int
        Of the image.

    Returns
    -------
    dict
        ``size`` and ``counts``, as COCO files hold them.
    """
    from pycocotools import mask as coco

    column, row = np.nonzero(mask.T)
    at = (column + window[1].start) * shape[0] + row + window[0].start
    first = np.flatnonzero(np.diff(at, prepend=-2) != 1)
    starts = at[first]
    ends = at[np.append(first[1:], at.size) - 1] + 1 if at.size else starts
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=shape[0] * shape[1])
    if at.size and counts[-1] == 0:
        counts = counts[:-1]
    packed = coco.frPyObjects({"counts": counts.tolist(), "size": list(shape)}, *shape)
    return {"size": list(shape), "counts": packed["counts"].decode("ascii")}


def mask_of_runs(coded: Mapping[str, Any], shape: tuple[int, int] | None = None) -> Part | None:
    """Return the mask of run lengths, packed or listed; None when they are damaged.

    Parameters
    ----------
    coded : mapping
        ``size`` and ``counts``.
    shape : tuple of int, optional
        What the size must be.

    Returns
    -------
    (window, mask) or None
        An empty mask for runs without any pixel.
    """
    size, counts = numbers(coded.get("size")), coded.get("counts")
    if len(size) != 2 or not np.isfinite(size).all() or (size < 1).any():
        return None
    height, width = int(size[0]), int(size[1])
    if shape is not None and (height, width) != tuple(shape):
        return None
    runs = counts if isinstance(counts, list) else _unpacked(counts)
    if runs is None or any(not isinstance(run, int) or run < 0 for run in runs):
        return None
    if sum(runs) != height * width:
        return None
    edges = np.cumsum(runs)
    starts, lengths = edges[0 : len(runs) - 1 : 2], np.array(runs[1::2], np.int64)
    at = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    if not at.size:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    column, row = np.divmod(at, height)
    top, left = int(row.min()), int(column.min())
    mask = np.zeros((int(row.max()) + 1 - top, int(column.max()) + 1 - left), bool)
    mask[row - top, column - left] = True
    return (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])), mask


def _unpacked(counts: Any) -> list[int] | None:
    """Return packed runs as a list: five bits a letter, from the third on as differences."""
    if isinstance(counts, bytes):
        counts = counts.decode("ascii", "replace")
    if not isinstance(counts, str):
        return None
    runs: list[int] = []
    value, shift = 0, 0
    for letter in counts:
        digit = ord(letter) - 48
        if not 0 <= digit < 64 or shift > _LONGEST:
            return None
        value |= (digit & 0x1F) << shift
        shift += 5
        if digit & 0x20:
            continue
        if digit & 0x10:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    return None if shift else runs

"""What can be seen along a boundary: in the boundary map, in the micrograph, in its shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Labels, Window
from napari_etch.grains.editing.pixel_pairs import (
    Groups,
    PixelPairs,
    level_of,
    read_pairs,
)

__all__ = ["TRACE_DTYPE", "mean_intercept", "traces"]

TRACE_DTYPE = np.dtype(
    [
        ("label_a", np.int64),
        ("label_b", np.int64),
        ("length", np.float32),
        ("y", np.int32),
        ("x", np.int32),
        ("strength", np.float32),
        ("weakest", np.float32),
        ("ridge", np.float32),
        ("step", np.float32),
        ("straight", np.float32),
        ("marked", np.float32),
    ]
)
"""A boundary as it is seen.

label_a < label_b, its length in pixel pairs, the pixel nearest its centre of gravity, the mean of
the boundary map along it (NaN without one) and the value of its weakest tenth, how much brighter it
is than the grains beside it and by how much these two differ (grey values, 0 without a micrograph),
how far it reaches for its length, and how much of it lies on marked pixels. The weakest tenth is
read only where there are marks.
"""

_TENTH = 0.1

Float = npt.NDArray[np.float32]


def traces(
    grains: Labels,
    boundary: npt.NDArray[np.floating] | None,
    image: Any,
    *,
    beside: int,
    window: Window | None = None,
    only: Callable[[PixelPairs], npt.NDArray[np.bool_]] | None = None,
    marks: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.void]:
    """Measure the boundaries of a map.

    Parameters
    ----------
    grains : ndarray of integers, shape (y, x)
    boundary : ndarray of float, shape (y, x), optional
        Boundary map in [0, 1].
    image : array, shape (y, x), optional
        The micrograph, grey.
    beside : int
        How far from the boundary a grain's own grey value is read, px.
    window : (slice, slice), optional
        Look only here.
    only : callable, optional
        Returns which pixel pairs count.
    marks : ndarray of bool, shape (y, x), optional
        Pixels that are marked.

    Returns
    -------
    structured ndarray
        `TRACE_DTYPE`, sorted by labels.
    """

    def measure(found: PixelPairs) -> tuple[Float, ...]:
        return (level_of(found, boundary), *_contrast(found, image, beside))

    pairs, columns = read_pairs(grains, measure, window=window, only=only)
    groups = Groups(pairs)
    table = np.zeros(groups.count, TRACE_DTYPE)
    groups.describe(table)
    table["strength"] = groups.mean(columns[0])
    table["ridge"] = groups.mean(columns[1])
    table["step"] = np.abs(groups.mean(columns[2]))
    table["straight"] = groups.straightness()
    if marks is not None:
        table["weakest"] = groups.quantile(columns[0], _TENTH)
        table["marked"] = groups.mean(marks[pairs.y, pairs.x])
    return table


def mean_intercept(grains: Labels) -> float:
    """Return the mean length of a line along an axis inside a grain of a map (y, x), px.

    A map of one grain has no boundary to cross: as if there were one.
    """
    crossings = sum(
        int(np.count_nonzero(grains[one] != grains[two]))
        for one, two in ((np.s_[:-1, :], np.s_[1:, :]), (np.s_[:, :-1], np.s_[:, 1:]))
    )
    return 2.0 * float(np.count_nonzero(grains)) / max(1, crossings)


def _contrast(pairs: PixelPairs, image: Any, beside: int) -> tuple[Float, Float]:
    """Return at each pair how bright it is against its sides, and lower side minus higher."""
    if image is None or pairs.y.size == 0:
        return np.zeros(pairs.y.size, np.float32), np.zeros(pairs.y.size, np.float32)
    window = pairs.window(image.shape, beside)
    grey = np.asarray(image[window], np.float32)
    top, left = window[0].start, window[1].start
    down, right = pairs.down.astype(np.intp), (~pairs.down).astype(np.intp)

    def at(steps: int) -> Float:
        y = np.clip(pairs.y + steps * down - top, 0, grey.shape[0] - 1)
        x = np.clip(pairs.x + steps * right - left, 0, grey.shape[1] - 1)
        return grey[y, x]

    places = sorted({max(1, beside // 2), max(1, 3 * beside // 4), beside})
    before = sum(at(-step) for step in places) / np.float32(len(places))
    behind = sum(at(1 + step) for step in places) / np.float32(len(places))
    ridge = (at(0) + at(1) - before - behind) / 2
    step = np.where(pairs.low_first, before - behind, behind - before)
    return np.asarray(ridge, np.float32), np.asarray(step, np.float32)

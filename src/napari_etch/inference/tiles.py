"""Where the tiles lie: equal windows with true context, so that tiled equals untiled.

A window is what the network sees, its core is what is kept. Two rules make the result independent
of the tiling. A window's inner sides reach at least the receptive-field radius beyond its core, so
that the zeros a convolution pads with never reach the core. And a window's outer sides lie exactly
on the image's own border, where the untiled network meets the same zeros at the same place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """What the network sees in one go, and the part of it that is kept.

    Attributes
    ----------
    y, x : int
        Origin of the window in the padded image, in px.
    core_y, core_x : slice
        The part kept, in the padded image, in px.
    """

    y: int
    x: int
    core_y: slice
    core_x: slice

    @property
    def inner(self) -> tuple[slice, slice]:
        """The core's place within the window."""
        return (
            slice(self.core_y.start - self.y, self.core_y.stop - self.y),
            slice(self.core_x.start - self.x, self.core_x.stop - self.x),
        )


@dataclass(frozen=True)
class TilePlan:
    """Windows of one shape whose cores cover the padded image exactly once.

    Attributes
    ----------
    window_shape : tuple of int
        (height, width) of every window in px; one shape, so that memory and kernels are reused.
    windows : tuple of Window
        Row by row.
    """

    window_shape: tuple[int, int]
    windows: tuple[Window, ...]

    @property
    def window_area(self) -> int:
        """Pixels in a window."""
        return self.window_shape[0] * self.window_shape[1]


def plan_tiles(height: int, width: int, *, stride: int, margin: int, tile: int) -> TilePlan:
    """Cover an image with equal windows at the least cost.

    Parameters
    ----------
    height, width : int
        Size of the image in px, multiples of `stride`.
    stride : int
        The network's downsampling in px; origins, sizes and cores are multiples of it.
    margin : int
        Context in px on a window's inner sides; rounded up to `stride`.
    tile : int
        A window holds at most ``tile ** 2`` px, context included. It may be a strip where that
        costs less. Where even the smallest window (``2 * margin + stride``) is larger, that one
        is used.

    Returns
    -------
    TilePlan

    Raises
    ------
    ValueError
        If a size is not positive, or height or width is not a multiple of `stride`.
    """
    if stride < 1 or margin < 0 or tile < 1:
        raise ValueError(
            f"Cannot plan tiles with stride {stride}, margin {margin} and tile {tile}; stride "
            "and tile must be at least 1, margin at least 0."
        )
    if height < 1 or width < 1 or height % stride or width % stride:
        raise ValueError(
            f"Cannot plan tiles for {height} x {width} px; both must be positive multiples of "
            f"the stride {stride}."
        )
    margin = round_up(margin, stride)
    side_y, side_x = _cheapest_window(height, width, stride, margin, tile)
    rows = _starts(height, side_y, stride, margin)
    columns = _starts(width, side_x, stride, margin)
    windows = tuple(
        Window(y, x, core_y, core_x)
        for y, core_y in _with_cores(rows, side_y, height, margin)
        for x, core_x in _with_cores(columns, side_x, width, margin)
    )
    return TilePlan((side_y, side_x), windows)


def round_up(value: int, stride: int) -> int:
    """Return the smallest multiple of `stride` that is not below `value`."""
    return -(-value // stride) * stride


def pad_to_stride(image: np.ndarray, stride: int) -> np.ndarray:
    """Extend an image at its bottom and right to multiples of `stride`.

    Parameters
    ----------
    image : numpy.ndarray
        (c, h, w).
    stride : int
        In px.

    Returns
    -------
    numpy.ndarray
        (c, H, W); reflected where there is enough to reflect, else the edge repeated. The image
        itself where nothing is missing.
    """
    for axis in (1, 2):
        size = image.shape[axis]
        missing = round_up(size, stride) - size
        if missing:
            width = [(0, 0)] * 3
            width[axis] = (0, missing)
            image = np.pad(image, width, mode="reflect" if missing < size else "edge")
    return image


def _count(size: int, side: int, margin: int) -> int:
    """How many windows of `side` px it takes to cover `size` px."""
    if side >= size:
        return 1
    return -(-(size - 2 * margin) // (side - 2 * margin))


def _balanced_side(size: int, count: int, stride: int, margin: int) -> int:
    """The smallest side with which `count` windows cover `size` px."""
    return round_up(-(-(size + 2 * margin * (count - 1)) // count), stride)


def _cheapest_window(
    height: int, width: int, stride: int, margin: int, tile: int
) -> tuple[int, int]:
    """The window of at most tile² px with which the network has the fewest pixels to see."""
    least = 2 * margin + stride
    best: tuple[int, int, tuple[int, int]] | None = None
    for side_y in _sides(height, stride, margin):
        allowed = tile * tile // side_y // stride * stride
        if allowed < min(least, width):
            continue
        columns = _count(width, min(allowed, width), margin)
        side_x = _balanced_side(width, columns, stride, margin)
        tiles = _count(height, side_y, margin) * columns
        candidate = (tiles * side_y * side_x, tiles, (side_y, side_x))
        if best is None or candidate < best:
            best = candidate
    if best is None:
        return min(least, height), min(least, width)
    return best[2]


def _sides(size: int, stride: int, margin: int) -> list[int]:
    """Every balanced side along an axis, largest first."""
    most = _count(size, min(size, 2 * margin + stride), margin)
    # Beyond 512 tiles along an axis the smallest side is as good as the ones between.
    counts = range(1, min(most, 512) + 1)
    sides = {_balanced_side(size, count, stride, margin) for count in counts}
    return sorted(sides | {min(size, 2 * margin + stride)}, reverse=True)


def _starts(size: int, side: int, stride: int, margin: int) -> list[int]:
    """Origins of the windows along an axis, evenly spread on the stride's grid."""
    count = _count(size, side, margin)
    if count == 1:
        return [0]
    steps = (size - side) // stride
    return [math.floor(steps * i / (count - 1)) * stride for i in range(count)]


def _with_cores(starts: list[int], side: int, size: int, margin: int) -> list[tuple[int, slice]]:
    """Pair each origin with its core; a core begins where its window's context ends."""
    cuts = [0, *(start + margin for start in starts[1:]), size]
    return [
        (start, slice(low, high)) for start, low, high in zip(starts, cuts, cuts[1:], strict=False)
    ]

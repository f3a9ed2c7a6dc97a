"""Finding a scale bar without text: the only thing in an image that has its grey level.

It is one exact grey level, white or black, in a rectangle or a row of equal dots. A saturated
precipitate or a stringer is neither, and where one is saturated, so are others elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box, around

_LEAST_LENGTH, _MOST_LENGTH = 0.03, 0.6  # of the image's width
_LEAST_PX = 24
_MOST_HEIGHT = 0.025  # of the image's height
_LEAST_HEIGHT = 3  # px, unless it is dotted
_ELONGATION = 5  # least length, of its height
_CORNER = 0.15  # of the image's sides: no further from a corner it lies
_REACH = 0.1  # of the image's height: nothing else has the level further off than this
_DOTS = 5  # of a row of dots, at least, and each of so many px:
_DOT_PX = 4
_DOT_FILLED = 0.7
_RIM = 4  # px around it that are looked at
_MOST_EQUAL = 0.5  # share of equal neighbours there: where the specimen is even, nothing is proved
_MOST_PX = 2**26  # in a larger image it is not looked for: that reads every pixel


def find_lone_bar(image: Any) -> tuple[Box, Box] | None:
    """Return the box around what has the level of a bar, and that around the bar.

    Parameters
    ----------
    image : array-like, shape (y, x)
        Any real type. In colours nothing is found.
    """
    if image.ndim != 2 or image.shape[0] * image.shape[1] > _MOST_PX:
        return None
    grey = np.asarray(image)
    if grey.dtype.kind == "f" and not np.isfinite(grey).any():
        return None
    reach = max(24, round(_REACH * grey.shape[0]))
    for level in (np.nanmax(grey), np.nanmin(grey)):
        marked = grey == level
        rows = np.flatnonzero(marked.any(1))
        if rows[-1] - rows[0] > 2 * reach:
            continue  # at once, for most images
        columns = np.flatnonzero(marked[rows[0] : rows[-1] + 1].any(0))
        box = Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        bar = _bar(marked[box.slices], grey.shape)
        if bar is None:
            continue
        bar = bar.moved(box.top, box.left)
        near = bar.widened(reach, reach, grey.shape).holds(box)
        if near and _is_in_corner(bar, grey.shape) and _is_noisy(grey, box):
            return box, bar
    return None


def _is_in_corner(bar: Box, shape: tuple[int, ...]) -> bool:
    rows = min(bar.top, shape[0] - bar.bottom)
    columns = min(bar.left, shape[1] - bar.right)
    return rows <= _CORNER * shape[0] and columns <= _CORNER * shape[1]


def _bar(marked: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> Box | None:
    """Return the bar among the marked pixels of an image of that shape."""
    from scipy import ndimage as ndi

    parts, _ = ndi.label(marked, np.ones((3, 3)))
    full, dots = [], []
    for number, (rows, columns) in enumerate(ndi.find_objects(parts), 1):
        box = Box(rows.start, rows.stop, columns.start, columns.stop)
        filled = float((parts[rows, columns] == number).mean())
        if filled == 1 and box.height >= _LEAST_HEIGHT and _has_size(box, shape):
            full.append(box)
        if filled >= _DOT_FILLED and filled * box.height * box.width >= _DOT_PX:
            dots.append(box)
    return max(full, key=lambda box: box.width) if full else _row_of(dots, shape)


def _has_size(box: Box, shape: tuple[int, ...]) -> bool:
    most = max(3, _MOST_HEIGHT * shape[0])
    least = max(_LEAST_PX, _LEAST_LENGTH * shape[1])
    long = least <= box.width <= _MOST_LENGTH * shape[1]
    return long and box.height <= most and box.width >= _ELONGATION * box.height


def _row_of(dots: list[Box], shape: tuple[int, ...]) -> Box | None:
    """Return the box around a row of equal dots, evenly apart to a pixel."""
    rows: dict[tuple[int, int, int], list[Box]] = {}
    for dot in dots:
        rows.setdefault((dot.top, dot.height, dot.width), []).append(dot)
    for row in rows.values():
        pitch = np.diff(sorted(dot.left for dot in row))
        if len(row) >= _DOTS and pitch.max() - pitch.min() <= 1 and _has_size(around(row), shape):
            return around(row)
    return None


def _is_noisy(grey: npt.NDArray[Any], box: Box) -> bool:
    """Whether the pixels around a box differ from their neighbours, as those of a camera do."""
    around_it = grey[box.widened(_RIM, _RIM, grey.shape).slices]
    equal = around_it[:, 1:] == around_it[:, :-1]
    inner = box.height * (box.width - 1)  # its own pixels, of which most are equal
    return bool(equal.sum() - inner <= _MOST_EQUAL * max(1, equal.size - inner))

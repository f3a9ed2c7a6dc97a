"""Finding the scale bar that a microscope burns into an image, with the number beside it.

The bar is one exact grey level, white or black, in a low wide rectangle or a row of equal dots; the
specimen has no such thing, for its noise breaks any run of equal pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Box = tuple[slice, slice]

# The bar lies in this lower part of the image, and is between these shares of its width.
_LOWER = 0.35
_LEAST_LENGTH, _MOST_LENGTH = 0.03, 0.6
_MOST_HEIGHT = 0.025
_FILLED = 0.92
# Dots of a dotted bar: at least so many, of one size and pitch to a pixel.
_DOTS = 5
# Text lies no further from the bar than this share of the image's height.
_BESIDE = 0.08


def find_scale_bar(grey: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Return where a scale bar and its text are burned into an image.

    Parameters
    ----------
    grey : ndarray, shape (y, x)
        Any real type; the bar has the largest or the smallest value of the image.

    Returns
    -------
    ndarray of bool, shape (y, x)
        All False when there is none.
    """
    found = np.zeros(grey.shape, bool)
    if grey.ndim != 2 or min(grey.shape) < 64:
        return found
    top = int(grey.shape[0] * (1 - _LOWER))
    lower = grey[top:]
    for level in (np.nanmax(grey), np.nanmin(grey)):
        box, boxes = _bar(lower == level, grey.shape)
        if box is None:
            continue
        rows, columns = _with_text(box, boxes, grey.shape)
        found[top + rows.start : top + rows.stop, columns] = True
    return found


def _bar(marked: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> tuple[Box | None, list[Box]]:
    """Return the box of the bar among the marked pixels, and the boxes of all marked parts."""
    from scipy import ndimage as ndi

    parts, count = ndi.label(marked, np.ones((3, 3)))
    if not count:
        return None, []
    boxes: list[Box] = ndi.find_objects(parts)
    area = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    plain = [
        box
        for box, size in zip(boxes, area, strict=True)
        if _is_bar(box, shape) and size >= _FILLED * _area(box)
    ]
    if plain:
        return max(plain, key=lambda box: box[1].stop - box[1].start), boxes
    return _dotted(boxes, area, shape), boxes


def _is_bar(box: Box, shape: tuple[int, ...]) -> bool:
    height, width = (axis.stop - axis.start for axis in box)
    return (
        _LEAST_LENGTH * shape[1] <= width <= _MOST_LENGTH * shape[1]
        and 2 <= height <= max(3, _MOST_HEIGHT * shape[0])
        and width >= 5 * height
    )


def _area(box: Box) -> int:
    return int((box[0].stop - box[0].start) * (box[1].stop - box[1].start))


def _dotted(
    boxes: Sequence[Box], area: npt.NDArray[np.integer], shape: tuple[int, ...]
) -> Box | None:
    """Return the box around a row of equal dots, evenly apart."""
    rows: dict[tuple[int, int, int], list[int]] = {}
    for box, size in zip(boxes, area, strict=True):
        height, width = (axis.stop - axis.start for axis in box)
        if size >= 4 and size >= 0.7 * _area(box) and max(height, width) <= 0.02 * shape[1]:
            rows.setdefault((box[0].start, height, width), []).append(box[1].start)
    for (row, height, width), starts in rows.items():
        starts.sort()
        if len(starts) < _DOTS:
            continue
        pitch = np.diff(starts)
        if pitch.max() - pitch.min() > 1:
            continue
        box = slice(row, row + height), slice(starts[0], starts[-1] + width)
        if box[1].stop - box[1].start >= _LEAST_LENGTH * shape[1]:
            return box
    return None


def _with_text(box: Box, boxes: Sequence[Box], shape: tuple[int, ...]) -> Box:
    """Return the box around the bar and the marked parts beside it that are tall as letters."""
    margin = max(2, round(0.005 * shape[0]))
    reach = max(8, round(_BESIDE * shape[0]))
    wide = (
        slice(box[0].start - reach, box[0].stop + reach),
        slice(box[1].start - reach, box[1].stop + reach),
    )
    taken = [box]
    for other in boxes:
        height, width = (axis.stop - axis.start for axis in other)
        inside = all(
            limit.start <= axis.start and axis.stop <= limit.stop
            for axis, limit in zip(other, wide, strict=True)
        )
        if inside and 4 <= height <= reach and width <= 2 * reach:
            taken.append(other)
    bounds = []
    for axis in range(2):
        start = min(each[axis].start for each in taken) - margin
        stop = max(each[axis].stop for each in taken) + margin
        bounds.append(slice(max(0, start), stop))
    return bounds[0], bounds[1]

"""Seams of a mosaic: straight steps of brightness where two fields were laid side by side."""

from __future__ import annotations

import itertools

import numpy as np

from napari_etch.micrograph.row_steps import DRAWN, Floats, RowSteps, Values

# Of a smaller picture, px, a straight boundary may be half as long.
_LEAST_SIDE = 240
# At a seam the step to the next row is so many typical ones in strips side by side, to the same
# side in all of them, over this part of the picture ...
_CLEAR, _LONG = 3.0, 0.4
# ... or in five strips, where most of the others have a step of that row, too: fields beside each
# other differ more or less.
_SURE, _RUN, _SOME, _MOST_OF_THEM = 2.5, 5, 1.5, 0.6
# So many strips it must be in any case.
_FEWEST = 3
# A step that is smaller (standard deviations of the image) does no harm; and what is typical is
# taken for no less than this.
_LEAST, _TYPICAL = 0.15, 0.02
# A line is not a step: the rows before and after it take back what it brings.
# And it is sharp: no row beside it has a step nearly as large, as where a scratch runs askew.
_ROWS, _TAKEN_BACK, _BESIDE = 3, 0.7, 0.6
# Fields are no narrower than this share of the picture: straight steps closer to each other, as of
# the squares of a test chart, are no seams, any of them.
_FIELD = 0.1
# The step is spread over so many px on both sides, or an eighth of the picture.
_REACH, _REACH_SHARE = 64, 1 / 8


def seams(image: Values, read: RowSteps) -> Values | None:
    """Return what to take from each pixel for seams along rows, float32 (y, x); None for none.

    The steps of grains are none: of 297 development images and 320 virtual ones none has one that
    is taken for a seam.
    """
    height, width = image.shape
    rows = _seams(read.steps) if min(image.shape) >= _LEAST_SIDE else []
    if not rows:
        return None
    offsets = np.zeros(image.shape, np.float32)
    reach = min(_REACH, height * _REACH_SHARE)
    for row in rows:
        step = np.interp(np.arange(width), read.middles, _smoothed(read.steps[:, row]))
        away = np.arange(height) - (row + 0.5)
        part = np.sign(away) * np.maximum(1 - np.abs(away) / reach, 0) / 2
        offsets += (part[:, None] * step).astype(np.float32)
    return offsets


def _smoothed(step: Floats) -> Floats:
    """Return the median of each strip and those beside it."""
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(step, size=3, mode="nearest"))


def _seams(steps: Floats) -> list[int]:
    """Return the rows after which a seam is."""
    typical = 1.4826 * np.median(np.abs(steps), axis=1, keepdims=True)
    if typical.max() < DRAWN:
        return []
    strength = steps / np.maximum(typical, _TYPICAL)
    count, rows = steps.shape
    margin = max(_ROWS, int(_FIELD * rows))
    several = (np.abs(strength) > _SURE).sum(axis=0) >= _FEWEST
    found = []
    for row in margin + np.flatnonzero(several[margin : rows - margin]):
        runs = [
            _longest(strength[:, row], _CLEAR, _LONG * count),
            _longest(strength[:, row], _SURE, _RUN)
            if np.mean(np.abs(strength[:, row]) > _SOME) >= _MOST_OF_THEM
            else None,
        ]
        if any(run is not None and _is_step(steps[run], int(row)) for run in runs):
            found.append(int(row))
    return [] if any(np.diff(found) < margin) else found


def _longest(strength: Floats, least: float, strips_at_least: float) -> slice | None:
    """Return the longest run of strips that are stronger than `least`, all to one side."""
    side = np.where(np.abs(strength) > least, np.sign(strength), 0)
    best, start = slice(0, 0), 0
    for value, group in itertools.groupby(side):
        stop = start + len(list(group))
        if value and stop - start > best.stop - best.start:
            best = slice(start, stop)
        start = stop
    return best if best.stop - best.start >= max(_FEWEST, strips_at_least) else None


def _is_step(steps: Floats, row: int) -> bool:
    """Return whether brightness stays changed after a row, in strips (strip, y - 1)."""
    size = float(np.abs(steps[:, row]).mean())
    around = np.delete(steps[:, row - _ROWS : row + _ROWS + 1], _ROWS, axis=1)
    beside = float(np.abs(around).max(axis=1).mean())
    taken_back = abs(float(around.sum(axis=1).mean()))
    return size > _LEAST and beside < _BESIDE * size and taken_back < _TAKEN_BACK * size

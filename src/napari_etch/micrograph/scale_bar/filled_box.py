"""Finding the filled rectangle that text and a scale bar are printed on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar.levels import Levels

_MOST_SPREAD = 28.0  # of 255: JPEG, close to text
_SHARE = 0.85  # of a row or column that is paper or ink
_LEAST_PAPER = 0.5  # of a row or column with more text
_MOST_BEYOND = 0.6  # share of a row or column just outside that may look like paper


def filled_box(levels: Levels, ink: npt.NDArray[np.bool_], box: Box, ends: Box) -> Box:
    """Return the filled rectangle behind print.

    Parameters
    ----------
    levels : float32 (y, x, c)
        A part of an image.
    ink : bool (y, x)
    box : Box
        Around what is printed.
    ends : Box
        Where the image ends: what goes on to the rim of the part and beyond is no filled box.

    Returns
    -------
    Box
        `box` where it is printed on the specimen.
    """
    from scipy import ndimage as ndi

    blank = ~ndi.binary_dilation(ink, iterations=2)[box.slices]  # without blurred edges
    if not blank.any():
        return box
    paper = np.median(levels[box.slices][blank], axis=0)
    off = np.abs(levels - paper).max(-1)
    spread = float(np.percentile(off[box.slices][blank], 100 * _SHARE))
    if spread > _MOST_SPREAD:
        return box
    # As even as it is first: an even specimen of nearly that grey must not pass for paper.
    for tolerance in (max(2.0, 1.5 * spread), _MOST_SPREAD / 2, _MOST_SPREAD):
        even = off <= tolerance
        even[box.widened(2, 2, even.shape).slices] = True
        grown = _grown(even, even | ink, box)
        if _ends_all_round(even, grown, ends):
            return grown
    return box


def _grown(paper: npt.NDArray[np.bool_], used: npt.NDArray[np.bool_], box: Box) -> Box:
    """Return a box with the rows and columns around it that are paper, perhaps with more text."""

    def goes_on(line: Any) -> bool:
        return bool(paper[line].mean() >= _LEAST_PAPER and used[line].mean() >= _SHARE)

    top, bottom, left, right = box.top, box.bottom, box.left, box.right
    before = None
    while before != (top, bottom, left, right):
        before = top, bottom, left, right
        while top > 0 and goes_on((top - 1, slice(left, right))):
            top -= 1
        while bottom < paper.shape[0] and goes_on((bottom, slice(left, right))):
            bottom += 1
        while left > 0 and goes_on((slice(top, bottom), left - 1)):
            left -= 1
        while right < paper.shape[1] and goes_on((slice(top, bottom), right)):
            right += 1
    return Box(top, bottom, left, right)


def _ends_all_round(paper: npt.NDArray[np.bool_], box: Box, ends: Box) -> bool:
    """Whether what lies beside a box is something else: otherwise the specimen is as even."""
    rows, columns = box.slices
    beyond: list[tuple[int, int, Any]] = [
        (box.top - ends.top, box.top - 2, (box.top - 2, columns)),
        (ends.bottom - box.bottom, paper.shape[0] - box.bottom - 2, (box.bottom + 1, columns)),
        (box.left - ends.left, box.left - 2, (rows, box.left - 2)),
        (ends.right - box.right, paper.shape[1] - box.right - 2, (rows, box.right + 1)),
    ]
    return all(
        to_end < 2 or (room >= 0 and paper[line].mean() <= _MOST_BEYOND)
        for to_end, room, line in beyond
    )

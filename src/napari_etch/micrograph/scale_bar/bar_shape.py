"""Finding what has the shape of a scale bar: a low, wide rectangle of one even colour.

Its edges lie along the rows to the pixel, its ends are square and its colour is even. Scratches,
lamellae and inclusions are all of that by rare chance only. What is found is a candidate; the text
beside it decides (`printed_text`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar.levels import NOWHERE, Levels, Picture

# A bar lies in the upper or the lower part of the image, and is between these shares of its width.
_PART = 0.25
_LEAST_LENGTH, _MOST_LENGTH = 0.03, 0.6
_LEAST_PX = 28
_THIN = 1.5  # times as long a bar of one row of pixels must be: there are lines of that kind
_MOST_HEIGHT = 0.025  # of the image's height
_ELONGATION = 5  # least length, of its height
_CONTRAST = 40.0  # least difference from what lies above and below, of 255
_EVEN = 24.0  # most difference along a bar between two columns that are looked at: JPEG
_SAMPLES = 8  # columns to the shortest bar that the search looks at
_RUN = 6  # of them, side by side, must look like the upper edge of a bar
_MOST_EDGES = 60  # of an image with more, the longest are looked at
_FILLED, _CLEAR = 0.96, 0.2  # share of ink in the rows of a bar, and in those beside it
_END = 0.6  # share of ink in its second and last but one column
_UNEVEN = 0.2  # most difference within a bar, of its contrast
_ABOVE = 5  # rows that are read above an edge


@dataclass(frozen=True, eq=False)
class Bar:
    """A rectangle that may be a scale bar.

    Attributes
    ----------
    box : Box
    ink, beside : float32 (c,)
        Its colour and that of what lies above and below it, on the scale of `Picture`.
    """

    box: Box
    ink: Levels
    beside: Levels


@dataclass(frozen=True)
class _Edge:
    """Where the upper edge of a bar may be, px."""

    row: int
    left: int
    right: int

    def lies_at(self, box: Box) -> bool:
        """Whether it is that of a box."""
        columns = self.left < box.right and box.left < self.right
        return columns and abs(self.row - box.top) <= 2


def find_bars(picture: Picture) -> Iterator[Bar]:
    """Yield what has the shape of a scale bar, in the upper and the lower part of an image."""
    least = max(_LEAST_PX, int(_LEAST_LENGTH * picture.width))
    part = int(_PART * picture.height)
    for rows in (slice(picture.height - part, picture.height), slice(0, part)):
        seen: list[Box] = []
        edges = sorted(
            _edges(picture, rows, max(1, least // _SAMPLES)),
            key=lambda edge: edge.left - edge.right,
        )
        for edge in edges[:_MOST_EDGES]:
            if any(edge.lies_at(box) for box in seen):
                continue
            bar = _bar_below(picture, edge)
            if bar is None or bar.box.width < (least if bar.box.height > 1 else _THIN * least):
                continue
            seen.append(bar.box)
            yield bar


def _edges(picture: Picture, rows: slice, step: int) -> set[_Edge]:
    """Return where an even colour begins along a row, looking at every `step`-th column only.

    That reads little: of 4096 × 4096 px a fifteenth.
    """
    from scipy import ndimage as ndi

    sample = picture.part(rows, slice(None, None, step))
    found = set()
    for channel in np.moveaxis(sample, -1, 0):
        rise = channel[2:] - channel[:-2]  # over two rows, for an edge may be blurred
        even = np.abs(np.diff(channel[2:], axis=1, prepend=np.inf)) <= _EVEN
        even &= channel[2:] > NOWHERE
        for edge in (rise > _CONTRAST, rise < -_CONTRAST):
            runs = _runs(edge & even)
            if not runs.any():
                continue
            groups, _ = ndi.label(runs, np.ones((3, 3)))
            for down, across in ndi.find_objects(groups):
                row = rows.start + 2 + down.start + (down.stop - down.start > 1)  # the second row
                found.add(_Edge(row, step * across.start, step * (across.stop + _RUN - 2)))
    return found


def _runs(marked: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where a run of `_RUN` marked samples begins."""
    last = marked.shape[1] - _RUN + 1
    runs = marked[:, :last].copy()
    for step in range(1, _RUN):
        runs &= marked[:, step : step + last]
    return runs


def _bar_below(picture: Picture, edge: _Edge) -> Bar | None:
    """Return the bar whose upper edge was seen, at full resolution."""
    tall = max(3, round(_MOST_HEIGHT * picture.height))
    reach = int(_MOST_LENGTH * picture.width)
    top, left = max(0, edge.row - _ABOVE), max(0, edge.left - reach)
    levels = picture.part(slice(top, edge.row + tall + _ABOVE), slice(left, edge.right + reach))
    row, columns = edge.row - top, slice(edge.left - left, edge.right - left)
    # The colour first as at the edge, which may be blurred, then as inside.
    box = _filled_box(levels, row, columns, np.median(levels[row, columns], axis=0))
    if box is not None:
        box = _filled_box(levels, row, columns, _colour(levels, box))
    if box is None or box.height > tall or not _ELONGATION * box.height <= box.width <= reach:
        return None
    ink = _colour(levels, box)
    if not _is_clean(levels, box, ink):
        return None
    return Bar(box.moved(top, left), ink, np.median(_beside(levels, box), axis=(0, 1)))


def _colour(levels: Levels, box: Box) -> Levels:
    """Return the median colour inside a box."""
    inside = levels[_inside(box)].reshape(-1, levels.shape[-1])
    return np.asarray(np.median(inside, axis=0), np.float32)


def _beside(levels: Levels, box: Box) -> Levels:
    """Return the rows above and below a box, past its blurred edges: float32 (2, x, c)."""
    columns, blur = slice(box.left, box.right), _blur(levels)
    return np.stack([levels[box.top - 1 - blur, columns], levels[box.bottom + blur, columns]])


def _blur(levels: Levels) -> int:
    """Return over how many rows beside a bar its edge may be blurred: JPEG does more to colours."""
    return 2 if levels.shape[-1] > 1 else 1


def _distance(levels: Levels, ink: Levels) -> Levels:
    """Return how far each pixel is from the ink, in the channel where it is farthest."""
    distance: Levels = np.abs(levels - ink).max(-1)
    return distance


def _filled_box(levels: Levels, row: int, columns: slice, ink: Levels) -> Box | None:
    """Return the box of ink around a place on its upper edge, with some rows to spare."""
    distance = _distance(levels, ink)
    outside = float(np.median(distance[max(0, row - 3), columns]))
    marked = distance < max(outside, _CONTRAST) / 2
    left, right = _run_around(marked[row], (columns.start + columns.stop) // 2)
    if right - left < _LEAST_PX:
        return None
    top, bottom = _run_around(marked[:, left:right].mean(1) >= _FILLED, row)
    blur = _blur(levels)
    if top >= bottom or top <= blur or bottom >= len(levels) - blur:
        return None
    return Box(top, bottom, left, right)


def _run_around(marked: npt.NDArray[np.bool_], at: int) -> tuple[int, int]:
    """Return start and stop of the run of marked items around one of them; none is empty."""
    if not marked[at]:
        return at, at
    before, after = np.flatnonzero(~marked[:at]), np.flatnonzero(~marked[at:])
    start = int(before[-1]) + 1 if before.size else 0
    return start, at + int(after[0]) if after.size else len(marked)


def _inside(box: Box) -> tuple[slice, slice]:
    """Return a bar without its first and last row, which may be blurred, where it has more."""
    rim = int(box.height > 2)
    return slice(box.top + rim, box.bottom - rim), slice(box.left + 1, box.right - 1)


def _is_clean(levels: Levels, box: Box, ink: Levels) -> bool:
    """Whether a box is filled evenly, stands out, and is sharp on all four sides."""
    if box.left < 2 or box.right > levels.shape[1] - 2:
        return False
    distance = _distance(levels, ink)
    beside = _beside(levels, box)
    apart = _distance(beside, ink)
    contrast = float(np.median(apart, axis=1).min())
    if contrast < _CONTRAST or (apart < contrast / 2).mean(1).max() > _CLEAR:
        return False
    above, below = np.median(beside, axis=1)
    if (above - ink) @ (below - ink) <= 0:  # the blurred row of an edge lies between the two
        return False
    rows = distance[box.top : box.bottom] < contrast / 2
    square = (
        rows[:, [box.left + 1, box.right - 2]].mean() >= _END
        and rows[:, [box.left - 2, box.right + 1]].mean() <= _CLEAR
    )
    uneven = np.percentile(distance[_inside(box)], 95)
    filled = rows[:, box.left : box.right].mean() >= _FILLED
    return bool(square and filled and uneven <= _UNEVEN * contrast)

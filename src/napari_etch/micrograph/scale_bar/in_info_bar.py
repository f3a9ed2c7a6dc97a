"""Finding the scale bar in the information bar of an SEM.

There, print is all there is: one ink on even paper. A scale bar is a stroke along the rows, with or
without ticks at both ends, in one piece or with its text between two, or a row of ticks or dots at
one distance; and a length is printed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box, around
from napari_etch.micrograph.scale_bar.bar import ScaleBar
from napari_etch.micrograph.scale_bar.beside import MOST_GAP, is_beside
from napari_etch.micrograph.scale_bar.levels import NOWHERE, Levels, Picture
from napari_etch.micrograph.scale_bar.printed_text import Line, find_text
from napari_etch.micrograph.scale_bar.reading import read_length

_LEAST_SIDE = 8
_INK = 0.5  # from where on a pixel is ink
_CONTRAST = 40.0  # least difference of ink and paper, of 255
_TEXT_HEIGHT = 0.7  # of the information bar's height: the tallest character
_LEAST_LENGTH = 12  # px, of a bar
_MOST_LENGTH = 0.6  # of the width: what is longer is a frame
_THICK = 0.35  # most, of a bar's length
_FULL, _TICK = 0.95, 0.12  # share of ink in the rows of a stroke; width of a tick, of its length
_FEWEST_TICKS = 6
_DOT = 4  # px, the widest dot
_TICK_OFF = 1.5  # px by which the distances of ticks differ
_HALF = 0.7  # of the longer half of a bar that text parts


def find_in_info_bar(strip: Any) -> ScaleBar | None:
    """Find the scale bar in an information bar whose length can be read.

    Parameters
    ----------
    strip : array-like, shape (y, x) or (y, x, c)
        The information bar alone, any real type.

    Returns
    -------
    ScaleBar or None
        In pixels of the strip; None when there is none, or several that say different things.
    """
    picture = Picture.of(strip) if min(strip.shape[:2]) >= _LEAST_SIDE else None
    printed = None if picture is None else _printed(picture)
    if printed is None:
        return None
    strokes, others = _parts(printed >= _INK)
    letters = printed.copy()
    for stroke in strokes:  # they would pass for characters
        letters[stroke.box.slices] = 0
    lines = find_text(letters, _INK, round(_TEXT_HEIGHT * len(printed)))
    found = {}
    for bar, text in _bars(strokes, others, lines):
        said = read_length(letters, text)
        if said:
            found[bar] = ScaleBar(around([bar, *(line.whole for line in text)]), bar, said)
    sizes = {bar.pixel_size_um for bar in found.values()}
    return next(iter(found.values())) if len(sizes) == 1 else None


def _printed(picture: Picture) -> Levels | None:
    """Return how near to the ink each pixel is; None where nothing is printed."""
    levels = picture.part(slice(None), slice(None)).mean(-1)
    there = levels > NOWHERE / 2
    if not there.any():
        return None
    counts = np.bincount(np.clip(np.rint(levels[there]), 0, 255).astype(np.intp), minlength=256)
    paper = float(counts.argmax())
    off = np.where(there, levels - paper, 0)
    far = off[np.abs(off) > _CONTRAST]
    if not far.size:
        return None
    ink = float(np.percentile(far, 75 if np.median(far) > 0 else 25))
    return np.asarray(off / ink, np.float32)


def _parts(ink: npt.NDArray[np.bool_]) -> tuple[list[_Stroke], list[Box]]:
    """Return the strokes along the rows, and the boxes of everything else, px."""
    from scipy import ndimage as ndi

    numbers, _ = ndi.label(ink, np.ones((3, 3)))
    strokes, others = [], []
    for number, (rows, columns) in enumerate(ndi.find_objects(numbers), 1):
        box = Box(rows.start, rows.stop, columns.start, columns.stop)
        stroke = _stroke(box, numbers[rows, columns] == number)
        if stroke is None:
            others.append(box)
        elif box.width <= _MOST_LENGTH * ink.shape[1]:
            strokes.append(stroke)
    return strokes, others


def _bars(
    strokes: list[_Stroke], others: list[Box], lines: list[Line]
) -> Iterator[tuple[Box, list[Line]]]:
    """Yield what has the shape of a scale bar, as long as it is from tick to tick, and its text."""
    for line in lines:
        for bar in _parted(strokes, line):
            yield bar, [line]
    whole = [stroke.between_ticks for stroke in strokes if stroke.is_whole]
    for bar in (*whole, *_rulers(others)):
        yield bar, [line for line in lines if is_beside(line.box, bar)]


@dataclass(frozen=True)
class _Stroke:
    """A stroke along the rows, and how thick the ticks at its ends are, px; 0 for none."""

    box: Box
    row: float
    left: int
    right: int

    @property
    def is_whole(self) -> bool:
        """Whether there are ticks at both ends or at none."""
        return (self.left > 0) == (self.right > 0)

    @property
    def between_ticks(self) -> Box:
        """From the middle of one tick to that of the other."""
        left, right = self.box.left + self.left // 2, self.box.right - (self.right + 1) // 2
        return Box(self.box.top, self.box.bottom, left, right)


def _stroke(box: Box, part: npt.NDArray[np.bool_]) -> _Stroke | None:
    """Return a part as a stroke; None where it has another shape, as letters have.

    An H has that of a stroke with ticks, but is higher than wide.
    """
    height, width = part.shape
    if width < _LEAST_LENGTH or height > width:
        return None
    full = part.mean(1) >= _FULL
    thick, first = int(full.sum()), int(full.argmax())
    if not 0 < thick <= max(2, _THICK * width) or not full[first : first + thick].all():
        return None
    beside = part[~full].any(0)
    tick = max(2, round(_TICK * width))
    if beside[tick:-tick].any():
        return None
    row = box.top + first + (thick - 1) / 2
    return _Stroke(box, row, int(beside[:tick].sum()), int(beside[-tick:].sum()))


def _parted(strokes: list[_Stroke], line: Line) -> Iterator[Box]:
    """Yield bars in two halves with a line of text between them, and no ticks beside the text."""
    text, reach = line.box, MOST_GAP * line.box.height
    level = [one for one in strokes if text.top <= one.row < text.bottom]
    before = [one for one in level if 0 <= text.left - one.box.right <= reach]
    behind = [one for one in level if 0 <= one.box.left - text.right <= reach]
    for left, right in product(before, behind):
        shorter, longer = sorted((left.box.width, right.box.width))
        level_too = abs(left.row - right.row) <= 1 and not (left.right or right.left)
        if level_too and shorter >= _HALF * longer - 2:
            whole = _Stroke(around([left.box, right.box]), left.row, left.left, right.right)
            yield whole.between_ticks


def _rulers(parts: list[Box]) -> Iterator[Box]:
    """Yield rows of ticks or dots at one distance, from the middle of the first to the last's."""
    narrow = [part for part in parts if part.width <= max(_DOT, part.height / 2)]
    # Those at the ends and in the middle may be taller: all stand, or hang, on one line.
    for level in (lambda part: part.bottom, lambda part: part.top):
        for row in _level(narrow, level):
            yield from _even(sorted(row, key=lambda part: part.left))


def _level(parts: list[Box], level: Callable[[Box], int]) -> Iterator[list[Box]]:
    """Yield the parts that lie at one level, to the pixel."""
    row: list[Box] = []
    for part in sorted(parts, key=level):
        if row and level(part) > level(row[0]) + 1:
            yield row
            row = []
        row.append(part)
    yield row


def _even(ticks: list[Box]) -> Iterator[Box]:
    """Yield the longest row of ticks at one distance, if it is long enough."""
    middles = [(tick.left + tick.right) / 2 for tick in ticks]
    steps = [after - before for before, after in pairwise(middles)]
    best: tuple[int, int] = (0, -1)
    start = 0
    for index, step in enumerate(steps):
        if abs(step - steps[start]) > _TICK_OFF:
            start = index
        if index - start > best[1] - best[0]:
            best = (start, index)
    first, last = best[0], best[1] + 1
    if last - first + 1 >= _FEWEST_TICKS:
        box = around(ticks[first : last + 1])
        yield Box(box.top, box.bottom, round(middles[first]), round(middles[last]))

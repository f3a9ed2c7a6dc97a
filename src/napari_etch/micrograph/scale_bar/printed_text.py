"""Recognising a line of printed text, such as "50 µm", without reading it.

Printed characters are thin strokes that stand on one line, are of one height or that of the small
letters, and follow each other closely. Precipitates are thick, and pieces of boundaries and
scratches stand on no line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box, around
from napari_etch.micrograph.scale_bar.levels import Levels

_LEAST_HEIGHT = 5  # px, of a small letter
_STROKE = 0.42  # widest stroke, as a share of the character's height: m in a bold font
_STROKES = 1.5  # times as thick as another stroke of the font
_DARK = 0.65  # of the ink: as dark the darkest tenth of a character is at least
_WIDEST = 4.0  # of its height; characters that touch count as one
_SOLID = 0.85  # share of its box that a character fills at most, unless it is a stick: 1, l
_STICK = 0.35  # width of a stick, of its height
_SMALL = (0.58, 0.85)  # height of small letters, of that of figures
_TAIL = 0.35  # of a character's height: as far the tail of a µ hangs below the line
_SAME = 0.1  # of the height: by as much equal characters may differ
_GAP = 1.2  # most space between two characters, of the height of a line
_STRAY = 0.25  # ink among the characters of a line that is not theirs, of that which is
_REST = 1.3  # of a line's height: what else belongs to it is no higher
_WIDTH = 0.9  # of its height, of one character, to count those that touch
_LEAST_CHARACTERS = 3  # "5 µm" has three, and no scale bar fewer
_LEAST_ON_LINE = 2  # of them that stand on the line: the µ hangs below it


@dataclass(frozen=True)
class Line:
    """A line of text.

    Attributes
    ----------
    box : Box
        Around its clear characters.
    whole : Box
        Also around what else is on the line: a point, or a character that touches something.
    """

    box: Box
    whole: Box


def find_text(printed: Levels, least: float, most_height: int) -> list[Line]:
    """Return the lines of printed text in a picture.

    Parameters
    ----------
    printed : float32 (y, x)
        How near to the ink each pixel is: 0 is the colour around a character, 1 that of the ink.
    least : float
        From where on a pixel is taken for ink.
    most_height : int
        Of a character, px.
    """
    parts, characters = _parts(printed, least, most_height)
    lines: list[Line] = []
    for first in characters:
        if any(line.whole.holds(first.box) for line in lines):
            continue
        found = _line_from(first, characters)
        line = [character.box for character in found]
        if _is_text(line) and _is_alone(found, printed >= least):
            box = around(line)
            lines.append(Line(box, _with_rest(box, parts)))
    return lines


@dataclass(frozen=True)
class _Character:
    """What may be a character, how thick its strokes are, px, and how many px of ink it has."""

    box: Box
    stroke: float
    area: int


def _parts(printed: Levels, least: float, most_height: int) -> tuple[list[Box], list[_Character]]:
    """Return the boxes of all parts that are no higher than a character, and the characters.

    From left to right; what touches the rim of the picture is left out.
    """
    from scipy import ndimage as ndi

    ink = printed >= least
    numbers, _ = ndi.label(ink, np.ones((3, 3)))
    inner = Box(1, ink.shape[0] - 1, 1, ink.shape[1] - 1)
    parts, characters = [], []
    for number, (rows, columns) in enumerate(ndi.find_objects(numbers), 1):
        box = Box(rows.start, rows.stop, columns.start, columns.stop)
        if box.height > most_height or box.width > _WIDEST * most_height or not inner.holds(box):
            continue
        parts.append(box)
        if box.height < _LEAST_HEIGHT or box.width > _WIDEST * box.height:
            continue
        part = numbers[rows, columns] == number
        if float(np.percentile(printed[rows, columns][part], 90)) < _DARK:
            continue
        stroke = _stroke(part)
        if stroke is not None:
            characters.append(_Character(box, stroke, int(part.sum())))
    return parts, sorted(characters, key=lambda character: character.box.left)


def _stroke(part: npt.NDArray[np.bool_]) -> float | None:
    """Return how thick the strokes of something are; None where it does not consist of strokes."""
    from scipy import ndimage as ndi

    height, width = part.shape
    if width > _STICK * height and part.mean() > _SOLID:
        return None
    inside = ndi.distance_transform_edt(np.pad(part, 1))
    if 2 * inside.max() - 1 > max(2.0, _STROKE * height):
        return None
    return float(4 * inside[inside > 0].mean() - 2)


def _line_from(first: _Character, characters: Sequence[_Character]) -> list[_Character]:
    """Return a character and those of its line to the right of it; the list is sorted."""
    line, end, tall = [first], first.box.right, first.box.height
    for other in characters:
        if other.box.left < first.box.right:
            continue
        if other.box.left - end > _GAP * max(tall, other.box.height):
            break
        if _goes_with(first.box, other.box) and _alike(first.stroke, other.stroke):
            line.append(other)
            end, tall = max(end, other.box.right), max(tall, other.box.height)
    return line


def _alike(one: float, two: float) -> bool:
    """Whether two strokes may be of one font, px; a pixel of blur is allowed."""
    return max(one, two) <= _STROKES * min(one, two) + 1


def _goes_with(first: Box, other: Box) -> bool:
    """Whether a character may be of the line that another stands on."""
    same = _slack(first)
    if _is_level(first, other):
        high, low = max(first.height, other.height), min(first.height, other.height)
        small = _SMALL[0] * high - 1 <= low <= _SMALL[1] * high + 1
        return high - low <= same or small
    hangs = 0 < other.bottom - first.bottom <= _TAIL * first.height + 1
    return hangs and other.top >= first.top - same


def _slack(box: Box) -> float:
    return max(1.0, _SAME * box.height)


def _is_level(first: Box, other: Box) -> bool:
    return abs(first.bottom - other.bottom) <= _slack(first)


def _is_text(line: Sequence[Box]) -> bool:
    """Whether there are enough characters; those that touch each other count as what they hold."""
    count = sum(max(1, round(box.width / (_WIDTH * box.height))) for box in line)
    standing = sum(_is_level(line[0], box) for box in line)
    return len(line) >= 2 and count >= _LEAST_CHARACTERS and standing >= _LEAST_ON_LINE


def _is_alone(line: Sequence[_Character], ink: npt.NDArray[np.bool_]) -> bool:
    """Whether there is little ink among characters but their own."""
    own = sum(character.area for character in line)
    there = int(ink[around([character.box for character in line]).slices].sum())
    return there <= (1 + _STRAY) * own


def _with_rest(line: Box, parts: Sequence[Box]) -> Box:
    """Return a line with what else is on it: a point, or what was no clear character."""
    tall = line.height
    low = [part for part in parts if part.height <= _REST * tall and part.width <= _WIDEST * tall]
    whole = line
    for _ in range(_LEAST_CHARACTERS):
        reach = Box(
            line.top - tall // 4,
            line.bottom + tall // 3,
            whole.left - round(_GAP * tall),
            whole.right + round(_GAP * tall),
        )
        whole = around([whole, *(part for part in low if reach.holds(part))])
    return whole

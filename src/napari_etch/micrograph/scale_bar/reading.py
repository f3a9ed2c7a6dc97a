"""Reading the length that is printed beside a scale bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box
from napari_etch.micrograph.scale_bar.length_text import length_text
from napari_etch.micrograph.scale_bar.letters import read_line
from napari_etch.micrograph.scale_bar.levels import Levels
from napari_etch.micrograph.scale_bar.printed_text import Line

# How sure a length must be; surer where it is none of those that scale bars mostly have.
_SURE, _SURER = 0.8, 0.95
_SIDE = 0.4  # of a line's height: so far beside it a figure would be
_INK, _STRAY = 0.5, 0.04  # from where on a pixel may be one of a figure, and how many may be there
_USUAL = frozenset(("1", "2", "3", "4", "5", "15", "25"))  # figures without zeros


def read_length(
    printed: Levels, lines: Sequence[Line], hidden: npt.NDArray[np.bool_] | None = None
) -> str:
    """Return the length that one of some lines of text says.

    Parameters
    ----------
    printed : float32 (y, x)
        How near to the ink each pixel is, without the bar.
    lines : sequence of Line
    hidden : bool (y, x), optional
        Where the picture does not show what is printed: a figure may hang together with the bar by
        something dark in the specimen. Lines beside such places are not read.

    Returns
    -------
    str
        Such as "50 µm"; "" where none can be read surely, or different ones.
    """
    found: dict[str, bool] = {}
    for line in lines:
        if hidden is None or not hidden[_with_sides(line, printed).slices].any():
            for text, is_clear in _readings(printed, line):
                found[text] = found.get(text, False) or is_clear
    return next(iter(found)) if len(found) == 1 and all(found.values()) else ""


def _readings(printed: Levels, line: Line) -> Iterator[tuple[str, bool]]:
    """Yield what a line says within its clear characters, all of it, and with what is beside it.

    Beside may be a figure that touches something, or something that looks like a figure: with each
    goes whether there is nothing of the kind.
    """
    for box in dict.fromkeys((line.box, line.whole, _with_sides(line, printed))):
        read, sure = read_line(printed, box)
        text = length_text(read)
        if text is not None and sure >= _least_sure(text):
            yield text, _is_clear(printed, box)


def _is_clear(printed: Levels, box: Box) -> bool:
    """Whether there is nothing like ink right beside a box, where another figure may be."""
    side = max(2, round(_SIDE * box.height))
    before = printed[box.top : box.bottom, max(0, box.left - side) : box.left]
    behind = printed[box.top : box.bottom, box.right : box.right + side]
    return all((each >= _INK).mean() <= _STRAY for each in (before, behind) if each.size)


def _with_sides(line: Line, printed: Levels) -> Box:
    """Return a line with room for a character at either side."""
    return line.whole.widened(0, line.whole.height, printed.shape)


def _least_sure(text: str) -> float:
    figures = text.split()[0].replace(".", "").strip("0")
    return _SURE if figures in _USUAL else _SURER

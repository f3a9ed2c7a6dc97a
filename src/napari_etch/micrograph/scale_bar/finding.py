"""Finding a scale bar that is burned into an image, with the text beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import Box, around
from napari_etch.micrograph.scale_bar.bar import ScaleBar
from napari_etch.micrograph.scale_bar.bar_shape import Bar, find_bars
from napari_etch.micrograph.scale_bar.beside import MOST_GAP, is_beside
from napari_etch.micrograph.scale_bar.filled_box import filled_box
from napari_etch.micrograph.scale_bar.levels import Levels, Picture
from napari_etch.micrograph.scale_bar.lone_bar import find_lone_bar
from napari_etch.micrograph.scale_bar.printed_text import find_text
from napari_etch.micrograph.scale_bar.reading import read_length

_LEAST_SIDE = 64
_TEXT_HEIGHT = 0.09  # of the image's height: the tallest character
_REACH = 0.2  # of the image's height: so far around a bar text and filled box are looked for
# On the way from the colour beside the bar to that of the bar: from where on a pixel is ink. Thin
# letters are paler than the bar, and what lies behind them may be as bright.
_INK = (0.6, 0.45, 0.3, 0.75)
_HALF = 0.5  # of a bar's length: where text parts it, the other half is no shorter
_MOST_TICK = 0.3  # of the bar's length
_MARGIN = 0.005  # of the image's height, at least 3 px: blurred edges, and JPEG beside them


def find_scale_bar(image: Any) -> ScaleBar | None:
    """Find the scale bar that is burned into an image.

    A bar must have the shape of one (`bar_shape`) and a line of text of its own colour beside it,
    or be the only thing of its grey level (`lone_bar`): a specimen has straight lines, too.

    Parameters
    ----------
    image : array-like, shape (y, x) or (y, x, c)
        Any real type.

    Returns
    -------
    ScaleBar or None
        None when there is none.
    """
    if min(image.shape[:2]) < _LEAST_SIDE:
        return None
    picture = Picture.of(image)
    if picture is None:
        return None
    for bar in find_bars(picture):
        found = _with_text(picture, bar)
        if found is not None:
            return found
    lone = find_lone_bar(image)
    if lone is None:
        return None
    margin = _margin(picture)
    return ScaleBar(lone[0].widened(margin, margin, image.shape), lone[1])


def _margin(picture: Picture) -> int:
    return max(3, round(_MARGIN * picture.height))


def _with_text(picture: Picture, bar: Bar) -> ScaleBar | None:
    """Return a bar with its text; None where it has none."""
    size = picture.height, picture.width
    reach = max(48, round(_REACH * picture.height))
    part = bar.box.widened(reach, 2 * reach + bar.box.width, size)
    levels = picture.part(*part.slices)
    box = bar.box.moved(-part.top, -part.left)
    printed = _printed(levels, bar)
    for least in _INK:
        letters = _without_bar(printed, least, box)
        found_text = find_text(letters, least, max(12, round(_TEXT_HEIGHT * picture.height)))
        text = [line for line in found_text if is_beside(line.box, box)]
        if text:
            break
    else:
        return None
    ink = printed >= least
    clear = around([line.box for line in text])
    whole = _whole_bar(ink, box, clear)
    ends = Box(0, picture.height, 0, picture.width).moved(-part.top, -part.left)
    known = around([whole, clear])
    found = filled_box(levels, ink, known, ends)
    if found == known:  # printed on the specimen
        found = around([known, *(line.whole for line in text)])
    found = found.moved(part.top, part.left)
    margin = _margin(picture)
    hidden = ink & (letters < least)
    hidden[whole.widened(1, 1, hidden.shape).slices] = False
    return ScaleBar(
        found.widened(margin, margin, size),
        whole.moved(part.top, part.left),
        read_length(letters, text, hidden),
    )


def _printed(levels: Levels, bar: Bar) -> Levels:
    """Return how far each pixel is on the way from the colour beside a bar to its ink."""
    way = bar.ink - bar.beside
    return np.asarray((levels - bar.beside) @ way / (way @ way), np.float32)


def _without_bar(printed: Levels, least: float, bar: Box) -> Levels:
    """Return the picture without a bar and its ticks."""
    from scipy import ndimage as ndi

    parts, _ = ndi.label(printed >= least, np.ones((3, 3)))
    own = np.unique(parts[bar.widened(1, 1, printed.shape).slices])
    return np.where(np.isin(parts, own[own > 0]), np.float32(0), printed)


def _whole_bar(ink: npt.NDArray[np.bool_], bar: Box, text: Box) -> Box:
    """Return a bar with the ticks at its ends and, where text parts it, with its other half."""
    filled = ink[bar.top : bar.bottom].mean(0) >= 0.9
    edges = np.flatnonzero(np.diff(np.concatenate(([False], filled, [False]))))
    beside = ink[[max(0, bar.top - 2), min(len(ink) - 1, bar.bottom + 1)]]
    parts, known = [bar], around([bar, text])
    gap = int(MOST_GAP * text.height)
    for left, right in edges.reshape(-1, 2).tolist():
        near = left <= known.right + gap and right >= known.left - gap
        if near and right - left >= _HALF * bar.width and beside[:, left:right].mean() <= 0.2:
            parts.append(Box(bar.top, bar.bottom, left, right))
    whole = around(parts)
    columns = [whole.left, whole.left + 1, whole.right - 2, whole.right - 1]
    ends = ink[:, columns].sum(1) > 0
    top, bottom = bar.top, bar.bottom
    most = int(_MOST_TICK * whole.width)
    while top > max(0, bar.top - most) and ends[top - 1]:
        top -= 1
    while bottom < min(len(ink), bar.bottom + most) and ends[bottom]:
        bottom += 1
    return Box(top, bottom, whole.left, whole.right)

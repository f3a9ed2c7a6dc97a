"""Scratches of a micrograph: followed from where one was seen, and filled in from both sides.

A scratch is a line, dark or bright, that is much the same all along; it may bend a little. What is
under it is put in as the straight line between the values on its two sides, so that boundaries that
it crosses go on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Scratch", "fill_scratch", "follow_scratch"]

Image = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]

# How far beside where it was seen a scratch is looked for, and from its middle to where it is over,
# in units of a pixel of the network; these are sampled twice a unit.
_REACH, _APART, _STEP = 6.0, 3.0, 0.5
# It is looked at every so many px, between which it moves one step aside at most.
_STRIDE = 4
# It goes on as long as its contrast is this share of what it was where it was seen.
_FAINTEST = 0.4
# It may fail to show for so many mean intercepts, and end there when it does for longer.
_BREAK = 1.2
# Where it was seen, so much of it has a quarter of its contrast: edges and ripples have less.
_LEAST_SEEN, _QUARTER = 0.85, 0.25
# Half its width is at most so much, and so much more is filled in, in units.
_WIDEST, _MORE = 4.0, 0.75
# Length of the pieces that are filled in at once, px.
_PIECE = 256


@dataclass(frozen=True, eq=False)
class Scratch:
    """A scratch.

    Attributes
    ----------
    path : float64 (n, 2)
        Rows and columns of its middle line, a pixel apart.
    across : float64 (2,)
        The unit vector across it.
    half_width : float
        Of what is to be filled in, px.
    contrast : float
        How much darker (negative) or brighter its middle is than both of its sides, in units of
        the image.
    """

    path: Points
    across: Points
    half_width: float
    contrast: float


def follow_scratch(
    image: Image,
    start: tuple[float, float],
    end: tuple[float, float],
    intercept: float,
    *,
    unit: float = 1.0,
) -> Scratch | None:
    """Follow a scratch in both directions from where a straight line was seen.

    Parameters
    ----------
    image : float32 (y, x)
    start, end : tuple of float
        Rows and columns between which the line was seen.
    intercept : float
        Mean intercept, px.
    unit : float
        Size in px of a pixel in which the line was seen; thinner lines are not expected.

    Returns
    -------
    Scratch or None
        None when the image has no line there that is much the same all along.
    """
    from scipy.ndimage import gaussian_filter1d, uniform_filter1d

    first = np.array(start, float)
    length = float(np.hypot(*(np.array(end) - first)))
    ahead = (np.array(end) - first) / length
    across = np.array([ahead[1], -ahead[0]])
    along = _within(image.shape, first, ahead, length)
    seen = (along >= 0) & (along <= length)
    if seen.sum() < 2 * _STRIDE:
        return None
    step = _STEP * unit
    beside = round(_APART * unit / step)
    most = round(_REACH / _STEP) + beside
    offsets = step * np.arange(-most, most + 1, dtype=np.float64)
    values = _sampled(image, first + along[:, None] * ahead, across, offsets)
    clipped = np.clip(values, *np.percentile(values, (1, 99)))
    smooth = gaussian_filter1d(clipped, intercept / 4, 0)
    sign = _sign(smooth[seen], beside)
    track = _track(_raised(sign * smooth, beside))
    contrast = _raised(sign * gaussian_filter1d(values, 1.5, 0), beside)
    contrast = np.take_along_axis(contrast, track[:, None], 1)[:, 0]
    cut = np.clip(contrast, *np.percentile(contrast, (2, 98)))
    even = uniform_filter1d(cut, _whole(intercept))
    typical = float(np.median(even[seen]))
    visible = contrast[seen] > _QUARTER * typical
    if typical <= 0 or visible.mean() < _LEAST_SEEN:
        return None
    reached = _reach(even >= _FAINTEST * typical, seen, _whole(_BREAK * intercept))
    off = gaussian_filter1d(offsets[beside:-beside][track], _STRIDE)[reached]
    half = _half_width(sign * values[reached], off, offsets, unit)
    path = first + along[reached, None] * ahead + off[:, None] * across
    return Scratch(path, across, half, sign * typical)


def fill_scratch(image: Image, scratch: Scratch) -> None:
    """Fill a scratch in from both of its sides, in place.

    Parameters
    ----------
    image : float32 (y, x)
        Changed in place.
    scratch : Scratch
        As `follow_scratch` returns it.
    """
    before = [
        _filled_piece(image, scratch, slice(low, low + _PIECE + 1))
        for low in range(0, max(1, len(scratch.path) - 1), _PIECE)
    ]
    # all are read before any is written: a piece must not be filled from the one before
    for y, x, values in before:
        image[y, x] = values


def _whole(length: float) -> int:
    return max(3, int(length))


def _within(shape: tuple[int, ...], first: Points, ahead: Points, length: float) -> Points:
    """Return the places along a line, a pixel apart, that lie in the image; 0 is where it began."""
    far = math.hypot(*shape)
    along = np.arange(-math.ceil(far), math.ceil(length + far) + 1, dtype=np.float64)
    spots = first + along[:, None] * ahead
    inside = ((spots >= 0) & (spots <= np.array(shape) - 1)).all(axis=1)
    return along[inside]


def _sampled(image: Image, middle: Points, across: Points, offsets: Points) -> Points:
    """Return the values across a line, (n, number of offsets)."""
    return _values_at(image, *(middle[:, axis, None] + offsets * across[axis] for axis in (0, 1)))


def _values_at(image: Image, y: Points, x: Points) -> Points:
    """Return the values at places between pixels, of the shape of their rows and columns."""
    from scipy.ndimage import map_coordinates

    values: Points = map_coordinates(image, [y, x], order=1, mode="nearest", output=np.float64)
    return values


def _raised(values: Points, beside: int) -> Points:
    """Return how much brighter each place is than the brighter one of those on its two sides.

    A step between two grains has one side that is as bright.
    """
    sides = np.maximum(values[:, : -2 * beside], values[:, 2 * beside :])
    raised: Points = values[:, beside:-beside] - sides
    return raised


def _sign(smooth: Points, beside: int) -> int:
    """Return 1 for a bright line, -1 for a dark one."""
    bright, dark = (_raised(sign * smooth, beside).mean(0) for sign in (1, -1))
    near = slice(len(bright) // 2 - beside, len(bright) // 2 + beside + 1)
    return 1 if bright[near].max() >= dark[near].max() else -1


def _track(raised: Points) -> npt.NDArray[np.intp]:
    """Return the column of a line at each row: the strongest path that turns little."""
    rows = np.arange(0, len(raised), _STRIDE)
    values = raised[rows]
    turn = 0.25 * float(np.median(np.abs(values)))
    score: Points = values[0]
    back = np.zeros(values.shape, np.int8)
    for index in range(1, len(values)):
        from_left = np.concatenate([[-np.inf], score[:-1]]) - turn
        from_right = np.concatenate([score[1:], [-np.inf]]) - turn
        ways = np.stack([from_left, score, from_right])
        back[index] = ways.argmax(0) - 1
        score = np.max(ways, axis=0) + values[index]
    column = int(score.argmax())
    columns = [column]
    for index in range(len(values) - 1, 0, -1):
        column += int(back[index, column])
        columns.append(column)
    found = np.interp(np.arange(len(raised)), rows, columns[::-1])
    return np.round(found).astype(np.intp)


def _reach(goes_on: npt.NDArray[np.bool_], seen: npt.NDArray[np.bool_], longest: int) -> slice:
    """Return the part in which a line goes on from where it was seen, with breaks up to a length.

    Where lines cross, or a dark grain lies beside it, it hardly shows.
    """
    low, high = (int(each) for each in np.flatnonzero(seen)[[0, -1]])
    shows = np.flatnonzero(goes_on | seen)
    before, behind = shows[shows <= low][::-1], shows[shows >= high]
    ends = []
    for way in (before, behind):
        breaks = np.flatnonzero(np.abs(np.diff(way)) > longest)
        ends.append(int(way[breaks[0]] if len(breaks) else way[-1]))
    return slice(ends[0], ends[1] + 1)


def _half_width(values: Points, off: Points, offsets: Points, unit: float) -> float:
    """Return half the width to be filled in, px, from the median profile along the line."""
    inner = offsets[np.abs(offsets) <= _REACH * unit]
    every = slice(None, None, max(1, len(off) // 500))
    pairs = zip(off[every], values[every], strict=True)
    profile = np.median([np.interp(inner + shift, offsets, row) for shift, row in pairs], axis=0)
    profile = profile - np.median(profile[np.abs(inner) > (_APART + _STEP) * unit])
    over = np.abs(inner)[profile < _QUARTER * profile[len(inner) // 2]]
    half = float(over.min()) if len(over) else _APART * unit
    return min(half, _WIDEST * unit) + _MORE * unit


def _filled_piece(
    image: Image, scratch: Scratch, part: slice
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Points]:
    """Return the pixels of a piece of a scratch, and what is to be put there."""
    path, across, half = scratch.path[part], scratch.across, scratch.half_width
    ahead = np.array([-across[1], across[0]])
    low = np.maximum(np.floor(path.min(0) - half - 1), 0).astype(int)
    high = np.minimum(np.ceil(path.max(0) + half + 1) + 1, image.shape).astype(int)
    y, x = np.mgrid[low[0] : high[0], low[1] : high[1]]
    along = y * ahead[0] + x * ahead[1]
    aside = y * across[0] + x * across[1]
    places = path @ ahead
    middle = np.interp(along, places, path @ across)
    here = (np.abs(aside - middle) <= half) & (along >= places[0] - 1) & (along <= places[-1] + 1)
    along, middle, off = along[here], middle[here], (aside - middle)[here]

    def beside(distance: float) -> Points:
        place = middle + distance
        return _values_at(image, *(along * ahead[at] + place * across[at] for at in (0, 1)))

    sides = [0.5 * (beside(s * (half + 0.75)) + beside(s * (half + 1.75))) for s in (-1, 1)]
    share = (off + half) / (2 * half)
    return y[here], x[here], (1 - share) * sides[0] + share * sides[1]

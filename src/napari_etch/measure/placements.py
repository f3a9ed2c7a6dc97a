"""A pattern laid over a field several times: one placement of circles is a small sample.

ASTM E112 has a pattern applied to several places, until the count is as sure as wanted. Here it is
applied at half of the largest size that fits, on a grid in which neighbours overlap by about half;
which places these are follows from the size of the field alone, so two maps of a field are measured
along the same lines, and a person finds every one of them in the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from napari_etch.measure.patterns import Circle, Curve, Pattern, StraightLine

MakePattern = Callable[[tuple[float, float]], Pattern]

#: Side of a placement's frame as a share of the field's shorter side, and how far apart two
#: placements are as a share of a frame.
SIZE, PITCH = 0.5, 0.5
#: More placements than these tell nothing new: a long field has them further apart.
MOST_ALONG = 8


def spread(make: MakePattern) -> MakePattern:
    """Return what lays a pattern over a field at several places, at half of its size.

    Parameters
    ----------
    make : callable
        From the shape of a field to a pattern, such as `patterns.abrams_pattern`.

    Returns
    -------
    callable
        From the shape of a field to one pattern of all placements, row by row from the top left.
        On a square field there are 3 × 3 placements with 4.5 times the length of a single one.
    """

    def make_spread(shape: tuple[float, float]) -> Pattern:
        side = SIZE * min(shape)
        one = make((side, side))
        down, across = (_starts(length, side) for length in shape)
        places = [(top, left) for top in down for left in across]
        curves = [moved(curve, place) for place in places for curve in one.curves]
        return replace(one, curves=tuple(curves), placements=len(places))

    return make_spread


def _starts(length: float, side: float) -> list[float]:
    """Return where placements begin along an axis, evenly from edge to edge."""
    count = round((length - side) / (PITCH * side)) + 1
    return np.linspace(0, length - side, min(max(count, 1), MOST_ALONG)).tolist()


def moved(curve: Curve, by: tuple[float, float]) -> Curve:
    """Return a test line or circle at another place.

    Parameters
    ----------
    curve : StraightLine or Circle
    by : tuple of float
        Rows and columns, px.
    """

    def there(place: tuple[float, float]) -> tuple[float, float]:
        return place[0] + by[0], place[1] + by[1]

    if isinstance(curve, Circle):
        return replace(curve, centre=there(curve.centre))
    return StraightLine(there(curve.start), there(curve.end))

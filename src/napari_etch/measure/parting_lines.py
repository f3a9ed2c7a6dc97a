"""Grain maps of other programs, whose grains are parted by lines of 0.

A map drawn by hand, or cut by a watershed that keeps its lines, has 0 along every boundary. Taken
for what lies off the specimen, as 0 is elsewhere, these lines would leave no grain whole and no
boundary to count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.lines import nearest_grains
from napari_etch.measure.checks import check_grain_map
from napari_etch.measure.contacts import contacts_of
from napari_etch.measure.runs import Runs, runs_of

Grains = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]

# Grains of a map with lines hardly touch: at most so many pixel pairs for each with a 0 beside it.
_TOUCHING = 0.1
# A line is at most so wide, px, or this part of the square root of the median grain's area.
_WIDEST_PX, _WIDEST = 5.0, 0.3
# A wider place smaller than this part of the median grain is a grain thought too small to keep.
_SPECK = 0.5
# So much of what lies beside grains is lines; separate particles have a background instead.
_MOSTLY = 0.8


def without_parting_lines(grains: Grains) -> Grains:
    """Return a grain map as `napari_etch.measure.measure_field` takes it.

    What goes with a grain size, such as the table of grains and the boundary network, is taken
    from this map: in the map as given no grain has a neighbour and all of them lie at a border.

    Parameters
    ----------
    grains : integers (y, x)
        0 is a line between grains, or off the specimen.

    Returns
    -------
    integers (y, x)
        With the lines given to the nearest grain; the same map where it has none.

    Raises
    ------
    ValueError
        When it is no 2D map of integers.
    """
    grains = check_grain_map(grains, "the grain size")
    return close_parting_lines(grains, runs_of(grains))[0]


def close_parting_lines(grains: Grains, runs: Runs) -> tuple[Grains, float]:
    """Give the lines between grains to the nearest grain.

    Parameters
    ----------
    grains : integers (y, x)
        0 is a line between grains, or off the specimen.
    runs : Runs
        Of the same map.

    Returns
    -------
    grains : integers (y, x)
        The same map where its grains touch already, or lie apart on a background; what is 0 in
        wide areas stays 0.
    share : float
        Of the field that was lines.
    """
    real = runs.labels > 0
    if real.all() or not real.any():
        return grains, 0.0
    contacts = contacts_of(grains, runs)
    at_zero = ~real[contacts.one] | ~real[contacts.two]
    beside = np.count_nonzero(at_zero)
    if len(at_zero) - beside > _TOUCHING * beside:
        return grains, 0.0
    median = float(np.median(runs.total(runs.length)[real]))
    filled, _, wide = nearest_grains(grains, max(_WIDEST_PX, _WIDEST * median**0.5) / 2)
    lines = (grains == 0) & ~_without_specks(wide, _SPECK * median)
    zeros = contacts.place + np.where(real[contacts.one], contacts.step, 0)
    if np.count_nonzero(lines.flat[zeros[at_zero]]) < _MOSTLY * beside:
        return grains, 0.0
    return np.where(lines, filled, grains), float(lines.mean())


def _without_specks(wide: Mask, area: float) -> Mask:
    from scipy.ndimage import label

    pieces, _ = label(wide)
    large = np.bincount(pieces.ravel()) >= area
    large[0] = False
    return large[pieces]

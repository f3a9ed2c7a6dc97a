"""Closing the gaps of a boundary map with the repair network, as the last part of a run.

It pays where many lines end: behind precipitates, where etching failed, where membranes are cut
obliquely. `ends_per_square` tells such a map from one whose grains are closed already.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from napari_etch.inference.events import Pass
from napari_etch.models.prepare import middle

Map = npt.NDArray[np.float32]

# A line of the map is at least so probable.
LINE = 0.5
# Bridges less sure than this are left out, and this power of how sure one is counts as boundary:
# at 0.9 it is 0.73, at 0.6 it is 0.22, which parts no grains by itself.
LEAST, POWER = 0.5, 3.0
# Lines that end, for each square of the mean intercept (a grain is some 1.3 of these), from which
# on a map has many: etched metal has 0.3 to 1, membranes 1.2 to 1.6, carbides on boundaries 3.
MANY_ENDS = 1.0
# Only the middle of the map is looked at, so many mean intercepts across: a thousand grains tell.
ACROSS = 40


def ends_per_square(boundary: Map, mask: npt.NDArray[np.bool_] | None, grain_size: float) -> float:
    """Return how many lines of a boundary map end in a square of the mean intercept.

    Closing the gaps pays from `MANY_ENDS` on.

    Parameters
    ----------
    boundary : float32 (y, x) in [0, 1]
    mask : bool (y, x), optional
        True on the field.
    grain_size : float
        Mean intercept, px.
    """
    from napari_etch.grains.free_ends import free_ends, line_thickness

    lines = middle(boundary, ACROSS * grain_size) >= LINE
    inside = None if mask is None else middle(mask, ACROSS * grain_size)
    ends = free_ends(lines, line_thickness(lines), inside)
    field = lines.size if inside is None else int(inside.sum())
    return float(len(ends) * grain_size**2 / max(field, 1))


def close_gaps(
    boundary: Map, mask: npt.NDArray[np.bool_] | None, share: float
) -> Generator[Pass, np.ndarray, tuple[Map, int]]:
    """Ask the repair network where the lines of a boundary map go on.

    Parameters
    ----------
    boundary : float32 (y, x) in [0, 1]
    mask : bool (y, x), optional
        True on the field.
    share : float
        Of the whole run's work.

    Yields
    ------
    Pass
        For the repair network.

    Returns
    -------
    bridges : float32 (y, x) in [0, 1]
        How much of a boundary each pixel is by the bridges over gaps; 0 where there is none.
    count : int
        Number of bridges.

    Raises
    ------
    napari_etch.models.ModelError
        When the repair network's weights are missing or damaged.
    """
    from napari_etch.micrograph import Micrograph
    from napari_etch.models.registry import load_model
    from napari_etch.models.repair import bridge_gaps

    lines = boundary >= LINE
    if not lines.any():
        return np.zeros_like(boundary), 0
    model = load_model("repair")
    picture = Micrograph(lines.astype(np.float32), "the boundary map")
    found = yield from model.passes(picture, quality="fast", share=share)
    closed = bridge_gaps(lines, found, found["log"]["scale"], least=LEAST, mask=mask)
    return (closed.confidence() ** POWER).astype(np.float32), len(closed.bridges)

"""Boundary lines drawn from a grain map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["boundary_lines"]


def boundary_lines(grains: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Return the one-pixel boundary image of a grain map.

    Parameters
    ----------
    grains : ndarray of int, shape (y, x)
        Grain map; 0 is "not a grain" and its outline counts as a boundary.

    Returns
    -------
    ndarray of bool, shape (y, x)
        True on the pixel above or left of a change of label: lines one pixel wide, 8-connected.
    """
    lines = np.zeros(grains.shape, bool)
    lines[:-1] = grains[:-1] != grains[1:]
    lines[:, :-1] |= grains[:, :-1] != grains[:, 1:]
    return lines

"""A small map to correct, and its boundary map."""

from __future__ import annotations

from typing import Any

import numpy as np
from _widgets.fakes import grid_boundary

SIDE, CELL = 128, 64


def cells(dtype: Any = np.int32) -> np.ndarray:
    """Return 2 × 2 grains of 64 px."""
    rows, columns = np.indices((SIDE, SIDE)) // CELL
    return (1 + 2 * rows + columns).astype(dtype)


def walls() -> np.ndarray:
    """Return a boundary map with level walls every 32 px, doubtful, and upright ones every 64."""
    boundary = grid_boundary((SIDE, SIDE))
    for column in (32, 96):
        boundary[:, column - 8 : column + 8] = boundary[:, [column - 16]]
    return boundary

"""Where three grains, or four, meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_etch.measure.checks import check_grain_map

# Jagged outlines let the same three grains meet twice in a row: that is one point.
_SAME_WITHIN_PX = 3.0


@dataclass(frozen=True, eq=False)
class Junctions:
    """The points at which grains meet.

    Attributes
    ----------
    points : ndarray of float, (n, 2)
        Row and column; pixel centres are whole numbers, junctions lie on their corners.
    labels : ndarray of int64, (n, 4)
        The grains that meet, ascending; the first is 0 where there are only three.
    """

    points: np.ndarray
    labels: np.ndarray

    @property
    def triple_points(self) -> int:
        """Number of triple points; a point of four grains counts two."""
        return int(len(self.points) + np.count_nonzero(self.labels[:, 0]))


def find_junctions(grains: np.ndarray) -> Junctions:
    """Return the points at which three or four grains meet.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x).

    Returns
    -------
    Junctions
        Corners of pixels around which there are at least three grains; 0 is not a grain.

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers.
    """
    grains = check_grain_map(grains, "the triple-point count")
    upright = grains[:, 1:] != grains[:, :-1]
    level = grains[1:] != grains[:-1]
    # at a corner of three regions at least three of the four sides that meet there are walls
    walls = upright[1:].view(np.uint8) + upright[:-1].view(np.uint8)
    walls += level[:, 1:].view(np.uint8)
    walls += level[:, :-1].view(np.uint8)
    rows, columns = np.nonzero(walls >= 3)
    around = np.stack(
        [grains[rows + down, columns + right] for down in (0, 1) for right in (0, 1)], axis=1
    ).astype(np.int64)
    around.sort(axis=1)
    around[:, 1:][around[:, 1:] == around[:, :-1]] = 0
    around.sort(axis=1)
    real = around[:, 1] > 0  # three different grains
    points = np.stack([rows[real], columns[real]], axis=1) + 0.5
    return _without_repeats(points, around[real])


def _without_repeats(points: np.ndarray, labels: np.ndarray) -> Junctions:
    if len(points) == 0:
        return Junctions(points, labels)
    order = np.lexsort((points[:, 1], points[:, 0], *labels.T[::-1]))
    points, labels = points[order], labels[order]
    near = np.hypot(*np.diff(points, axis=0).T) <= _SAME_WITHIN_PX
    repeated = np.append(False, (labels[1:] == labels[:-1]).all(axis=1) & near)
    return Junctions(points[~repeated], labels[~repeated])

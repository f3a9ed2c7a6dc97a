"""Grains in three dimensions."""

from __future__ import annotations

import copy
import itertools
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.measure.checks import check_positive
from napari_etch.measure.holes import holes_of
from napari_etch.measure.parting_lines import close_parting_lines
from napari_etch.measure.runs import runs_of

if TYPE_CHECKING:
    import pandas as pd

# Numbers that two neighbouring sections have in common, and how many of them lie over themselves.
_COMMON, _OVER = "numbers in common", "of these lying over themselves"
LINES = "share of lines of 0 between grains"
# Of true grains in space, also every tenth section of volume-em, 99 % do; of sections that were all
# numbered from 1 on (volume-em, the stack of sections), 11 to 36 %, as the numbers go row by row.
_LEAST_OVER = 0.5
_FEWEST_COMMON = 8  # chance decides about less
# Either side of the faces between neighbours along the rows and the columns of a section.
_SLICES: tuple[tuple[Any, Any], ...] = (
    (np.s_[:-1], np.s_[1:]),
    (np.s_[:, :-1], np.s_[:, 1:]),
)
# The thirteen directions from a voxel to its neighbours, each of a pair of opposite ones.
_STEPS = tuple(step for step in itertools.product((-1, 0, 1), repeat=3) if step > (0, 0, 0))


def grain_table_3d(
    grains: np.ndarray, *, voxel_size_um: tuple[float, float, float] | None = None
) -> pd.DataFrame:
    """Measure every grain of a 3D grain map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (z, y, x), one number for a grain through all sections; 0 is not a
        grain.
    voxel_size_um : tuple of float, optional
        Edges of a voxel along z, y and x, µm; without it everything is in voxels, taken for cubes.

    Returns
    -------
    pandas.DataFrame
        A row a grain:

        - ``label``, ``voxels``;
        - ``volume``, ``surface``: in µm³ and µm² with a voxel size, else in voxels. The surface is
          by Crofton's formula in thirteen directions and includes where the stack cuts the grain;
        - ``sphericity``: surface of the ball of equal volume over its own, 1 for a ball;
        - ``eqd``: diameter of that ball;
        - ``faces``: number of grains that it shares a face with, its neighbours;
        - ``boundary_fraction``: share of its outline that lies between grains;
        - ``centroid_z_px``, ``centroid_y_px``, ``centroid_x_px``;
        - ``sections``: in how many of them it is;
        - ``touches_border``: cut by a side of the stack or beside a voxel of 0 that is no pore in
          its section (`holes_of`).

        Its ``attrs`` say under `LINES` which part of the stack was lines of 0 between grains, which
        went to the nearest one.

    Raises
    ------
    ValueError
        When the map is not 3D, not of integers, or a voxel has no size.

    Notes
    -----
    S = 2 Σ w I, with I the number of outlines met per area of all lattice lines of a direction and
    w the share of directions that are nearest to it (the cell of a spherical Voronoi diagram).
    """
    grains = _checked(grains)
    labels, index = np.unique(grains, return_inverse=True)
    index = index.reshape(grains.shape)
    if labels.size and labels[0] != 0:  # number 0 is none in what follows
        labels, index = np.concatenate([[0], labels]), index + 1
    sums = VolumeSums(labels.size - 1, voxel_size_um)
    for section in index:
        sums.add(section)
    table = sums.table()
    table["label"] = labels[table["label"]]
    return table


def runs_through(table: pd.DataFrame) -> bool:
    """Return whether a table of grains in space is of a stack that is numbered through.

    Sections were numbered one by one, and nothing in the table is a grain in space, where no number
    is in two of them, as `etch segment` leaves them; and where most numbers that two neighbours
    share are at another place in each, as other programs leave them, which begin at 1 every time.

    Parameters
    ----------
    table : pandas.DataFrame
        As `grain_table_3d` gives it.
    """
    common, over = table.attrs.get(_COMMON, 0), table.attrs.get(_OVER, 0)
    if common >= _FEWEST_COMMON and over < _LEAST_OVER * common:
        return False
    return bool((table["sections"] > 1).any())


class VolumeSums:
    """Measures a 3D grain map section by section: two sections are held at a time.

    Parameters
    ----------
    count : int
        Largest number of a grain.
    voxel_size_um : tuple of float, optional
        As for `grain_table_3d`.

    Raises
    ------
    ValueError
        When a voxel has no size.
    """

    def __init__(self, count: int, voxel_size_um: tuple[float, float, float] | None = None) -> None:
        self.size = (1.0, 1.0, 1.0) if voxel_size_um is None else voxel_size_um
        for edge in self.size:
            check_positive(edge, "each edge of a voxel in µm")
        self.count = count + 1
        self.sections = 0
        self.voxels = np.zeros(self.count, np.int64)
        self.centre = np.zeros((3, self.count))
        self.surface = np.zeros(self.count + 1)
        self.inner, self.outer = np.zeros(self.count), np.zeros(self.count)
        self.at_border = np.zeros(self.count, bool)
        self.seen_in = np.zeros(self.count, np.int64)
        self.neighbours: list[np.ndarray] = []
        self.before: np.ndarray | None = None
        self.pores_before: np.ndarray | None = None  # of the same section; None has none
        self.common = self.over = 0
        self.lines = 0.0

    def add(self, section: np.ndarray) -> None:
        """Add the next section, int (y, x), of numbers from 0 to `count`.

        Lines of 0 between grains go to the nearest one, as where a section is measured by itself:
        with them no grain has a neighbour, and all of them seem to be cut.
        """
        if not section.all():
            section, share = close_parting_lines(section, runs_of(section))
            self.lines += share
        found = holes_of(section)
        pores = found.pores if found.n_pores else None
        framed = np.pad(section.astype(np.int32), 1, constant_values=self.count)
        if self.before is None:  # the outside, which is no grain and no 0 either
            self._layers(np.full_like(framed, self.count), framed)
        else:
            self._layers(self.before, framed, (self.pores_before, pores))
            self._compare(self.before, framed)
        self._sizes(framed)
        self._within(framed, pores)
        self.sections += 1
        self.before, self.pores_before = framed, pores

    def table(self) -> pd.DataFrame:
        """Return the table of `grain_table_3d` of the sections so far; `label` are the numbers."""
        import pandas as pd

        sums = self if self.before is None else self._closed()
        labels = np.flatnonzero(sums.voxels)
        labels = labels[labels > 0]
        voxels, surface = sums.voxels[labels], sums.surface[labels]
        volume = voxels * math.prod(self.size)
        pairs = np.unique(np.concatenate(sums.neighbours or [np.zeros(0, np.int64)]))
        low, high = np.divmod(pairs, self.count)
        faces = np.bincount(low, minlength=self.count) + np.bincount(high, minlength=self.count)
        columns = {
            "label": labels,
            "voxels": voxels,
            "volume": volume,
            "surface": surface,
            "sphericity": math.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface,
            "eqd": (6 * volume / math.pi) ** (1 / 3),
            "faces": faces[labels],
            "boundary_fraction": (sums.inner / np.maximum(sums.inner + sums.outer, 1))[labels],
            "touches_border": sums.at_border[labels],
            "sections": sums.seen_in[labels],
        }
        for name, total in zip("zyx", sums.centre, strict=True):
            columns[f"centroid_{name}_px"] = total[labels] / voxels
        table = pd.DataFrame(columns)
        lines = self.lines / max(1, self.sections)
        table.attrs = {_COMMON: self.common, _OVER: self.over, LINES: lines}
        return table

    def _compare(self, below: np.ndarray, above: np.ndarray) -> None:
        """Count the numbers of both sections, and those that lie over themselves."""
        times = [np.bincount(each.ravel(), minlength=self.count + 1) for each in (below, above)]
        times.append(np.bincount(below[below == above], minlength=self.count + 1))
        once, again, over = (each[1 : self.count] > 0 for each in times)  # neither 0 nor the frame
        self.common += int(np.count_nonzero(once & again))
        self.over += int(np.count_nonzero(over))

    def _closed(self) -> VolumeSums:
        """Return these sums with the outside after the last section."""
        assert self.before is not None
        closed = copy.copy(self)  # with the neighbours: the outside is nobody's
        for name in ("surface", "outer", "at_border"):
            setattr(closed, name, getattr(self, name).copy())
        closed._layers(self.before, np.full_like(self.before, self.count))
        return closed

    def _sizes(self, framed: np.ndarray) -> None:
        """Count voxels and sum their places, run by run along the rows: fewer than pixels."""
        flat, width = framed.ravel(), framed.shape[1]
        first = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        first = np.concatenate([[0], first])
        length = np.diff(np.append(first, flat.size))
        label = flat[first]
        inside = label < self.count
        first, length, label = first[inside], length[inside], label[inside]
        row, column = np.divmod(first, width)
        times = np.bincount(label, length, self.count)
        self.voxels += times.astype(np.int64)
        self.seen_in += times > 0
        self.centre[0] += times * self.sections
        self.centre[1] += np.bincount(label, length * (row - 1.0), self.count)
        middle = column - 1 + (length - 1) / 2
        self.centre[2] += np.bincount(label, length * middle, self.count)

    def _within(self, framed: np.ndarray, pores: np.ndarray | None) -> None:
        """Count the outlines within a section, along rows, columns and diagonals."""
        for step, weight in zip(_STEPS, _weights(self.size), strict=True):
            if step[0] == 0:
                self._outlines(framed, framed, step, weight)
        section = framed[1:-1, 1:-1]
        for axis, (here, there) in enumerate(_SLICES):
            both = (None, None) if pores is None else (pores[here], pores[there])
            self._faces(section[here], section[there], both)
            ends = [np.take(section, end, axis).ravel() for end in (0, -1)]
            self._beside_outside(np.concatenate(ends))

    def _layers(
        self,
        below: np.ndarray,
        above: np.ndarray,
        pores: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
    ) -> None:
        """Count the outlines between two framed sections; one of them may be the outside."""
        for step, weight in zip(_STEPS, _weights(self.size), strict=True):
            if step[0] == 1:
                self._outlines(below, above, step, weight)
        one, two = below[1:-1, 1:-1], above[1:-1, 1:-1]
        outside = [int(each.flat[0]) == self.count for each in (one, two)]
        if any(outside):
            self._beside_outside((two if outside[0] else one).ravel())
        else:
            self._faces(one, two, pores)

    def _outlines(
        self, here: np.ndarray, there: np.ndarray, step: tuple[int, ...], weight: float
    ) -> None:
        """Count what lines of one direction meet from one framed section to another.

        A step is an offset of the flat section: what would wrap around goes from frame to frame.
        """
        one, two = here.ravel(), there.ravel()
        offset = step[1] * here.shape[1] + step[2]
        start = max(0, -offset)
        stop = one.size - max(0, offset)
        met = np.flatnonzero(one[start:stop] != two[start + offset : stop + offset]) + start
        # lines of a direction are this far apart, as an area
        apart = math.prod(self.size) / math.dist((0, 0, 0), np.multiply(step, self.size))
        for side in (one[met], two[met + offset]):
            times = np.bincount(side, minlength=self.count + 1)
            self.surface += 2 * weight * apart * times

    def _faces(
        self,
        here: np.ndarray,
        there: np.ndarray,
        pores: tuple[np.ndarray | None, np.ndarray | None],
    ) -> None:
        met = here != there
        one, two = here[met].astype(np.int64), there[met].astype(np.int64)
        real = (one > 0) & (two > 0)
        keys = np.minimum(one, two)[real] * self.count + np.maximum(one, two)[real]
        self.neighbours.append(np.unique(keys))
        cuts = ~real
        for pore in pores:
            if pore is not None:
                cuts &= ~pore[met]
        for side in (one, two):
            self.inner += np.bincount(side[real], minlength=self.count)
            self.outer += np.bincount(side[~real], minlength=self.count)
            self.at_border[side[cuts]] = True

    def _beside_outside(self, labels: np.ndarray) -> None:
        self.outer += np.bincount(labels, minlength=self.count)
        self.at_border[labels] = True


def _checked(grains: np.ndarray) -> np.ndarray:
    grains = np.ma.filled(grains, 0)
    if grains.ndim != 3:
        raise ValueError(f"a 3D table needs a map (z, y, x), not one of shape {grains.shape}")
    if not grains.size:
        raise ValueError(f"a 3D table needs a map with voxels, not one of shape {grains.shape}")
    if grains.dtype.kind not in "iu" or grains.min() < 0:
        raise ValueError("a 3D table needs a grain map of whole numbers from 0 on")
    return grains


@cache
def _weights(size: tuple[float, float, float]) -> tuple[float, ...]:
    """Return the share of all directions that are nearest to each step."""
    from scipy.spatial import SphericalVoronoi

    steps = np.array(_STEPS) * size
    rays = steps / np.linalg.norm(steps, axis=1)[:, None]
    areas = SphericalVoronoi(np.concatenate([rays, -rays])).calculate_areas()
    return tuple((areas[: len(_STEPS)] + areas[len(_STEPS) :]) / (4 * math.pi))

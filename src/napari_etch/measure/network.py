"""The network of boundaries: its length, and the angles at which boundaries meet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.checks import check_grain_map, check_pixel_size
from napari_etch.measure.contacts import Contacts, contacts_of
from napari_etch.measure.junctions import Junctions, find_junctions
from napari_etch.measure.runs import Runs, runs_of

# The direction of a boundary at a triple point is that of its course from here to there: nearer
# there are only the steps of pixels, further it bends.
ARM_PX = (2.0, 9.0)


@dataclass(frozen=True, eq=False)
class Network:
    """The boundaries of a field.

    Attributes
    ----------
    triple_points : int
        A point of four grains counts two.
    points : ndarray of float, (n, 2)
        Row and column of the triple points of three grains.
    angles_deg : ndarray of float, (m, 3)
        Dihedral angles at those triple points whose three boundaries are long enough, in the order
        of ``angle_labels``; each row adds up to 360.
    angle_points : ndarray of int64, (m,)
        Which of the points they belong to.
    angle_labels : ndarray of int64, (m, 3)
        The grain that each angle lies in.
    boundary_px : float
        Length of all boundaries between grains, px, by Crofton's formula in four directions.
    area_px : float
        Of the specimen.
    """

    triple_points: int
    points: np.ndarray
    angles_deg: np.ndarray
    angle_points: np.ndarray
    angle_labels: np.ndarray
    boundary_px: float
    area_px: float

    def boundary_per_area(self, pixel_size_um: float) -> float:
        """Return L_A, mm of boundary per mm² of section."""
        check_pixel_size(pixel_size_um)
        return self.boundary_px / self.area_px / pixel_size_um * 1000


def measure_network(grains: np.ndarray, *, junctions: Junctions | None = None) -> Network:
    """Measure triple points, dihedral angles and the length of boundaries.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x).
    junctions : Junctions, optional
        Of the same map, when they are known already.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers, or holds no grain.

    Notes
    -----
    Angles are those in the section; the true dihedral angles of an isotropic structure are their
    mean at best. On outlines drawn by pixels a single angle is good to some 5 to 10°.
    """
    grains = check_grain_map(grains, "the boundary network")
    if not (grains > 0).any():
        raise ValueError("the grain map holds no grain: there is no network to measure")
    if junctions is None:
        junctions = find_junctions(grains)
    runs = runs_of(grains)
    contacts = contacts_of(grains, runs)
    three = junctions.labels[:, 0] == 0
    points, labels = junctions.points[three], junctions.labels[three, 1:]
    angles, which, owners = _dihedral(grains.shape[1], runs, contacts, points, labels)
    return Network(
        triple_points=junctions.triple_points,
        points=points,
        angles_deg=angles,
        angle_points=which,
        angle_labels=owners,
        boundary_px=_boundary_length(grains),
        area_px=float(np.count_nonzero(grains)),
    )


def _boundary_length(grains: np.ndarray) -> float:
    """Return the length of boundary between grains, px."""
    total = 0.0
    for here, there, apart in (
        (grains[:, :-1], grains[:, 1:], 1.0),
        (grains[:-1], grains[1:], 1.0),
        (grains[:-1, :-1], grains[1:, 1:], 2**-0.5),
        (grains[:-1, 1:], grains[1:, :-1], 2**-0.5),
    ):
        total += apart * np.count_nonzero((here != there) & (here > 0) & (there > 0))
    return total * math.pi / 8


def _dihedral(
    width: int, runs: Runs, contacts: Contacts, points: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the angles of each point that has three clear arms, its number, and the grains."""
    none = np.zeros((0, 3)), np.zeros(0, np.int64), np.zeros((0, 3), np.int64)
    if not len(points):
        return none
    from scipy.spatial import cKDTree

    rows, columns = np.divmod(contacts.place, width)
    level = contacts.step == width
    sides = np.stack([rows + 0.5 * level, columns + 0.5 * ~level], axis=1)
    low = np.minimum(runs.labels[contacts.one], runs.labels[contacts.two])
    high = np.maximum(runs.labels[contacts.one], runs.labels[contacts.two])
    near = cKDTree(points).query_ball_tree(cKDTree(sides), ARM_PX[1])
    point = np.repeat(np.arange(len(points)), [len(each) for each in near])
    if point.size == 0:
        return none
    side = np.concatenate([np.asarray(each, np.int64) for each in near if each])
    step = sides[side] - points[point]
    far = np.hypot(*step.T) >= ARM_PX[0]
    directions = np.full((len(points), 3), np.nan)
    for arm, (one, two) in enumerate(((0, 1), (1, 2), (0, 2))):
        own = far & (low[side] == labels[point, one]) & (high[side] == labels[point, two])
        directions[:, arm] = _course(point[own], step[own], len(points))
    clear = np.flatnonzero(~np.isnan(directions).any(axis=1))
    # between the arms 01 and 12 lies grain 1, between 12 and 02 grain 2, between 02 and 01 grain 0
    turn = directions[clear]
    order = np.argsort(turn, axis=1)
    ordered = np.take_along_axis(turn, order, axis=1)
    gaps = np.diff(ordered, axis=1, append=ordered[:, :1] + 2 * math.pi)
    owner = _GRAIN_BETWEEN[order, np.roll(order, -1, axis=1)]
    return np.degrees(gaps), clear, np.take_along_axis(labels[clear], owner, axis=1)


def _course(point: np.ndarray, step: np.ndarray, count: int) -> np.ndarray:
    """Return the direction of an arm away from each point, radians; NaN where it is too short.

    It is the slope of the place along the distance: where exactly the point lies has no part in it.
    """
    away = np.hypot(*step.T)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(point, values, minlength=count)

    n = total(np.ones_like(away))
    with np.errstate(divide="ignore", invalid="ignore"):
        y = total(away * step[:, 0]) - total(away) * total(step[:, 0]) / n
        x = total(away * step[:, 1]) - total(away) * total(step[:, 1]) / n
    return np.where(n >= ARM_PX[1] - ARM_PX[0] - 2, np.arctan2(-y, x), np.nan)


# Which grain of the three lies between two of the arms 01, 12 and 02.
_GRAIN_BETWEEN = np.array([[0, 1, 0], [1, 0, 2], [0, 2, 0]])

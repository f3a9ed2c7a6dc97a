"""How the grains of one section have moved in the next: misalignment, leaning grains, distortion.

Everything is told from the grains themselves. Partners that share most with each other both ways
are nearly always one grain, so the median of their displacements is the common drift, and what
the nearest of them do around a grain is the local one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_etch.grains.tracking.sections import STRIP_PX, Floats, Ints, SectionGrains, counted

# So many partners around a grain tell its local drift, and the common one weighs as much as these.
_AROUND = 24
_PRIOR = 12.0
# Partners count by what they share, so that chance partners of small grains do not.
_LEAST_IOU = 0.1
# The drift is told again from the moved grains; by then it hardly changes.
_ROUNDS = 3
# Fewer partners than this tell nothing.
LEAST_PARTNERS = 5


@dataclass(frozen=True, eq=False)
class Drift:
    """How the grains of a section have moved in another one.

    Attributes
    ----------
    common : tuple of float
        (y, x) in px: the median of all.
    move : ndarray of float64, shape (n, 2)
        (y, x) in px of each grain of the first section, from what its neighbours do.
    spread : float
        Median deviation of the partners from `move`, px.
    partners : int
        Grains that it was told from.
    """

    common: tuple[float, float]
    move: Floats
    spread: float
    partners: int


def estimate_drift(
    one: SectionGrains, two: SectionGrains, pairs: Ints, area: Ints
) -> tuple[Drift, Ints, Ints]:
    """Tell the drift between two sections, and what lies over what once it is taken off.

    Parameters
    ----------
    one, two : SectionGrains
        Of equal height and width.
    pairs : ndarray of int64, shape (k, 2)
        Grains of `one` and of `two` that lie over each other as the sections stand.
    area : ndarray of int64, shape (k,)
        Px that they share.

    Returns
    -------
    drift : Drift
    pairs, area : ndarray of int64
        As given, with every grain of `one` moved by its drift, rounded to px.
    """
    drift = _told(one, two, pairs, area, None)
    moved = np.zeros(drift.move.shape, np.int64)
    for _ in range(_ROUNDS):
        wanted = np.rint(drift.move).astype(np.int64)
        if np.array_equal(wanted, moved):
            break
        moved = wanted
        pairs, area = carried_overlaps(one, two, moved)
        drift = _told(one, two, pairs, area, drift)
    return drift, pairs, area


def carried_overlaps(one: SectionGrains, two: SectionGrains, moved: Ints) -> tuple[Ints, Ints]:
    """Return what lies over what when each grain of `one` is moved by whole px.

    Parameters
    ----------
    one, two : SectionGrains
    moved : ndarray of int64, shape (n, 2)
        (y, x) of each grain of `one`.

    Returns
    -------
    pairs, area : ndarray of int64
        As `sections.overlaps`; what leaves the field is gone.
    """
    height, width = one.dense.shape
    if len(moved) and (moved == moved[0]).all():
        dy, dx = moved[0].tolist()
        here = one.dense[max(0, -dy) : max(0, height - dy), max(0, -dx) : max(0, width - dx)]
        there = two.dense[max(0, dy) : max(0, height + dy), max(0, dx) : max(0, width + dx)]
        if here.size == 0:
            return np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
        return counted(here, there, two.count)
    # With a rim of no grain as wide as the furthest move, no place lies outside of the array.
    rim = int(np.abs(moved).max(initial=0))
    target = np.pad(two.dense, rim)
    wide = width + 2 * rim
    target = target.ravel()
    step = np.concatenate([[0], moved[:, 0] * wide + moved[:, 1]]).astype(np.int32)
    keep = max(1, STRIP_PX // max(1, width))
    parts = []
    columns = np.arange(rim, rim + width, dtype=np.int32)[None]
    for top in range(0, height, keep):
        part = one.dense[top : top + keep]
        rows = np.arange(top + rim, top + rim + len(part), dtype=np.int32)[:, None]
        parts.append(counted(part, target[rows * wide + columns + step[part]], two.count))
    keys = np.concatenate([pair[:, 0] * (two.count + 1) + pair[:, 1] for pair, _ in parts])
    keys, index = np.unique(keys, return_inverse=True)
    total = np.bincount(index, np.concatenate([each for _, each in parts]), minlength=keys.size)
    return np.stack(np.divmod(keys, two.count + 1), axis=1), total.astype(np.int64)


def mutual_best(pairs: Ints, area: Ints) -> Ints:
    """Return the places of those pairs that share most with each other both ways, sorted."""
    chosen = []
    for side in (0, 1):
        order = np.lexsort((-area, pairs[:, side]))
        chosen.append(order[np.flatnonzero(np.diff(pairs[order, side], prepend=-1))])
    return np.intersect1d(chosen[0], chosen[1])


def _told(
    one: SectionGrains, two: SectionGrains, pairs: Ints, area: Ints, before: Drift | None
) -> Drift:
    from scipy.spatial import cKDTree

    nothing = Drift((0.0, 0.0), np.zeros((one.count, 2)), 0.0, 0)
    best = mutual_best(pairs, area)
    here, there = pairs[best].T
    iou = area[best] / (one.area[here] + two.area[there] - area[best])
    # a grain that the field cuts looks displaced when it is not
    good = (iou > _LEAST_IOU) & ~one.at_border[here] & ~two.at_border[there]
    here, there, iou = here[good], there[good], iou[good]
    if here.size < LEAST_PARTNERS:
        return before or nothing
    moves = two.centroid[there] - one.centroid[here]
    common = np.median(moves, axis=0)
    rest = moves - common
    limit = 3 * np.maximum(np.median(np.abs(rest), axis=0), 0.1)
    rest = np.clip(rest, -limit, limit)
    tree = cKDTree(one.centroid[here])
    count = min(_AROUND + 1, here.size)
    _, near = tree.query(one.centroid, k=count)
    near = near.reshape(one.count, count)
    weight = iou[near]
    weight[here[near] == np.arange(one.count)[:, None]] = 0  # a grain says nothing of itself
    local = (weight[..., None] * rest[near]).sum(axis=1) / (weight.sum(axis=1) + _PRIOR)[:, None]
    move = common + local
    spread = float(np.median(np.linalg.norm(moves - move[here], axis=1)))
    return Drift((float(common[0]), float(common[1])), move, spread, int(here.size))

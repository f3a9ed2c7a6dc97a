"""Merging twin lamellae into their grain, by shape alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.checks import check_grain_map
from napari_etch.measure.contacts import Contacts, contacts_of
from napari_etch.measure.runs import Runs, runs_of
from napari_etch.measure.shape import grain_table

LEAST_ASPECT = 3.0
# The two long sides: how parallel, how straight (px, and as a share of the length), and how much of
# each belongs to one neighbour.
PARALLEL_DEG = 8.0
STRAIGHT_PX = 0.8
STRAIGHT_SHARE = 0.025
ONE_NEIGHBOUR = 0.7
# The ends of a lamella are no part of its sides.
_MIDDLE = 0.35
_LEAST_POINTS = 4


@dataclass(frozen=True, eq=False)
class TwinMerge:
    """A grain map without the twins that show in their shape.

    Attributes
    ----------
    grains : ndarray, (y, x)
        The map with lamellae joined to what lies on either side.
    lamellae : tuple of int
        Labels of the map before that were taken for twins.
    """

    grains: np.ndarray
    lamellae: tuple[int, ...]


def merge_twins(grains: np.ndarray) -> TwinMerge:
    """Join parallel-sided lamellae to the grain or the two halves of the grain beside them.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x), without gaps between grains.

    Returns
    -------
    TwinMerge

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers.

    Notes
    -----
    A lamella is long (aspect ratio 3 or more), both of its long sides are straight and parallel,
    and each lies for 70 % along one neighbour. When these are two grains, both must reach one
    common neighbour, or the border, at each end of the lamella, as the halves of a grain do that a
    twin runs through. Orientation is not known, so this is a guess: it misses twins at the edge of
    a grain, and may join elongated grains. See docs/measuring.md for what it scores.
    """
    grains = check_grain_map(grains, "merging twins")
    if not grains.any():
        return TwinMerge(grains.copy(), ())
    table = grain_table(grains)
    runs = runs_of(grains)
    contacts = contacts_of(grains, runs)
    outlines = _outlines(grains.shape[1], runs, contacts)
    around = _neighbours(runs, contacts)
    border = set(table.loc[table["touches_border"], "label"].tolist())
    parent = {int(label): int(label) for label in table["label"]}
    found = []
    slim = table[(table["aspect_ratio"] >= LEAST_ASPECT) & (table["area_px"] >= 2 * _LEAST_POINTS)]
    for row in slim.itertuples():
        hosts = _hosts(row, outlines.get(int(row.label)))
        if hosts is None or not _same_grain(int(row.label), hosts, around, border):
            continue
        found.append(int(row.label))
        for host in hosts:
            parent[_root(parent, host)] = _root(parent, int(row.label))
    if not found:
        return TwinMerge(grains.copy(), ())
    roots = np.array([_root(parent, int(label)) if label else 0 for label in runs.labels])
    merged = roots[runs.index_of(grains)].astype(grains.dtype)
    return TwinMerge(merged, tuple(found))


def _root(parent: dict[int, int], label: int) -> int:
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


Outline = tuple[np.ndarray, np.ndarray]  # places (n, 2), and the label on the other side


def _outlines(width: int, runs: Runs, contacts: Contacts) -> dict[int, Outline]:
    """Return for each label its outline to other labels."""
    rows, columns = np.divmod(contacts.place, width)
    level = contacts.step == width
    places = np.stack([rows + 0.5 * level, columns + 0.5 * ~level], axis=1)
    own = np.concatenate([contacts.one, contacts.two])
    other = runs.labels[np.concatenate([contacts.two, contacts.one])]
    places = np.concatenate([places, places])
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(runs.labels.size + 1))
    return {
        int(label): (places[order[first:last]], other[order[first:last]])
        for label, first, last in zip(runs.labels, starts, starts[1:], strict=False)
    }


def _neighbours(runs: Runs, contacts: Contacts) -> dict[int, set[int]]:
    around: dict[int, set[int]] = {int(label): set() for label in runs.labels}
    keys = np.unique(contacts.one * runs.labels.size + contacts.two)
    for one, two in zip(*np.divmod(keys, runs.labels.size), strict=True):
        first, second = int(runs.labels[one]), int(runs.labels[two])
        around[first].add(second)
        around[second].add(first)
    return around


def _hosts(row: object, outline: Outline | None) -> tuple[int, int] | None:
    """Return the neighbours along both long sides of a lamella; None when it is none."""
    if outline is None:
        return None
    places, other = outline
    angle = math.radians(row.orientation_deg)  # type: ignore[attr-defined]
    centre = np.array([row.centroid_y_px, row.centroid_x_px])  # type: ignore[attr-defined]
    offset = places - centre
    along = -offset[:, 0] * math.sin(angle) + offset[:, 1] * math.cos(angle)
    across = offset[:, 0] * math.cos(angle) + offset[:, 1] * math.sin(angle)
    length = float(np.ptp(along))
    middle = np.abs(along) <= _MIDDLE * length
    slopes, hosts = [], []
    for side in (middle & (across > 0), middle & (across < 0)):
        if np.count_nonzero(side) < _LEAST_POINTS or np.ptp(along[side]) < 0.4 * length:
            return None
        line = np.polyfit(along[side], across[side], 1)
        rest = across[side] - np.polyval(line, along[side])
        if rest.std() > max(STRAIGHT_PX, STRAIGHT_SHARE * length):
            return None
        slopes.append(math.degrees(math.atan(line[0])))
        labels, counts = np.unique(other[side], return_counts=True)
        if labels[counts.argmax()] == 0 or counts.max() < ONE_NEIGHBOUR * counts.sum():
            return None
        hosts.append(int(labels[counts.argmax()]))
    if abs(slopes[0] - slopes[1]) > PARALLEL_DEG:
        return None
    return hosts[0], hosts[1]


def _same_grain(
    lamella: int, hosts: tuple[int, int], around: dict[int, set[int]], border: set[int]
) -> bool:
    """Return whether the two sides can be halves of one grain."""
    one, two = hosts
    if one == two:
        return True
    shared = (around[lamella] & around[one] & around[two]) - {0}
    ends = len(shared) + (lamella in border and one in border and two in border)
    return ends >= 2

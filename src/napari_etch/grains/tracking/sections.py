"""What tracking needs to know of a section and of two sections on top of each other."""

from __future__ import annotations

from dataclasses import dataclass

import fastremap
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Pixels looked at in one go: what is made on the way stays small, however large the section is.
STRIP_PX = 1 << 20
# Grains may be a drawn line apart and still be neighbours.
NEIGHBOUR_PX = 2


@dataclass(frozen=True, eq=False)
class SectionGrains:
    """The grains of one section, numbered 1 … n without gaps.

    Attributes
    ----------
    dense : ndarray of int32, shape (y, x)
        Those numbers; 0 is not a grain.
    labels : ndarray of int64, shape (n,)
        What grain 1, 2 … is called in the file.
    area : ndarray of int64, shape (n,)
        In px.
    centroid : ndarray of float64, shape (n, 2)
        (y, x) in px.
    at_border : ndarray of bool, shape (n,)
        Cut by the edge of the field.
    """

    dense: npt.NDArray[np.int32]
    labels: Ints
    area: Ints
    centroid: Floats
    at_border: npt.NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Number of grains."""
        return int(self.labels.size)


def describe(section: npt.NDArray[np.integer]) -> SectionGrains:
    """Return the grains of a section.

    Parameters
    ----------
    section : ndarray of int, shape (y, x)
        Grain map; every positive number is a grain.

    Raises
    ------
    ValueError
        When it is not 2D, not of whole numbers, or holds negative ones.
    """
    section = np.ma.filled(section, 0)
    if section.ndim != 2 or section.size == 0:
        raise ValueError(f"a section is one grain map (y, x), not an array of {section.shape}")
    if section.dtype.kind not in "iu":
        raise ValueError(f"grain maps hold whole numbers, not {section.dtype}")
    if section.dtype.kind == "i" and section.min() < 0:
        raise ValueError("the grain map holds negative numbers: grains are 1, 2 …, 0 is no grain")
    # ImageJ's files are big-endian, and so are arrays that tifffile reads of them
    section = section.astype(section.dtype.newbyteorder("="), copy=False)
    dense, names = fastremap.renumber(section, preserve_zero=True, in_place=False)
    dense = np.ascontiguousarray(dense, np.int32)
    labels = np.zeros(int(dense.max()) + 1, np.int64)
    for name, number in names.items():
        labels[int(number)] = int(name)
    size = labels.size
    area, sums = np.zeros(size), np.zeros((size, 2))
    for rows, part in _strips(dense):
        area += np.bincount(part.ravel(), minlength=size)
        y, x = np.arange(rows.start, rows.stop, dtype=float), np.arange(part.shape[1], dtype=float)
        for axis, place in enumerate((y[:, None], x[None])):
            weights = np.broadcast_to(place, part.shape).ravel()
            sums[:, axis] += np.bincount(part.ravel(), weights, minlength=size)
    at_border = np.zeros(size, bool)
    for edge in (dense[0], dense[-1], dense[:, 0], dense[:, -1]):
        at_border[edge] = True
    centroid = sums[1:] / np.maximum(area[1:, None], 1)
    return SectionGrains(dense, labels[1:], area[1:].astype(np.int64), centroid, at_border[1:])


def overlaps(one: SectionGrains, two: SectionGrains) -> tuple[Ints, Ints]:
    """Return which grains of two sections lie over each other, and by how much.

    Parameters
    ----------
    one, two : SectionGrains
        Of equal height and width.

    Returns
    -------
    pairs : ndarray of int64, shape (k, 2)
        Numbers from 0 of grains of `one` and of `two`, sorted.
    area : ndarray of int64, shape (k,)
        Px that the two share.
    """
    return counted(one.dense, two.dense, two.count)


def neighbours(section: SectionGrains) -> tuple[Ints, Floats]:
    """Return which grains of a section touch or are a thin line apart, and for how long.

    Returns
    -------
    pairs : ndarray of int64, shape (k, 2)
        Numbers from 0, sorted.
    length : ndarray of float64, shape (k,)
        Of the common boundary, px, from how often rows and columns cross it.
    """
    dense, step, count = section.dense, NEIGHBOUR_PX, section.count
    found = [
        counted(dense[:-step], dense[step:], count),
        counted(dense[:, :-step], dense[:, step:], count),
    ]
    both = np.sort(np.concatenate([pairs for pairs, _ in found]), axis=1)
    times = np.concatenate([times for _, times in found])
    apart = both[:, 0] != both[:, 1]
    if not apart.any():
        return np.zeros((0, 2), np.int64), np.zeros(0)
    both, times = both[apart], times[apart]
    keys, index = np.unique(both[:, 0] * count + both[:, 1], return_inverse=True)
    # Cauchy: a line of length L in any direction is crossed 4 L / π times by a grid of 1 px
    length = np.bincount(index, times, minlength=keys.size) / step * np.pi / 4
    return _unpacked(keys, count), length


def agreement(one: SectionGrains, two: SectionGrains, pairs: Ints, area: Ints) -> float:
    """Return how alike two sections are: the mean over all px of their grain's best IoU, 0 to 1."""
    if area.size == 0:
        return 0.0
    iou = area / (one.area[pairs[:, 0]] + two.area[pairs[:, 1]] - area)
    means = []
    for side, section in enumerate((one, two)):
        best = np.zeros(section.count)
        np.maximum.at(best, pairs[:, side], iou)
        means.append(float(best @ section.area / section.area.sum()))
    return sum(means) / 2


def _strips(array: npt.NDArray[np.int32]) -> list[tuple[range, npt.NDArray[np.int32]]]:
    rows = max(1, STRIP_PX // max(1, array.shape[1]))
    starts = range(0, array.shape[0], rows)
    ends = [min(start + rows, array.shape[0]) for start in starts]
    return [(range(a, b), array[a:b]) for a, b in zip(starts, ends, strict=True)]


def counted(
    one: npt.NDArray[np.int32], two: npt.NDArray[np.int32], count: int
) -> tuple[Ints, Ints]:
    """Return the pairs of numbers (from 0) at equal places of two maps, and how often each is.

    `count` is the largest number in `two`; 0 is no grain.

    Returns
    -------
    pairs : ndarray of int64, shape (k, 2)
    area : ndarray of int64, shape (k,)
        px.
    """
    if not one.size:  # a section of one row has no neighbours in the next
        return np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
    found, lengths = [], []
    for rows, part in _strips(one):
        keys = part.astype(np.int64).ravel() * (count + 1)
        keys += two[rows.start : rows.stop].ravel()
        # Grains are wide: looking at runs of equal pairs is ten times faster than at pixels.
        starts = np.append(0, np.flatnonzero(keys[1:] != keys[:-1]) + 1)
        found.append(keys[starts])
        lengths.append(np.diff(starts, append=keys.size))
    keys, index = np.unique(np.concatenate(found), return_inverse=True)
    times = np.bincount(index, np.concatenate(lengths), minlength=keys.size).astype(np.int64)
    first, second = np.divmod(keys, count + 1)
    real = (first > 0) & (second > 0)
    return np.stack([first[real] - 1, second[real] - 1], axis=1), times[real]


def _unpacked(keys: Ints, count: int) -> Ints:
    return np.stack(np.divmod(keys, count), axis=1)

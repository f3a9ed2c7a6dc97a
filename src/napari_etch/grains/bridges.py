"""Closing a broken boundary network: which gaps to bridge, and how sure each bridge is.

The network is flooded with its lines as walls and, off the lines, the probability that a line is
missing. Two fragments stay apart when the stretches of their common edge that run off the lines are
probable; such a stretch is a bridge. No bridge is made that does not begin at a free end of a line:
a network without free ends, or an empty picture, is returned as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.pixel_pairs import Groups, PixelPairs, level_of, read_pairs
from napari_etch.grains.fragments import flood
from napari_etch.grains.free_ends import free_ends, is_blunt_end, line_thickness
from napari_etch.grains.lines import enclosed_grains
from napari_etch.grains.merge_tree import agglomerate

__all__ = ["Bridge", "Closed", "close_network"]

Mask = npt.NDArray[np.bool_]
Float = npt.NDArray[np.float32]
Grains = npt.NDArray[np.int32]

# An edge that runs off the lines for fewer pixel pairs follows them; rounding, not a gap.
_LEAST_RUN = 2
# Smoothing of the flooding, in thicknesses, and its limits in px; see `grains.fragments`.
_SCALE, _SCALES = 1 / 3, (0.7, 4.0)
# A grain needs so many px that are no line.
_LEAST_AREA = 12.0
# A stretch meets the lines within so many px of it.
_TOUCH = 2
# Off the lines a wall is never as high as a line.
_HIGHEST = np.float32(0.98)


@dataclass(frozen=True, eq=False)
class Bridge:
    """A stretch of line that was added.

    Attributes
    ----------
    id : int
        From 1.
    confidence : float
        Mean probability, in [0, 1], that there is a boundary along it.
    length : float
        Of its centre line, px.
    path : ndarray of int, shape (n, 2)
        Rows and columns of its centre line, in order.
    """

    id: int
    confidence: float
    length: float
    path: npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Closed:
    """A closed network.

    Attributes
    ----------
    grains : int32 (y, x)
        Grain map; 0 off the field.
    added : int32 (y, x)
        Number of the bridge at each added pixel, 0 elsewhere.
    bridges : tuple of Bridge
    """

    grains: Grains
    added: Grains
    bridges: tuple[Bridge, ...]

    def confidence(self) -> Float:
        """Return the confidence of its bridge at each added pixel, 0 elsewhere, float32 (y, x)."""
        table = np.zeros(len(self.bridges) + 1, np.float32)
        for bridge in self.bridges:
            table[bridge.id] = bridge.confidence
        return table[self.added]


def close_network(
    lines: Mask,
    probability: Float,
    *,
    separation: Float | None = None,
    least: float = 0.5,
    mask: Mask | None = None,
    is_sharp: bool = True,
) -> Closed:
    """Bridge the gaps of a boundary network.

    Parameters
    ----------
    lines : bool (y, x)
        The broken network.
    probability : float32 (y, x)
        Of a boundary of the complete network, in [0, 1].
    separation : float32 (y, x), optional
        Probability that two grains are parted within a pixel or two of each pixel. A bridge may be
        certain while its course is not; where it is given, its confidence is the larger of the two.
    least : float
        Bridges less sure than this are not made.
    mask : bool (y, x), optional
        True on the field.
    is_sharp : bool
        Whether the probability tells how thick a bridge is; otherwise, as when it was enlarged,
        bridges are as thick as the lines are on average.

    Returns
    -------
    Closed

    Raises
    ------
    ValueError
        When the two maps differ in shape or `least` lies outside [0, 1].
    """
    if lines.shape != probability.shape or lines.ndim != 2:
        raise ValueError(
            f"The lines {lines.shape} and their probability {probability.shape} must be two "
            "pictures of one size."
        )
    if not 0 <= least <= 1:
        raise ValueError(f"The least confidence of a bridge is from 0 to 1, not {least}.")
    thickness = line_thickness(lines)
    ends = free_ends(lines, thickness, mask)
    chances = _ridge(probability if separation is None else np.maximum(probability, separation))
    grains = _cut(lines, probability, chances, thickness, least, mask)
    grains = _join_unfounded(grains, lines, ends, thickness)
    grains = _join_unsure(grains, lines, chances, least)
    # Where the probability is sharp it is followed: some lines are thicker than most.
    reach = 0.9 * thickness + 1.5 if is_sharp else thickness / 2 + 0.5
    return _draw(grains, lines, probability, chances, ends, thickness, reach)


def _cut(
    lines: Mask,
    probability: Float,
    chances: Float,
    thickness: float,
    least: float,
    mask: Mask | None,
) -> Grains:
    """Return the grains when every sufficiently probable gap is bridged."""
    walls = np.where(lines, np.float32(1), np.minimum(probability, _HIGHEST))
    fragments = flood(walls, mask, scale=float(np.clip(_SCALE * thickness, *_SCALES)))
    pairs, (off, chance) = read_pairs(
        fragments, lambda found: (_off(found, lines), level_of(found, chances))
    )
    groups = Groups(pairs)
    run = groups.mean(off) * groups.length
    gap = np.divide(
        groups.mean(off * chance) * groups.length, run, out=np.ones_like(run), where=run > 0
    )
    broken = run >= _LEAST_RUN
    areas = np.bincount(fragments[~lines], minlength=int(fragments.max(initial=0)) + 1)
    areas[0] = 0
    tree = agglomerate(
        np.stack(groups.labels, -1).astype(np.int32).reshape(-1, 2),
        np.where(broken, gap, 1.0).astype(np.float32),
        np.where(broken, run, groups.length).astype(np.float32),
        areas.astype(np.float32),
        min_area=_LEAST_AREA,
    )
    return tree.cut(least)[fragments]


def _off(pairs: PixelPairs, lines: Mask) -> Float:
    """Return 1 for the pairs off the lines, 0 for those on a line or beside one.

    Beside means across the edge, not along it, so that a gap keeps its length.
    """
    off = np.ones(pairs.y.size, bool)
    for step in (-1, 0, 1, 2):
        y = np.clip(pairs.y + step * pairs.down, 0, lines.shape[0] - 1)
        x = np.clip(pairs.x + step * ~pairs.down, 0, lines.shape[1] - 1)
        off &= ~lines[y, x]
    return off.astype(np.float32)


def _pairs_off(grains: Grains, lines: Mask) -> PixelPairs:
    """Return the pixel pairs of two grains off the lines."""
    return read_pairs(grains, lambda found: (), only=lambda found: _off(found, lines) > 0)[0]


def _runs(
    grains: Grains, lines: Mask, ends: npt.NDArray[np.intp], thickness: float
) -> tuple[PixelPairs, Mask]:
    """Return the pixel pairs of two grains off the lines, and which of them come from a free end.

    Stretches that meet, at a junction that was lost, need only one free end between them.
    """
    from scipy.ndimage import find_objects, label

    pairs = _pairs_off(grains, lines)
    picture = np.zeros(grains.shape, bool)
    picture[pairs.y, pairs.x] = True
    pieces, _ = label(picture, np.ones((3, 3), bool))
    near = _pieces_near(pieces, ends, int(np.ceil(thickness / 2)) + 4)
    founded = np.zeros(int(pieces.max(initial=0)) + 1, bool)
    founded[near] = True
    for number, window in enumerate(find_objects(pieces), start=1):
        if not founded[number]:
            founded[number] = _meets_an_end(pieces, number, window, lines, thickness)
    return pairs, founded[pieces[pairs.y, pairs.x]]


def _meets_an_end(
    pieces: npt.NDArray[np.integer],
    number: int,
    window: tuple[slice, slice],
    lines: Mask,
    thickness: float,
) -> bool:
    """Return whether one of the lines that a stretch meets ends there."""
    from scipy.ndimage import binary_dilation, center_of_mass, label

    grown = tuple(
        slice(max(0, side.start - _TOUCH), min(length, side.stop + _TOUCH))
        for side, length in zip(window, lines.shape, strict=True)
    )
    beside = binary_dilation(pieces[grown] == number, iterations=_TOUCH, structure=np.ones((3, 3)))
    faces, count = label(beside & lines[grown], np.ones((3, 3), bool))
    for face in range(1, count + 1):
        places = np.argwhere(faces == face)
        middle = center_of_mass(faces == face)
        place = places[((places - middle) ** 2).sum(1).argmin()] + [side.start for side in grown]
        if is_blunt_end(lines, place, thickness):
            return True
    return False


def _join_unfounded(
    grains: Grains, lines: Mask, ends: npt.NDArray[np.intp], thickness: float
) -> Grains:
    """Merge grains that only gaps without any free end hold apart."""
    pairs, founded = _runs(grains, lines, ends, thickness)
    if not pairs.y.size:
        return grains
    groups = Groups(pairs)
    # Beside a thick line an edge may leave it for a little where there is no gap.
    gap = groups.length > max(_LEAST_RUN, thickness) + 2
    join = gap & (groups.mean(founded.astype(np.float32)) == 0)
    low, high = groups.labels
    return _joined(grains, low[join], high[join])


def _join_unsure(grains: Grains, lines: Mask, chances: Float, least: float) -> Grains:
    """Merge grains that a gap less sure than the least holds apart, however sure their others are.

    A boundary with two gaps is open as long as one of them is.
    """
    while True:
        pairs = _pairs_off(grains, lines)
        numbers = _stretches(pairs)
        length = np.bincount(numbers)
        sums = np.bincount(numbers, chances[pairs.y, pairs.x])
        unsure = (sums < least * length) & (length > _LEAST_RUN)
        join = unsure[numbers]
        if not join.any():
            return grains
        grains = _joined(grains, pairs.low[join], pairs.high[join])


def _joined(
    grains: Grains, first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]
) -> Grains:
    """Return the map with these pairs of grains merged."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    count = int(grains.max()) + 1
    links = coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    _, merged = connected_components(links, directed=False)
    _, dense = np.unique(merged[1:], return_inverse=True)
    return np.concatenate([[0], dense + 1]).astype(np.int32)[grains]


def _pieces_near(
    pieces: npt.NDArray[np.integer], ends: npt.NDArray[np.intp], reach: int
) -> npt.NDArray[np.integer]:
    """Return the numbers of the pieces that come within `reach` px of an end."""
    found: list[npt.NDArray[np.integer]] = [np.zeros(0, pieces.dtype)]
    for row, column in ends:
        window = pieces[
            max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1
        ]
        found.append(np.unique(window[window > 0]))
    return np.concatenate(found)


def _draw(
    grains: Grains,
    lines: Mask,
    probability: Float,
    chances: Float,
    ends: npt.NDArray[np.intp],
    thickness: float,
    reach: float,
) -> Closed:
    """Draw each stretch of boundary off the lines as thick as the probability has it."""
    from scipy.ndimage import distance_transform_edt, find_objects

    pairs, founded = _runs(grains, lines, ends, thickness)
    numbers = _numbered(pairs.where(founded), grains.shape)
    count = int(numbers.max(initial=0))
    if not count:
        return Closed(_enclosed(lines, grains), numbers, ())
    far, nearest = distance_transform_edt(numbers == 0, return_indices=True)
    # Where the path runs a pixel beside a probable line, the line is drawn and not the path.
    added = ((far <= reach) & (probability >= 0.5)) | ((far <= 0) & (_ridge(probability) < 0.5))
    owner = np.where(added & ~lines & (grains > 0), numbers[tuple(nearest)], 0).astype(np.int32)
    _seal(owner, numbers[tuple(nearest)], far <= reach + 1, grains, lines)
    bridges: list[Bridge] = []
    # A stretch of a pixel or two may be drawn entirely as part of its neighbours.
    owner, drawn = _renumbered(owner, count)
    for index, window in enumerate(find_objects(numbers), start=1):
        if not drawn[index]:
            continue
        path = _in_order(np.argwhere(numbers[window] == index))
        path += [window[0].start, window[1].start]
        chance = float(chances[path[:, 0], path[:, 1]].mean())
        length = float(np.hypot(*np.diff(path, axis=0).T).sum()) + 1.0
        bridges.append(Bridge(len(bridges) + 1, chance, length, path))
    return Closed(_enclosed(lines | (owner > 0), grains), owner, tuple(bridges))


def _seal(owner: Grains, nearest: Grains, near: Mask, grains: Grains, lines: Mask) -> None:
    """Draw the pixels through which two grains still meet beside a bridge.

    Parameters
    ----------
    owner : int32 (y, x), changed in place: the bridge of each added pixel
    nearest : int32 (y, x), the nearest bridge of each pixel
    near : bool (y, x), where a bridge is near
    """
    walls = lines | (owner > 0)

    def open_here(pairs: PixelPairs) -> Mask:
        y, x = pairs.y + pairs.down, pairs.x + ~pairs.down
        return ~walls[pairs.y, pairs.x] & ~walls[y, x] & near[pairs.y, pairs.x]

    pairs, _ = read_pairs(grains, lambda found: (), only=open_here)
    owner[pairs.y, pairs.x] = nearest[pairs.y, pairs.x]


def _enclosed(lines: Mask, grains: Grains) -> Grains:
    return enclosed_grains(lines, grains > 0, least_area=_LEAST_AREA)


def _ridge(probability: Float) -> Float:
    """Return the largest probability within a pixel: a path may run beside the ridge."""
    from scipy.ndimage import maximum_filter

    ridge: Float = maximum_filter(probability, 3)
    return ridge


def _numbered(pairs: PixelPairs, shape: tuple[int, ...]) -> Grains:
    """Draw the numbers of the stretches of pixel pairs, dense from 1, int32 (y, x)."""
    of_pairs = _stretches(pairs)
    numbers = np.zeros(shape, np.int32)
    numbers[pairs.y, pairs.x] = of_pairs
    # A pixel where three grains meet lies on several stretches, and one of them has it.
    return _renumbered(numbers, int(of_pairs.max(initial=0)))[0]


def _renumbered(numbers: Grains, last: int) -> tuple[Grains, Mask]:
    """Return numbers 0 … `last` without those that no pixel has, and which a pixel has."""
    used = np.bincount(numbers.ravel(), minlength=last + 1) > 0
    used[0] = False
    return np.where(used, np.cumsum(used), 0).astype(np.int32)[numbers], used


def _stretches(pairs: PixelPairs) -> npt.NDArray[np.intp]:
    """Number stretches of pixel pairs, each between two grains and in one piece, from 1."""
    from scipy.ndimage import label

    numbers = np.zeros(pairs.y.size, np.intp)
    key = pairs.low * (int(pairs.high.max(initial=0)) + 1) + pairs.high
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    last = 0
    for part in np.split(order, cuts) if order.size else []:
        y, x = pairs.y[part] - pairs.y[part].min(), pairs.x[part] - pairs.x[part].min()
        picture = np.zeros((int(y.max()) + 1, int(x.max()) + 1), bool)
        picture[y, x] = True
        pieces, count = label(picture, np.ones((3, 3), bool))
        numbers[part] = last + pieces[y, x]
        last += count
    return numbers


def _in_order(places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the pixels of a stretch from one of its ends to the other."""
    from scipy.spatial import KDTree

    if len(places) < 3:
        return places
    centre = places.mean(0)
    here = int(np.argmax(((places - centre) ** 2).sum(1)))
    tree, order, left = KDTree(places), [here], np.ones(len(places), bool)
    left[here] = False
    for _ in range(len(places) - 1):
        near = tree.query(places[here], min(len(places), 9))[1]
        fresh = near[left[near]]
        if not len(fresh):
            fresh = np.flatnonzero(left)
            fresh = fresh[np.argsort(((places[fresh] - places[here]) ** 2).sum(1))]
        here = int(fresh[0])
        left[here] = False
        order.append(here)
    return places[np.array(order)]

"""Polygons and masks: outlines on the corners of pixels, and filling that gives the mask back.

Coordinates are (x, y) with pixel (row, column) covering column … column + 1 and row … row + 1, as
the canvas of an annotation tool has it. So outlines are whole numbers, neighbours share theirs, and
a pixel is inside when its middle is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.float64]
"""A closed outline, (n, 2) as x and y; the last point is joined with the first."""
Mask = npt.NDArray[np.bool_]
Window = tuple[slice, slice]
Part = tuple[Window, Mask]
"""Rows and columns within an image, and which pixels of them are meant."""

# Points up to which crossings are looked for all at once.
_BLOCK = 512
_LARGE = 1e7  # px


def fill_ring(ring: Ring, shape: tuple[int, int]) -> Part:
    """Return the pixels whose middle lies inside a closed outline (even-odd rule).

    Parameters
    ----------
    ring : ndarray of float, shape (n, 2)
        x and y, finite; parts outside the image are cut off.
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    window, mask
        Rows and columns around it, within the image, and which pixels of it are inside.
    """
    low = np.clip(np.floor(ring.min(axis=0)), 0, shape[::-1]).astype(int)
    high = np.clip(np.ceil(ring.max(axis=0)), 0, shape[::-1]).astype(int)
    window = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    rows, columns = high[1] - low[1], high[0] - low[0]
    if rows <= 0 or columns <= 0:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
    start = ring - low
    end = np.roll(start, -1, axis=0)
    top, bottom = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(top - 0.5), 0, rows).astype(int)
    behind = np.clip(np.ceil(bottom - 0.5), 0, rows).astype(int)
    count = behind - first
    edge = np.repeat(np.arange(len(ring)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    step = end[edge] - start[edge]
    x = start[edge, 0] + (row + 0.5 - start[edge, 1]) * step[:, 0] / step[:, 1]
    column = np.clip(np.ceil(x - 0.5), 0, columns).astype(int)
    crossings = np.bincount(row * (columns + 1) + column, minlength=rows * (columns + 1))
    inside = np.cumsum(crossings.reshape(rows, columns + 1)[:, :-1], axis=1) % 2 == 1
    return window, inside


def outlines(mask: Mask) -> list[list[Ring]]:
    """Return the outlines of a mask on the corners of its pixels.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)

    Returns
    -------
    list of list of ndarray
        For each 4-connected piece its outer ring and then its holes; a ring has only the points
        where it turns.
    """
    from scipy import ndimage as ndi

    pieces, n = ndi.label(mask)
    found = []
    for number, box in enumerate(ndi.find_objects(pieces), 1):
        if box is None:
            continue
        rings = _rings(mask[box] if n == 1 else pieces[box] == number)
        corner = np.array([box[1].start, box[0].start], float)
        found.append([ring + corner for ring in rings])
    return found


def _rings(piece: Mask) -> list[Ring]:
    """Return the rings of one 4-connected piece, the outer one first."""
    padded = np.pad(piece, 1)
    nw, ne = padded[:-1, :-1], padded[:-1, 1:]
    sw, se = padded[1:, :-1], padded[1:, 1:]
    # A turn has one inside pixel of four, or three; where two meet at a corner there are two turns.
    ways = (
        (nw & ~ne & ~sw) | (~nw & ne & sw & se),  # joins the sides above and to the left
        (ne & ~nw & ~se) | (~ne & nw & sw & se),  # above, right
        (sw & ~nw & ~se) | (~sw & nw & ne & se),  # below, left
        (se & ~ne & ~sw) | (~se & nw & ne & sw),  # below, right
    )
    turns = [np.nonzero(way) for way in ways]
    y = np.concatenate([turn[0] for turn in turns])
    x = np.concatenate([turn[1] for turn in turns])
    kind = np.repeat(np.arange(4), [len(turn[0]) for turn in turns])
    along_y = _partners(np.lexsort((kind // 2, y, x)))
    along_x = _partners(np.lexsort((kind % 2, x, y)))
    corners = np.stack([x, y], axis=1).astype(float)
    rings = [corners[ring] for ring in _walk(along_x.tolist(), along_y.tolist())]
    outer, *holes = sorted(rings, key=lambda ring: -_box_area(ring))
    return [_turned(outer, 1), *(_turned(hole, -1) for hole in holes)]


def _turned(ring: Ring, sense: int) -> Ring:
    """Return a ring in a sense, so that tools that fill by winding number agree about holes."""
    return ring if _enclosed(ring) * sense > 0 else ring[::-1]


def _partners(order: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return for each turn the other end of its side, from the turns in order along the lines."""
    partners = np.empty_like(order)
    partners[order[0::2]], partners[order[1::2]] = order[1::2], order[0::2]
    return partners


def _walk(along_x: list[int], along_y: list[int]) -> list[list[int]]:
    """Return the rings of turns, going along x and y by turns."""
    left = set(range(len(along_x)))
    rings = []
    for start in range(len(along_x)):
        if start not in left:
            continue
        ring, at = [], start
        while at in left:
            other = along_x[at]
            ring += [at, other]
            left -= {at, other}
            at = along_y[other]
        rings.append(ring)
    return rings


def _box_area(ring: Ring) -> float:
    return float(np.prod(np.ptp(ring, axis=0)))


def joined(rings: Sequence[Ring]) -> Ring:
    """Return one ring with the same inside as several, by cuts of no width between them.

    A polygon without holes holds a piece with holes, or a thing in several pieces, that way.

    Parameters
    ----------
    rings : sequence of ndarray
        Rings that do not cross, at least one.

    Returns
    -------
    ndarray of float, shape (n, 2)
        Filled by the even-odd rule it is what the rings are.
    """
    whole = rings[0]
    rest = list(rings[1:])
    while rest:
        _distance, at, number, other = min(_nearest(whole, ring, k) for k, ring in enumerate(rest))
        ring = rest.pop(number)
        turned = np.roll(ring, -other, axis=0)
        detour = [turned, turned[:1], whole[at : at + 1]]
        whole = np.concatenate([whole[: at + 1], *detour, whole[at + 1 :]])
    return whole


def _nearest(whole: Ring, ring: Ring, number: int) -> tuple[float, int, int, int]:
    from scipy.spatial import cKDTree

    distance, at = cKDTree(whole).query(ring)
    other = int(np.argmin(distance))
    return float(distance[other]), int(at[other]), number, other


def crosses_itself(ring: Ring) -> bool:
    """Return whether two sides of a ring cross; touching and running along each other do not count.

    Parameters
    ----------
    ring : ndarray of float, shape (n, 2)
    """
    if _is_along_pixels(ring):
        # Around whole pixels what is filled is as large as what is enclosed, unless it crosses.
        size = np.ptp(ring, axis=0).astype(int)
        _window, inside = fill_ring(ring - ring.min(axis=0), (int(size[1]), int(size[0])))
        return bool(inside.sum() != round(abs(_enclosed(ring))))
    start, end = _without_cuts(ring)
    for first in range(0, len(start), _BLOCK):
        one = slice(first, first + _BLOCK)
        a, b = start[one, None], end[one, None]
        apart = _side(a, b, start[None]) * _side(a, b, end[None]) < 0
        apart &= _side(start[None], end[None], a) * _side(start[None], end[None], b) < 0
        if apart.any():
            return True
    return False


def _without_cuts(ring: Ring) -> tuple[Ring, Ring]:
    """Return the sides of a ring without those that it goes along both ways."""
    sides = np.concatenate([ring, np.roll(ring, -1, axis=0)], axis=1)
    back = {tuple(side) for side in sides[:, [2, 3, 0, 1]].tolist()}
    kept = sides[[tuple(side) not in back for side in sides.tolist()]]
    return kept[:, :2], kept[:, 2:]


def _is_along_pixels(ring: Ring) -> bool:
    """Return whether all sides of a ring run along the sides of pixels, and it is no large one."""
    along = (ring == np.roll(ring, -1, axis=0)).any(axis=1)
    return bool(along.all() and (ring == np.rint(ring)).all() and _box_area(ring) <= _LARGE)


def _enclosed(ring: Ring) -> float:
    """Return the area of a ring, with the sign of its sense (shoelace formula)."""
    x, y = (ring - ring[0]).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(np.roll(x, -1), y)) / 2


def _side(a: Ring, b: Ring, point: Ring) -> npt.NDArray[np.float64]:
    """Return on which side of the line from a to b a point lies: -1, 0 or 1."""
    along, to = b - a, point - a
    return np.sign(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0])

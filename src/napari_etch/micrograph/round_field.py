"""The outline of a picture within a blank frame: a circle, or a rectangle that is tilted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

_CORNER = 0.02  # of the shorter side: a patch that tells the level and noise around the picture
_FEWEST_CORNERS = 3
_NOISE = 6.0  # times its deviation
_FLAT = 0.08  # the patch's deviation, as a share of the picture's
_OFF = 0.01  # how far the outline may lie off the shape in the mean, as a share of its size
_LEAST_OFF = 1.5  # px
_WRONG = 0.01  # of what is inside a circle may be missing there, or lie far outside it
_LEAST_INSIDE = 0.2  # of the picture
_NOTCHES = 0.05  # of what is inside
_FEWEST = 40  # px of outline
_ANGLE = math.radians(4)  # by which its sides may miss the right angle
_FEW = 0.06  # of them that may lie on no side, as where a grain has cut a corner off


def inside_circle(seen: Mask) -> Mask | None:
    """Return the inside of a round field of view, a little smaller than what is seen of it.

    Parameters
    ----------
    seen : bool (y, x)
        As `picture_within` returns it.

    Returns
    -------
    bool (y, x), or None when there is no round field.
    """
    points = _outline(seen)
    if len(points) < _FEWEST:
        return None
    y, x = points.T.astype(np.float64)
    system = np.stack([y, x, np.ones(len(y))], axis=1)
    (a, b, c), *_ = np.linalg.lstsq(system, y**2 + x**2, rcond=None)
    centre, square = (a / 2, b / 2), c + (a**2 + b**2) / 4
    if square <= 0:
        return None
    radius = float(np.sqrt(square))
    off = np.abs(np.hypot(y - centre[0], x - centre[1]) - radius)
    limit = max(_LEAST_OFF, _OFF * radius)
    if off.mean() > limit or radius > max(seen.shape):
        return None
    rows, columns = np.ogrid[: seen.shape[0], : seen.shape[1]]
    squares = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    inside = squares <= max(0.0, radius - limit) ** 2
    near = squares <= (radius + limit + 2) ** 2
    wrong = (seen & ~near) | (inside & ~seen)
    return np.asarray(inside) if wrong.sum() <= _WRONG * inside.sum() else None


def inside_rectangle(seen: Mask) -> Mask | None:
    """Return the inside of a picture that was rotated within its frame.

    Parameters
    ----------
    seen : bool (y, x)
        As `picture_within` returns it.

    Returns
    -------
    bool (y, x), or None when there is no such picture.
    """
    from scipy.ndimage import binary_erosion

    points = _outline(seen)
    if len(points) < _FEWEST or not _are_of_rectangle(points):
        return None
    return np.asarray(binary_erosion(seen, iterations=2, border_value=1))


def picture_within(
    grey: npt.NDArray[Any], allowed: float, known: Mask | None = None
) -> Mask | None:
    """Return the convex shape of what is not like the four corners; None where these differ.

    Parameters
    ----------
    grey : numpy.ndarray
        ``(y, x)``, any real type.
    allowed : float
        How far grey values may lie apart around the picture, beside their noise.
    known : bool (y, x), optional
        What is no specimen anyhow, such as a scale bar; it may cover one corner.
    """
    from scipy.ndimage import binary_fill_holes, label

    patches = _corners(grey, known)
    if len(patches) < _FEWEST_CORNERS:
        return None
    levels = [float(np.median(patch)) for patch in patches]
    noise = max(float(patch.std()) for patch in patches)
    reach = allowed + _NOISE * noise
    step = max(1, grey.size // 1_000_000)
    if not noise <= _FLAT * float(np.nanstd(grey.ravel()[::step].astype(np.float64))):
        return None
    if not max(levels) - min(levels) <= reach:
        return None
    level = float(np.median(levels))
    away = np.abs(grey.astype(np.float32, copy=False) - np.float32(level)) > reach
    if known is not None:
        away &= ~known
    parts, _ = label(binary_fill_holes(away))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest = int(sizes.argmax())
    if sizes[largest] < _LEAST_INSIDE * grey.size:
        return None
    seen = np.asarray(parts == largest)
    # grains of the same level at its rim leave notches
    hull = _convex(seen)
    if hull.sum() > (1 + _NOTCHES) * seen.sum() or hull[[0, 0, -1, -1], [0, -1, 0, -1]].any():
        return None
    return hull


def _corners(grey: npt.NDArray[Any], known: Mask | None) -> list[npt.NDArray[np.float64]]:
    """Return the values in those corners of which most is not known, as floats."""
    side = max(4, round(_CORNER * min(grey.shape)))
    ends = slice(None, side), slice(-side, None)
    patches = []
    for place in ((rows, columns) for rows in ends for columns in ends):
        patch = grey[place].astype(np.float64)
        patch = patch.ravel() if known is None else patch[~known[place]]
        if len(patch) > side**2 / 2:
            patches.append(patch)
    return patches


def _convex(seen: Mask) -> Mask:
    """Return the convex hull of a connected shape; row by row, which takes no time."""
    rows = np.flatnonzero(seen.any(axis=1))
    part = seen[rows[0] : rows[-1] + 1]
    left = part.argmax(axis=1)
    right = part.shape[1] - 1 - part[:, ::-1].argmax(axis=1)
    columns = np.arange(part.shape[1])
    hull = np.zeros_like(seen)
    hull[rows[0] : rows[-1] + 1] = (columns >= _below(left)[:, None]) & (
        columns <= -_below(-right)[:, None]
    )
    return hull


def _below(heights: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return the convex line below pixels at these heights, one a row; half a px around counts."""
    halves = np.empty(2 * len(heights) + 1, np.int64)
    halves[1::2] = 2 * heights - 1
    ends = np.concatenate([heights[:1], np.minimum(heights[1:], heights[:-1]), heights[-1:]])
    halves[::2] = 2 * ends
    chain: list[tuple[int, int]] = []
    for point in enumerate(halves.tolist()):
        while len(chain) > 1:
            (x, y), (at, height) = chain[-2:]
            if (height - y) * (point[0] - x) < (point[1] - y) * (at - x):
                break
            chain.pop()
        chain.append(point)
    places, lowest = zip(*chain, strict=True)
    return np.interp(np.arange(1, len(halves), 2), places, lowest) / 2


def _outline(seen: Mask) -> npt.NDArray[np.intp]:
    """Return the pixels (n, 2) at the rim of a shape, without those at the frame."""
    from scipy.ndimage import binary_erosion

    rim = seen & ~binary_erosion(seen, border_value=1)
    rim[[0, -1]] = rim[:, [0, -1]] = False
    return np.argwhere(rim)


def _are_of_rectangle(points: npt.NDArray[np.intp]) -> bool:
    """Return whether all but a few points lie on four lines at right angles to each other."""
    left = points.astype(np.float64)
    angles: list[float] = []
    while len(left) > _FEW * len(points):
        if len(angles) == 4:
            return False
        angle, distance = _best_line(left)
        angles.append(angle)
        left = left[distance > 2 * _LEAST_OFF]
    turns = np.exp(4j * np.array(angles))  # a right angle is a whole turn
    return bool(np.abs(np.angle(turns / turns[0])).max() < 4 * _ANGLE)


def _best_line(points: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the angle of the line that most points lie on, and their distances from it."""
    best, most, direction = np.full(len(points), np.inf), -1, 0.0
    for angle in np.linspace(0, np.pi, 360, endpoint=False):
        along = points @ (np.sin(angle), np.cos(angle))
        counts, edges = np.histogram(along, bins=np.arange(along.min(), along.max() + 3, 2.0))
        if counts.max() > most:
            most, direction = int(counts.max()), float(angle)
            best = np.abs(along - (edges[counts.argmax()] + 1))
    return direction, best

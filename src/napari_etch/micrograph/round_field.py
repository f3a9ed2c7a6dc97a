"""The outline of a picture within a blank frame: a circle, or a rectangle that is tilted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

_CORNER = 0.02  # of the shorter side: a patch that tells the level and noise around the picture
_NOISE = 6.0  # times its deviation
_FLAT = 0.08  # the patch's deviation, as a share of the picture's
_OFF = 0.01  # how far the outline may lie off the shape in the mean, as a share of its size
_LEAST_OFF = 1.5  # px
_LEAST_INSIDE = 0.2  # of the picture
_NOTCHES = 0.05  # of what is inside
_FEWEST = 40  # px of outline
_ANGLE = math.radians(4)  # by which its sides may miss the right angle
_FEW = 0.06  # of them that may lie on no side, as where a grain has cut a corner off


def inside_circle(grey: npt.NDArray[Any], allowed: float) -> Mask | None:
    """Return the inside of a round field of view, a little smaller than what is seen of it.

    Parameters
    ----------
    grey : numpy.ndarray
        ``(y, x)``, any real type.
    allowed : float
        How far grey values may lie apart around the field, beside their noise.

    Returns
    -------
    bool (y, x), or None when there is no round field.
    """
    seen = _picture(grey, allowed)
    if seen is None:
        return None
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
    if off.mean() > limit or radius > max(grey.shape):
        return None
    rows, columns = np.ogrid[: grey.shape[0], : grey.shape[1]]
    inside = np.hypot(rows - centre[0], columns - centre[1]) <= radius - limit
    return np.asarray(inside) if _agree(inside, seen, limit) else None


def inside_rectangle(grey: npt.NDArray[Any], allowed: float) -> Mask | None:
    """Return the inside of a picture that was rotated within its frame.

    Parameters
    ----------
    grey, allowed
        As of `inside_circle`.

    Returns
    -------
    bool (y, x), or None when there is no such picture.
    """
    from scipy.ndimage import binary_erosion

    seen = _picture(grey, allowed)
    if seen is None:
        return None
    points = _outline(seen)
    if len(points) < _FEWEST or not _are_of_rectangle(points):
        return None
    inside = binary_erosion(seen, iterations=2, border_value=1)
    return np.asarray(inside) if _agree(inside, seen, _LEAST_OFF) else None


def _picture(grey: npt.NDArray[Any], allowed: float) -> Mask | None:
    """Return the convex shape of what is not like the four corners; None where these differ."""
    from scipy.ndimage import binary_fill_holes, label
    from skimage.morphology import convex_hull_image

    side = max(4, round(_CORNER * min(grey.shape)))
    ends = slice(None, side), slice(-side, None)
    patches = [grey[rows, columns].astype(np.float64) for rows in ends for columns in ends]
    levels = [float(np.median(patch)) for patch in patches]
    noise = max(float(patch.std()) for patch in patches)
    reach = allowed + _NOISE * noise
    step = max(1, grey.size // 1_000_000)
    if not noise <= _FLAT * float(np.nanstd(grey.ravel()[::step].astype(np.float64))):
        return None
    if max(levels) - min(levels) > reach:
        return None
    level = float(np.median(levels))
    away = np.abs(grey.astype(np.float32, copy=False) - np.float32(level)) > reach
    parts, _ = label(binary_fill_holes(away))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest = int(sizes.argmax())
    if sizes[largest] < _LEAST_INSIDE * grey.size:
        return None
    seen = np.asarray(parts == largest)
    # grains of the same level at its rim leave notches
    hull = np.asarray(convex_hull_image(seen))
    if hull.sum() > (1 + _NOTCHES) * seen.sum() or hull[[0, 0, -1, -1], [0, -1, 0, -1]].any():
        return None
    return hull


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


def _agree(inside: Mask, seen: Mask, limit: float) -> bool:
    """Return whether a shape is filled by what is seen, and little of that is outside it."""
    from scipy.ndimage import binary_dilation

    reach = int(np.ceil(2 * limit + 2))
    beyond = seen & ~binary_dilation(inside, iterations=reach)
    missing = inside & ~seen
    return bool(beyond.sum() + missing.sum() <= 0.01 * inside.sum())

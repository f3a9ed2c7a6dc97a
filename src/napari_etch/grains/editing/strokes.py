"""Strokes of the hand: paths of points (row, column), brought to pixels and to runs in grains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Labels, Mask, Window, grow
from napari_etch.grains.editing.errors import EditError

__all__ = ["Run", "inside_polygon", "length_of", "ray", "runs", "sampled", "stroke_pixels"]

_STEP = 0.5  # px between samples: no pixel that the stroke really crosses is passed over
_TAIL = 8.0  # px of a stroke's end that say where it was heading; a hand trembles by less

Points = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Run:
    """A part of a stroke that stays in one grain.

    Parameters
    ----------
    label : int
    points : ndarray of float, shape (n, 2)
        Samples, half a pixel apart.
    enters, leaves : bool
        Whether the stroke comes from outside the grain, and goes on beyond it.
    """

    label: int
    points: Points
    enters: bool
    leaves: bool

    @property
    def length(self) -> float:
        """Length in px."""
        return length_of(self.points)


def sampled(path: npt.ArrayLike, *, least: int = 2) -> Points:
    """Return a path as points half a pixel apart.

    Parameters
    ----------
    path : array_like, shape (n, 2)
        Rows and columns in pixels; n at least `least`.

    Raises
    ------
    EditError
        When it is no such path.
    """
    points = np.asarray(path, float)
    if points.ndim != 2 or points.shape[1] != 2 or points.shape[0] < least:
        raise EditError(
            f"A stroke is at least {least} points (row, column), not an array {points.shape}."
        )
    if not np.isfinite(points).all():
        raise EditError("The stroke has points that are not finite numbers: draw it again.")
    steps = np.hypot(*np.diff(points, axis=0).T)
    points = points[np.concatenate([[True], steps > 0])]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, along[-1], max(2, int(np.ceil(along[-1] / _STEP)) + 1))
    if along.size == 1:
        return points
    return np.stack([np.interp(at, along, points[:, 0]), np.interp(at, along, points[:, 1])], 1)


def length_of(points: Points) -> float:
    """Return the length of a path in px."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def stroke_pixels(points: Points, window: Window) -> Pixels:
    """Return the pixels under sampled points, shape (m, 2), relative to the window.

    Each occurs once, in order; pixels outside the window are left out.
    """
    corner = (window[0].start, window[1].start)
    pixels = np.rint(points).astype(np.intp) - corner
    size = (window[0].stop - corner[0], window[1].stop - corner[1])
    pixels = pixels[((pixels >= 0) & (pixels < size)).all(axis=1)]
    if pixels.shape[0] == 0:
        return pixels
    moved = np.concatenate([[True], (np.diff(pixels, axis=0) != 0).any(axis=1)])
    return pixels[moved]


def runs(grains: Labels, points: Points) -> list[Run]:
    """Cut a sampled stroke, float64 (n, 2), row and column, where it passes from grain to grain.

    Samples outside the map or on 0 belong to no run.
    """
    pixels = np.rint(points).astype(np.intp)
    inside = ((pixels >= 0) & (pixels < grains.shape)).all(axis=1)
    labels = np.zeros(points.shape[0], np.int64)
    labels[inside] = grains[pixels[inside, 0], pixels[inside, 1]]
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    stops = np.append(starts[1:], labels.size)
    return [
        Run(int(labels[a]), points[a:b], bool(a > 0), bool(b < labels.size))
        for a, b in zip(starts.tolist(), stops.tolist(), strict=True)
        if labels[a] != 0
    ]


def ray(grains: Labels, label: int, points: Points) -> Points:
    """Return samples that lead on from the end of a stroke, straight, to the end of its grain.

    The last sample is the last one in the grain; there may be none.
    """
    heading = _heading(points)
    reach = float(np.hypot(*grains.shape))
    steps = np.arange(_STEP, reach, _STEP)
    samples = points[-1] + steps[:, None] * heading
    pixels = np.rint(samples).astype(np.intp)
    outside = ((pixels < 0) | (pixels >= grains.shape)).any(axis=1)
    limit = int(np.argmax(outside)) if outside.any() else outside.size
    values = grains[pixels[:limit, 0], pixels[:limit, 1]]
    other = np.flatnonzero(values != label)
    return samples[: int(other[0]) if other.size else limit]


def _heading(points: Points) -> Points:
    away = points[-1] - points
    distance = np.hypot(*away.T)
    far = np.flatnonzero(distance >= _TAIL)
    start = int(far[-1]) if far.size else int(np.argmax(distance))
    if distance[start] == 0:
        return np.array([0.0, 1.0])
    return np.asarray(away[start] / distance[start])


def inside_polygon(polygon: npt.ArrayLike, shape: tuple[int, ...]) -> tuple[Window, Mask]:
    """Return the window of a polygon on a map of this shape, and which of its pixels lie inside.

    Parameters
    ----------
    polygon : array_like, shape (n, 2)
        Corners (row, column), at least three; it is closed by itself.
    shape : (int, int)

    Raises
    ------
    EditError
        When it is no polygon, or holds no pixel of the map.
    """
    from skimage.draw import polygon2mask

    corners = np.asarray(polygon, float)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or corners.shape[0] < 3:
        raise EditError(
            f"A region is at least 3 corners (row, column), not an array {corners.shape}."
        )
    if not np.isfinite(corners).all():
        raise EditError("The region has corners that are not finite numbers: draw it again.")
    low = np.floor(corners.min(axis=0)).astype(int)
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    top, left = np.clip(low, 0, shape[:2]).tolist()
    stop, right = np.clip(high, 0, shape[:2]).tolist()
    if top >= stop or left >= right:
        raise EditError("The region lies outside the map: draw it inside.")
    window = grow((slice(top, stop), slice(left, right)), 0, shape)
    mask = polygon2mask((stop - top, right - left), corners - (top, left))
    if not mask.any():
        raise EditError("The region holds no pixel: draw a larger one.")
    return window, np.asarray(mask, bool)

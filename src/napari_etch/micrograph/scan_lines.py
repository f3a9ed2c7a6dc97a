"""Scan lines, lost lines and streaks: what a scan leaves in a picture along its rows."""

from __future__ import annotations

import itertools

import numpy as np

from napari_etch.micrograph.row_steps import DRAWN, Floats, RowSteps, Values

# What changes over more rows than this is light or grains, and stays.
_SLOW = 8.0
# A step is never larger than so many typical ones: an edge from frame to frame (a layer) is none.
_OUTLIER = 4.0
# Grains reach over a part of a row, scan lines over all of it: from row to row, what they add to
# four strips side by side is the same. The steps of strips correlate by 0.24 at most in 296
# development images; with white offsets of 2 % of the range they do by 0.81 at least.
_STRIPS, _ALL_AGREE = 4, 0.4
# Streaks reach over a part of a row, too, but a long one: narrow strips agree with those beside
# them. In 170 development images these correlate by 0.25 at most; with streaks some 150 px long and
# as strong as noise of 6 % by 0.5 to 0.8.
_NARROW, _NEIGHBOURS_AGREE = 48, 0.35
# Across narrow strips the steps are averaged by a Gaussian of so many of them.
_ACROSS = 0.7
# A row is lost when in all four strips it differs from both rows beside it, to the same side, by so
# many times what is typical of a row.
_LOST = 8.0
# Offsets below this, in standard deviations of the image, do no harm.
_LEAST = 0.06


def lost_lines(image: Values, read: RowSteps) -> Values | None:
    """Return how far lost rows are from the mean of the rows beside them, float32 (y, x).

    Single lines may be lost in a scan (all white, say); None where there are none.
    """
    read = read.grouped(_STRIPS)
    known = read.weights[:, 1:] > 0
    typical = np.median(np.abs(read.steps), axis=1, keepdims=True)
    if typical.max() < DRAWN:
        return None
    far = np.where(np.abs(read.steps) > _LOST * typical, np.sign(read.steps), 0)
    lost = (far[:, :-1] != 0) & (far[:, :-1] == -far[:, 1:]) & known
    same = np.abs((far[:, :-1] * lost).sum(axis=0)) == lost.sum(axis=0)
    rows = 1 + np.flatnonzero((lost | ~known).all(axis=0) & lost.any(axis=0) & same)
    if not len(rows):
        return None
    offsets = np.zeros(image.shape, np.float32)
    offsets[rows] = image[rows] - (image[rows - 1] + image[rows + 1]) / 2
    return offsets


def scan_lines(image: Values, read: RowSteps) -> Values | None:
    """Return the offset of each row, float32 (y, 1), where all strips have the same ones.

    Electron and probe microscopes write line by line, and charging, mains hum or an unsteady beam
    offsets whole lines. The offset of a line is the sum of the robust mean changes from line to
    line, without what is slow. None where there are none.
    """
    read = read.grouped(_STRIPS)
    if _agreement(read.steps, itertools.combinations(range(len(read.steps)), 2)) < _ALL_AGREE:
        return None
    return _large(_offsets(read.grouped(1).steps[0]))


def streaks(image: Values, read: RowSteps) -> Values | None:
    """Return the offset of each pixel, float32 (y, x), where strips beside each other agree.

    Charging offsets long parts of lines; an ion beam leaves such streaks in the surface itself
    (curtains). None where there are none.
    """
    from scipy.ndimage import gaussian_filter1d

    count = max(_STRIPS, min(len(read.steps), image.shape[1] // _NARROW))
    read = read.grouped(count)
    if _agreement(read.steps, itertools.pairwise(range(count))) < _NEIGHBOURS_AGREE:
        return None
    weighted = gaussian_filter1d(read.steps * read.weights, _ACROSS, axis=0, mode="nearest")
    weights = gaussian_filter1d(read.weights, _ACROSS, axis=0, mode="nearest")
    offsets = _large(_offsets(weighted / np.maximum(weights, 1e-9)))
    if offsets is None:
        return None
    place = np.interp(np.arange(image.shape[1]), read.middles, np.arange(count))
    left = np.minimum(place.astype(int), count - 2)
    part = (place - left).astype(np.float32)
    return offsets[:, left] * (1 - part) + offsets[:, left + 1] * part


def _limited(steps: Floats) -> Floats:
    """Return steps whose outliers are brought in; the last axis is that of the rows."""
    most = _OUTLIER * 1.4826 * np.median(np.abs(steps), axis=-1, keepdims=True)
    return np.clip(steps, -most, most)


def _agreement(steps: Floats, pairs: itertools.combinations | itertools.pairwise) -> float:  # type: ignore[type-arg]
    """Return the mean correlation of the steps of pairs of strips; empty ones do not count."""
    away = _limited(steps)
    away = away - away.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(away, axis=1)
    found = [
        float(away[one] @ away[two]) / (norm[one] * norm[two])
        for one, two in pairs
        if norm[one] and norm[two]
    ]
    return float(np.mean(found)) if found else 0.0


def _offsets(steps: Floats) -> Floats:
    """Return the offset of each row from those around it, of steps (y - 1,) or (strip, y - 1)."""
    from scipy.ndimage import gaussian_filter1d

    level = np.cumsum(_limited(steps), axis=-1)
    level = np.concatenate([np.zeros_like(level[..., :1]), level], axis=-1)
    return (level - gaussian_filter1d(level, _SLOW, axis=-1, mode="nearest")).T


def _large(offsets: Floats) -> Values | None:
    """Return offsets as float32 (y, strip) if they are large enough to do harm."""
    if offsets.std() < _LEAST:
        return None
    return offsets.reshape(len(offsets), -1).astype(np.float32)

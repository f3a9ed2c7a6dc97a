"""Changes from row to row, read in strips side by side: what scan lines and seams are told by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Strips are so wide, px, but there are at least so many.
_WIDTH, _LEAST_COUNT = 48, 16
# A pixel's change from one row to the next counts up to this, in standard deviations of the image.
# The mean is taken so many times, each about the one before.
_MOST, _ROUNDS = 1.0, 3
# Share of a strip's row that must be specimen for its step to be read; so many pixels of a row are
# enough.
_PART, _ENOUGH = 0.1, 1024

# Where hardly any row differs from the next, a picture was drawn, and its straight lines are meant.
DRAWN = 1e-3

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RowSteps:
    """How strips of an image change from each row to the next.

    Attributes
    ----------
    steps : float64 (strip, y - 1)
        The robust mean change, 0 where little of the strip is specimen.
    weights : float64 (strip, y - 1)
        How much of it is specimen.
    middles : float64 (strip,)
        The strips' middle columns.
    """

    steps: Floats
    weights: Floats
    middles: Floats

    def grouped(self, count: int) -> RowSteps:
        """Return the same of fewer and wider strips."""
        groups = np.array_split(np.arange(len(self.steps)), count)
        weights = np.stack([self.weights[group].sum(axis=0) for group in groups])
        steps = np.stack([(self.steps * self.weights)[group].sum(axis=0) for group in groups])
        middles = np.array([self.middles[group].mean() for group in groups])
        return RowSteps(steps / np.maximum(weights, 1e-9), weights, middles)


def row_steps(image: Values, mask: Mask) -> RowSteps:
    """Read how an image (y, x) of spread about 1 changes from row to row, inside its mask."""
    every = max(1, image.shape[1] // _ENOUGH)
    count = max(_LEAST_COUNT, image.shape[1] // _WIDTH)
    columns = np.array_split(np.arange(0, image.shape[1], every), count)
    read = [_steps(image[:, each], mask[:, each]) for each in columns]
    middles = np.array([each.mean() for each in columns])
    steps, weights = (np.stack(each) for each in zip(*read, strict=True))
    return RowSteps(steps, weights, middles)


def _steps(image: Values, mask: Mask) -> tuple[Floats, Floats]:
    both = (mask[1:] & mask[:-1]).astype(np.float32)
    count = both.sum(axis=1)
    part = count / image.shape[1]
    change = image[1:] - image[:-1]
    step = np.zeros(len(change), np.float32)
    for _ in range(_ROUNDS):
        away = np.clip(change - step[:, None], -_MOST, _MOST)
        step = step + np.einsum("yx,yx->y", away, both) / np.maximum(count, 1)
    known = part >= _PART
    return np.where(known, step, 0).astype(np.float64), np.where(known, part, 0).astype(np.float64)

"""Changes from row to row, read in strips side by side: what scan lines and seams are told by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# A pixel's change from one row to the next counts up to this, in standard deviations of the image.
# The mean is taken so many times, each about the one before.
_MOST, _ROUNDS = 1.0, 3
# Share of a strip's row that must be specimen for its step to be read; so many pixels of a row are
# enough.
_PART, _ENOUGH = 0.1, 2048

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def strips(image: Values, mask: Mask, count: int) -> tuple[Floats, Floats, Floats]:
    """Return the steps of strips side by side, their weights, and the columns of their middles.

    Parameters
    ----------
    image : float32 (y, x)
        Of spread about 1.
    mask : bool (y, x)
        True = specimen; other pixels do not count.
    count : int
        Number of strips.

    Returns
    -------
    steps : float64 (strip, y - 1)
        The robust mean change from each row to the next, 0 where little of it is specimen.
    weights : float64 (strip, y - 1)
        How much of it is specimen.
    middles : float64 (strip,)
    """
    every = max(1, image.shape[1] // _ENOUGH)
    columns = np.array_split(np.arange(0, image.shape[1], every), count)
    read = [_steps(image[:, each], mask[:, each]) for each in columns]
    middles = np.array([each.mean() for each in columns])
    return np.stack([steps for steps, _ in read]), np.stack([part for _, part in read]), middles


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

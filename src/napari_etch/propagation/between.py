"""A section that cannot be used, drawn from the sections on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.tracking.between import fill_between
from napari_etch.grains.tracking.sections import describe, overlaps

# Grains of two sections are one where each is the other's best and they share this of both.
_LEAST_IOU = 0.2


def drawn_between(
    before: npt.NDArray[np.int32] | None,
    after: npt.NDArray[np.int32] | None,
    way: float,
) -> npt.NDArray[np.float32]:
    """Return the boundary map of a section between two grain maps, 1 on its lines.

    Parameters
    ----------
    before, after : ndarray of int32, shape (y, x), or None
        The next usable sections; None beyond the ends of the stack.
    way : float
        Place of the section, 0 at `before`, 1 at `after`.

    Returns
    -------
    float32 (y, x)

    Raises
    ------
    ValueError
        When there is no usable section at all.
    """
    if before is None and after is None:
        raise ValueError("no section of the stack can be used: they are all blank")
    if before is None or after is None:
        grains = before if after is None else after
        assert grains is not None
    else:
        grains = fill_between(before, numbered_alike(before, after), way)
    return _lines(grains)


def numbered_alike(
    before: npt.NDArray[np.int32], after: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Return the later grains, each with the number of the one it continues or a new one.

    Parameters
    ----------
    before, after : ndarray of int32, shape (y, x)
        Grain maps of one size; 0 is no grain.

    Returns
    -------
    ndarray of int32, shape (y, x)
        No two grains have one number.
    """
    one, two = describe(before), describe(after)
    pairs, area = overlaps(one, two)
    iou = area / (one.area[pairs[:, 0]] + two.area[pairs[:, 1]] - area)
    best_one, best_two = np.zeros(one.count), np.zeros(two.count)
    np.maximum.at(best_one, pairs[:, 0], iou)
    np.maximum.at(best_two, pairs[:, 1], iou)
    mutual = (iou >= best_one[pairs[:, 0]]) & (iou >= best_two[pairs[:, 1]]) & (iou > _LEAST_IOU)
    # a grain that was parted in equal halves goes on in one of them
    here, first = np.unique(pairs[mutual, 0], return_index=True)
    numbers = np.concatenate([[0], int(before.max(initial=0)) + 1 + np.arange(two.count)])
    numbers[pairs[mutual, 1][first] + 1] = one.labels[here]
    return numbers.astype(np.int32)[two.dense]


def _lines(grains: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Return both pixels of every step between two grains as 1."""
    lines = np.zeros(grains.shape, np.float32)
    across, down = grains[:, 1:] != grains[:, :-1], grains[1:] != grains[:-1]
    lines[:, 1:][across] = lines[:, :-1][across] = 1
    lines[1:][down] = lines[:-1][down] = 1
    return lines


def fields_of(lines: npt.NDArray[np.float32], grain_size: float) -> dict[str, Any]:
    """Return fields of drawn lines, float32 (y, x), as a model gives them; `grain_size` in px."""
    return {"boundary": lines, "separation": lines, "grain_size_px": np.float32(grain_size)}

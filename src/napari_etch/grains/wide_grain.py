"""One grain at the frame that is far larger than all others may be no grain: it is told of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# So many other grains say how large a grain is; it has so many times their mean area, this share of
# the specimen, and lies along the frame for this share of the shorter side.
_OTHERS, _TIMES, _SHARE, _CONTACT = 20, 25.0, 0.05, 0.25


def wide_grain_words(grains: npt.NDArray[np.integer]) -> str:
    """Return what is told of a grain map in which one grain may be none, as a clause.

    Networks find no boundaries in the mount beside a specimen. Where that could not be told from
    the picture (`micrograph.mount`), it is one grain, and every mean of the grains is wrong.

    Parameters
    ----------
    grains : int (y, x)
        0 is no grain.

    Returns
    -------
    str
        Empty where no grain is so large.
    """
    areas = _areas(grains)
    largest, total = int(areas.argmax()), int(areas.sum())
    others = int(np.count_nonzero(areas)) - 1
    if others < _OTHERS:
        return ""
    times = areas[largest] * others / (total - areas[largest])
    if times < _TIMES or areas[largest] < _SHARE * total:
        return ""
    sides = {"top": grains[0], "bottom": grains[-1], "left": grains[:, 0], "right": grains[:, -1]}
    if sum(int((line == largest).sum()) for line in sides.values()) < _CONTACT * min(grains.shape):
        return ""
    at = max(sides, key=lambda side: float((sides[side] == largest).mean()))
    return (
        f"one grain at the {at} covers {100 * areas[largest] / total:.0f} % of the specimen, "
        f"{times:.0f} times the mean of the others"
    )


def _areas(grains: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Return the areas of all grains, px, 0 of number 0; some rows at a time, for their copies."""
    most = int(grains.max(initial=0))
    areas = np.zeros(most + 1, np.int64)
    for first in range(0, len(grains), 256):
        areas += np.bincount(grains[first : first + 256].ravel(), minlength=most + 1)
    areas[0] = 0
    return areas

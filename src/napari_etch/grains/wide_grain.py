"""One grain at the frame that is far larger than all others may be no grain: it is told of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# So many other grains say how large a grain is; it has so many times their mean area, this share of
# the specimen, and lies along the frame for this share of the shorter side.
_OTHERS, _TIMES, _SHARE, _CONTACT = 20, 25.0, 0.05, 0.25


def wide_grain_words(
    grains: npt.NDArray[np.integer],
    labels: npt.NDArray[np.integer] | None = None,
    areas_px: npt.NDArray[np.number] | None = None,
) -> str:
    """Return what is told of a grain map in which one grain may be none, as a clause.

    Networks find no boundaries in the mount beside a specimen. Where that could not be told from
    the picture (`micrograph.mount`), it is one grain, and every mean of the grains is wrong.

    Parameters
    ----------
    grains : int (y, x)
        0 is no grain.
    labels, areas_px : (n,), optional
        The grains and their areas, where they are known.

    Returns
    -------
    str
        Empty where no grain is so large.
    """
    if labels is None or areas_px is None:
        labels, areas_px = _areas(grains)
    if len(labels) <= _OTHERS:
        return ""
    at, total = int(areas_px.argmax()), int(areas_px.sum())
    largest, area = labels[at], int(areas_px[at])
    times = area * (len(labels) - 1) / (total - area)
    if times < _TIMES or area < _SHARE * total:
        return ""
    sides = {"top": grains[0], "bottom": grains[-1], "left": grains[:, 0], "right": grains[:, -1]}
    if sum(int((line == largest).sum()) for line in sides.values()) < _CONTACT * min(grains.shape):
        return ""
    side = max(sides, key=lambda side: float((sides[side] == largest).mean()))
    return (
        f"one grain at the {side} covers {100 * area / total:.0f} % of the specimen, "
        f"{times:.0f} times the mean of the others"
    )


def _areas(
    grains: npt.NDArray[np.integer],
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.number]]:
    """Return the grains and their areas, px; some rows at a time, for their copies."""
    most = int(grains.max(initial=0))
    areas = np.zeros(most + 1, np.int64)
    for first in range(0, len(grains), 256):
        areas += np.bincount(grains[first : first + 256].ravel(), minlength=most + 1)
    labels = np.flatnonzero(areas[1:]) + 1
    return labels, areas[labels]

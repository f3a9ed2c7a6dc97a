"""Scratches that a network took for boundaries: found in its map, filled in the image.

The network then looks again. Where nothing is found, nothing changes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.straight_lines import straight_lines
from napari_etch.micrograph.scratches import fill_scratch, follow_scratch

Map = npt.NDArray[np.float32]

# Followed in the image, a scratch goes on over so many mean intercepts; a boundary turns.
_GOES_ON = 5.0
# Scratches of one image are about as dark: by no more than this factor apart from most.
_ALIKE = 1.5


def without_scratches(image: Map, boundary: Map, intercept: float) -> tuple[Map, int]:
    """Return an image whose scratches are filled in.

    Parameters
    ----------
    image : float32 (y, x)
    boundary : float32 (y, x) in [0, 1]
        Boundaries found in it, at the size that the network saw.
    intercept : float
        Mean intercept in px of the image.

    Returns
    -------
    image : float32 (y, x)
        The same one where there are none.
    count : int
        Number of scratches.
    """
    size = np.array(image.shape) / np.array(boundary.shape)  # px of the image in one of the map
    unit = float(size.mean())
    filled = image
    contrasts: list[float] = []
    for line in straight_lines(boundary, intercept / unit):
        if not line.crosses and not contrasts:
            break  # one that crosses grains tells that there are scratches at all
        start, end = (tuple((np.array(each) + 0.5) * size - 0.5) for each in (line.start, line.end))
        scratch = follow_scratch(filled, start, end, intercept, unit=max(1.0, unit))
        if scratch is None or len(scratch.path) < _GOES_ON * intercept:
            continue
        if not (line.crosses or _alike(scratch.contrast, contrasts)):
            continue
        filled = filled if contrasts else filled.copy()
        fill_scratch(filled, scratch)
        contrasts.append(scratch.contrast)
    return filled, len(contrasts)


def _alike(contrast: float, others: list[float]) -> bool:
    """Return whether a line is about as dark or bright as most scratches of the image."""
    return 1 / _ALIKE <= contrast / float(np.median(others)) <= _ALIKE

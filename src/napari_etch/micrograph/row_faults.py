"""What a scan or a mosaic leaves along rows or columns of a picture, taken out."""

from __future__ import annotations

import numpy as np

from napari_etch.micrograph.row_steps import Mask, Values, row_steps
from napari_etch.micrograph.scan_lines import lost_lines, scan_lines, streaks
from napari_etch.micrograph.seams import seams

_LEAST_SIDE = 64  # px: in less there is nothing to tell by
SCAN_LINES, SEAMS = "scan lines", "seams of a mosaic"
_FAULTS = (
    (SCAN_LINES, lost_lines),
    (SEAMS, seams),
    (SCAN_LINES, scan_lines),
    (SCAN_LINES, streaks),
)


def without_row_faults(image: Values, mask: Mask) -> tuple[Values, tuple[str, ...]]:
    """Return an image without scan lines, lost lines, streaks and seams.

    Rows and columns are looked at, never lines at an angle.

    Parameters
    ----------
    image : float32 (y, x)
        Of even illumination and spread about 1.
    mask : bool (y, x)
        True = specimen; other pixels do not count, and stay as they are.

    Returns
    -------
    image : float32 (y, x)
        The same array where there is none of these.
    names : tuple of str
        `SCAN_LINES`, `SEAMS`: what was taken out.
    """
    found: list[str] = []
    if min(image.shape) < _LEAST_SIDE:
        return image, ()
    for turned in (False, True):
        values, inside = (image.T, mask.T) if turned else (image, mask)
        read = row_steps(values, inside)
        for name, find in _FAULTS:
            offsets = find(values, read)
            if offsets is not None:
                values = values - np.where(inside, offsets, np.float32(0))
                read = row_steps(values, inside)
                found.append(name)
        if found:
            image = values.T if turned else values
    return image, tuple(dict.fromkeys(found))

"""How bright colours are: the grey values of what may have them."""

from __future__ import annotations

import numpy as np

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def luminance(data: np.ndarray) -> np.ndarray:
    """Luminance of an RGB image (ITU-R BT.601 weights).

    Parameters
    ----------
    data : numpy.ndarray
        ``(..., 3)``.

    Returns
    -------
    numpy.ndarray
        ``(...)`` float32.
    """
    return np.asarray(data.astype(np.float32, copy=False) @ LUMINANCE, dtype=np.float32)


def grey_values(data: np.ndarray, *, is_rgb: bool) -> np.ndarray:
    """Luminance of what has colours, anything else as it is.

    Parameters
    ----------
    data : numpy.ndarray
        Grey ``(...)``, or ``(..., 3)``, also ``(..., 4)``: alpha tells nothing of the specimen.
    is_rgb : bool
        Whether the last axis is colour.

    Returns
    -------
    numpy.ndarray
        ``(...)``: float32 of colours, else `data` itself, not a copy.
    """
    return luminance(data[..., :3]) if is_rgb else data

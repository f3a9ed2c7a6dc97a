"""What every measurement asks of its arguments."""

from __future__ import annotations

import math

import numpy as np

_LARGEST = np.iinfo(np.int64).max


def check_grain_map(grains: np.ndarray, what: str) -> np.ndarray:
    """Return a 2D grain map of integers, or say why it is not one.

    Parameters
    ----------
    grains : np.ndarray
        Candidate map, (y, x); what a `numpy.ma.MaskedArray` masks is off the specimen.
    what : str
        Name of the measurement, for the message.

    Returns
    -------
    np.ndarray
        The same map; masked pixels are 0.

    Raises
    ------
    ValueError
        When the map is not two-dimensional, not of integers, or holds labels below 0 or above
        9223372036854775807.
    """
    grains = np.ma.filled(grains, 0)
    if grains.ndim != 2:
        raise ValueError(
            f"{what} takes one 2D grain map, not an array of shape {grains.shape}: "
            "measure a stack section by section."
        )
    if grains.dtype.kind not in "iu":
        raise ValueError(
            f"{what} takes a grain map of integers, not {grains.dtype}: convert the labels first."
        )
    if grains.dtype.kind == "i" and grains.size and grains.min() < 0:
        raise ValueError(f"{what} found the negative label {grains.min()}: labels start at 1.")
    if grains.dtype == np.uint64 and grains.size and grains.max() > _LARGEST:
        raise ValueError(f"{what} found the label {grains.max()}: number the grains anew.")
    return grains


def check_positive(value: float, what: str) -> None:
    """Raise ValueError unless `value` is a positive, finite number."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} must be a positive number, not {value}.")


def check_pixel_size(pixel_size_um: float | None) -> None:
    """Raise ValueError unless the pixel size is a positive, finite number of µm."""
    if pixel_size_um is None:
        raise ValueError("the pixel size is not known: give it in µm.")
    check_positive(pixel_size_um, "the pixel size in µm")

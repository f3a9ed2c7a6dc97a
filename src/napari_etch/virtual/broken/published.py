"""Broken boundary networks by the published recipe (nikolspace/Reconstruction-GB).

Johnson-Mehl grains, their boundaries by a Laplacian, squares of them blurred away, thresholded.
Written from the description; the random numbers are ours, so each pair is its own.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from napari_etch.virtual.broken.growth import johnson_mehl_section

# Bounds of what is drawn for each pair, both included.
RATES = (10, 20)
GROWTHS = (1, 3)
# Blurred squares of a picture of 512 px; as many more as its side is longer.
BLURS = (30, 100)
# Side of a blurred square as a part of the picture's, and at least so many px.
SQUARES = ((0.02, 5), (0.08, 10))
SIGMA = 20.0
# Least side of a picture, px: a square must fit.
LEAST_SIZE = 32

Picture = npt.NDArray[np.uint8]


def published_pair(size: int, rng: np.random.Generator) -> tuple[Picture, Picture]:
    """Draw a broken network and the complete one.

    Parameters
    ----------
    size : int
        Side, px, at least 32.
    rng : numpy.random.Generator

    Returns
    -------
    micro, label : uint8 (size, size)
        The broken and the complete network, boundaries 0 on 255.

    Raises
    ------
    ValueError
        If the size is too small.
    """
    if size < LEAST_SIZE:
        raise ValueError(f"A broken network needs at least {LEAST_SIZE} px a side, not {size}.")
    rate = int(rng.integers(RATES[0], RATES[1] + 1))
    growth = int(rng.integers(GROWTHS[0], GROWTHS[1] + 1))
    whole = trace(johnson_mehl_section(size, rate, growth, rng))
    blurred = blur_squares(whole, rng)
    broken = np.where(blurred > otsu(blurred), np.uint8(255), np.uint8(0))
    if rng.integers(2):
        broken, whole = dilate(broken), dilate(whole)
    return 255 - broken, 255 - whole


def trace(labels: npt.NDArray[np.int32]) -> Picture:
    """Return 255 where the Laplacian of the grains' numbers is not 0: lines two px wide.

    As published, it misses the few pixels at which the neighbours' numbers cancel.
    """
    padded = np.pad(labels, 1, mode="reflect")
    sums = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.where(sums != 4 * labels, np.uint8(255), np.uint8(0))


def blur_squares(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture with squares at random places blurred one after the other."""
    size = len(picture)
    fewest, most = (int(count * size / 512) for count in BLURS)
    least, largest = (max(px, int(part * size)) for part, px in SQUARES)
    blurred = picture.copy()
    for _ in range(rng.integers(fewest, most + 1)):
        side = int(rng.integers(least, largest + 1))
        row, column = rng.integers(0, size - side + 1, size=2)
        square = blurred[row : row + side, column : column + side]
        weights = _blur_weights(side)
        square[:] = np.floor(weights @ square @ weights.T + 1e-6)
    return blurred


@cache
def _blur_weights(side: int) -> npt.NDArray[np.float64]:
    """Return the Gaussian blur of a line as a matrix: over a square it is a product from each side.

    Beyond its ends the line goes on as its last pixel, float64 (side, side).
    """
    from scipy.ndimage import gaussian_filter1d

    weights: npt.NDArray[np.float64] = gaussian_filter1d(
        np.eye(side), SIGMA, axis=0, mode="nearest"
    )
    return weights


def otsu(picture: Picture) -> int:
    """Return Otsu's threshold: the value up to which the darker of the two classes goes."""
    counts = np.bincount(picture.ravel(), minlength=256).astype(float)
    values = np.arange(256)
    below, total = np.cumsum(counts), np.cumsum(counts * values)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / below - (total[-1] - total) / above
        between = below * above * apart**2
    return int(np.argmax(np.nan_to_num(between)))


def dilate(picture: Picture) -> Picture:
    """Return the picture with its bright pixels grown by a square of 3 x 3."""
    padded = np.pad(picture, 1)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    grown: Picture = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return grown

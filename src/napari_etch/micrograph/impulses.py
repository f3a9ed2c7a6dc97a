"""Single pixels without a true value: dead and hot ones, points that EBSD could not index."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class _Limits(NamedTuple):
    """How far from the median of the 3 x 3 px about it an impulse is, in standard deviations.

    And some of them must be `very_far`, or there are none.
    """

    far: float
    very_far: float


# Of 300 development images none has more than 0.006 % of pixels that are very far and alone, nor
# more than 0.08 % with white noise of a tenth of the range; with half a percent of pixels black or
# white there are 0.16 % at least.
_GREY, _SHARE = _Limits(2.0, 3.0), 0.0012
# Colours of grains spread much, so what is far is less of that.
_COLOUR = _Limits(0.8, 1.5)
# An impulse is so many times as far as is typical of the image, and hardly any is beside it.
_TIMES, _BESIDE = 8.0, 2
# Of three in a row the ends are replaced in the first round, the one between in the second.
_ROUNDS = 2


def without_impulses(image: Values, mask: Mask) -> Values:
    """Return an image whose single outlying pixels are replaced by the median about them.

    Parameters
    ----------
    image : float32 (y, x)
        Of even illumination and spread about 1.
    mask : bool (y, x)
        True = specimen; other pixels do not count, and stay as they are.

    Returns
    -------
    float32 (y, x)
        The same array where there are none, or as good as none.
    """
    found = _replaced([image], mask, _GREY)
    return image if found is None else found[0]


def without_outlying_colours(colours: npt.NDArray[Any], mask: Mask) -> npt.NDArray[Any]:
    """Return a coloured picture whose single outlying pixels are replaced by the median about them.

    Points of an orientation map that could not be indexed are black, and would each get a dark ring
    where lines are drawn along changes of colour.

    Parameters
    ----------
    colours : numpy.ndarray
        ``(y, x, 3)``, any real type.
    mask : bool (y, x)
        True = specimen; other pixels do not count, and stay as they are.

    Returns
    -------
    numpy.ndarray
        As `colours`; float32 if any pixel was replaced, else the same array.
    """
    inside = colours[mask]
    spread = float(inside.std()) if inside.size else 0.0
    if not 0 < spread < np.inf:
        return colours
    channels = [np.asarray(colours[..., at] / spread, np.float32) for at in range(3)]
    found = _replaced(channels, mask, _COLOUR)
    if found is None:
        return colours
    return np.stack(found, axis=-1) * np.float32(spread)


def _replaced(channels: list[Values], mask: Mask, limits: _Limits) -> list[Values] | None:
    """Return channels without their impulses; None where there are none."""
    from scipy.ndimage import convolve, median_filter

    least = _SHARE * np.count_nonzero(mask)
    if min(mask.shape) < 3 or not any(_maybe(each, mask, limits, least / 2) for each in channels):
        return None
    found: list[Values] | None = None
    for _ in range(_ROUNDS):
        middles = [median_filter(each, size=3, mode="nearest") for each in channels]
        pairs = list(zip(channels, middles, strict=True))
        away = np.max([np.abs(each - middle) for each, middle in pairs], axis=0)
        typical = float(np.median(away[mask]))
        far = mask & (away > max(limits.far, _TIMES * typical))
        alone = far & (convolve(far.astype(np.uint8), np.ones((3, 3), np.uint8)) <= _BESIDE)
        if found is None and np.count_nonzero(alone & (away > limits.very_far)) < least:
            break
        channels = found = [np.where(alone, middle, each) for each, middle in pairs]
    return found


def _maybe(image: Values, mask: Mask, limits: _Limits, least: float) -> bool:
    """Return, at little cost, whether enough pixels are above or below all four beside them."""
    inner = image[1:-1, 1:-1]
    beside = (image[:-2, 1:-1], image[2:, 1:-1], image[1:-1, :-2], image[1:-1, 2:])
    highest, lowest = beside[0], beside[0]
    for each in beside[1:]:
        highest, lowest = np.maximum(highest, each), np.minimum(lowest, each)
    beyond = 0.7 * limits.very_far
    far = (inner - highest > beyond) | (lowest - inner > beyond)
    return bool(np.count_nonzero(far & mask[1:-1, 1:-1]) >= least)

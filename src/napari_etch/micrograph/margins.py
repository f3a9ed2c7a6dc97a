"""Blank margins: the page around a micrograph that was exported or screen-shot with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Grey levels of 255 by which a margin may differ from itself: JPEG, near the picture.
_SAME = 3.0
# What the levels are counted in: a hot pixel is no part of a picture's contrast.
_PERCENTILES, _MAX_SAMPLES = (0.1, 99.9), 1_000_000
_LEAST_PX, _LEAST_SHARE = 4, 0.01  # of the side it lies at; a thinner one makes no grain
_LEAST_LEFT = 16  # px that must be left; less is an image that is blank as a whole


@dataclass(frozen=True)
class Margins:
    """Blank rows and columns at the sides of an image, px.

    Attributes
    ----------
    top, bottom, left, right : int
    """

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any((self.top, self.bottom, self.left, self.right))

    def words(self) -> str:
        """Return where they lie, such as "60 px at the top, 100 px on the left"."""
        sides = {
            "at the top": self.top,
            "at the bottom": self.bottom,
            "on the left": self.left,
            "on the right": self.right,
        }
        return ", ".join(f"{width} px {where}" for where, width in sides.items() if width)


def margin_trouble(margins: Margins) -> str:
    """Return what is wrong where margins are not masked, as a clause; what to do comes behind."""
    return (
        f"a blank margin ({margins.words()}) is taken for specimen, "
        "which makes the grains too large"
    )


def find_margins(grey: np.ndarray) -> Margins:
    """Return the blank margins of an image.

    A margin is made of whole rows or columns of one grey level, as no specimen has them.

    Parameters
    ----------
    grey : numpy.ndarray
        ``(y, x)``, any real type.

    Returns
    -------
    Margins
        All 0 where there are none, and where the image is blank as a whole.
    """
    allowed = same_within(grey)
    if allowed is None:
        return Margins()
    top = _blank(grey, allowed)
    bottom = _blank(grey[::-1], allowed)
    if top + bottom > grey.shape[0] - _LEAST_LEFT:
        return Margins()
    between = grey[top : grey.shape[0] - bottom]  # where a margin on top has another grey level
    left = _blank(between.T, allowed)
    right = _blank(between.T[::-1], allowed)
    if left + right > grey.shape[1] - _LEAST_LEFT:
        return Margins()
    return Margins(top, bottom, left, right)


def same_within(grey: np.ndarray) -> float | None:
    """Return how far apart grey values (any shape, any real type) count as one level.

    It is 0 for an image that is blank as a whole, and None where there are no values.
    """
    finite = grey[np.isfinite(grey)] if grey.dtype.kind == "f" else grey.ravel()
    if finite.size == 0:
        return None
    sample = finite[:: max(1, finite.size // _MAX_SAMPLES)]
    # a picture of two values may be bool, which NumPy does not interpolate
    low, high = np.percentile(sample.astype(np.float64), _PERCENTILES)
    if not high > low:  # blank but for a few pixels
        low, high = finite.min(), finite.max()
    return _SAME / 255 * (float(high) - float(low))


def _blank(rows: np.ndarray, allowed: float) -> int:
    """Return how many rows from the first on are blank; 0 for a thin line."""
    level = float(rows[0, 0])
    count = 0
    for row in rows:  # most images end at the first
        if not (
            abs(float(row.min()) - level) <= allowed and abs(float(row.max()) - level) <= allowed
        ):
            break
        count += 1
    return count if count >= max(_LEAST_PX, _LEAST_SHARE * len(rows)) else 0

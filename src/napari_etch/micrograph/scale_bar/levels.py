"""Parts of an image of any type and size, on one scale of grey levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.float32]

NOWHERE = np.float32(-1e4)
"""Stands for a pixel without a value."""

_SAMPLES = 500  # rows and columns that the scale is taken from
_SPECIMEN = (1, 99)  # percentiles; the ink of a scale bar may be far off, in 16 bits
_CUT = (-128, 383)


@dataclass(frozen=True)
class Picture:
    """An image of which parts are read on a scale of 0 to 255.

    Attributes
    ----------
    pixels : array-like, shape (y, x) or (y, x, c)
        Any real type; only what is asked for is read.
    low, gain : float
        From its own values to the scale.
    """

    pixels: Any
    low: float = 0.0
    gain: float = 1.0

    @classmethod
    def of(cls, pixels: Any) -> Picture | None:
        """Return an image with its scale; None for one that is blank."""
        if pixels.dtype == np.uint8:
            return cls(pixels)
        step = max(1, min(pixels.shape[:2]) // _SAMPLES)
        sample = np.asarray(pixels[::step, ::step], np.float32)
        sample = sample[np.isfinite(sample)]
        if not sample.size:
            return None
        low, high = np.percentile(sample, _SPECIMEN)
        return cls(pixels, float(low), 255 / float(high - low)) if high > low else None

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    def part(self, rows: slice, columns: slice) -> Levels:
        """Return a part, float32 (y, x, c); `NOWHERE` where there is no value."""
        with np.errstate(over="ignore", invalid="ignore"):  # what marks "no value" may be huge
            part = np.asarray(self.pixels[rows, columns], np.float32)
            part = part if part.ndim == 3 else part[..., None]
            if self.pixels.dtype == np.uint8:
                return part
            part = (part - np.float32(self.low)) * np.float32(self.gain)
        return np.where(np.isfinite(part), np.clip(part, *_CUT), NOWHERE)

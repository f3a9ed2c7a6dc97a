"""Boundary networks with gaps and their complete originals, to learn and to score repair on.

A preset draws a pair ``(micro, label)``, uint8 (size, size), boundaries 0 on 255.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Pair = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def _preset(module: str, name: str) -> Callable[[int, np.random.Generator], Pair]:
    """Return a function that is loaded when it is called: a preset may need torch."""

    def draw(size: int, rng: np.random.Generator) -> Pair:
        drawn: Any = getattr(import_module(f"{__name__}.{module}"), name)
        pair: Pair = drawn(size, rng)
        return pair

    draw.__name__ = name
    return draw


PRESETS: dict[str, Callable[[int, np.random.Generator], Pair]] = {
    "published": _preset("published", "published_pair"),
    "realistic": _preset("realistic", "realistic_pair"),
}

__all__ = ["PRESETS", "Pair"]

"""An edit as the dock makes it: write, then record."""

from __future__ import annotations

import numpy as np

from napari_etch.corrections import Journal


def edit(journal: Journal, grains: np.ndarray, window: tuple[slice, ...], value: int) -> None:
    before = grains[window].copy()
    grains[window] = value
    journal.record(window, before, grains[window], kind="test")

"""A model that calls dark pixels boundary, and copies what it was told where it sees nothing."""

from __future__ import annotations

import copy

import numpy as np
from fakes import DarkIsBoundary, grid_of_grains

FLAT = 40


class Carrier(DarkIsBoundary):
    """Satisfies what `propagation` asks of a model; `log` holds (section, told or None)."""

    name = "carrier"
    carries = True
    segment_options = {"grain_size": None, "quality": "best", "direction": None}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.log, self.answers = [], []
        self.previous = None

    def told(self, previous, *, mirrored=False):
        view = copy.copy(self)
        view.previous = previous
        return view

    def known_grain_size(self, micrograph):
        return 24.0

    def sizing(self):
        raise AssertionError("the grain size is known")

    def passes(self, micrograph, **options):
        from napari_etch.inference import Pass

        raw = yield Pass(micrograph.grey()[None], "looking for the dark", 1.0)
        boundary = np.clip(raw[0], 0, 1)
        if np.ptp(micrograph.data) < FLAT and self.previous is not None:
            boundary = self.previous.copy()
        self.log.append((micrograph.name, self.previous))
        self.answers.append(boundary)
        return {
            "boundary": boundary,
            "separation": boundary,
            "carried": boundary,
            "grain_size_px": np.float32(24),
        }


def stack_of(count=8, shift=1):
    """Return sections whose grid of grains moves by a px from one to the next, and the truth."""
    image, truth = grid_of_grains()
    images = np.stack([np.roll(image, shift * z, 1) for z in range(count)])
    return images, np.stack([np.roll(truth, shift * z, 1) for z in range(count)])


def other_specimen():
    """Return a section of the same size with quite other grains."""
    return grid_of_grains(count=6, side=16)[0][::-1].T.copy()

"""A model small enough to reason about: it calls dark pixels boundary."""

from __future__ import annotations

from typing import Any

import numpy as np


class DarkIsBoundary:
    """Satisfies what the engine and the commands ask of a model."""

    name = "dark"
    title = "Dark pixels are boundary"
    card: dict[str, Any] = {"data": "none", "limits": "only for tests"}  # noqa: RUF012
    weights_hash = "0123abcd"
    segment_options: dict[str, Any] = {"grain_size": None, "quality": "best"}  # noqa: RUF012
    stride = 1
    margin = 1
    channels_out = 1

    def __init__(self) -> None:
        import torch

        self.network = torch.nn.Conv2d(1, 1, 3, padding=1)
        with torch.no_grad():
            self.network.weight.zero_()
            self.network.weight[0, 0, 1, 1] = -1
            self.network.bias.fill_(1)
        self.network.eval()

    def passes(self, micrograph, **options):
        from napari_etch.inference import Pass

        raw = yield Pass(micrograph.grey()[None], "looking for the dark", 1.0)
        return {"boundary": np.clip(raw[0], 0, 1), "log": {"darkness": np.float32(1)}}

    def partition(self, fields, *, mask, granularity=0.5):
        from napari_etch.grains import partition

        return partition(fields["boundary"], mask=mask, granularity=granularity)


def grid_of_grains(count=4, side=24, line=3, grey=200):
    """Return a micrograph (uint8) of square grains with dark lines between them, and its truth."""
    truth = np.arange(count**2, dtype=np.int32).reshape(count, count) + 1
    truth = truth.repeat(side, 0).repeat(side, 1)
    image = np.full(truth.shape, grey, np.uint8)
    for cut in range(side, count * side, side):
        image[cut - line // 2 : cut + line // 2 + 1] = 20
        image[:, cut - line // 2 : cut + line // 2 + 1] = 20
    return image, truth

"""Whole-image answers of a network that is being fitted, and the closed grains they make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.maps import boundary_mask

Image = npt.NDArray[np.float32]
# The network's raw output, (n, c, h, w), to the boundary's logit, (n, h, w).
Read = Callable[[Tensor], Tensor]

# Mirrorings (down, right) that are averaged.
_VIEWS = ((False, False), (True, True), (True, False), (False, True))


@torch.no_grad()
def answer(
    network: torch.nn.Module, stride: int, read: Read, image: Image, views: int = 1
) -> Image:
    """Return the boundary probability, float32 (y, x), of a prepared image."""
    device = next(network.parameters()).device
    height, width = image.shape
    padding = (0, -width % stride, 0, -height % stride)
    total = np.zeros_like(image)
    for down, right in _VIEWS[:views]:
        steps = (slice(None, None, -1 if down else 1), slice(None, None, -1 if right else 1))
        tensor = torch.from_numpy(np.ascontiguousarray(image[steps]))[None, None].to(device)
        mode = "reflect" if max(padding) < min(height, width) else "replicate"
        logit = read(network(functional.pad(tensor, padding, mode=mode)))
        total += torch.sigmoid(logit[0, :height, :width].float()).cpu().numpy()[steps]
    return np.asarray(total / views, np.float32)


def closed_labels(boundary: Image) -> tuple[Image, float]:
    """Cut a boundary map into closed grains and return what they say of each pixel.

    Returns
    -------
    target_and_weight : float32 (2, y, x)
        1 on boundaries between grains, 0 elsewhere; the weight is small where the map itself is in
        doubt: on weak boundaries, and inside grains where something line-like was dropped.
    typical : float
        Mean strength of the boundaries found (`models.even_odds.typical_strength`).
    """
    from napari_etch.grains import BASE_COLUMNS, partition, shift_odds
    from napari_etch.models.even_odds import even_odds, typical_strength
    from napari_etch.training.labelfree.specimen import WORKING

    mean, length = (BASE_COLUMNS.index(name) for name in ("mean", "length"))
    seen = {}

    def scorer(table: Image) -> npt.NDArray[np.floating]:
        seen["even"] = even_odds(table[:, mean], table[:, length])
        seen["typical"] = typical_strength(table[:, mean], table[:, length])
        return shift_odds(table[:, mean], seen["even"])

    grains = partition(
        boundary, scorer=scorer, scale=0.7, min_area=max(12.0, 0.02 * WORKING**2)
    ).grains
    target = boundary_mask(torch.from_numpy(grains)[None])[0].numpy().astype(np.float32)
    even = seen.get("even", 0.5)
    odds = shift_odds(np.clip(boundary, 1e-3, 1 - 1e-3), even)
    # How sure: the map's own odds, taken over the line's width so that a line 1 px beside the
    # watershed is not taken for a doubt.
    from scipy.ndimage import maximum_filter

    near = maximum_filter(odds, 5)
    weight = np.where(target > 0, near, 1 - near * (1 - maximum_filter(target, 7)))
    return np.stack([target, weight.astype(np.float32)]), float(seen.get("typical", 0.0))

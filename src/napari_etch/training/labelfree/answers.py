"""Whole-image answers of a network that is being fitted, and the closed grains they make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.grains.cutting import PLAIN, cut_grains
from napari_etch.grains.even_odds import even_odds, typical_strength
from napari_etch.models.generalist import TARGET
from napari_etch.virtual.maps import boundary_mask

Image = npt.NDArray[np.float32]
# The network's raw output, (n, c, h, w), to the boundary's logit, (n, h, w).
Read = Callable[[Tensor], Tensor]


@torch.no_grad()
def answer(network: torch.nn.Module, stride: int, read: Read, image: Image) -> Image:
    """Return the boundary probability, float32 (y, x), of a prepared image."""
    device = next(network.parameters()).device
    height, width = image.shape
    padding = (0, -width % stride, 0, -height % stride)
    mode = "reflect" if max(padding) < min(height, width) else "replicate"
    tensor = torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device)
    tensor = tensor.contiguous(memory_format=torch.channels_last)
    logit = read(network(functional.pad(tensor, padding, mode=mode)))
    found: Image = torch.sigmoid(logit[0, :height, :width].float()).cpu().numpy()
    return found


def closed_strength(boundary: Image) -> float:
    """Return how strong the closed boundaries of a map typically are; 0 when there are none."""
    graph = cut_grains(boundary, TARGET, cutting=PLAIN).graph
    return float(np.nan_to_num(typical_strength(graph.strength, graph.length)))


def closed_labels(boundary: Image) -> Image:
    """Cut a boundary map into closed grains and return what they say of each pixel.

    Returns
    -------
    float32 (2, y, x)
        Target and weight: 1 on boundaries between grains, 0 elsewhere; the weight is small where
        the map itself is in doubt: on weak boundaries, and inside grains where something
        line-like was dropped.
    """
    from scipy.ndimage import maximum_filter

    from napari_etch.grains import shift_odds

    cut = cut_grains(boundary, TARGET, cutting=PLAIN)
    target = boundary_mask(torch.from_numpy(cut.grains)[None])[0].numpy().astype(np.float32)
    even = even_odds(cut.graph.strength, cut.graph.length)
    odds = shift_odds(np.clip(boundary, 1e-3, 1 - 1e-3), even)
    # How sure: the map's own odds, taken over the line's width so that a line 1 px beside the
    # watershed is not taken for a doubt.
    near = maximum_filter(odds, 5)
    weight = np.where(target > 0, near, 1 - near * (1 - maximum_filter(target, 7)))
    return np.stack([target, weight.astype(np.float32)])

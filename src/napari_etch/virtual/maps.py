"""What a label map says about each pixel: boundary, distance to it, affinities, neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Offsets (dy, dx) of the affinities: short ones see thin lines, long ones see past a gap.
AFFINITY_OFFSETS = ((3, 0), (0, 3), (9, 0), (0, 9), (24, 0), (0, 24))
DISTANCE_CAP = 16


def boundary_mask(labels: Tensor) -> Tensor:
    """Return bool (b, h, w): the pixel differs from one of its four neighbours (2 px lines)."""
    mask = torch.zeros_like(labels, dtype=torch.bool)
    across = labels[:, :, 1:] != labels[:, :, :-1]
    down = labels[:, 1:] != labels[:, :-1]
    mask[:, :, 1:] |= across
    mask[:, :, :-1] |= across
    mask[:, 1:] |= down
    mask[:, :-1] |= down
    return mask


def boundary_strength(labels: Tensor, table: Tensor) -> Tensor:
    """Paint a value on every boundary pixel that depends on which two grains meet there.

    Parameters
    ----------
    labels : int64 (b, h, w)
    table : float32 (b, m)
        Values; the pair of grains is hashed into its m entries.

    Returns
    -------
    float32 (b, h, w), 0 off the boundaries.
    """
    strength = torch.zeros(labels.shape, device=labels.device)
    entries = table.shape[1]
    for axis in (1, 2):
        length = labels.shape[axis]
        first, second = labels.narrow(axis, 0, length - 1), labels.narrow(axis, 1, length - 1)
        pair = (
            torch.minimum(first, second) * 7919 + torch.maximum(first, second) * 10007
        ) % entries
        value = table.gather(1, pair.flatten(1)).reshape(pair.shape) * (first != second)
        for start in (0, 1):
            part = strength.narrow(axis, start, length - 1)
            torch.maximum(part, value, out=part)
    return strength


def affinities(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether each pixel and its neighbour at each offset share a grain.

    Returns
    -------
    same : float32 (b, k, h, w)
        1 where pixel p and p + offset carry the same label.
    valid : float32 (b, k, h, w)
        0 where p + offset lies outside the image.
    """
    batch, height, width = labels.shape
    same = torch.zeros(batch, len(AFFINITY_OFFSETS), height, width, device=labels.device)
    valid = torch.zeros_like(same)
    for index, (dy, dx) in enumerate(AFFINITY_OFFSETS):
        here = labels[:, : height - dy, : width - dx]
        same[:, index, : height - dy, : width - dx] = (here == labels[:, dy:, dx:]).float()
        valid[:, index, : height - dy, : width - dx] = 1
    return same, valid


def boundary_distance(mask: Tensor, cap: int = DISTANCE_CAP) -> Tensor:
    """Return the Euclidean distance to the nearest True pixel, at most `cap` px, float32 (b, h, w).

    Two exact passes: running maxima along rows, the lower envelope within `cap` down columns.
    """
    width = mask.shape[-1]
    column = torch.arange(width, device=mask.device).expand(mask.shape)
    far = 4 * (width + cap)
    left = torch.where(mask, column, -far).cummax(-1).values
    right = torch.where(mask, -column, -far).flip(-1).cummax(-1).values.flip(-1)
    row = torch.minimum(column - left, -right - column).clamp(max=cap).float().square()
    padded = functional.pad(row[:, None], (0, 0, cap, cap), value=float(cap * cap))[:, 0]
    height = mask.shape[-2]
    best = row.clone()
    for step in range(-cap, cap + 1):
        torch.minimum(best, padded[:, cap + step : cap + step + height] + step * step, out=best)
    return best.clamp(max=float(cap * cap)).sqrt()

"""Losses of the generalist: one function a term.

The affinity term is what makes gaps cost more than thickness (Lee et al. 2017, "Superhuman accuracy
on the SNEMI3D connectomics challenge"): one missing pixel of line changes nothing, while a gap that
joins two grains flips the long affinities over a whole neighbourhood.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.maps import (
    AFFINITY_OFFSETS,
    DISTANCE_CAP,
    affinities,
    boundary_distance,
    boundary_mask,
)


@dataclass(frozen=True)
class Targets:
    """Truth of a batch: boundary and distance in [0, 1] (b, h, w), same and valid (b, k, h, w)."""

    boundary: Tensor
    distance: Tensor
    same: Tensor
    valid: Tensor


def targets_of(labels: Tensor) -> Targets:
    """Return the truth of int64 label maps (b, h, w)."""
    mask = boundary_mask(labels)
    same, valid = affinities(labels)
    return Targets(mask.float(), boundary_distance(mask) / DISTANCE_CAP, same, valid)


def dice_loss(probability: Tensor, truth: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Return 1 - Dice of each channel, averaged (Milletari et al. 2016, squared form).

    `probability`, `truth` and, where it is no number, `weight` are float32 (b, k, h, w); the loss
    has no axis, as those below.
    """
    axes = (0, -2, -1)
    overlap = (weight * probability * truth).sum(axes)
    total = (weight * (probability.square() + truth.square())).sum(axes)
    return 1 - ((2 * overlap + 1) / (total + 1)).mean()


def boundary_loss(logit: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return cross-entropy, for honest probabilities, plus 0.3 Dice, for thin lines.

    All are float32 (b, h, w); `truth` is in [0, 1], `weight` 0 where it is not known.
    """
    probability = torch.sigmoid(logit)[:, None]
    if weight is None:
        entropy = functional.binary_cross_entropy_with_logits(logit, truth)
        return entropy + 0.3 * dice_loss(probability, truth[:, None])
    entropy = functional.binary_cross_entropy_with_logits(logit, truth, weight, reduction="sum")
    dice = dice_loss(probability, truth[:, None], weight[:, None])
    return entropy / weight.sum().clamp(min=1) + 0.3 * dice


def distance_loss(logit: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean absolute error of the capped distance; float32 (b, h, w), truth in [0, 1]."""
    error = (torch.sigmoid(logit) - truth).abs()
    if weight is None:
        return error.mean()
    return (weight * error).sum() / weight.sum().clamp(min=1)


def affinity_loss(logit: Tensor, same: Tensor, valid: Tensor) -> Tensor:
    """Return cross-entropy plus 0.5 Dice on "not the same grain", with both ends in the image.

    All are float32 (b, k, h, w), k the offsets of `AFFINITY_OFFSETS`; `valid` is 1 where both ends
    count.
    """
    entropy = functional.binary_cross_entropy_with_logits(logit, same, weight=valid)
    return entropy + 0.5 * dice_loss(torch.sigmoid(-logit), 1 - same, valid)


def both_ends(valid: Tensor, weight: Tensor) -> Tensor:
    """Return `valid` (b, k, h, w) where both ends of an affinity count, weight (b, h, w)."""
    height, width = weight.shape[-2:]
    counted = valid * weight[:, None]
    for index, (dy, dx) in enumerate(AFFINITY_OFFSETS):
        counted[:, index, : height - dy, : width - dx] *= weight[:, dy:, dx:]
    return counted


def generalist_loss(
    logits: Tensor, truth: Targets, weight: Tensor | None = None
) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted sum of all terms and each term's value.

    Parameters
    ----------
    logits : float32 (b, 8, h, w)
    truth : Targets
    weight : float32 (b, h, w), optional
        0 where the truth is not known; an affinity counts where both its ends do.
    """
    valid, near = truth.valid, weight
    if weight is not None:
        valid = both_ends(truth.valid, weight)
        # What is not known may hold a nearer line.
        unknown = boundary_distance(weight <= 0) / DISTANCE_CAP
        near = weight * (truth.distance <= unknown)
    terms = {
        "boundary": boundary_loss(logits[:, 0], truth.boundary, weight),
        "distance": distance_loss(logits[:, 1], truth.distance, near),
        "affinity": affinity_loss(logits[:, 2:], truth.same, valid),
    }
    total = terms["boundary"] + 0.5 * terms["distance"] + 0.5 * terms["affinity"]
    return total, {name: float(value.detach()) for name, value in terms.items()}

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

from napari_etch.virtual.maps import DISTANCE_CAP, affinities, boundary_distance, boundary_mask


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
    """Return 1 - Dice of each channel, averaged (Milletari et al. 2016, squared form)."""
    axes = (0, -2, -1)
    overlap = (weight * probability * truth).sum(axes)
    total = (weight * (probability.square() + truth.square())).sum(axes)
    return 1 - ((2 * overlap + 1) / (total + 1)).mean()


def boundary_loss(logit: Tensor, truth: Tensor) -> Tensor:
    """Return cross-entropy, for honest probabilities, plus 0.3 Dice, for thin lines."""
    return functional.binary_cross_entropy_with_logits(logit, truth) + 0.3 * dice_loss(
        torch.sigmoid(logit)[:, None], truth[:, None]
    )


def distance_loss(logit: Tensor, truth: Tensor) -> Tensor:
    """Return the mean absolute error of the capped distance."""
    return (torch.sigmoid(logit) - truth).abs().mean()


def affinity_loss(logit: Tensor, same: Tensor, valid: Tensor) -> Tensor:
    """Return cross-entropy plus 0.5 Dice on "not the same grain", with both ends in the image."""
    entropy = functional.binary_cross_entropy_with_logits(logit, same, weight=valid)
    return entropy + 0.5 * dice_loss(torch.sigmoid(-logit), 1 - same, valid)


def generalist_loss(logits: Tensor, truth: Targets) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted sum of all terms and each term's value."""
    terms = {
        "boundary": boundary_loss(logits[:, 0], truth.boundary),
        "distance": distance_loss(logits[:, 1], truth.distance),
        "affinity": affinity_loss(logits[:, 2:], truth.same, truth.valid),
    }
    total = terms["boundary"] + 0.5 * terms["distance"] + 0.5 * terms["affinity"]
    return total, {name: float(value.detach()) for name, value in terms.items()}

"""Loss terms: zero for the truth, larger for a gap than for a thick line."""

import torch

from napari_etch.training.losses import (
    affinity_loss,
    boundary_loss,
    dice_loss,
    distance_loss,
    generalist_loss,
    targets_of,
)

HALVES = torch.zeros(1, 64, 64, dtype=torch.int64)
HALVES[:, :, 32:] = 1


def logits_for(labels, sure=12.0):
    truth = targets_of(labels)
    distance = truth.distance.clamp(1e-4, 1 - 1e-4)
    maps = [sure * (2 * truth.boundary - 1), torch.logit(distance)]
    return torch.cat([torch.stack(maps, 1), sure * (2 * truth.same - 1)], 1)


def test_the_truth_costs_almost_nothing():
    total, terms = generalist_loss(logits_for(HALVES), targets_of(HALVES))
    assert float(total) < 2e-3
    assert set(terms) == {"boundary", "distance", "affinity"}


def test_an_open_gap_costs_more_than_a_thick_line():
    truth = targets_of(HALVES)
    gap = HALVES.clone()
    gap[:, :, :] = 0  # the boundary is missing altogether: the grains are one
    thick = logits_for(HALVES)
    thick[:, 0, :, 30:34] = 12.0
    assert affinity_loss(logits_for(gap)[:, 2:], truth.same, truth.valid) > 0.2
    assert generalist_loss(thick, truth)[0] < generalist_loss(logits_for(gap), truth)[0]


def test_dice_of_truth_is_zero_and_of_its_opposite_is_one():
    truth = (torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    assert float(dice_loss(truth, truth)) < 1e-6
    assert float(dice_loss(1 - truth, truth)) > 0.99


def test_distance_loss_is_the_mean_error():
    logit = torch.zeros(1, 4, 4)
    assert abs(float(distance_loss(logit, torch.full((1, 4, 4), 0.2))) - 0.3) < 1e-6


def test_boundary_loss_prefers_the_right_side():
    truth = targets_of(HALVES).boundary
    assert boundary_loss(4 * (2 * truth - 1), truth) < boundary_loss(4 * (1 - 2 * truth), truth)

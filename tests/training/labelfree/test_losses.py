"""Each term of the label-free loss, alone: small for what it asks for, larger for its opposite."""

import numpy as np
import pytest
import torch

from napari_etch.training.labelfree import losses
from napari_etch.virtual.fields import Range
from napari_etch.virtual.maps import boundary_mask
from napari_etch.virtual.tessellation import Structure, tessellate


def network_map(seed=0, intercept=24.0, size=128):
    structure = Structure(intercept=Range(intercept, intercept + 0.1), twinned=Range(0, 0))
    labels, _ = tessellate(torch.Generator().manual_seed(seed), 2, size, structure)
    return boundary_mask(labels).float()


def generator():
    return torch.Generator().manual_seed(0)


def test_synthetic_is_small_for_the_truth_and_large_for_its_opposite():
    truth = network_map()
    logit = 8 * (2 * truth - 1)
    assert losses.synthetic(logit, truth) < 0.05 < 3 < losses.synthetic(-logit, truth)


def test_similarity_rewards_a_clear_class():
    torch.manual_seed(0)
    responses = torch.randn(1, 3, 8, 8)
    assert losses.similarity(10 * responses) < losses.similarity(responses)


def test_continuity_is_nothing_for_an_even_answer():
    assert losses.continuity(torch.full((1, 16, 16), 0.3), torch.randn(1, 16, 16)) == 0


def test_continuity_is_waived_where_the_image_has_an_edge():
    answer = torch.zeros(1, 16, 16)
    answer[:, :, 8:] = 1
    plain = 0.01 * torch.randn(1, 16, 16, generator=generator())
    assert losses.continuity(answer, plain + 5 * answer) < 0.1 * losses.continuity(answer, plain)


def test_balance_is_nothing_at_the_density_and_grows_away_from_it():
    at, near, far = (losses.balance(torch.full((1, 4, 4), value), 0.2) for value in (0.2, 0.3, 0.9))
    assert abs(at) < 1e-6 < near < far


def test_patches_know_another_network_of_the_same_kind_from_nothing_and_from_noise():
    found, other = network_map(0), network_map(1)
    noise = (torch.rand(found.shape, generator=generator()) < found.mean()).float()
    same, none, random = (
        float(losses.patches(item, other, generator()))
        for item in (found, torch.zeros_like(found), noise)
    )
    assert same < 0.25 * none and same < 0.25 * random


def test_two_point_correlation_knows_the_grain_size():
    found = network_map(0)
    assert losses.two_point(found, network_map(1)) < 0.5 * losses.two_point(
        found, network_map(1, intercept=9.0)
    )


def test_two_point_correlation_does_not_ask_where_the_boundaries_are():
    found = network_map(0)
    assert losses.two_point(found, found.flip(-1)) < 1e-6


def test_a_line_that_ends_in_the_field_has_free_ends_and_a_closed_one_has_none():
    line, ring = torch.zeros(1, 64, 64), torch.zeros(1, 64, 64)
    line[:, 32, 20:44] = 1
    ring[:, 20, 20:44] = ring[:, 43, 20:44] = 1
    ring[:, 20:44, 20] = ring[:, 20:44, 43] = 1
    assert losses.free_ends(ring) < 0.01 < losses.free_ends(line)


def test_marked_pixels_count_and_others_do_not():
    logit, target = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    weight = torch.zeros(1, 4, 4)
    assert losses.marked(logit, target, weight) == 0
    weight[0, 0, 0] = 1
    # One pixel at even odds, and the 1 in the denominator that an empty crop needs.
    assert float(losses.marked(logit, target, weight)) == pytest.approx(np.log(2) / 2)


@pytest.mark.parametrize(
    "term",
    [
        lambda b: losses.patches(b, network_map(1), generator()),
        lambda b: losses.two_point(b, network_map(1)),
        lambda b: losses.balance(b, 0.1),
        lambda b: losses.continuity(b, torch.randn(b.shape, generator=generator())),
        losses.free_ends,
    ],
)
def test_a_term_can_be_followed_downhill(term):
    logit = torch.randn(1, 64, 64, generator=generator()).requires_grad_()
    first = term(torch.sigmoid(logit))
    (slope,) = torch.autograd.grad(first, logit)
    assert torch.isfinite(slope).all() and slope.abs().sum() > 0
    step = 0.02 * first.detach() / slope.square().sum()
    assert term(torch.sigmoid(logit.detach() - step * slope)) < first


def test_threads_do_not_change_the_gradient_of_patches():
    def gradient():
        b = network_map(0).float().clone().requires_grad_()
        losses.patches(b, network_map(1), generator()).backward()
        return b.grad

    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        first, *others = (gradient() for _ in range(8))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(first, other) for other in others)

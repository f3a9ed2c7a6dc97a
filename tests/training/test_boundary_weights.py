from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_etch.training.boundary_weights import abw_loss, cbw_loss, label_lines, line_target


def test_lines_of_a_grain_map_are_one_pixel_wide():
    labels = np.ones((30, 30), np.int32)
    labels[:, 14:] = 2
    lines = label_lines(labels)
    assert (lines[5:-5].sum(1) == 1).all()
    drawn = labels.copy()
    drawn[:, 14] = 0
    assert (label_lines(drawn)[5:-5].sum(1) == 1).all()


def test_the_target_is_five_px_wide_and_weights_belong_to_the_thin_line():
    labels = np.ones((40, 60), np.int32)
    labels[:, 30:] = 2
    target = line_target(labels)
    assert (target.wide[10:-10].sum(1) == 5).all()
    assert ((target.boundary == 30)[10:-10].sum(1) == 1).all()


def one(values):
    return torch.tensor(values, dtype=torch.float32)[None, None]


def test_the_adaptive_loss_by_hand():
    # on the line; in the wide line where O wins; in it where B wins; outside
    boundary, interior = one([30.0, 9.0, 2.0, 1.0])[0], one([1.0, 2.0, 9.0, 11.0])[0]
    wide = one([1.0, 1.0, 1.0, 0.0])[0]
    logits = torch.zeros(1, 2, 1, 4)
    logits[0, 1, 0] = torch.tensor([2.0, 1.0, -1.0, 0.5])
    p1 = [1 / (1 + math.exp(-v)) for v in (2.0, 1.0, -1.0, 0.5)]
    terms = (
        30 * math.log(p1[0])
        + 9 * math.log(p1[1])
        + 9 * math.log(1 - p1[2])
        + 11 * math.log(1 - p1[3])
    )
    loss = abw_loss(logits, wide[:, None], boundary[:, None], interior[:, None])
    assert float(loss) == pytest.approx(-terms / (30 + 9 + 9 + 11), rel=1e-5)


def test_the_adaptive_loss_is_finite_for_a_wrong_and_certain_answer():
    logits = torch.tensor([[[[200.0]], [[-200.0]]]], requires_grad=True)
    loss = abw_loss(logits, torch.ones(1, 1, 1), torch.full((1, 1, 1), 30.0), torch.ones(1, 1, 1))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_a_boundary_counts_twenty_times_in_the_class_balance():
    logits = torch.zeros(1, 2, 1, 2)
    logits[0, 1, 0] = torch.tensor([1.0, 1.0])
    wide = torch.tensor([[[1.0, 0.0]]])
    on, off = math.log(1 + math.exp(-1)), math.log(1 + math.e)
    assert float(cbw_loss(logits, wide)) == pytest.approx((20 * on + off) / 21, rel=1e-5)

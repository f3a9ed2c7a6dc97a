"""Grain structures: reproducible, of the wanted size, of every kind."""

import numpy as np
import pytest
import torch

from napari_etch.virtual.fields import Range
from napari_etch.virtual.tessellation import BANDS, KINDS, Structure, tessellate

PLAIN = Structure(intercept=Range(30, 30.1), twinned=Range(0, 0), bimodal=0, spread=Range(0.1, 0.2))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def crossings_per_px(labels):
    across = (labels[:, :, 1:] != labels[:, :, :-1]).float().mean()
    down = (labels[:, 1:] != labels[:, :-1]).float().mean()
    return float(across + down) / 2


def test_same_seed_gives_the_same_structure():
    first, second = (tessellate(seeded(3), 2, 64)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_another_seed_gives_another_structure():
    assert not torch.equal(tessellate(seeded(1), 1, 64)[0], tessellate(seeded(2), 1, 64)[0])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_mean_intercept_is_near_the_wanted_one(kind, monkeypatch):
    monkeypatch.setattr("napari_etch.virtual.tessellation.choice", lambda *_: kind)
    measured = []
    for seed in range(4):
        labels, intercept = tessellate(seeded(seed), 4, 256, PLAIN)
        measured.append(1 / crossings_per_px(labels) / float(intercept.mean()))
    # Digital lines along the axes, warps and stretches move it; the order of size must hold.
    assert 0.7 < np.mean(measured) < 1.3


def test_block_search_gives_the_same_grains_as_the_full_search(monkeypatch):
    fine = Structure(intercept=Range(12, 12.1), twinned=Range(0, 0), relaxed=0)
    monkeypatch.setattr("napari_etch.virtual.tessellation.choice", lambda *_: "laguerre")
    blocked, _ = tessellate(seeded(5), 2, 128, fine)
    monkeypatch.setattr("napari_etch.virtual.tessellation.FEW_SEEDS", 10**6)
    full, _ = tessellate(seeded(5), 2, 128, fine)
    assert (blocked != full).float().mean() < 1e-3


def test_no_twins_means_only_band_zero():
    labels, _ = tessellate(seeded(), 2, 96, PLAIN)
    assert int((labels % BANDS).max()) == 0


def test_twins_cut_grains_into_bands():
    twinned = Structure(intercept=Range(60, 60.1), twinned=Range(1, 1))
    labels, _ = tessellate(seeded(), 2, 128, twinned)
    assert int((labels % BANDS).max()) >= 1
    assert len(torch.unique(labels)) > len(torch.unique(labels // BANDS))

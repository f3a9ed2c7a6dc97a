from __future__ import annotations

import torch

from napari_etch.virtual.maps import boundary_mask
from napari_etch.virtual.previous import worn_boundaries
from napari_etch.virtual.serial import grain_volume


def worn(seed=0, count=24):
    import numpy as np

    volume = grain_volume((2, 64, 64), intercept=16.0, rng=np.random.default_rng(seed))
    labels = torch.from_numpy(volume.astype(np.int64))
    generator = torch.Generator().manual_seed(seed)
    here, other = labels[:1].repeat(count, 1, 1), labels[1:].repeat(count, 1, 1).flip(-1)
    return worn_boundaries(generator, here, other), boundary_mask(here)


def test_worn_boundaries_are_probabilities_that_follow_the_truth():
    maps, lines = worn()
    assert maps.dtype == torch.float32
    assert float(maps.min()) >= 0 and float(maps.max()) <= 1
    assert float(maps[lines].mean()) > 3 * float(maps[~lines].mean())


def test_they_have_gaps_false_lines_and_doubts():
    maps, lines = worn()
    far = torch.nn.functional.max_pool2d(lines[:, None].float(), 9, 1, 4)[:, 0] == 0
    near = torch.nn.functional.max_pool2d(maps[:, None], 9, 1, 4)[:, 0]
    lost = ((near < 0.2) & lines).flatten(1).sum(1)
    false = ((maps > 0.4) & far).flatten(1).sum(1)
    assert int((lost > 10).sum()) > 6
    assert 2 < int((false > 10).sum()) < 22
    assert float(maps.flatten(1).amax(1).std()) > 0.03


def test_the_same_seed_wears_alike():
    assert torch.equal(worn(3)[0], worn(3)[0])

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_etch.training.count_head import fit_count_head, pooled


def images(number, seed, noise=1.0):
    """Return features, counts that depend on two of them, and the specimen of each image."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(number, 60))
    counts = 50 + 8 * features[:, 0] - 5 * features[:, 7] + noise * random.normal(size=number)
    return features, counts, [f"s{index % 6}" for index in range(number)]


def test_counts_are_read_off_the_features():
    head = fit_count_head(*images(150, 0))
    features, counts, _ = images(80, 1)
    error = np.abs(head.count(features) - counts).mean()
    assert error < 0.35 * np.abs(counts - counts.mean()).mean()
    assert head.error == pytest.approx(error, rel=0.6)


def test_the_penalty_grows_where_there_is_nothing_to_learn():
    features, counts, groups = images(60, 2)
    lost = np.random.default_rng(3).permutation(counts)
    assert fit_count_head(features, lost, groups).penalty > fit_count_head(*images(60, 2)).penalty


def test_specimens_are_left_out_as_a_whole():
    """What tells specimens apart, and nothing else, must not look like knowledge."""
    random = np.random.default_rng(4)
    groups = [f"s{index // 10}" for index in range(60)]
    features = np.repeat(random.normal(size=(6, 40)), 10, 0) + 0.01 * random.normal(size=(60, 40))
    counts = np.repeat(random.normal(50, 10, 6), 10)
    assert fit_count_head(features, counts, groups).error > 3


def test_no_count_is_below_nothing():
    head = fit_count_head(*images(150, 0))
    assert (head.count(np.full((1, 60), -50.0) * np.sign(head.weights)) == 0).all()


def test_one_specimen_is_refused():
    features, counts, _ = images(20, 0)
    with pytest.raises(ValueError, match="one specimen"):
        fit_count_head(features, counts, ["a"] * 20)


def test_tokens_are_pooled_to_mean_and_spread():
    tokens = torch.arange(24, dtype=torch.float16).reshape(2, 3, 4)
    found = pooled(tokens)
    assert found[:2] == pytest.approx([5.5, 17.5])
    assert found[2:] == pytest.approx([float(torch.arange(12.0).std())] * 2)

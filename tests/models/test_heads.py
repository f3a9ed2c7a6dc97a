"""Reading the network's channels: probabilities, and separations without a direction."""

import numpy as np

from napari_etch.models.heads import DOWN, MAPS, REACH, RIGHT, read_heads
from napari_etch.virtual.maps import AFFINITY_OFFSETS, affinities


def raw_for(labels):
    """Return the logits of a network that is sure and right about these labels (y, x)."""
    import torch

    same, _ = affinities(torch.from_numpy(labels)[None])
    sure = 20 * (2 * same[0].numpy() - 1)
    return np.concatenate([np.zeros((2, *labels.shape), np.float32), sure]).astype(np.float32)


def test_channels_follow_the_offsets_the_network_is_trained_for():
    assert AFFINITY_OFFSETS[DOWN - 2] == (REACH, 0)
    assert AFFINITY_OFFSETS[RIGHT - 2] == (0, REACH)


def test_separation_is_high_around_a_boundary_and_centred_on_it():
    labels = np.zeros((80, 80), np.int64)
    labels[:, 40:] = 1
    separation = read_heads(raw_for(labels))[MAPS.index("separation")]
    high = np.flatnonzero(separation[30] > 0.5)
    assert abs(high.mean() - 39.5) <= 1
    assert abs(len(high) - REACH) <= 1


def test_mirrored_labels_give_mirrored_separations():
    labels = np.zeros((80, 80), np.int64)
    labels[:30, 22:] = 1
    labels[30:, 50:] = 2
    plain = read_heads(raw_for(labels))
    mirrored = read_heads(raw_for(np.ascontiguousarray(labels[::-1, ::-1])))[:, ::-1, ::-1]
    # The pair's middle falls between two pixels: a shift of one pixel at the lines is allowed.
    assert np.mean(np.abs(plain[1] - mirrored[1]) > 0.5) < 0.05


def test_an_image_smaller_than_the_reach_is_read():
    maps = read_heads(np.zeros((8, 5, 7), np.float32))
    assert maps.shape == (2, 5, 7) and np.allclose(maps, 0.5)

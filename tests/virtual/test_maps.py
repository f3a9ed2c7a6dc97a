"""Truth derived from label maps agrees with plain definitions."""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from napari_etch.virtual.maps import (
    AFFINITY_OFFSETS,
    affinities,
    boundary_distance,
    boundary_mask,
    boundary_strength,
)
from napari_etch.virtual.tessellation import tessellate


def labels_of(seed=0, size=96):
    return tessellate(torch.Generator().manual_seed(seed), 2, size)[0]


def test_boundary_is_where_a_neighbour_differs():
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    labels[:, :, 4:] = 1
    mask = boundary_mask(labels)[0].numpy()
    assert mask[:, 3:5].all() and mask.sum() == 16


def test_distance_agrees_with_scipy_up_to_the_cap():
    mask = boundary_mask(labels_of())
    found = boundary_distance(mask, cap=12).numpy()
    for row, wanted in zip(found, mask.numpy(), strict=True):
        expected = np.minimum(distance_transform_edt(~wanted), 12)
        np.testing.assert_allclose(row, expected, atol=1e-4)


def test_distance_is_the_cap_where_there_is_no_boundary():
    assert (boundary_distance(torch.zeros(1, 20, 20, dtype=torch.bool), cap=7) == 7).all()


def test_affinity_says_whether_two_pixels_share_a_grain():
    labels = labels_of(1)
    same, valid = affinities(labels)
    for index, (dy, dx) in enumerate(AFFINITY_OFFSETS):
        assert float(valid[:, index].sum()) == 2 * (96 - dy) * (96 - dx)
        y, x = 40, 17
        assert same[1, index, y, x] == (labels[1, y, x] == labels[1, y + dy, x + dx])


def test_every_pair_of_grains_has_one_strength():
    labels = torch.zeros(1, 6, 9, dtype=torch.int64)
    labels[:, :, 3:6] = 1
    labels[:, :, 6:] = 2
    strength = boundary_strength(labels, torch.linspace(0.1, 0.9, 101)[None])[0]
    first, second = strength[0, 2], strength[0, 5]
    assert (strength[:, 2:4] == first).all() and (strength[:, 5:7] == second).all()
    assert first != second and float(strength[:, 0].max()) == 0

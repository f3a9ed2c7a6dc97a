"""Likeness to outlined places: what is near and looks alike, and nothing else."""

import numpy as np
import pytest

from napari_etch.fractography.likeness import MOST_LANDMARKS, likeness_of, likeness_to


@pytest.fixture
def likeness():
    # two textures, left and right, of equal brightness
    random = np.random.default_rng(0)
    features = 0.1 * random.normal(size=(6, 40, 40)).astype(np.float32)
    features[0, :, :20] += 1
    features[0, :, 20:] -= 1
    return likeness_of(features, np.zeros((2, 40, 40), np.float32))


def strength(places, likeness):
    return np.linalg.norm(likeness_to(np.array(places), likeness), axis=1).reshape(40, 40)


def test_what_is_near_and_alike_is_reached(likeness):
    found = strength([20 * 40 + 18], likeness)
    assert found[20, 18] == pytest.approx(1, abs=1e-3)
    assert found[20, 17] > 0.5, "a neighbour of the same facet"
    assert found[20, 21] < 0.5 * found[20, 15], "as far away, but beyond the facet's edge"
    assert found[2, 18] < 1e-3, "alike but far away"


def test_a_linear_model_of_it_is_one_of_the_kernel(likeness):
    places = np.array([85, 90, 700, 1200])
    found = likeness_to(places, likeness)
    np.testing.assert_allclose(
        found[places] @ found[places].T, likeness.between(places, places), atol=1e-3
    )


def test_many_outlined_places_cost_no_more_than_some(likeness):
    assert likeness_to(np.arange(1600), likeness).shape[1] <= MOST_LANDMARKS
    assert likeness_to(np.zeros(0, int), likeness).shape == (1600, 0)

from __future__ import annotations

import numpy as np
import pytest

from napari_etch.virtual.serial import KINDS, Flaws, draw_conditions, grain_volume, serial_sections

SHAPE = (12, 96, 96)


def volume(kind="laguerre", seed=0, **options):
    rng = np.random.default_rng(seed)
    return grain_volume(SHAPE, kind=kind, rng=rng, **{"intercept": 20.0, "spacing": 3.0, **options})


def mean_intercept(labels: np.ndarray, axis: int, step: float) -> float:
    return step / float(np.mean(np.diff(labels, axis=axis) != 0))


@pytest.mark.parametrize("kind", KINDS)
def test_grains_are_as_large_as_asked_for_in_all_directions(kind):
    labels = np.stack([volume(kind, seed) for seed in range(3)])
    for axis, step in ((1, 3.0), (2, 1.0), (3, 1.0)):
        assert 16 < mean_intercept(labels, axis, step) < 27


@pytest.mark.parametrize("kind", KINDS)
def test_a_volume_is_full_of_grains_in_one_piece(kind):
    import cc3d

    labels = volume(kind)
    assert labels.shape == SHAPE and labels.dtype == np.int32
    count = labels.max()
    assert set(np.unique(labels)) == set(range(1, count + 1))
    assert cc3d.connected_components(labels.astype(np.uint32), connectivity=6).max() == count


def test_sections_that_are_close_are_alike():
    near, far = volume(spacing=1.0), volume(spacing=8.0)
    assert np.mean(near[1:] == near[:-1]) > np.mean(far[1:] == far[:-1]) + 0.1


def test_cells_of_a_laguerre_volume_differ_in_size():
    sizes = np.bincount(volume()[1:-1].ravel())[1:]
    assert sizes.std() > 0.3 * sizes.mean()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"intercept": 0.0}, "intercept is 0.0"),
        ({"spacing": float("nan")}, "spacing is nan"),
        ({"kind": "voronoi"}, "no kind of polycrystal 'voronoi'"),
    ],
)
def test_volumes_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        volume(**options)


def test_the_same_seed_gives_the_same_stack():
    one, two = (serial_sections(3, 48, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.labels, two.labels)
    assert (one.images != serial_sections(3, 48, seed=6).images).any()


def test_a_stack_has_the_flaws_it_is_asked_for_and_truth_for_all_of_it():
    stack = serial_sections(8, 64, seed=1, flaws=Flaws(faint=0.25, scratched=0.25, missing=0.25))
    assert sorted(stack.conditions) == sorted(
        ["good", "good", "faint", "faint", "scratched", "scratched", "missing", "missing"]
    )
    assert stack.conditions[0] == "good"
    for image, labels, condition in zip(stack.images, stack.labels, stack.conditions, strict=True):
        assert (image.max() == 0) == (condition == "missing")
        assert labels.min() > 0


def test_boundaries_show_less_in_faint_sections():
    stack = serial_sections(10, 96, seed=3, intercept=24, style="ferrite", flaws=Flaws(0.4, 0, 0))
    depth = {"good": [], "faint": []}
    for image, labels, condition in zip(stack.images, stack.labels, stack.conditions, strict=True):
        edge = np.zeros(labels.shape, bool)
        edge[:, 1:] = labels[:, 1:] != labels[:, :-1]
        depth[condition].append(float(image[~edge].mean() - image[edge].mean()))
    assert max(depth["faint"]) < min(depth["good"])


def test_noise_is_new_in_every_section():
    stack = serial_sections(2, 64, seed=2, spacing=0.01, flaws=Flaws(0, 0, 0))
    assert np.mean(stack.labels[0] == stack.labels[1]) > 0.99
    assert (stack.images[0] != stack.images[1]).mean() > 0.5


def test_shares_beyond_all_sections_are_refused():
    with pytest.raises(ValueError, match="from 0 to 1 together"):
        draw_conditions(10, Flaws(0.6, 0.6, 0), np.random.default_rng(0))
    assert draw_conditions(1, Flaws(), np.random.default_rng(0)) == ("good",)


def test_a_micrograph_of_a_few_pixels_is_refused():
    with pytest.raises(ValueError, match="at least 32 px"):
        serial_sections(2, 16)

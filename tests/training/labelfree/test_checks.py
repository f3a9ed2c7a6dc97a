"""Collapse and the absence of grains are told from an answer that can be used."""

import numpy as np
import pytest
import torch
from scipy.ndimage import maximum_filter

from napari_etch.training.labelfree.anchors import anchors, ridges
from napari_etch.training.labelfree.answers import closed_labels, closed_strength
from napari_etch.training.labelfree.checks import judge
from napari_etch.virtual import render_batch
from napari_etch.virtual.fields import Range
from napari_etch.virtual.tessellation import Structure

GRAINS = Structure(intercept=Range(28, 28.1), twinned=Range(0, 0))


@pytest.fixture(scope="module")
def ferrite():
    generator = torch.Generator().manual_seed(0)
    batch = render_batch(1, 192, generator=generator, style="ferrite", structure=GRAINS)
    image = batch.image[0].numpy()
    return (image - image.mean()) / image.std(), batch.boundary[0].numpy().astype(np.float32)


def verdict(answer, image, density):
    return judge([answer.astype(np.float32)], [anchors(image, np.ones(image.shape, bool))], density)


def test_the_truth_passes(ferrite):
    image, truth = ferrite
    assert verdict(truth, image, truth.mean()).message == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda truth: np.full_like(truth, 0.9), "everything"),
        (lambda truth: np.full_like(truth, 0.01), "hardly any"),
        (lambda truth: 0.2 * (1 - truth), "inside"),
    ],
)
def test_a_collapse_is_told(ferrite, answer, said):
    image, truth = ferrite
    found = verdict(answer(truth), image, truth.mean())
    assert found.collapsed and said in found.message


def test_specks_that_close_nothing_are_no_grains(ferrite):
    image, truth = ferrite
    random = np.random.default_rng(0)
    specks = (0.9 * (random.random(truth.shape) < truth.mean())).astype(np.float32)
    # Where the image's own ridges are, so that it is not taken for the opposite.
    specks = np.maximum(specks * 0.3, 0.3 * truth * specks)
    found = verdict(specks + 0.1 * truth, image, 0.15)
    assert "No grains" in found.message and not found.collapsed


def test_anchors_find_the_grooves_whether_they_are_dark_or_bright(ferrite):
    image, truth = ferrite
    for picture, dark in ((image, True), (-image, False)):
        assert ridges(picture)[1] is dark
        target, weight = anchors(picture, np.ones(picture.shape, bool))
        near = maximum_filter(truth, 5)  # the flanks of a groove are strong too
        assert near[target > 0].mean() > 0.9
        assert truth[(target == 0) & (weight > 0)].mean() < 0.1


def test_closed_labels_close_a_gap_and_doubt_what_they_drop():
    boundary = np.zeros((96, 96), np.float32)
    boundary[:, 47:49] = 0.95
    boundary[46:50, 47:49] = 0.1  # a gap
    boundary[20:22, 60:80] = 0.5  # a line that closes nothing
    target, weight = closed_labels(boundary)
    assert target[48, 45:51].max() == 1 and target[21, 65:75].max() == 0
    assert weight[10, 20] > 0.9 and weight[21, 70] < 0.7 and weight[10, 48] > 0.8
    assert closed_strength(boundary) > 0.7

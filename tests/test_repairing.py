"""Repair from end to end, with the shipped weights."""

import threading

import numpy as np
import pytest
from fakes import grid_of_grains
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree
from skimage.morphology import skeletonize

from napari_etch.grains import boundary_lines
from napari_etch.inference import Cancelled, Notice, TileDone
from napari_etch.models import load_model
from napari_etch.models.repair import choose_scale
from napari_etch.repairing import Repaired, RepairError, repair
from napari_etch.virtual.broken import PRESETS


@pytest.fixture(scope="module")
def model():
    return load_model("repair")


def repaired(image, **options):
    *events, last = repair(image, device="cpu", **options)
    assert isinstance(last, Repaired)
    fractions = [event.fraction for event in events if isinstance(event, TileDone)]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    return last


def voronoi(seed, count, size, thickness):
    rng = np.random.default_rng(seed)
    pixels = np.stack(np.mgrid[:size, :size], -1).reshape(-1, 2)
    grains = KDTree(rng.uniform(0, size, (count, 2))).query(pixels)[1].reshape(size, size)
    lines = boundary_lines(grains)
    for _ in range(thickness - 1):
        lines[1:] |= lines[:-1].copy()
        lines[:, 1:] |= lines[:, :-1].copy()
    return lines


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 3), st.integers(60, 200))
def test_a_complete_network_is_left_unchanged(model, seed, count, thickness, size):
    lines = voronoi(seed, count, size, thickness)
    found = repaired(np.where(lines, 0, 255).astype(np.uint8), model=model)
    assert np.array_equal(skeletonize(found.boundary >= 0.5), skeletonize(lines))
    assert not found.bridges and not found.added.any()


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("shape", [(1, 1), (40, 300), (256, 256)])
def test_no_grain_is_invented_in_an_empty_picture_and_that_is_said(model, value, shape):
    *events, found = repair(np.full(shape, value, np.uint8), device="cpu", model=model)
    said = [event.message for event in events if isinstance(event, Notice)]
    assert "There are no lines in this picture, so there is nothing to bridge." in said
    assert found.grains.max() == 1 and not found.added.any() and not found.boundary.any()


def test_gaps_of_a_virtual_network_are_closed_and_nothing_is_taken_away(model):
    micro, label = PRESETS["published"](256, np.random.default_rng(5))
    found = repaired(micro, model=model)
    broken, complete, after = micro == 0, label == 0, found.boundary >= 0.5
    assert found.kind == "map" and found.polarity == "dark"
    assert after[broken].all()
    assert (complete & ~after).sum() < 0.5 * (complete & ~broken).sum()
    assert np.array_equal(found.added > 0, found.numbers > 0)
    for bridge in found.bridges:
        assert found.added[found.numbers == bridge.id] == pytest.approx(bridge.confidence)


def test_a_micrographs_boundaries_are_found_first(model):
    found = repaired(grid_of_grains()[0] + np.random.default_rng(0).integers(0, 40, (96, 96)))
    assert found.kind == "micrograph" and found.grains.max() >= 9


def test_alpha_is_dropped_and_what_is_masked_left_out(model):
    grey = np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8)
    masked = np.ma.masked_array(grey, mask=np.zeros(grey.shape, bool))
    masked[:20] = np.ma.masked
    for image in (np.stack([grey] * 4, axis=-1), masked):
        found = repaired(image, kind="micrograph", model=model)
        assert found.grains.shape == grey.shape
    assert np.array_equal(found.grains > 0, ~masked.mask)


def test_a_soft_map_keeps_what_it_says(model):
    soft = np.zeros((80, 80), np.float32)
    soft[:, 40], soft[20, :] = 0.7, 0.3
    found = repaired(soft, model=model)
    assert np.array_equal(found.boundary, np.maximum(soft, found.added))


def test_the_rows_of_zeros_of_a_grain_map_are_lines(model):
    grains = np.ones((90, 90), np.int32)
    grains[:, 50:] = 2
    grains[:, 49] = 0
    found = repaired(grains, kind="grains", model=model)
    assert found.kind == "grains" and found.grains.max() == 2 and not found.bridges


def test_scale_brings_fine_and_coarse_networks_to_what_was_learnt():
    def grid(step, size=400):
        lines = np.zeros((size, size), bool)
        lines[::step] = lines[:, ::step] = True
        return lines

    assert choose_scale(grid(40)) == 1
    assert choose_scale(grid(8)) > 2
    assert choose_scale(grid(300, 1000)) < 0.5
    assert choose_scale(np.zeros((50, 50), bool)) == 1
    thick = np.kron(grid(10, 100), np.ones((12, 12))) > 0
    assert choose_scale(thick) < 0.5


@pytest.mark.parametrize("polarity", ["auto", "dark"])
def test_a_picture_without_any_value_has_no_grain(model, polarity):
    found = repaired(np.full((40, 50), np.nan, np.float32), polarity=polarity, model=model)
    assert not found.grains.any() and not found.bridges and not found.boundary.any()


def test_a_cancelled_repair_stops(model):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        list(repair(np.eye(64), device="cpu", cancel=cancel, model=model))


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((4, 5, 6, 7)), {}, "one picture"),
        (np.zeros((9, 20, 30)), {}, "stack"),
        (np.eye(9), {"polarity": "grey"}, "polarity"),
        (np.eye(9), {"kind": "drawing"}, "kind"),
        (np.eye(9), {"least": 1.5}, "least confidence"),
        (np.eye(9), {"kind": "grains"}, "whole numbers"),
        (np.zeros((0, 5), int), {"kind": "grains"}, "whole numbers"),
        (np.eye(9, dtype=complex), {}, "grey values"),
    ],
)
def test_what_cannot_be_repaired_is_refused_in_a_sentence(image, options, message):
    with pytest.raises(RepairError, match=message):
        list(repair(image, device="cpu", **options))

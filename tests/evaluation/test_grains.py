"""Scores of grains against cases worked by hand, scikit-image, and the development scorer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation.maps import halves, lines_of, voronoi
from skimage.metrics import adapted_rand_error, variation_of_information

from napari_etch.evaluation import evaluate_grains


@pytest.mark.parametrize("seed", range(3))
def test_information_and_rand_agree_with_scikit_image(seed):
    truth, pred = voronoi(seed), voronoi(seed + 50, count=31)
    scores = evaluate_grains(pred, truth, min_area_px=1)
    split, merge = variation_of_information(truth, pred)
    assert (scores.vi_split, scores.vi_merge) == pytest.approx((split, merge))
    assert scores.are == pytest.approx(adapted_rand_error(truth, pred)[0])


def test_the_truth_itself_scores_best():
    truth = voronoi(3)
    scores = evaluate_grains(truth * 7 + 2, truth, tolerance_px=1, min_area_px=1)
    for name in ("vi", "are", "ks_ecd", "delta_g", "delta_g_interior"):
        assert getattr(scores, name) == pytest.approx(0, abs=1e-12)
    for name in ("ari", "ap50", "map", "pq", "boundary_f1", "count_ratio"):
        assert getattr(scores, name) == pytest.approx(1)


def test_a_grain_cut_in_half_is_one_bit_and_one_g():
    scores = evaluate_grains(halves(), np.ones((40, 80), int))
    assert scores.vi_split == pytest.approx(1)
    assert scores.vi_merge == 0
    assert scores.ap50 == 0  # an IoU of 0.5 is not above 0.5
    assert scores.delta_g == pytest.approx(1)


def test_two_grains_joined():
    scores = evaluate_grains(np.ones((40, 80), int), halves())
    assert scores.vi_merge == pytest.approx(1)
    assert scores.boundary_recall == 0
    assert scores.boundary_precision is None
    assert scores.delta_g == pytest.approx(-1)


def test_matches_by_hand():
    pred = np.ones((10, 100), int)
    pred[:, 60:] = 2  # IoU 50/60 and 40/50
    scores = evaluate_grains(pred, halves(10, 100))
    assert scores.ap50 == 1
    assert scores.map == pytest.approx((6 + 1 / 3) / 10)
    assert scores.pq == pytest.approx((50 / 60 + 40 / 50) / 2)


def test_thick_predicted_lines_cost_nothing():
    pred = halves()
    pred[:, 36:44] = 0
    scores = evaluate_grains(pred, halves())
    assert (scores.vi, scores.map, scores.boundary_f1) == (0, 1, 1)


def test_a_mask_hides_what_is_wrong_under_it():
    pred = halves()
    pred[:20, :20] = np.arange(400).reshape(20, 20) + 10
    ignore = np.zeros(pred.shape, bool)
    ignore[:20, :20] = True
    assert evaluate_grains(pred, halves()).vi > 0.5
    scores = evaluate_grains(pred, halves(), ignore=ignore)
    assert (scores.vi, scores.count_pred, scores.boundary_f1) == (0, 2, 1)


def test_a_sliver_on_a_truth_line_is_a_false_grain():
    truth = np.zeros((40, 80), np.uint8)
    truth[:, 38:43] = 255
    pred = halves()
    pred[:, 39:42] = 5
    assert evaluate_grains(pred, truth).ap50 == pytest.approx(2 / 3)


def test_small_truth_grains_are_left_out():
    truth = halves()
    truth[10:15, 10:15] = 3
    scores = evaluate_grains(truth, truth)
    assert (scores.count_true, scores.count_pred, scores.pq) == (2, 2, 1)


def test_the_tolerance_of_boundaries():
    pred = np.ones((40, 80), int)
    pred[:, 44:] = 2
    assert evaluate_grains(pred, halves(), tolerance_px=4).boundary_f1 == 1
    assert evaluate_grains(pred, halves(), tolerance_px=3).boundary_f1 == 0


def test_disjoint_sizes():
    fine = np.kron(np.arange(400).reshape(20, 20) + 1, np.ones((6, 6), int))
    coarse = np.kron(np.arange(16).reshape(4, 4) + 1, np.ones((30, 30), int))
    scores = evaluate_grains(fine, coarse)
    assert scores.ks_ecd == 1
    assert scores.delta_g_interior == pytest.approx(math.log2(900 / 36))


@pytest.mark.parametrize(
    ("pred", "truth", "message"),
    [
        (np.ones((4, 5), int), np.ones((5, 4), int), "one image"),
        (np.full((5, 4), 0.5), np.ones((5, 4), int), "fractions"),
        (np.ones((5, 4), int), np.full((5, 4), 0.5), "the truth holds fractions"),
        (np.ones((5, 4), int), -np.eye(5, 4, dtype=int), "the truth holds numbers below 0"),
        (np.full((5, 4), np.inf), np.ones((5, 4), int), "the prediction holds numbers .* end"),
        (np.ones((5, 4), complex), np.ones((5, 4), int), "the prediction holds complex128"),
        (np.ones((2, 5, 4), int), np.ones((2, 5, 4), int), "one 2D map"),
        (np.ones((0, 4), int), np.ones((0, 4), int), "no pixels"),
    ],
)
def test_bad_input_is_named(pred, truth, message):
    with pytest.raises(ValueError, match=message):
        evaluate_grains(pred, truth)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["labels", "boundary", "masked"])
def test_every_number_is_that_of_the_development_scorer(scorer, seed, kind):
    truth, pred = voronoi(seed), voronoi(seed + 20, count=31)
    pred = np.where(lines_of(pred, 1) > 0, 0, pred)
    ignore = None
    if kind == "boundary":
        truth = lines_of(truth, 2)
    if kind == "masked":
        ignore = np.zeros(truth.shape, bool)
        ignore[70:, :40] = True
    ours = evaluate_grains(pred, truth, ignore=ignore).as_dict()
    theirs = scorer.score_grains(pred, truth, ignore)
    assert ours.keys() == theirs.keys()
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_the_steel_scores_as_the_development_scorer_says(scorer, dev_data):
    truth = scorer.read_array(dev_data / "steel-optical" / "boundary.png")
    pred = scorer.read_array(dev_data / "steel-optical" / "labels.tif")
    pred = np.where(pred % 5 == 0, 0, pred)  # grains swallowed by their neighbours
    ours = evaluate_grains(pred, truth).as_dict()
    assert ours == pytest.approx(scorer.score_grains(pred, truth), rel=1e-6)
    assert 0.3 < ours["ap50"] < 0.95


def test_a_drawn_truth_may_be_anti_aliased():
    drawn = np.zeros((40, 80), np.float32)
    drawn[:, 39:42] = [0.25, 1, 0.25]
    assert evaluate_grains(halves(), drawn, truth_kind="boundary").vi == 0

"""Scores of classes against a case worked by hand and the development scorer."""

from __future__ import annotations

import numpy as np
import pytest

from napari_etch.evaluation import evaluate_classes


def test_classes_by_hand():
    truth = np.array([[1, 1, 2, 2], [1, 1, 2, 0]])
    pred = np.array([[1, 1, 1, 2], [1, 0, 2, 2]])
    scores = evaluate_classes(pred, truth)
    assert scores.accuracy == 5 / 7
    assert scores.iou == {1: 3 / 5, 2: 2 / 3}
    assert scores.miou == pytest.approx((3 / 5 + 2 / 3) / 2)
    assert scores.share_true == {0: 0, 1: 4 / 7, 2: 3 / 7}
    assert scores.share_pred == {0: 1 / 7, 1: 4 / 7, 2: 2 / 7}
    assert (scores.labelled_px, scores.labelled_share) == (7, 7 / 8)
    assert scores.classes == [0, 1, 2]
    assert scores.confusion == [[0, 0, 0], [1, 3, 0], [0, 1, 2]]
    nothing = evaluate_classes(pred, truth, ignore=np.ones((2, 4)))
    assert (nothing.accuracy, nothing.miou, nothing.labelled_px) == (None, None, 0)


@pytest.mark.parametrize("seed", range(3))
def test_classes_are_scored_as_by_the_development_scorer(scorer, seed):
    rng = np.random.default_rng(seed)
    pred, truth = rng.integers(0, 4, (2, 50, 60))
    ignore = rng.random((50, 60)) < 0.3
    ours = evaluate_classes(pred, truth, ignore=ignore)
    theirs = scorer.score_classes(pred, truth, ignore)
    assert ours.accuracy == pytest.approx(theirs["pixel_accuracy"])
    assert ours.miou == pytest.approx(theirs["miou"])
    assert {str(key): value for key, value in ours.iou.items()} == pytest.approx(theirs["iou"])
    assert ours.confusion == theirs["confusion_rows_truth_columns_pred"]


def test_classes_are_whole_numbers():
    halves_of_one = np.full((4, 4), 0.5)
    with pytest.raises(ValueError, match="the truth holds fractions"):
        evaluate_classes(np.ones((4, 4), int), halves_of_one)
    with pytest.raises(ValueError, match="the prediction holds fractions"):
        evaluate_classes(halves_of_one, np.ones((4, 4), int))

from __future__ import annotations

import numpy as np
import pytest

from napari_etch.published_scores import published_scores


def halves(column: int, side: int = 9) -> np.ndarray:
    lines = np.zeros((side, side), bool)
    lines[:, column] = True
    return lines


def test_equal_lines_are_perfect():
    scores = published_scores(halves(4), halves(4), margin=0)
    assert (scores.ri, scores.ari, scores.vi, scores.map, scores.pratt) == (1, 1, 0, 1, 1)


def test_a_lost_line_is_all_merge():
    none = np.zeros((9, 9), bool)
    scores = published_scores(none, halves(4), margin=0)
    # two equal halves of 36 px in one segment: H(truth | pred) is one bit; the line is left out
    assert scores.merge == pytest.approx(1.0)
    assert scores.split == 0
    assert scores.pratt == 0
    pairs = 2 * (36 * 35 / 2) + 9 * 8 / 2
    assert scores.ri == pytest.approx(pairs / (81 * 80 / 2))
    assert scores.ari == pytest.approx(0)


def test_an_invented_line_is_all_split():
    scores = published_scores(halves(4), np.zeros((9, 9), bool), margin=0)
    assert scores.split == pytest.approx(1.0)
    assert scores.merge == 0


def test_pratt_falls_with_the_square_of_the_distance():
    assert published_scores(halves(6), halves(4), margin=0).pratt == pytest.approx(1 / 1.4)
    twice = halves(4) | halves(6)
    assert published_scores(twice, halves(4), margin=0).pratt == pytest.approx((1 + 1 / 1.4) / 2)


def test_a_line_without_a_true_one_near_counts_as_thirty_px_off():
    pred, truth = halves(0, 200), halves(199, 200)
    assert published_scores(pred, truth, margin=0).pratt == pytest.approx(1 / 91)


def test_precision_counts_grains_within_a_frame():
    # framed, the halves are 7 x 3 px each; moved by one, 7 x 4 and 7 x 2: IoU 3/4 and 2/3
    scores = published_scores(halves(5), halves(4), margin=0)
    hits = [2] * 4 + [1] * 1 + [0] * 5  # above .50 .55 .60 .65 | .70 | .75 and on
    assert scores.map == pytest.approx(np.mean([hit / (4 - hit) for hit in hits]))


def test_the_margin_is_cut_off_first():
    truth = np.zeros((40, 40), bool)
    pred = truth.copy()
    pred[5] = True
    assert published_scores(pred, truth).vi == 0
    with pytest.raises(ValueError, match="within a margin of 20 px"):
        published_scores(pred, truth, margin=20)
    with pytest.raises(ValueError, match="and the true ones"):
        published_scores(pred, truth[1:])

"""Scores of stacks against a case worked by hand and the development scorer."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.maps import halves, lines_of, voronoi

from napari_etch.evaluation import evaluate_stack


def test_a_stack_whose_sections_are_numbered_one_by_one_is_right_in_its_sections_only():
    truth = np.stack([halves()] * 4)
    numbered = truth + 2 * np.arange(4)[:, None, None]
    scores = evaluate_stack(numbered, truth)
    assert (scores.vi, scores.vi_split, scores.vi_merge) == (2, 2, 0)
    assert scores.sections["vi"] == 0 and scores.tracking_vi == 2
    assert (scores.count_pred, scores.count_true, scores.tp50) == (8, 2, 0)
    assert evaluate_stack(truth, truth).ap50 == scores.sections["ap50"] == 1
    drawn = np.zeros(truth.shape, np.uint8)
    drawn[:, :, 39:41] = 255
    scores = evaluate_stack(numbered, drawn)
    assert scores.vi is None is scores.tracking_vi and scores.sections["vi"] == 0
    with pytest.raises(ValueError, match="must be a stack"):
        evaluate_stack(truth[0], truth[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_stack_is_scored_as_by_the_development_scorer(scorer, seed):
    truth = np.stack([voronoi(seed), voronoi(seed), voronoi(seed + 1)])
    pred = np.stack([voronoi(seed + each, count=31) for each in (20, 21, 22)])
    pred[:, 40:44] = 0
    ignore = np.zeros(truth.shape, bool)
    ignore[1, 70:, :40] = True
    ours = evaluate_stack(pred, truth, ignore=ignore).as_dict()
    theirs = scorer.score_volume(pred, truth, ignore)
    sections = ours.pop("sections")
    shared = ours.keys() & theirs.keys()
    assert len(shared) == len(ours)
    assert ours == pytest.approx({name: theirs[name] for name in shared}, rel=1e-6)
    means = {name: theirs["per_slice"]["mean"][name] for name in sections if name[:4] != "boun"}
    assert {name: sections[name] for name in means} == pytest.approx(means, rel=1e-6)


def folded():
    """Return a stack of a grain that is in two places of its only section, and the drawn truth."""
    pred = np.repeat([1, 2, 1], 20)[None, None, :].repeat(40, axis=1)
    drawn = np.zeros(pred.shape, np.uint8)
    drawn[:, :, [19, 39]] = 255
    return pred, drawn


def test_a_grain_in_two_places_of_a_section_is_two_grains_where_lines_are_drawn():
    pred, drawn = folded()
    sections = evaluate_stack(pred, drawn).sections
    assert sections["vi"] == 0 and sections["count_ratio"] == 1


@pytest.mark.parametrize("seed", range(2))
def test_a_stack_of_drawn_lines_is_scored_as_by_the_development_scorer(scorer, seed):
    truth = np.stack([lines_of(voronoi(seed), 1), lines_of(voronoi(seed + 1), 1)])
    pred = np.stack([voronoi(seed + each, count=31) % 9 + 1 for each in (20, 21)])
    ours = evaluate_stack(pred, truth).sections
    theirs = scorer.score_volume(pred, truth)["per_slice"]["mean"]
    means = {name: value for name, value in ours.items() if name in theirs}
    assert means == pytest.approx({name: theirs[name] for name in means}, rel=1e-6)

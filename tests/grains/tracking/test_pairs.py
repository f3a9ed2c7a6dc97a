from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.tracking import build_graph, link, track
from napari_etch.grains.tracking.pairs import (
    link_by_pairs,
    pair_crops,
    score_pairs,
    thin_pairs,
)
from napari_etch.grains.tracking.sections import describe


class ByOverlap:
    """A classifier that is as sure as the two pictures are alike, and keeps what it was shown."""

    side = 24

    def __init__(self) -> None:
        self.shown = 0

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.shown += len(crops)
        assert crops.dtype == np.uint8 and crops.shape[1:] == (2, 24, 24) and crops.max() <= 1
        one, two = crops[:, 0] > 0, crops[:, 1] > 0
        return (one & two).sum(axis=(1, 2)) / (one | two).sum(axis=(1, 2))


def squares(shift: int = 0) -> np.ndarray:
    y, x = np.indices((60, 60))
    return (y // 20 * 3 + np.clip((x - shift) // 20, 0, 2) + 1).astype(np.int32)


def test_a_pair_is_cut_to_the_box_around_both_and_brought_to_one_size():
    one, two = np.zeros((40, 60), np.int32), np.zeros((40, 60), np.int32)
    one[10:20, 10:30] = 5
    two[10:30, 20:40] = 9
    crops = pair_crops(describe(one), describe(two), np.array([[0, 0]]), 24)
    # the box is 20 high and 30 wide
    expected = np.zeros((2, 24, 24), np.uint8)
    expected[0, :12, :16] = 1
    expected[1, :, 8:] = 1
    np.testing.assert_array_equal(crops[0], expected)


def test_grains_of_one_pixel_in_height_or_width_are_not_shown():
    one = np.ones((10, 10), np.int32)
    one[4, 2:8] = 2
    flags = thin_pairs(
        describe(one), describe(np.ones((10, 10), np.int32)), np.array([[0, 0], [1, 0]])
    )
    assert flags.tolist() == [False, True]


def test_the_surest_of_each_wins_and_an_unsure_link_is_none():
    maps = np.stack([squares(), squares(9)])
    graph = build_graph(maps)
    scores = np.zeros(graph.overlap.size)
    near = {tuple(pair): at for at, pair in enumerate(graph.links.tolist())}
    scores[near[0, 9]], scores[near[1, 9]] = 0.9, 0.95  # both want node 9: 1 is surer
    scores[near[1, 10]] = 0.6  # that node 1 has a surer one
    scores[near[2, 11]] = 0.5
    found = link_by_pairs(graph, scores)
    assert found[9] == found[1] and found[10] == 10
    assert found[11] == 11 and found[0] == 0


def test_a_stack_is_tracked_by_a_classifier_across_a_bad_section():
    true = np.stack([squares(at) for at in range(5)])
    maps = true + 20 * np.arange(5, dtype=np.int32)[:, None, None]
    maps[2] = 0
    classifier = ByOverlap()
    tracks = track(maps, method="pairs", classifier=classifier)
    volume = tracks.volume(maps)
    np.testing.assert_array_equal(volume[[0, 1, 3, 4]], true[[0, 1, 3, 4]])
    assert tracks.method == "pairs" and classifier.shown > 0


def test_every_link_is_scored_once_and_at_its_place():
    rng = np.random.default_rng(0)
    maps = rng.integers(1, 7, (3, 6, 6)).repeat(8, 1).repeat(8, 2).astype(np.int32)
    graph = build_graph(maps)
    seen = []
    for links, scores in score_pairs(maps, graph, ByOverlap()):
        seen.extend(links.tolist())
        before, after = graph.links[links].T
        assert (np.diff(graph.section[[before, after]], axis=0) == 1).all()
        union = graph.area[before] + graph.area[after] - graph.overlap[links]
        # crops are pictures in another size: alike is what is alike in px
        np.testing.assert_allclose(scores, graph.overlap[links] / union, atol=0.12)
    expected = np.flatnonzero((graph.steps == 1) & (graph.overlap > 0))
    assert sorted(seen) == expected.tolist()


def test_without_a_classifier_there_is_no_such_way():
    with pytest.raises(ValueError, match="needs a classifier"):
        track([squares()], method="pairs")
    with pytest.raises(ValueError, match="needs the scores"):
        link(build_graph([squares()]), method="pairs")

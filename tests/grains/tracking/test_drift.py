from __future__ import annotations

import numpy as np
import pytest

from napari_etch.grains.tracking import build_graph, track
from napari_etch.grains.tracking.alignment import misfits
from napari_etch.grains.tracking.drift import carried_overlaps, estimate_drift
from napari_etch.grains.tracking.evidence import EACH, FEATURES, link_features
from napari_etch.grains.tracking.sections import describe, neighbours, overlaps


def cells(shift: tuple[float, float] = (0, 0), stretch: float = 1.0, seed: int = 0) -> np.ndarray:
    """Return the nearest of random points, moved and stretched about the middle, from 1."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-40, 200, (220, 2))
    points = (points - 80) * stretch + 80 + shift
    y, x = np.indices((160, 160))
    far = (y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2
    return (far.argmin(axis=-1) + 1).astype(np.int32)


def drift_of(one: np.ndarray, two: np.ndarray):
    first, second = describe(one), describe(two)
    return estimate_drift(first, second, *overlaps(first, second)), first, second


@pytest.mark.parametrize("shift", [(0, 0), (2, -1), (5, 6)])
def test_the_common_drift_is_found_and_taken_off(shift):
    (drift, _, carried), first, second = drift_of(cells(), cells(shift))
    np.testing.assert_allclose(drift.common, shift, atol=0.3)
    np.testing.assert_allclose(drift.move, np.broadcast_to(shift, drift.move.shape), atol=1.0)
    shared = overlaps(first, second)[1]
    # of each grain, more lies over its partner than before
    assert carried.max() >= shared.max()
    assert (carried**2).sum() >= (shared**2).sum()


def test_a_drift_that_differs_over_the_field_is_told_place_by_place():
    (drift, _, _), first, _ = drift_of(cells(), cells(stretch=1.06))
    outward = (first.centroid - 80) * 0.06
    np.testing.assert_allclose(drift.common, (0, 0), atol=0.7)
    inner = ~first.at_border
    without = np.linalg.norm(outward[inner], axis=1).mean()
    # what few grains say is believed by half
    assert np.linalg.norm(drift.move - outward, axis=1)[inner].mean() < 0.75 * without


def test_two_sections_without_partners_tell_no_drift():
    one = np.ones((20, 20), np.int32)
    one[10:] = 2
    (drift, pairs, area), *_ = drift_of(one, one)
    assert drift.partners == 0 and not drift.move.any()
    assert len(pairs) == 2 and area.sum() == 400


def test_grains_that_move_each_by_itself_are_counted_as_if_drawn_anew():
    one, two = describe(cells()), describe(cells((3, 2)))
    rng = np.random.default_rng(1)
    move = rng.integers(-9, 10, (one.count, 2))
    pairs, area = carried_overlaps(one, two, move)
    found = dict(zip(map(tuple, pairs.tolist()), area.tolist(), strict=True))
    expected: dict[tuple[int, int], int] = {}
    for y, x in np.argwhere(one.dense > 0):
        grain = one.dense[y, x] - 1
        at = np.array([y, x]) + move[grain]
        if (at >= 0).all() and (at < 160).all() and two.dense[tuple(at)]:
            key = (int(grain), int(two.dense[tuple(at)]) - 1)
            expected[key] = expected.get(key, 0) + 1
    assert found == expected


def test_leaning_grains_are_one_though_they_soon_lie_over_others():
    # a grain is 11 px wide and moves by 6 px: from section to section it lies half over another
    maps = np.stack([cells((0, 6 * at)) for at in range(6)])
    volume = track(maps).volume(maps)
    inner = np.s_[:, 20:140, 60:120]
    wrong = [
        label
        for label in np.unique(maps[inner])
        if len(np.unique(volume[inner][maps[inner] == label])) > 1
    ]
    assert len(wrong) < 0.03 * len(np.unique(maps[inner]))
    by_overlap = track(maps, method="overlap").volume(maps)
    lost = [
        label
        for label in np.unique(maps[inner])
        if len(np.unique(by_overlap[inner][maps[inner] == label])) > 1
    ]
    assert len(lost) > 3 * len(wrong) + 3


def test_a_section_out_of_place_is_named_and_leaning_grains_are_not():
    leaning = np.stack([cells((0, 3 * at)) for at in range(6)])
    assert misfits(build_graph(leaning)) == ()
    jump = np.stack([cells((0, 0 if at < 3 else 7)) for at in range(6)])
    (found,) = misfits(build_graph(jump))
    assert (found.before, found.after, found.why) == (2, 3, "shifted")
    assert found.sentence() == "sections 2 and 3 are shifted by +0 px down and +7 px to the right"


def test_sections_with_little_in_common_are_named():
    maps = np.stack([cells(seed=1)] * 3 + [cells(seed=2)] * 3)
    (found,) = misfits(build_graph(maps))
    assert (found.before, found.after, found.why) == (2, 3, "unlike")
    assert misfits(build_graph(np.zeros((3, 8, 8), np.int32))) == ()


def test_a_stack_that_is_turned_over_says_the_same_with_sides_changed():
    maps = np.stack([cells((0, at), 1 + 0.01 * at) for at in range(4)])
    graph = build_graph(maps)
    one, other = link_features(graph), link_features(graph, turned_over=True)
    count = len(EACH)
    np.testing.assert_array_equal(one[:, -count:], other[:, -2 * count : -count])
    np.testing.assert_array_equal(one[:, : -2 * count], other[:, : -2 * count])
    assert one.shape == (len(graph.overlap), len(FEATURES)) and np.isfinite(one).all()


def test_the_common_boundary_has_its_length():
    section = np.ones((100, 100), np.int32)
    section[:, 40:] = 2
    pairs, length = neighbours(describe(section))
    assert pairs.tolist() == [[0, 1]]
    assert length[0] == pytest.approx(100 * np.pi / 4, rel=0.01)  # along an axis the most is lost
    y, x = np.indices((100, 100))
    pairs, length = neighbours(describe((1 + (y > x)).astype(np.int32)))
    assert length[0] == pytest.approx(100 * 2**0.5, rel=0.15)

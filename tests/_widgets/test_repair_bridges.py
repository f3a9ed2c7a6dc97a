"""Which bridges stand in a grain map, and what taking one away changes."""

from __future__ import annotations

import numpy as np
import pytest
from _widgets.repair_fakes import GAPS, MIDDLES, nine_grains, repaired

from napari_etch._widgets.repair_bridges import Bridges


@pytest.fixture
def bridges() -> Bridges:
    return Bridges(repaired())


def standing(bridges: Bridges, grains: np.ndarray) -> list[int]:
    return (np.flatnonzero(bridges.standing(grains)) + 1).tolist()


def test_all_bridges_stand_at_first_and_none_in_one_single_grain(bridges: Bridges) -> None:
    assert standing(bridges, nine_grains()) == [1, 2, 3, 4]
    assert standing(bridges, np.ones_like(nine_grains())) == []


def test_a_bridge_falls_with_the_boundary_it_is_in(bridges: Bridges) -> None:
    grains = nine_grains()
    grains[grains == 4] = 1
    assert standing(bridges, grains) == [2, 3, 4]


def test_taking_a_bridge_away_makes_its_two_grains_one(bridges: Bridges) -> None:
    grains = nine_grains()
    grains[0, 0] = 4  # so that grain 4 is the larger one and keeps its number
    change = bridges.without(1, grains)
    assert change is not None
    pixels, value, labels = change
    assert (value, labels) == (4, [4, 1])
    grains[pixels] = value
    assert not (grains == 1).any() and (grains == 4).sum() == 2 * 30 * 30
    assert bridges.without(1, grains) is None


def test_a_fallen_bridge_parts_its_grains_again(bridges: Bridges) -> None:
    grains = nine_grains()
    grains[grains == 1] = 4
    grains[0, :2] = 7  # somebody has drawn since
    change = bridges.back(1, grains)
    assert change is not None
    pixels, value, numbers = change
    assert numbers == [1] and value == 10
    grains[pixels] = value
    expected = np.where(nine_grains() == 1, 10, nine_grains())
    expected[0, :2] = 7
    np.testing.assert_array_equal(grains, expected)


def test_the_bridges_of_one_boundary_come_back_together(bridges: Bridges) -> None:
    grains = nine_grains()
    grains[grains == 5] = 2
    change = bridges.back(3, grains)
    assert change is not None
    pixels, value, numbers = change
    assert numbers == [3, 2]
    grains[pixels] = value
    assert standing(bridges, grains) == [1, 2, 3, 4]


def test_no_bridge_comes_back_where_it_would_part_nothing(bridges: Bridges) -> None:
    assert bridges.back(1, nine_grains()) is None
    grains = nine_grains()
    grains[20:40] = 0
    assert bridges.back(1, grains) is None


def test_what_stands_again_was_not_rejected(bridges: Bridges) -> None:
    grains = nine_grains()
    bridges.reject(2)
    merged = np.where(grains == 5, 2, grains)
    bridges.seen(merged)
    assert bridges.rejected.tolist() == [False, True, False, False]
    assert bridges.wanted().tolist() == [True, False, True, True]
    bridges.seen(grains)  # undone
    assert not bridges.rejected.any() and bridges.wanted().all()
    bridges.seen(merged)  # redone
    assert bridges.rejected.tolist() == [False, True, False, False]
    bridges.seen(grains)
    bridges.forget_undone()
    bridges.seen(merged)  # by another hand
    assert not bridges.rejected.any()


def test_a_bridge_that_fell_is_accepted_no_more(bridges: Bridges) -> None:
    bridges.accept(1)
    bridges.seen(np.ones_like(nine_grains()))
    assert not bridges.accepted.any()


def test_the_cut_holds_what_is_sure_enough_or_accepted(bridges: Bridges) -> None:
    bridges.least = 0.7
    cut = bridges.cut()
    # The two bridges of one boundary fall together: a gap in it is enough.
    assert standing(bridges, cut) == [1]
    assert len(np.unique(cut)) == 7
    bridges.accept(4)
    assert standing(bridges, bridges.cut()) == [1, 4]
    bridges.least = 0.0
    np.testing.assert_array_equal(bridges.cut(), nine_grains())


def test_pixels_of_no_grain_stay_so_in_a_cut() -> None:
    result = repaired()
    result.grains[80:] = 0
    bridges = Bridges(result)
    bridges.least = 1.0
    assert not bridges.cut()[80:].any() and bridges.cut()[:80].all()


def test_other_numbers_are_no_edit_but_another_boundary_is(bridges: Bridges) -> None:
    grains = nine_grains()
    assert bridges.is_cut(10 - grains)
    grains[5, 5] = 77
    assert not bridges.is_cut(grains)
    assert not bridges.is_cut(grains[:50])


@pytest.mark.parametrize("soft", [0.0, 0.2])
def test_a_boundary_without_a_bridge_is_what_was_given(soft: float) -> None:
    result = repaired(soft=soft)
    bridges, boundary = Bridges(result), result.boundary.copy()
    stands = np.array([True, False, True, True])
    assert bridges.draw(boundary, stands)
    expected = result.boundary.copy()
    expected[GAPS[1][:2]] = soft
    np.testing.assert_array_equal(boundary, expected)
    assert not bridges.draw(boundary, stands)
    assert bridges.draw(boundary, np.ones(4, bool))
    np.testing.assert_array_equal(boundary, result.boundary)


def test_the_bridge_nearest_to_a_click_is_found(bridges: Bridges) -> None:
    for number, (row, column) in enumerate(MIDDLES, 1):
        assert bridges.nearest(np.array([row + 0.4, column]), 2) == number
    assert bridges.nearest(np.array([30.0, 47.0]), 2) == 2  # 2 px from it, 3 from the third
    assert bridges.nearest(np.array([15.0, 15.0]), 5) == 0
    assert bridges.nearest(np.array([-20.0, 500.0]), 5) == 0


def test_a_repair_without_bridges_can_be_asked_everything() -> None:
    bridges = Bridges(repaired(least=1.0))
    assert len(bridges) == 0
    grains = np.ones((90, 90), np.int32)
    assert bridges.standing(grains).size == 0
    assert bridges.nearest(np.array([3.0, 3.0]), 5) == 0
    assert not bridges.draw(repaired(least=1.0).boundary, np.zeros(0, bool))


def test_a_bridge_that_closes_no_grain_goes_by_its_verdict() -> None:
    result = repaired()
    result.grains[result.grains == 9] = 8  # the last bridge runs into one grain
    bridges = Bridges(result)
    assert bridges.closing.tolist() == [True, True, True, False]
    assert bridges.standing(result.grains).all()
    assert bridges.without(4, result.grains) is None
    bridges.reject(4)
    assert bridges.seen(result.grains).tolist() == [True, True, True, False]
    boundary = result.boundary.copy()
    bridges.draw(boundary, bridges.standing(result.grains))
    assert not boundary[GAPS[3][:2]].any()
    bridges.accept(4)
    assert bridges.seen(result.grains).all()
    bridges.accepted[:] = False
    bridges.least = 0.5
    assert not bridges.standing(result.grains)[3]
    assert bridges.is_cut(bridges.cut())

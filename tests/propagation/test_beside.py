from __future__ import annotations

import numpy as np
import pytest
from fakes import DarkIsBoundary
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_etch.grains import partition
from napari_etch.propagation import HeldBack
from napari_etch.propagation.beside import TRUSTED, cut_beside, lie_under_one, trust

SIDE, COUNT = 32, 4


def section(weak=None, false=None, shift=0):
    """Return a boundary map of square grains, each with a faint texture line in its middle.

    `weak` and `false` are the strengths of the boundary between the first two grains and of the
    texture line in the last grain.
    """
    found = np.zeros((SIDE * COUNT, SIDE * COUNT), np.float32)
    for cut in range(SIDE, SIDE * COUNT, SIDE):
        found[cut - 1 : cut + 1] = found[:, cut - 1 : cut + 1] = 0.9
    for row in range(COUNT):
        for column in range(COUNT):
            top, middle = row * SIDE, column * SIDE + SIDE // 2
            inside = found[top + 1 : top + SIDE - 1, middle : middle + 2]
            inside[:] = np.maximum(inside, 0.06)
    if weak is not None:
        found[: SIDE - 1, SIDE - 1 : SIDE + 1] = weak
    if false is not None:
        found[-SIDE + 1 :, -SIDE // 2 : -SIDE // 2 + 2] = false
    return np.roll(found, shift, 1)


def cut(found):
    return partition(found)


def are_one(grains, first=(5, 8), second=(5, SIDE + 8)):
    return grains[first] == grains[second]


def test_a_boundary_that_is_weak_here_and_strong_beside_is_kept():
    here = cut(section(weak=0.3))
    assert are_one(here.grains)
    after = cut_beside(here, [cut(section(shift=2)).grains, cut(section(shift=-2)).grains], SIDE)
    assert not are_one(after.grains)
    assert after.n_grains == COUNT**2


def test_a_line_that_is_seen_here_alone_does_not_part_a_grain():
    left, right = (-8, -SIDE + 4), (-8, -4)
    here = cut(section(false=0.5))
    assert not are_one(here.grains, left, right)
    after = cut_beside(here, [cut(section()).grains], SIDE)
    assert are_one(after.grains, left, right)
    assert after.n_grains == COUNT**2


def test_what_is_sure_here_stays_whatever_lies_beside():
    here = cut(section())
    one_grain = np.ones(here.grains.shape, np.int32)
    two = one_grain.copy()
    two[:, SIDE * COUNT // 2 + SIDE // 2 :] = 2
    for beside in ([one_grain], [two], [one_grain, two]):
        np.testing.assert_array_equal(cut_beside(here, beside, SIDE).grains, here.grains)


def test_a_section_of_another_specimen_is_not_asked():
    here = cut(section(weak=0.3))
    other = cut(np.roll(section().T[::-1], (SIDE // 2, SIDE // 2), (0, 1))).grains
    same, known = lie_under_one(here.fragments, here.graph, other)
    assert trust(here.probability, same, known * here.graph.length) < TRUSTED
    np.testing.assert_array_equal(cut_beside(here, [other], SIDE).grains, here.grains)


def test_where_nothing_lies_beside_nothing_is_said():
    here = cut(section(weak=0.3))
    beside = cut(section()).grains.copy()
    beside[:SIDE] = 0
    assert are_one(cut_beside(here, [beside], SIDE).grains)
    assert cut_beside(here, [], SIDE) is here
    assert are_one(cut_beside(here, [np.zeros_like(beside)], SIDE).grains)


def test_the_share_that_lies_under_one_grain():
    found = np.zeros((8, 12), np.float32)
    found[:, 6] = 1
    here = partition(found, min_area=1)
    beside = np.ones((8, 12), np.int32)
    beside[:, 3:] = 2
    same, known = lie_under_one(here.fragments, here.graph, beside)
    widths = [np.mean(here.fragments == number, axis=0) for number in (1, 2)]
    shares = [[width[:3].sum(), width[3:].sum()] / width.sum() for width in widths]
    assert same == pytest.approx([np.dot(*shares)])
    assert known.tolist() == [1]


def test_the_granularity_and_the_off_specimen_part_stay():
    mask = np.ones((SIDE * COUNT, SIDE * COUNT), bool)
    mask[-20:] = False
    here = partition(section(weak=0.3), mask=mask, granularity=0.3)
    after = cut_beside(here, [cut(section()).grains], SIDE)
    assert after.granularity == 0.3
    assert not after.grains[~mask].any()
    assert after.fragments is here.fragments
    assert after.recut(1).n_grains >= after.n_grains


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_maps_give_a_tiling_of_the_same_fragments(seed):
    random = np.random.default_rng(seed)
    here, beside = (partition(random.random((24, 30), np.float32)) for _ in range(2))
    after = cut_beside(here, [beside.grains], float(random.uniform(1, 40)))
    pairs = np.unique(np.stack([after.fragments.ravel(), after.grains.ravel()]), axis=1)
    assert len(pairs[0]) == here.graph.n_fragments  # no fragment lies in two grains
    assert np.unique(after.grains).tolist() == list(range(1, after.n_grains + 1))
    assert ((after.probability >= 0) & (after.probability <= 1)).all()


class TestHeldBack:
    def test_each_comes_when_the_next_is_there_and_the_last_at_the_end(self):
        held = HeldBack()
        given_back = [held.push(index, cut(section()), f"s{index}") for index in range(3)]
        assert given_back[0] is None
        assert [each.what for each in given_back[1:]] == ["s0", "s1"]
        assert held.finish().what == "s2"
        assert held.finish() is None

    @pytest.mark.parametrize("weak", [0, 1, 2])
    def test_both_neighbours_are_asked(self, weak):
        held = HeldBack()
        found = [
            held.push(index, cut(section(weak=0.3 if index == weak else None)), index, SIDE)
            for index in range(3)
        ]
        last = [*found[1:], held.finish()][weak]
        assert not are_one(last.partition.grains)

    def test_across_a_gap_nothing_is_asked(self):
        held = HeldBack()
        held.push(0, cut(section()), "before")
        held.push(2, cut(section(weak=0.3)), "weak")
        assert are_one(held.push(4, cut(section()), "after").partition.grains)

    def test_nothing_runs_through_the_stack(self):
        # whatever comes of the second, the third asks the second's own cut
        held = HeldBack()
        for index, weak in enumerate((None, 0.3, 0.3)):
            held.push(index, cut(section(weak=weak)), index)
        assert are_one(held.finish().partition.grains)

    def test_a_coarse_cut_asks_what_an_even_one_says(self):
        held = HeldBack()
        coarse = [partition(section(weak), granularity=0.05) for weak in (None, 0.3)]
        assert all(each.n_grains == 1 for each in coarse)
        held.push(0, coarse[0], 0, SIDE)
        held.push(1, coarse[1], 1, SIDE)
        after = held.finish().partition
        assert after.granularity == 0.05
        assert not are_one(after.recut(0.5).grains)

    def test_sections_of_other_sizes_are_not_asked(self):
        held = HeldBack()
        held.push(0, cut(section(weak=0.3)), 0)
        assert are_one(held.push(1, cut(section()[:-8]), 1).partition.grains)


def test_the_sections_of_a_stack_inform_each_other_with_any_model():
    from napari_etch.micrograph import Micrograph
    from napari_etch.segmentation import segment

    maps = [section(), section(weak=0.3, shift=2), section(shift=4)]
    images = np.stack([(255 * (1 - each)).astype(np.uint8) for each in maps])
    *_, alone = segment(DarkIsBoundary(), Micrograph(images[1], "one"), device="cpu")
    *_, stack = segment(DarkIsBoundary(), Micrograph(images, "stack"), device="cpu")
    assert are_one(alone.grains, (5, 10), (5, SIDE + 10))
    assert not are_one(stack.grains[1], (5, 10), (5, SIDE + 10))

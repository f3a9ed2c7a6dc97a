from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_etch.grains import merge_tree
from napari_etch.grains.merge_tree import ALWAYS, agglomerate


def graph(n: int, seed: int, levels: int = 0):
    """Return a connected graph over fragments 1 … n; few `levels` make many equal edges."""
    rng = np.random.default_rng(seed)
    path = {(i, i + 1) for i in range(1, n)}
    extra = {tuple(sorted(pair)) for pair in rng.integers(1, n + 1, (2 * n, 2)).tolist()}
    edges = np.array(sorted({(a, b) for a, b in path | extra if a != b}), np.int32).reshape(-1, 2)
    probability = rng.uniform(0.02, 0.98, len(edges))
    if levels:
        probability = np.round(probability * levels) / levels
    length = rng.integers(1, 20, len(edges)).astype(float)
    areas = np.concatenate([[0], rng.integers(1, 100, n)]).astype(float)
    return edges, probability, length, areas


def groups(table: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(table == label)) for label in np.unique(table[1:])}


def one_by_one(edges, probability, length, n, threshold):
    """Merge the weakest edge until all are above the threshold: the definition, slowly."""
    log_odds = np.log(probability / (1 - probability))
    between = {
        frozenset(edge): [weight * size, size]
        for edge, weight, size in zip(edges.tolist(), log_odds, length, strict=True)
    }
    members = {i: {i} for i in range(1, n + 1)}
    while between:
        weakest = min(between, key=lambda pair: between[pair][0] / between[pair][1])
        mean = between[weakest][0] / between[weakest][1]
        if 1 / (1 + np.exp(-mean)) > threshold:
            break
        stay, go = weakest
        members[stay] |= members.pop(go)
        merged: dict[frozenset[int], list[float]] = {}
        for pair, (weight, size) in between.items():
            renamed = frozenset(stay if i == go else i for i in pair)
            if len(renamed) == 2:
                old = merged.setdefault(renamed, [0.0, 0.0])
                old[0] += weight
                old[1] += size
        between = merged
    return {frozenset(group) for group in members.values()}


@given(st.integers(2, 25), st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_it_is_average_linkage_one_merge_at_a_time(n, seed, threshold):
    edges, probability, length, areas = graph(n, seed)
    tree = agglomerate(edges, probability, length, areas)
    assert groups(tree.cut(threshold)) == one_by_one(edges, probability, length, n, threshold)


@pytest.mark.parametrize("worthwhile", [0.0, 1.0], ids=["rounds only", "queue after one round"])
@pytest.mark.parametrize("seed", range(5))
def test_rounds_and_queue_make_the_same_tree(monkeypatch, worthwhile, seed):
    edges, probability, length, areas = graph(60, seed)
    usual = agglomerate(edges, probability, length, areas)
    monkeypatch.setattr(merge_tree, "_WORTHWHILE", worthwhile)
    other = agglomerate(edges, probability, length, areas)
    np.testing.assert_allclose(usual.heights, other.heights, rtol=1e-6)
    np.testing.assert_array_equal(usual.cut(0.5), other.cut(0.5))


@given(
    st.integers(1, 40), st.integers(0, 10_000), st.sampled_from([0, 2, 4]), st.sampled_from([0, 90])
)
def test_coarser_cuts_only_merge_and_the_coarsest_is_one(n, seed, levels, small):
    edges, probability, length, areas = graph(n, seed, levels)
    tree = agglomerate(edges, probability, length, areas, small_area=small)
    assert (np.diff(tree.heights) >= 0).all()
    assert len(tree.links) == n - 1
    previous = tree.cut(0)
    for threshold in (0.2, 0.4, 0.5, 0.8, 1.0):
        table = tree.cut(threshold)
        assert all(
            np.unique(table[1:][previous[1:] == g]).size == 1 for g in np.unique(previous[1:])
        )
        previous = table
    assert previous[1:].max() == 1


@given(
    st.integers(2, 40),
    st.integers(0, 10_000),
    st.floats(0, 1),
    st.floats(0, 300),
    st.sampled_from([0, 90, 2000]),
)
def test_no_grain_is_smaller_than_the_least_area_at_any_cut(n, seed, threshold, least, small):
    edges, probability, length, areas = graph(n, seed)
    tree = agglomerate(edges, probability, length, areas, min_area=least, small_area=small)
    table = tree.cut(threshold)
    sizes = np.bincount(table, areas)[1:]
    assert sizes.size == 1 or sizes.min() >= least


def test_a_small_fragment_goes_where_its_edge_is_weakest():
    edges = np.array([(1, 2), (1, 3), (2, 3)], np.int32)
    tree = agglomerate(
        edges, np.array([0.9, 0.7, 0.95]), np.full(3, 10.0), np.array([0, 5, 99, 99.0]), min_area=30
    )
    assert tree.heights[0] == ALWAYS
    assert groups(tree.cut(0)) == {frozenset({1, 3}), frozenset({2})}


def test_a_small_piece_needs_a_stronger_boundary_to_be_a_grain():
    edges, length = np.array([(1, 2), (2, 3)], np.int32), np.full(2, 10.0)
    areas = np.array([0, 10, 500, 500.0])

    def cut(strength: float, small: float) -> int:
        tree = agglomerate(edges, np.full(2, strength), length, areas, small_area=small)
        return len(groups(tree.cut(0.5)))

    assert cut(0.6, 0) == 3
    assert cut(0.6, 100) == 2  # odds 1.5 times 0.1 to the power 0.4, 0.6: not a grain
    assert cut(0.75, 100) == 3  # odds 3, 1.2: one
    assert cut(0.6, 10) == 3  # not below the small area


def test_unconnected_fragments_stay_apart():
    nothing = np.zeros((0, 2), np.int32)
    tree = agglomerate(nothing, np.zeros(0), np.zeros(0), np.array([0, 4.0, 4.0]), min_area=30)
    np.testing.assert_array_equal(tree.cut(1), [0, 1, 2])


def test_a_grain_that_swallows_thousands_one_by_one_is_handed_to_the_queue(monkeypatch):
    rounds = []
    once = merge_tree._Merging.merge_reciprocal
    monkeypatch.setattr(
        merge_tree._Merging, "merge_reciprocal", lambda self: rounds.append(1) or once(self)
    )
    n = 3000
    edges = np.stack([np.ones(n, np.int32), np.arange(2, n + 2, dtype=np.int32)], axis=1)
    tree = agglomerate(edges, np.linspace(0.1, 0.9, n), np.ones(n), np.ones(n + 2))
    assert len(rounds) < 10
    assert groups(tree.cut(1)) == {frozenset(range(1, n + 2))}
    assert tree.cut(0.5).max() == 1 + n // 2


def test_equal_edges_do_not_make_one_merge_a_round(monkeypatch):
    queued = []
    monkeypatch.setattr(merge_tree._Merging, "merge_queued", lambda self: queued.append(self.left))
    n = 4096
    edges = np.stack([np.arange(1, n), np.arange(2, n + 1)], axis=1).astype(np.int32)
    agglomerate(edges, np.full(n - 1, 0.5), np.ones(n - 1), np.ones(n + 1))
    assert queued[0] < n // 8

"""Closing networks: gaps are bridged where it is probable, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from napari_etch.grains import boundary_lines
from napari_etch.grains.bridges import close_network


def voronoi(seed, count=14, size=96):
    """Return a complete network of 1 px lines and its grains."""
    rng = np.random.default_rng(seed)
    pixels = np.stack(np.mgrid[:size, :size], -1).reshape(-1, 2)
    grains = KDTree(rng.uniform(0, size, (count, 2))).query(pixels)[1].reshape(size, size)
    return boundary_lines(grains), grains


def certain(lines, value=0.9):
    """Return a probability that is high on lines and nowhere else."""
    return (value * lines).astype(np.float32)


def broken(lines, spot, radius):
    y, x = np.ogrid[: lines.shape[0], : lines.shape[1]]
    return lines & (np.hypot(y - spot[0], x - spot[1]) > radius)


def square_with_a_wall(gap=slice(20, 30)):
    lines = np.zeros((64, 64), bool)
    lines[:, 32] = True
    whole = lines.copy()
    lines[gap, 32] = False
    return lines, whole


def test_a_probable_gap_is_bridged_with_its_confidence():
    lines, whole = square_with_a_wall()
    closed = close_network(lines, certain(whole, 0.8))
    assert closed.grains.max() == 2
    (bridge,) = closed.bridges
    assert bridge.id == 1 and bridge.confidence == pytest.approx(0.8, abs=0.01)
    assert bridge.length == pytest.approx(10, abs=2)
    assert np.array_equal(lines | (closed.added > 0), whole)
    assert closed.confidence()[25, 32] == pytest.approx(bridge.confidence)
    assert closed.confidence()[~(closed.added > 0)].max() == 0
    steps = np.abs(np.diff(bridge.path, axis=0)).max(1)
    assert (steps == 1).all()


def test_an_improbable_gap_stays_open():
    lines, whole = square_with_a_wall()
    closed = close_network(lines, certain(whole, 0.3))
    assert closed.grains.max() == 1 and not closed.bridges and not closed.added.any()


def test_the_least_confidence_decides():
    lines, whole = square_with_a_wall()
    chance = certain(whole, 0.6)
    assert len(close_network(lines, chance, least=0.5).bridges) == 1
    assert len(close_network(lines, chance, least=0.7).bridges) == 0


def test_a_bridge_whose_course_is_unsure_is_as_sure_as_the_separation():
    lines, whole = square_with_a_wall()
    closed = close_network(lines, certain(whole, 0.4), separation=certain(whole, 0.7))
    assert closed.grains.max() == 2
    assert closed.bridges[0].confidence == pytest.approx(0.7, abs=0.01)


def test_a_line_that_is_nowhere_begun_is_not_invented():
    lines, _ = square_with_a_wall(slice(64, 64))
    invented = lines.copy()
    invented[32] = True  # the network is sure of a line that begins at no free end
    closed = close_network(lines, np.where(invented, 0.99, 0).astype(np.float32))
    assert closed.grains.max() == 2 and not closed.bridges


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_an_empty_field_has_one_grain_and_no_bridge(value):
    empty = np.zeros((50, 70), bool)
    closed = close_network(empty, np.full(empty.shape, value, np.float32))
    assert closed.grains.min() == closed.grains.max() == 1
    assert not closed.bridges and not closed.added.any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(3, 40))
def test_a_complete_network_is_left_as_it_is_whatever_the_probability(seed, other, count):
    lines, _ = voronoi(seed, count)
    chance = np.random.default_rng(other).uniform(size=lines.shape).astype(np.float32)
    closed = close_network(lines, chance)
    assert not closed.added.any() and not closed.bridges


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.floats(3, 12))
def test_what_is_added_was_missing_and_grains_tile_the_field(seed, y, x, radius):
    whole, _ = voronoi(seed)
    lines = broken(whole, (96 * y, 96 * x), radius)
    closed = close_network(lines, certain(whole))
    assert not (closed.added > 0)[lines].any()
    assert closed.grains.min() >= 1
    assert set(np.unique(closed.added)) <= {0, *(bridge.id for bridge in closed.bridges)}
    for bridge in closed.bridges:
        assert (closed.added == bridge.id).any()
        assert 0 <= bridge.confidence <= 1


def test_a_lost_junction_is_bridged_by_stretches_that_meet():
    lines = np.zeros((60, 60), bool)
    lines[30, :30] = lines[:, 30] = True
    closed = close_network(broken(lines, (30, 30), 6), certain(lines))
    assert closed.grains.max() == 3 and len(closed.bridges) == 3


def test_off_the_field_is_no_grain():
    lines, whole = square_with_a_wall()
    mask = np.ones(lines.shape, bool)
    mask[50:] = False
    closed = close_network(lines & mask, certain(whole), mask=mask)
    assert (closed.grains[50:] == 0).all() and closed.grains[:50].min() == 1
    assert closed.grains.max() == 2


def test_bad_input_is_named():
    lines, whole = square_with_a_wall()
    with pytest.raises(ValueError, match="one size"):
        close_network(lines, certain(whole)[:-1])
    with pytest.raises(ValueError, match="from 0 to 1"):
        close_network(lines, certain(whole), least=2)


def test_no_bridge_is_less_sure_than_asked_for():
    whole, _ = voronoi(3)
    lines = broken(broken(whole, (40, 40), 9), (60, 70), 9)
    field = np.random.default_rng(0).uniform(0.2, 1, whole.shape).astype(np.float32)
    for least in (0.4, 0.6, 0.8):
        closed = close_network(lines, np.where(whole, field, 0).astype(np.float32), least=least)
        long = [bridge for bridge in closed.bridges if len(bridge.path) > 3]
        assert all(bridge.confidence >= least - 0.05 for bridge in long)


def test_a_stretch_that_its_neighbours_draw_is_no_bridge_of_its_own():
    whole, _ = voronoi(46)
    rng = np.random.default_rng(46)
    lines = whole
    for spot in rng.uniform(0, 96, (12, 2)):
        lines = broken(lines, spot, rng.uniform(2, 8))
    chance = rng.uniform(0.2, 1, whole.shape)
    field = np.where(whole, chance, 0.3 * chance).astype(np.float32)
    closed = close_network(lines, field, least=0.4)
    count = len(closed.bridges)
    assert count > 5 and [bridge.id for bridge in closed.bridges] == list(range(1, count + 1))
    assert set(np.unique(closed.added)) == set(range(count + 1))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_an_unsure_stretch_at_a_lost_junction_takes_no_sure_one_along(turns, mirrored):
    whole = np.zeros((160, 160), bool)
    whole[120, :] = whole[:120, 80] = True
    y, x = np.ogrid[:160, :160]
    lines = whole & (np.hypot(y - 120, x - 80) > 9)
    lines[20:80, 80] = False
    chance = certain(whole)
    chance[105:119, 80] = 0.1
    turned = [np.rot90(item, turns) for item in (lines, chance)]
    turned = [np.ascontiguousarray(item[:, ::-1] if mirrored else item) for item in turned]
    assert close_network(*turned).grains.max() == 2

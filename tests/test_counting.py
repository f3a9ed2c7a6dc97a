from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from fakes import DarkIsBoundary, grid_of_grains

from napari_etch.counting import (
    CORNER,
    EDGE,
    INSIDE,
    Calibration,
    GrainCount,
    Links,
    calibration_of_card,
    count_grains,
    count_map,
    count_partition,
)
from napari_etch.grains import partition
from napari_etch.inference import Cancelled
from napari_etch.micrograph import Micrograph

#: Every boundary is as sure as its height says, and nothing is hidden.
SHARP = Calibration(0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def boundary_of(truth, strength=1.0):
    """Return a boundary map with lines between squares; `strength` may differ from line to line."""
    boundary = np.zeros(truth.shape, np.float32)
    boundary[:, 1:][truth[:, 1:] != truth[:, :-1]] = strength
    boundary[1:][truth[1:] != truth[:-1]] = strength
    return boundary


@pytest.fixture(scope="module")
def squares():
    """Return the truth of 5 x 5 squares of 24 px."""
    return grid_of_grains(5, 24)[1]


def test_certain_boundaries_give_a_count_without_doubt(squares):
    found = count_partition(partition(boundary_of(squares)), calibration=SHARP)
    assert (found.count, found.low, found.high) == (25, 25, 25)
    assert (found.n_inside, found.n_edge, found.n_corner) == (9, 12, 4)
    assert found.equivalent == 9 + 6 + 1


def test_density_counts_edge_grains_half_and_corners_a_quarter(squares):
    found = count_partition(partition(boundary_of(squares)), pixel_size_um=2.0, calibration=SHARP)
    assert found.density_per_mm2 == pytest.approx(16 / (0.24 * 0.24))
    assert found.density_low == pytest.approx(found.density_per_mm2)
    assert "per mm²" in found.sentence
    unknown = count_partition(partition(boundary_of(squares)), calibration=SHARP)
    assert unknown.density_per_mm2 is None and "no pixel size" in unknown.sentence


def test_unsure_boundaries_widen_the_interval(squares):
    sure = count_partition(partition(boundary_of(squares, 0.98)), calibration=SHARP)
    unsure = count_partition(partition(boundary_of(squares, 0.6)), calibration=SHARP)
    assert unsure.high - unsure.low > sure.high - sure.low
    assert unsure.low < unsure.count <= unsure.high


def test_a_shared_deviation_widens_it_further(squares):
    parts = partition(boundary_of(squares, 0.45))
    alone = count_partition(parts, calibration=SHARP)
    shared = count_partition(parts, calibration=replace(SHARP, spread=1.0))
    assert shared.high - shared.low > alone.high - alone.low


def test_the_interval_holds_its_share_of_draws():
    """Counts drawn from the links' own odds lie in the interval about as often as it says."""
    random = np.random.default_rng(1)
    log_odds = random.normal(0, 2, 120)
    links = Links(log_odds, 1, replace(SHARP, spread=0.4))
    low, high = links.drawn()
    shift = 0.4 * random.normal(size=(2000, 1))
    drawn = 1 + (random.random((2000, 120)) < 1 / (1 + np.exp(-log_odds - shift))).sum(1)
    assert 0.93 <= np.mean((drawn >= low) & (drawn <= high)) <= 0.985


def test_what_is_hidden_widens_the_interval_upwards():
    """More doubtful links, and more of them below the cut, say that more may be there."""
    clear = Links(np.array([6.0] * 40 + [-6.0] * 20), 1, Calibration())
    faint = Links(np.array([6.0] * 40 + [-1.0] * 20), 1, Calibration())
    assert clear.count == faint.count == 41
    assert faint.expected > clear.expected and faint.doubt > clear.doubt
    (low, high), (faint_low, faint_high) = clear.interval(), faint.interval()
    assert faint_high > 1.2 * high
    assert faint_low <= low <= 41 <= high


def test_the_interval_holds_what_a_person_draws_and_what_is_there():
    links = Links(np.random.default_rng(0).normal(0, 1, 80), 1, Calibration())
    low, high = links.interval()
    drawn_low, drawn_high = links.drawn()
    assert low <= drawn_low and drawn_high <= high
    there = links.expected * np.exp(links.calibration.high * links.doubt)
    assert high >= there


def test_a_card_states_its_calibration():
    stated = Calibration(high=2.5)
    assert calibration_of_card({"count": {"high": 2.5}}) == stated
    assert calibration_of_card({}) == Calibration()


def test_counting_stops_when_it_is_told_to(squares):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        count_map(squares, cancel=cancel)


def test_granularity_moves_count_and_interval(squares):
    random = np.random.default_rng(0)
    boundary = boundary_of(squares) * random.uniform(0.2, 0.8, squares.shape).astype(np.float32)
    parts = partition(boundary)
    few, some, many = (
        count_partition(parts.recut(granularity), calibration=SHARP)
        for granularity in (0.3, 0.5, 0.7)
    )
    assert few.count < some.count < many.count
    assert few.low < some.low < many.low and few.high < many.high
    strict = count_partition(parts, calibration=replace(SHARP, offset=-2.0))
    assert strict.low < some.low


def test_the_grain_map_is_the_one_that_is_counted(squares):
    parts = partition(boundary_of(squares, 0.45))
    found = count_partition(parts, calibration=SHARP)
    assert np.array_equal(found.grains, parts.grains)
    assert parts.n_grains == found.count == len(found.points) == len(found.places)


def test_any_grain_map_can_be_counted_whatever_its_numbers(squares):
    labels = np.where(squares == 13, 0, 7 * squares + 100)
    found = count_map(labels, pixel_size_um=1.0, name="mine")
    assert (found.count, found.low) == (24, None)
    # the four around the hole are whole: 16 is the count with the grain that is gone
    assert (found.n_edge, found.equivalent) == (12, 15)
    assert "95 %" not in found.sentence
    with pytest.raises(ValueError, match="mine has no grain"):
        count_map(np.zeros((4, 4), np.int32), name="mine")


def test_lines_of_0_between_grains_are_no_border_of_the_field():
    """Human labels and those of other programs have them."""
    row, column = np.indices((100, 100))
    labels = 1 + row // 20 * 5 + column // 20
    whole = count_map(labels, pixel_size_um=1.0)
    labels[(row % 20 == 0) | (column % 20 == 0)] = 0
    parted = count_map(labels, pixel_size_um=1.0)
    assert (parted.count, parted.n_inside, parted.n_edge, parted.n_corner) == (25, 9, 12, 4)
    assert parted.density_per_mm2 == pytest.approx(whole.density_per_mm2, rel=0.05)


def test_a_mark_lies_in_its_grain_and_says_where_the_grain_is(squares):
    found = count_partition(partition(boundary_of(squares)), calibration=SHARP)
    assert np.array_equal(found.grains[tuple(found.points.T)], np.arange(1, 26))
    at = {
        place: set(found.grains[tuple(found.points[found.places == place].T)])
        for place in (INSIDE, EDGE, CORNER)
    }
    assert {len(at[place]) for place in at} == {9, 12, 4}
    assert found.grains[0, 0] in at[CORNER] and found.grains[60, 60] in at[INSIDE]


def test_what_is_masked_is_not_counted(squares):
    mask = np.ones(squares.shape, bool)
    mask[72:] = False
    found = count_partition(partition(boundary_of(squares), mask=mask), calibration=SHARP)
    assert found.count == 15
    with pytest.raises(ValueError, match="no grain"):
        count_partition(partition(boundary_of(squares), mask=np.zeros_like(mask)))


def test_every_section_of_a_stack_is_counted():
    image = grid_of_grains(3, 24)[0]
    stack = Micrograph(np.stack([image, image[::-1]]), "stack")
    found = [item for item in count_grains(DarkIsBoundary(), stack) if isinstance(item, GrainCount)]
    assert [item.count for item in found] == [9, 9]
    assert found[0].name != found[1].name


def test_an_unknown_option_is_refused():
    micrograph = Micrograph(grid_of_grains()[0], "squares")
    with pytest.raises(ValueError, match="no option size"):
        next(count_grains(DarkIsBoundary(), micrograph, size=3))

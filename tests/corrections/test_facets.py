from __future__ import annotations

import numpy as np
import pytest

from napari_etch.corrections import State
from napari_etch.corrections.facets import FacetReview


@pytest.fixture
def classes() -> np.ndarray:
    """A large region of 1 above, two of 2 below, the right one small, and a speck of 1 in it."""
    modes = np.ones((40, 60), np.uint8)
    modes[20:, :40] = 2
    modes[20:, 50:] = 2
    modes[30, 55] = 1
    modes[:, 40:50] = 0
    modes[:20, 50:] = 0
    return modes


def test_large_regions_come_first_and_specks_last(classes: np.ndarray) -> None:
    review = FacetReview(classes)
    walked: list[tuple[int, int]] = []
    while (place := review.next(walked)) is not None:
        walked.append(place)
    assert walked == [(0, 0), (20, 0), (20, 50), (30, 55)]
    assert [review.facet(place).value for place in walked] == [1, 2, 2, 1]
    assert np.isnan(review.errors_left())


def test_the_least_sure_region_comes_first_where_probabilities_are_known(
    classes: np.ndarray,
) -> None:
    probability = np.where(classes == 1, 0.95, 0.1)
    probability[20:, 50:] = 0.45
    review = FacetReview(classes, probability)
    assert review.next() == (20, 50)
    assert review.facet((20, 50)).sure == pytest.approx(0.1)
    assert 0 < review.errors_left() < 4


def test_judged_regions_are_passed_over_and_counted(classes: np.ndarray) -> None:
    review = FacetReview(classes)
    assert review.left() == 4
    review.set_state((0, 0), State.ACCEPTED)
    assert review.next() == (20, 0)
    assert review.left() == 3
    assert review.share() == pytest.approx(800 / (800 + 800 + 200))
    assert not review.is_open((0, 0))
    assert review.accepted_in(np.s_[0:20, 0:40]).all()


def test_after_an_edit_pixels_keep_what_was_said_of_them(classes: np.ndarray) -> None:
    review = FacetReview(classes)
    review.set_state((0, 0), State.ACCEPTED)
    classes[20:, :40] = 1  # now one region with the accepted one
    review.changed(np.ones((20, 40), bool), (slice(20, 40), slice(0, 40)))
    assert review.facet((20, 0)) is None
    assert review.facet((0, 0)).area == 1600
    assert not review.is_open((0, 0))
    assert review.accepted_in(np.s_[0:20, 0:40]).all()
    assert not review.accepted_in(np.s_[20:40, 0:40]).any()


def test_states_survive_as_notes(classes: np.ndarray) -> None:
    review = FacetReview(classes)
    review.set_state((20, 0), State.ACCEPTED)
    notes = {**review.notes((20, 0)), **review.notes((0, 0), section=3), "other": 1}
    again = FacetReview(classes)
    again.restore(notes)
    assert again.state((20, 0)) is State.ACCEPTED
    assert again.left() == 3


def test_nothing_is_under_zero_or_outside(classes: np.ndarray) -> None:
    review = FacetReview(classes)
    assert review.facet_at((5, 45)) is None
    assert review.facet_at((-1, 5)) is None
    assert review.facet_at((25, 5)).place == (20, 0)

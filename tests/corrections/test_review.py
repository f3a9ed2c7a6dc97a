from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_etch.corrections import Review, State

KIND = [
    ("label_a", "i4"),
    ("label_b", "i4"),
    ("confidence", "f4"),
    ("length", "f4"),
    ("y", "i4"),
    ("x", "i4"),
]


def edges(*rows: tuple[int, int, float]) -> np.ndarray:
    return np.array([(a, b, sure, 10, 0, 0) for a, b, sure in rows], KIND)


@pytest.fixture
def review() -> Review:
    """1 and 2 doubtful, 2 and 3 half sure, 3 and 4 sure."""
    return Review(edges((1, 2, 0.1), (3, 4, 0.9), (2, 3, 0.5)))


def rank(review: Review, pair: tuple[int, int]) -> tuple[float, tuple[int, int]]:
    edge = review.edge(pair)
    assert edge is not None
    return edge.rank, pair


def test_the_walk_goes_from_the_least_sure_to_the_surest(review: Review) -> None:
    first = review.next()
    assert first == (1, 2)
    second = review.next(rank(review, first))
    assert second == (2, 3)
    third = review.next(rank(review, second))
    assert third == (3, 4)
    assert review.next(rank(review, third)) is None
    assert review.next(rank(review, third), back=True) == (2, 3)
    assert review.next(back=True) == (3, 4)


def test_contacts_at_a_corner_come_last() -> None:
    rows = np.array([(1, 2, 0.1, 2, 0, 0), (2, 3, 0.8, 30, 0, 0)], KIND)
    review = Review(rows)
    assert review.next() == (2, 3)
    assert review.next(rank(review, (2, 3))) == (1, 2)
    review.replace_edges([1], rows[:0])
    assert review.next(rank(review, (2, 3))) is None


def test_boundaries_that_were_judged_are_passed_over(review: Review) -> None:
    review.keep((2, 1))
    assert review.next() == (2, 3)
    review.set_state([3, 4], State.ACCEPTED)
    assert review.next(rank(review, (2, 3))) is None
    assert review.left() == 1
    review.set_state([3], State.UNREVIEWED)
    assert review.left() == 2


def test_a_grain_is_accepted_when_all_of_its_boundaries_were_kept(review: Review) -> None:
    assert review.keep((1, 2)) == [1]
    assert review.state(1) is State.ACCEPTED
    assert review.state(2) is State.UNREVIEWED
    assert review.keep((2, 3)) == [2]
    assert review.accepted == {1, 2}


def test_after_an_edit_the_walk_goes_on_behind_the_boundary_that_is_gone(review: Review) -> None:
    place = rank(review, (1, 2))
    review.remove((1, 2))
    review.replace_edges([1, 2], edges((1, 3, 0.5)))
    assert review.edge((1, 2)) is None
    assert review.next(place) == (1, 3)


def test_a_kept_boundary_that_is_still_there_after_an_edit_stays_kept(review: Review) -> None:
    review.keep((2, 3))
    review.replace_edges([2], edges((1, 2, 0.3), (2, 3, 0.5)))
    assert review.left() == 2
    review.replace_edges([2], edges((1, 2, 0.3)))
    review.replace_edges([2], edges((2, 3, 0.5)))
    assert review.left() == 2  # a new boundary between the two is a new question


def test_the_estimate_follows_what_was_found(review: Review) -> None:
    model_says = review.errors_left()
    assert model_says == pytest.approx(0.9 + 0.1 + 0.5, abs=1e-6)
    right, wrong = Review(edges(*MANY)), Review(edges(*MANY))
    for pair in [(1, 2), (2, 3), (3, 4), (4, 5)]:
        right.keep(pair)
        wrong.remove(pair)
        wrong.replace_edges([pair[0]], edges())
    assert right.errors_left() < 0.6 * wrong.errors_left()


MANY = [(label, label + 1, 0.6) for label in range(1, 30)]


def test_the_reviewed_area_is_that_of_accepted_and_edited_grains(review: Review) -> None:
    review.set_state([1], State.ACCEPTED)
    review.set_state([3, 9], State.EDITED)
    assert review.reviewed_area(lambda label: 10 * label) == 130


def test_states_survive_as_notes(review: Review) -> None:
    review.set_state([1], State.ACCEPTED)
    review.set_state([3], State.EDITED)
    notes = {**review.notes([1, 2, 3]), "other": 1}
    assert Review.states_from(notes) == {1: State.ACCEPTED, 3: State.EDITED}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_counts_and_order_stay_right_through_random_edits(data: st.DataObject) -> None:
    labels = st.integers(1, 6)
    sure = st.floats(0, 1, width=32)

    def some_edges() -> np.ndarray:
        found = data.draw(st.dictionaries(st.tuples(labels, labels), sure, max_size=8))
        return edges(*((a, b, p) for (a, b), p in found.items() if a < b))

    review = Review(some_edges())
    for _ in range(data.draw(st.integers(0, 12))):
        what = data.draw(st.sampled_from(["keep", "edges", "state"]))
        a, b = data.draw(labels), data.draw(labels)
        if what == "keep" and a != b:
            review.keep((a, b))
        elif what == "edges":
            review.replace_edges([a], some_edges())
        elif what == "state":
            review.set_state([a, b], data.draw(st.sampled_from(list(State))))
        walked, place = [], None
        while (pair := review.next(place)) is not None:
            place = rank(review, pair)
            walked.append(place)
        assert walked == sorted(walked)
        assert len(walked) == review.left()
        doubt = sum(1 - confidence for confidence, _ in walked)
        factor = (review._found_wrong + 4) / (review._expected_wrong + 4)
        assert review.errors_left() == pytest.approx(doubt * factor, abs=1e-6)

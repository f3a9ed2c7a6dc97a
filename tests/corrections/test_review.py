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


def walked(review: Review, passed: set[tuple[int, int]] | None = None) -> list[tuple[int, int]]:
    """Return what the walk shows when everything is passed by."""
    seen = set(passed or ())
    found = []
    while (pair := review.next(seen)) is not None:
        found.append(pair)
        seen.add(pair)
    return found


def test_the_walk_goes_from_the_least_sure_to_the_surest(review: Review) -> None:
    assert walked(review) == [(1, 2), (2, 3), (3, 4)]
    assert walked(review, {(1, 2)}) == [(2, 3), (3, 4)]


def test_contacts_at_a_corner_come_last() -> None:
    rows = np.array([(1, 2, 0.1, 2, 0, 0), (2, 3, 0.8, 30, 0, 0)], KIND)
    review = Review(rows)
    assert walked(review) == [(2, 3), (1, 2)]
    review.replace_edges([1], rows[:0])
    assert walked(review) == [(2, 3)]


def test_boundaries_that_were_judged_are_passed_over(review: Review) -> None:
    review.keep((2, 1))
    assert not review.is_open((1, 2))
    assert walked(review) == [(2, 3), (3, 4)]
    review.set_state([3, 4], State.ACCEPTED)
    assert walked(review) == [(2, 3)]
    assert review.left() == 1
    review.set_state([3], State.UNREVIEWED)
    assert review.left() == 2


def test_places_where_a_boundary_may_be_missing_are_walked_with_the_boundaries() -> None:
    review = Review(edges((1, 2, 0.3), (2, 2, 0.2), (2, 3, 0.9), (3, 3, 0.6)))
    assert walked(review) == [(2, 2), (1, 2), (3, 3), (2, 3)]
    assert review.left() == 4
    assert review.dismiss(3, edges((3, 3, 0.95))) == []
    assert walked(review)[-1] == (3, 3)
    review.dismiss(3, edges())
    assert review.left() == 3
    assert review.keep((2, 3)) == [3]


def test_a_grain_is_not_accepted_while_a_boundary_may_be_missing_in_it() -> None:
    review = Review(edges((1, 2, 0.3), (1, 1, 0.5)))
    assert review.keep((1, 2)) == [2]
    assert review.dismiss(1, edges()) == [1]


def test_the_kind_that_is_wrong_more_often_comes_first() -> None:
    """Places are a little less doubtful than boundaries, but most of them are missing."""
    rows = [(a, a + 1, 0.5) for a in range(1, 40)] + [(a, a, 0.6) for a in range(1, 40)]
    review = Review(edges(*rows))
    first = review.next()
    assert first is not None
    assert first[0] != first[1]
    for label in range(1, 9):
        review.keep((label, label + 1))
        review.remove((label + 20, label + 20))
        review.replace_edges([label + 20], edges())
    then = review.next()
    assert then is not None
    assert then[0] == then[1]


def test_a_grain_is_accepted_when_all_of_its_boundaries_were_kept(review: Review) -> None:
    assert review.keep((1, 2)) == [1]
    assert review.state(1) is State.ACCEPTED
    assert review.state(2) is State.UNREVIEWED
    assert review.keep((2, 3)) == [2]
    assert review.accepted == {1, 2}


def test_after_an_edit_the_walk_goes_on_behind_the_boundary_that_is_gone(review: Review) -> None:
    review.remove((1, 2))
    review.replace_edges([1, 2], edges((1, 3, 0.5)))
    assert review.edge((1, 2)) is None
    assert walked(review, {(1, 2)}) == [(1, 3), (3, 4)]


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


def test_a_verdict_that_is_taken_back_counts_no_more() -> None:
    once, twice = Review(edges(*MANY)), Review(edges(*MANY))
    for review in (once, twice):
        review.remove((5, 6))
        review.keep((1, 2))
    for _ in range(3):
        twice.take_back((1, 2))
        twice.replace_edges([1, 2], edges())
        twice.replace_edges([1, 2], edges(*MANY[:2]))
        twice.keep((1, 2))
    assert twice.errors_left() == pytest.approx(once.errors_left())
    twice.take_back((7, 8))  # nothing was said of it
    assert twice.errors_left() == pytest.approx(once.errors_left())


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
        if what == "keep" and a == b:
            review.dismiss(a, edges())
        elif what == "keep":
            review.keep((a, b))
        elif what == "edges":
            review.replace_edges([a], some_edges())
        elif what == "state":
            review.set_state([a, b], data.draw(st.sampled_from(list(State))))
        found = walked(review)
        assert len(found) == len(set(found)) == review.left()
        assert all(review.is_open(pair) for pair in found)
        for kind in (True, False):  # boundaries, then places
            ranks = [review.edge(p).rank for p in found if (p[0] != p[1]) is kind]
            assert ranks == sorted(ranks)
        doubt = sum(max(0, 1 - review.edge(pair).confidence) for pair in found)
        assert review.errors_left() >= 0
        assert (review.errors_left() > 1e-6) == (doubt > 1e-6)


def test_boundaries_found_right_earlier_are_not_asked_about_again() -> None:
    rows = edges((1, 2, 0.1), (3, 4, 0.9), (2, 3, 0.5))
    review = Review(rows, kept=[(2, 1), (7, 9)])
    assert walked(review) == [(2, 3), (3, 4)]
    assert review.kept == {(1, 2)}
    review.replace_edges([1], rows[:0])
    assert review.kept == set()

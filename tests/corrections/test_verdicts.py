"""Verdicts on boundaries outlive the review and the process."""

import json

import numpy as np

from napari_etch.corrections import State, Verdicts
from napari_etch.corrections.verdicts import is_verdict


def through_a_journal(notes):
    return Verdicts.from_notes(json.loads(json.dumps(notes)))


def test_verdicts_come_back_from_their_notes() -> None:
    made = Verdicts()
    line = np.array([[3, 4], [3, 5], [4, 6]])
    notes = {**made.keep(0, (9, 2)), **made.keep(2, (1, 2)), **made.dismiss(1, line)}
    notes["grain 4"] = "accepted"
    back = through_a_journal(notes)
    assert back.right(0) == {(2, 9)} and back.right(2) == {(1, 2)} and back.right(1) == set()
    [again] = back.dismissed(1)
    np.testing.assert_array_equal(again, line)
    assert back.dismissed(0) == []
    assert through_a_journal(back.notes()).notes() == back.notes()


def test_a_boundary_that_is_no_more_is_forgotten_in_the_journal_too() -> None:
    made = Verdicts()
    notes = made.keep(0, (1, 2)) | made.keep(0, (2, 3))
    notes |= made.forget(0, {(1, 2), (5, 6)})
    assert made.right(0) == {(2, 3)}
    assert through_a_journal(notes).right(0) == {(2, 3)}


def test_a_line_without_pixels_is_no_verdict() -> None:
    assert Verdicts().dismiss(0, np.zeros((0, 2), np.int64)) == {}


def test_what_follows_from_an_edit_is_no_verdict() -> None:
    made = Verdicts()
    drawn = made.draw(0, [(4, 2), (1, 2)])
    assert not any(map(is_verdict, drawn.values()))
    back = through_a_journal(drawn)
    assert back.right(0) == {(1, 2), (2, 4)}
    assert back.notes() == drawn
    assert all(map(is_verdict, made.keep(0, (1, 2)).values()))
    assert all(map(is_verdict, made.dismiss(0, np.array([[1, 2]])).values()))
    assert is_verdict(str(State.ACCEPTED)) and is_verdict(0.5)
    for other in (None, str(State.EDITED), str(State.UNREVIEWED), {"scale": [0.2, 0.2]}):
        assert not is_verdict(other)

"""What was known before each step of an undo history."""

from __future__ import annotations

from napari_etch.corrections.past import Past


def test_undo_and_redo_swap_what_was_known_for_what_is() -> None:
    past: Past[str] = Past()
    past.edit("before one")
    past.edit("before two")
    assert past.undo("after two, judged since") == "before two"
    assert past.undo("after one") == "before one"
    assert past.redo("before one") == "after one"
    assert past.redo("before two") == "after two, judged since"
    assert past.undo("again") == "before two"


def test_an_edit_leaves_nothing_to_redo() -> None:
    past: Past[str] = Past()
    past.edit("before")
    past.undo("after")
    past.edit("before another")
    assert past.redo("now") is None
    past.clear()
    assert past.undo("now") is None


def test_a_step_from_before_is_not_known_until_it_was_undone() -> None:
    past: Past[str] = Past()
    assert past.undo("now") is None
    assert past.redo("then") == "now"

"""Verdicts of the review: undo takes them back, and Back leads to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from _widgets.correct_map import SIDE, cells, walls
from _widgets.fakes import PATIENCE
from _widgets.hands import SHIFT, Hands
from qtpy.QtCore import Qt

from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.correct_history import EDIT, REDO, UNDO
from napari_etch._widgets.correct_target import CLASSES
from napari_etch._widgets.correct_verdicts import Verdict, VerdictSteps
from napari_etch._widgets.layers import METADATA_KEY
from napari_etch.corrections import State

KEY = Qt.Key
Desk = tuple[Any, CorrectDock, Any, Hands]


def test_undo_means_a_verdict_where_no_pixels_came_after_it() -> None:
    steps, done = VerdictSteps(), []

    def verdict(name: str) -> Verdict:
        return Verdict(name, 0, None, lambda: done.append(f"-{name}"), lambda: done.append(name))

    steps.stepped(EDIT)
    steps.take(verdict("a"))
    steps.stepped(EDIT)
    assert steps.turn(UNDO) is None  # the second edit comes first
    steps.stepped(UNDO)
    assert steps.turn(UNDO) is not None
    assert steps.turn(UNDO) is None
    steps.stepped(UNDO)
    assert steps.turn(REDO) is None  # the first edit comes first
    steps.stepped(REDO)
    assert steps.turn(REDO) is not None
    assert done == ["-a", "a"]
    steps.turn(UNDO)
    steps.take(verdict("b"))
    assert steps.turn(REDO) is None  # as after an edit


def begin(desk: Desk, qtbot: Any, wanted: Callable[[tuple[int, int]], bool]) -> tuple[int, int]:
    """Make an edit, then walk to a stop of a kind."""
    _viewer, dock, _layer, hands = desk
    dock.gestures.make("join", [(20.0, 20.0), (20.0, 100.0)])
    hands.undo()
    hands.redo()
    hands.undo()
    dock.gestures.make("split", [(100.0, 68.0), (100.0, 124.0)])
    hands.key(KEY.Key_N)
    qtbot.waitUntil(lambda: dock.walk.pair is not None, timeout=PATIENCE)
    while not wanted(dock.walk.pair):
        hands.key(KEY.Key_N)
    return dock.walk.pair


@pytest.mark.gui
def test_undo_after_right_takes_the_verdict_back(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    pair = begin(desk, qtbot, lambda pair: pair[0] != pair[1])
    edited, verdicts = layer.data.copy(), dock.session.journal.verdicts
    hands.key(KEY.Key_G)
    assert pair in dock.session.review.kept
    assert dock.session.journal.verdicts > verdicts
    hands.undo()
    np.testing.assert_array_equal(layer.data, edited)
    assert dock.session.review.is_open(pair)
    assert dock.session.journal.verdicts == verdicts
    assert dock.walk.pair == pair
    assert dock.line.text().startswith(
        f"Took back the verdict on the boundary between grains {pair[0]} and {pair[1]}. Boundary"
    )
    left = dock.session.review.errors_left()
    for _ in range(3):
        hands.redo()
        assert pair in dock.session.review.kept
        hands.undo()
    assert dock.session.review.errors_left() == pytest.approx(left)
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())
    assert dock.line.text() == "Undone."


@pytest.mark.gui
def test_undo_after_dismiss_takes_the_verdict_back(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    stop = begin(desk, qtbot, lambda pair: pair[0] == pair[1])
    edited, shown = layer.data.copy(), dock.preview.shown("maybe")
    hands.key(KEY.Key_R)
    assert dock.form.undo.isEnabled()
    left, review = dock.session.review.errors_left(), dock.session.review
    hands.undo()
    assert dock.walk.pair == stop  # at once: nothing has to be measured again
    assert dock.session.review is review
    hands.redo()
    assert dock.session.review.errors_left() == pytest.approx(left)
    hands.undo()
    np.testing.assert_array_equal(layer.data, edited)
    assert dock.session.journal.verdicts == 0
    qtbot.waitUntil(lambda: dock.session.review.is_open(stop), timeout=PATIENCE)
    qtbot.waitUntil(lambda: dock.walk.pair == stop, timeout=PATIENCE)
    np.testing.assert_array_equal(dock.preview.shown("maybe"), shown)
    hands.redo()
    assert dock.session.journal.verdicts == 1


@pytest.mark.gui
@pytest.mark.parametrize(
    ("key", "is_place"), [(KEY.Key_R, False), (KEY.Key_G, True)], ids=["Remove", "Add"]
)
def test_an_edit_of_the_review_counts_once_however_often_it_is_made(
    desk: Desk, qtbot: Any, key: Any, is_place: bool
) -> None:
    _viewer, dock, layer, hands = desk
    stop = begin(desk, qtbot, lambda pair: (pair[0] == pair[1]) is is_place)
    before, left = layer.data.copy(), dock.session.review.errors_left()
    hands.key(key)
    dock.session.tour.catch_up()
    assert not np.array_equal(layer.data, before)
    once = dock.session.review.errors_left()
    hands.undo()
    dock.session.tour.catch_up()
    # not quite: what was undone is measured anew by itself, at first it was with all of the map
    assert dock.session.review.errors_left() == pytest.approx(left, rel=0.02)
    assert dock.session.journal.verdicts == 0  # nor is a line said to be none that is there again
    for _ in range(2):
        hands.redo()
        dock.session.tour.catch_up()
        assert dock.session.review.errors_left() == pytest.approx(once)
        hands.undo()
        dock.session.tour.catch_up()
    dock.walk.show(stop)
    hands.key(key)  # said again, in place of redo
    dock.session.tour.catch_up()
    assert dock.session.review.errors_left() == pytest.approx(once)


@pytest.mark.gui
def test_verdicts_hold_while_the_boundaries_are_measured_again(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, _layer, hands = desk
    place = begin(desk, qtbot, lambda pair: pair[0] == pair[1])
    hands.key(KEY.Key_R)
    while dock.walk.pair[0] == dock.walk.pair[1]:
        hands.key(KEY.Key_N)
    pair = dock.walk.pair
    hands.key(KEY.Key_G)
    for _ in range(2):
        dock.gestures.undo()
    for _ in range(2):  # the boundaries are being measured now
        dock.gestures.redo()
    assert dock.session.journal.verdicts == 2
    qtbot.waitUntil(lambda: pair in dock.session.review.kept, timeout=PATIENCE)
    hands.key(KEY.Key_N)
    qtbot.waitUntil(lambda: not dock.session.review.is_open(place), timeout=PATIENCE)
    qtbot.wait(500)
    assert pair in dock.session.review.kept
    assert dock.session.journal.verdicts == 2
    for _ in range(2):
        dock.gestures.undo()
    qtbot.waitUntil(lambda: dock.session.review.is_open(place), timeout=PATIENCE)
    assert pair not in dock.session.review.kept
    assert dock.session.journal.verdicts == 0


@pytest.mark.gui
def test_undo_unlocks_the_grains_that_a_verdict_accepted(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, _layer, hands = desk
    hands.key(KEY.Key_N)
    qtbot.waitUntil(lambda: dock.walk.pair is not None, timeout=PATIENCE)
    while not dock.session.review.accepted:
        hands.key(KEY.Key_R if dock.walk.pair[0] == dock.walk.pair[1] else KEY.Key_G)
    hands.undo()
    assert not dock.session.review.accepted
    assert not dock.session.editor().locked
    hands.move(30, 30)
    hands.key(KEY.Key_K)
    hands.undo()
    assert dock.session.review.state(1) is State.UNREVIEWED
    assert dock.line.text() == "Took back the accepting of grain 1."


@pytest.mark.gui
def test_back_leads_to_what_was_judged_and_the_verdict_can_be_changed(
    desk: Desk, qtbot: Any
) -> None:
    _viewer, dock, layer, hands = desk
    pair = begin(desk, qtbot, lambda pair: pair[0] != pair[1])
    grains = len(np.unique(layer.data))
    hands.key(KEY.Key_G)
    assert dock.walk.pair != pair
    hands.key(KEY.Key_N, SHIFT)
    assert dock.walk.pair == pair
    assert dock.line.text().endswith("It counts as right.")
    hands.key(KEY.Key_R)
    assert len(np.unique(layer.data)) == grains - 1
    hands.undo()
    assert len(np.unique(layer.data)) == grains
    qtbot.waitUntil(lambda: dock.session.review.is_open(pair), timeout=PATIENCE)


@pytest.mark.gui
def test_undo_out_of_sight_says_in_which_section(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock], qtbot: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.stack([walls()] * 4), name="steel · boundary")
    layer = viewer.add_labels(np.stack([cells()] * 4), name="steel · grains")
    dock = add_correct(viewer)
    viewer.dims.set_current_step(0, 2)
    dock.gestures.make("split", [(32.0, 4.0), (32.0, 60.0)])
    assert dock.line.text().startswith("Split")
    viewer.dims.set_current_step(0, 3)
    assert dock.line.text() == ""  # it was of the other section
    layer.undo()
    assert dock.line.text() == "Undone in section 2."
    viewer.dims.set_current_step(0, 2)
    layer.redo()
    assert dock.line.text() == "Done again."
    Hands(viewer, layer).key(KEY.Key_N)
    qtbot.waitUntil(lambda: dock.walk.pair is not None, timeout=PATIENCE)
    stop = dock.walk.pair
    (dock.reviewing.say_wrong if stop[0] == stop[1] else dock.reviewing.say_right)()
    viewer.dims.set_current_step(0, 3)
    layer.undo()
    assert dock.line.text().startswith("Took back the verdict")
    assert dock.line.text().endswith(" in section 2.")
    assert dock.session.journal.verdicts == 0


@pytest.mark.gui
def test_of_two_classes_a_wrong_facet_gets_the_other(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock]
) -> None:
    viewer = make_napari_viewer()
    modes = np.ones((SIDE, SIDE), np.uint8)
    modes[:, 64:] = 2
    made = {METADATA_KEY: {"kind": CLASSES}}
    layer = viewer.add_labels(modes, name="break · fracture", metadata=made)
    dock = add_correct(viewer)
    dock.reviewing.walk_on()
    y, x = dock.walk.pair
    was = int(layer.data[y, x])
    dock.form.value.setCurrentIndex(dock.form.value.findData(was))
    dock.reviewing.say_wrong()
    assert layer.data[y, x] == 3 - was
    layer.undo()

    dock.reviewing.walk_on()
    judged = dock.walk.pair
    dock.reviewing.say_right()
    assert dock.session.tour.review.left() == 1
    layer.undo()
    assert dock.session.tour.review.left() == 2
    assert dock.walk.pair == judged

    layer.data[-5:, -5:] = 3  # three classes: which one is meant?
    dock.form.value.setCurrentIndex(dock.form.value.findData(int(layer.data[judged])))
    dock.reviewing.say_wrong()
    assert "choose another under Class first" in dock.line.text()

"""The undo history of a layer under correction: one step a gesture, and a tiling after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_etch._widgets.correct_history import HistoryGuard, Step, before_of, window_of
from napari_etch._widgets.correct_session import CorrectSession
from napari_etch.corrections import State, read_journal
from napari_etch.grains.editing import EditError, is_tiling

pytestmark = pytest.mark.gui

SIDE = 48


def squares(dtype: Any = np.int32) -> np.ndarray:
    """Return a map of 3 × 3 grains, 16 px wide."""
    rows, columns = np.indices((SIDE, SIDE)) // 16
    return (1 + 3 * rows + columns).astype(dtype)


@pytest.fixture
def layer() -> Labels:
    viewer = ViewerModel()
    return viewer.add_labels(squares(), name="steel · grains")


@pytest.fixture
def open_session(qtbot: Any, tmp_path: Path) -> Iterator[Callable[..., CorrectSession]]:
    opened: list[CorrectSession] = []

    def open_(layer: Labels, **options: Any) -> CorrectSession:
        session = CorrectSession(layer, tmp_path, **options)
        opened.append(session)
        return session

    yield open_
    for session in opened:
        session.close()


def stroke(layer: Labels, path: list[tuple[int, int]], label: int, size: int = 3) -> None:
    """Paint as napari's mouse callback does."""
    layer.brush_size = size
    layer.mode = "paint"
    with layer.block_history():
        last = path[0]
        for point in path:
            layer._draw(label, last, point)
            last = point


# -- the guard alone -----------------------------------------------------------------------------


@pytest.fixture
def steps(layer: Labels) -> Iterator[list[Step]]:
    found: list[Step] = []
    guard = HistoryGuard(layer, lambda _step: None, found.append)
    yield found
    guard.release()


def test_it_hears_of_every_step_with_what_was_and_what_is(layer: Labels, steps: list[Step]) -> None:
    maps = [layer.data.copy()]
    deeds: list[Callable[[], Any]] = [
        lambda: stroke(layer, [(4, 4), (20, 30)], 7),
        lambda: layer.fill((40, 40), 3),
        lambda: layer.paint_polygon([(2, 2), (2, 30), (30, 2)], 5),
        lambda: layer.data_setitem((np.array([1, 2]), np.array([3, 4])), 9),
        lambda: layer.paint((30, 30), 8),
        layer.undo,
        layer.undo,
        layer.redo,
        layer.undo,
    ]
    for deed in deeds:
        deed()
        maps.append(layer.data.copy())
    assert [step.kind for step in steps] == ["edit"] * 5 + ["undo", "undo", "redo", "undo"]
    for step, was, now in zip(steps, maps[:-1], maps[1:], strict=True):
        np.testing.assert_array_equal(step.before, was[step.window])
        np.testing.assert_array_equal(step.after, now[step.window])
        outside = was != now
        outside[step.window] = False
        assert not outside.any()


def test_it_leaves_the_layer_as_it_was(layer: Labels) -> None:
    methods = ("undo", "redo", "fill", "paint", "paint_polygon", "data_setitem")
    guard = HistoryGuard(layer, lambda _step: None, lambda _step: None)
    assert all(name in layer.__dict__ for name in methods)
    guard.release()
    assert not any(name in layer.__dict__ for name in methods)


def test_an_empty_history_is_no_trouble(layer: Labels, steps: list[Step]) -> None:
    layer.undo()
    layer.redo()
    assert steps == []


def test_what_is_shown_is_what_is_there_after_undo(layer: Labels, steps: list[Step]) -> None:
    """The colours are a copy of the data; undo repaints only a part of them."""
    shown = layer._slice.image.view.copy()
    layer.data_setitem((np.array([1, 2]), np.array([3, 4])), 9)
    assert not np.array_equal(layer._slice.image.view, shown)
    layer.undo()
    np.testing.assert_array_equal(layer._slice.image.view, shown)
    layer.contour = 1
    layer.redo()
    expected = layer._raw_to_displayed(layer.data)
    np.testing.assert_array_equal(layer._slice.image.view, expected)


def test_undo_asks_for_a_part_to_be_repainted_only(layer: Labels, steps: list[Step]) -> None:
    layer.data_setitem((np.array([10, 12]), np.array([13, 14])), 9)
    parts, wholes = [], []
    layer.events.labels_update.connect(lambda event: parts.append((event.offset, event.data.shape)))
    layer.events.set_data.connect(lambda _event: wholes.append(1))
    layer.undo()
    layer.redo()
    assert parts == [([10, 13], (3, 2))] * 2
    assert wholes == []


def test_old_and_new_parts_of_a_step_are_understood() -> None:
    class Part:
        slice_key = (slice(0, 2), slice(1, 3))
        mask = np.array([[True, False], [False, True]])
        old_values = np.array([5, 6])

    item = [((np.array([3]), np.array([0])), np.array([2]), 8), Part()]
    window = window_of(item, (10, 10))
    assert window == (slice(0, 4), slice(0, 3))
    before = before_of(item, np.full((4, 3), 8), window)
    np.testing.assert_array_equal(before, [[8, 5, 8], [8, 8, 6], [8, 8, 8], [2, 8, 8]])


# -- with a session ------------------------------------------------------------------------------


def test_a_stroke_that_cuts_a_grain_is_mended_within_its_own_step(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    """Painting 1 across grains 5 and 6 leaves each in two pieces."""
    open_session(layer)
    start = layer.data.copy()
    stroke(layer, [(8, 8), (24, 20), (24, 47)], 1)
    painted = layer.data.copy()
    assert is_tiling(painted)
    assert painted[24, 30] == 1
    assert len(np.unique(painted)) > 9
    layer.undo()
    np.testing.assert_array_equal(layer.data, start)
    layer.redo()
    np.testing.assert_array_equal(layer.data, painted)


def test_gestures_and_strokes_undo_in_the_order_in_which_they_were_made(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    session = open_session(layer)
    maps = [layer.data.copy()]
    for deed in (
        lambda: session.do(session.editor().split_along([(8, 0), (8, 15)])),
        lambda: stroke(layer, [(8, 8), (24, 20)], 2),
        lambda: session.do(session.editor().merge([8, 9])),
        lambda: layer.fill((40, 4), 4),
    ):
        deed()
        maps.append(layer.data.copy())
    for expected in maps[-2::-1]:
        layer.undo()
        np.testing.assert_array_equal(layer.data, expected)
    for expected in maps[1:]:
        layer.redo()
        np.testing.assert_array_equal(layer.data, expected)


def test_a_hundred_steps_can_be_taken_back(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    session = open_session(layer)
    maps = [layer.data.copy()]
    for row in range(50):
        stroke(layer, [(row % 48, 2), (row % 48, 45)], 1 + row % 9)
        maps.append(layer.data.copy())
        label = int(np.bincount(layer.data.ravel()).argmax())
        session.do(session.editor().delete([label], absorb=True))
        maps.append(layer.data.copy())
    for expected in maps[-2::-1]:
        assert session.guard.can_undo
        layer.undo()
        np.testing.assert_array_equal(layer.data, expected)
    assert not session.guard.can_undo


def test_undoing_what_was_painted_before_the_session_gives_a_tiling_too(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    """The map was in pieces before a stroke that happened to mend it; then the dock came."""
    layer.data[20:22, 16:32] = 4  # cuts grain 5
    rows, columns = np.indices((2, 16)).reshape(2, -1)
    layer.data_setitem((rows + 20, columns + 16), 5)
    open_session(layer)
    mended = layer.data.copy()
    layer.undo()
    assert is_tiling(layer.data)
    layer.redo()
    np.testing.assert_array_equal(layer.data, mended)
    layer.undo()
    assert is_tiling(layer.data)


def test_accepted_grains_get_back_what_a_brush_painted_over(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    session = open_session(layer)
    session.set_state([5], State.ACCEPTED)
    with pytest.raises(EditError, match="Grain 5 is accepted"):
        session.editor().merge([4, 5])
    stroke(layer, [(24, 4), (24, 44)], 4)
    np.testing.assert_array_equal(layer.data == 5, squares() == 5)
    session.set_state([5], State.UNREVIEWED)
    session.do(session.editor().merge([4, 5]))
    assert not (layer.data == 5).any()


def test_the_journal_holds_what_is_on_the_screen_after_any_step(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    session = open_session(layer)
    for deed in (
        lambda: session.do(session.editor().split_along([(8, 0), (8, 15)])),
        lambda: stroke(layer, [(8, 8), (24, 20), (24, 47)], 1),
        layer.undo,
        layer.redo,
        layer.undo,
        lambda: session.set_state([9], State.ACCEPTED),
    ):
        deed()
        assert session.journal.flush()
        assert session.journal.path is not None
        back = read_journal(session.journal.path)
        np.testing.assert_array_equal(back.grains, layer.data)
    assert back.notes["grain 9"] == "accepted"


def test_a_replaced_map_starts_anew(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    session = open_session(layer)
    session.do(session.editor().merge([1, 2]))
    layer.data = squares()[:, ::-1].copy()
    assert session.editor().grains is layer.data
    session.do(session.editor().merge([1, 2]))
    assert session.journal.flush()
    np.testing.assert_array_equal(read_journal(session.journal.path).grains, layer.data)


POINT = st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))
DEED = st.one_of(
    st.tuples(st.just("split"), POINT, POINT),
    st.tuples(st.just("join"), POINT, POINT),
    st.tuples(st.just("redraw"), POINT, POINT),
    st.tuples(st.just("delete"), POINT, POINT),
    st.tuples(st.just("add"), POINT, POINT),
    st.tuples(st.just("brush"), POINT, POINT),
    st.tuples(st.just("erase"), POINT, POINT),
    st.tuples(st.just("fill"), POINT, POINT),
    st.tuples(st.just("polygon"), POINT, POINT),
    st.tuples(st.just("undo"), POINT, POINT),
    st.tuples(st.just("redo"), POINT, POINT),
)


def do(session: CorrectSession, what: str, start: tuple[int, int], stop: tuple[int, int]) -> None:
    layer, editor = session.layer, session.editor()
    path = np.array([start, stop], float)
    label = int(layer.data[stop]) or 1
    corners = [start, (start[0], stop[1]), stop]
    here = [int(layer.data[start])]
    deeds: dict[str, Callable[[], Any]] = {
        "split": lambda: session.do(editor.split_along(path)),
        "join": lambda: session.do(editor.merge_along(path)),
        "redraw": lambda: session.do(editor.redraw(path)),
        "delete": lambda: session.do(editor.delete(here, absorb=label % 2 == 0)),
        "add": lambda: session.do(editor.add(np.array(corners, float))),
        "brush": lambda: stroke(layer, [start, stop], label),
        "erase": lambda: stroke(layer, [start, stop], 0, size=2),
        "fill": lambda: layer.fill(start, label),
        "polygon": lambda: layer.paint_polygon(corners, label),
        "undo": layer.undo,
        "redo": layer.redo,
    }
    deeds[what]()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deeds=st.lists(DEED, min_size=1, max_size=14))
def test_labels_tile_after_every_edit_undo_and_redo(
    deeds: list[tuple[str, tuple[int, int], tuple[int, int]]],
    qtbot: Any,
    tmp_path: Path,
) -> None:
    layer = ViewerModel().add_labels(squares())
    session = CorrectSession(layer, tmp_path)
    past, future = [], []
    try:
        for what, start, stop in deeds:
            was, last = layer.data.copy(), session.guard.last
            try:
                do(session, what, start, stop)
            except EditError:
                np.testing.assert_array_equal(layer.data, was)
                continue
            if what == "undo" and past:
                future.append(was)
                np.testing.assert_array_equal(layer.data, past.pop())
            elif what == "redo" and future:
                past.append(was)
                np.testing.assert_array_equal(layer.data, future.pop())
            elif session.guard.last is not last:
                past.append(was)
                future.clear()
            assert is_tiling(layer.data)
            assert set(session.editor().labels()) == set(np.unique(layer.data)) - {0}
        assert session.journal.flush()
        np.testing.assert_array_equal(read_journal(session.journal.path).grains, layer.data)
    finally:
        session.close()


# -- what is known of the grains -----------------------------------------------------------------


def test_an_edit_that_was_undone_does_not_count_as_edited(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    session = open_session(layer)
    session.do(session.editor().merge([1, 2]))
    assert session.review.known == {1: State.EDITED}
    stroke(layer, [(24, 4), (24, 44)], 4)
    known = session.review.known
    assert known.keys() >= {1, 4} and set(known.values()) == {State.EDITED}
    layer.undo()
    assert session.review.known == {1: State.EDITED}
    layer.undo()
    assert session.review.known == {}
    assert session.tour.progress()[0] == 0
    layer.redo()
    assert session.review.known == {1: State.EDITED}
    layer.redo()
    assert session.review.known == known


def test_undo_and_redo_bring_back_what_was_said_of_a_grain(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    session = open_session(layer)
    session.do(session.editor().merge([1, 2]))
    session.set_state([1], State.ACCEPTED)
    session.set_state([9], State.ACCEPTED)
    layer.undo()
    assert session.review.known == {9: State.ACCEPTED}
    session.do(session.editor().merge([1, 4]))  # it is not locked any more
    layer.undo()
    assert session.review.known == {9: State.ACCEPTED}
    layer.data = squares()[::-1].copy()  # another map, with another history
    session.editor()
    session.do(session.editor().merge([1, 2]))
    assert session.review.known == {1: State.EDITED}


def test_undoing_what_was_painted_before_the_session_is_an_edit(
    layer: Labels, open_session: Callable[..., CorrectSession]
) -> None:
    stroke(layer, [(8, 4), (8, 20)], 1)
    session = open_session(layer)
    layer.undo()
    assert session.review.known == {1: State.EDITED, 2: State.EDITED}
    layer.redo()
    assert session.review.known == {}


def test_a_facet_whose_edit_was_undone_is_open_again(
    open_session: Callable[..., CorrectSession],
) -> None:
    classes = np.ones((SIDE, SIDE), np.uint8)
    classes[:, 24:] = 2
    layer = ViewerModel().add_labels(
        classes, name="sem · fracture", metadata={"napari_etch": {"kind": "fracture"}}
    )
    session = open_session(layer, chosen_class=lambda: 2)
    assert session.is_classes
    session.tour.right((0, 24))
    session.do(session.editor().set_class((0, 0), 3))
    assert session.tour.progress()[0] == 1
    layer.undo()
    assert session.tour.progress()[0] == 0.5
    assert session.tour.next(()) == (0, 0)
    layer.redo()
    assert session.tour.progress()[0] == 1

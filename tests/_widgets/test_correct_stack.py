"""Correcting the sections of a stack, and maps of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from _widgets.correct_map import CELL, SIDE, cells, walls
from _widgets.fakes import PATIENCE
from _widgets.hands import SHIFT, Hands
from qtpy.QtCore import Qt

from napari_etch._widgets.class_tables import stored_table
from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.correct_target import CLASSES
from napari_etch._widgets.correct_tour import ABOUT_GRAINS
from napari_etch._widgets.layers import METADATA_KEY
from napari_etch._widgets.track_layers import GRAINS_3D, is_volume
from napari_etch.corrections import State, journals_in, read_journal
from napari_etch.grains.class_table import FRACTURE_MODES, ClassEntry, ClassTable
from napari_etch.grains.editing import is_tiling

pytestmark = pytest.mark.gui

KEY = Qt.Key
DEPTH = 4
Desk = tuple[Any, CorrectDock, Any, Hands]


@pytest.fixture
def stack_desk(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock]
) -> Desk:
    """Return a stack of four equal sections, tracked: each grain has one number in all."""
    viewer = make_napari_viewer(show=True)
    boundary = np.stack([walls()] * DEPTH)
    viewer.add_image(boundary, name="steel · boundary", scale=(2, 1, 1))
    grains = np.stack([cells()] * DEPTH)
    layer = viewer.add_labels(grains, name="steel · grains", scale=(2, 1, 1))
    dock = add_correct(viewer)
    viewer.dims.set_point(0, 0)
    viewer.reset_view()
    return viewer, dock, layer, Hands(viewer, layer)


def test_a_gesture_changes_the_section_that_is_shown(stack_desk: Desk) -> None:
    viewer, dock, layer, hands = stack_desk
    viewer.dims.set_point(0, 4)
    assert dock.session.section == 2
    hands.key(KEY.Key_S)
    hands.drag((32, 4), (32, 60))
    assert len(np.unique(layer.data[2])) == 5
    for section in (0, 1, 3):
        np.testing.assert_array_equal(layer.data[section], cells())
    hands.undo()
    np.testing.assert_array_equal(layer.data[2], cells())
    hands.redo()
    assert dock.session.journal.flush()
    np.testing.assert_array_equal(read_journal(dock.session.journal.path).grains, layer.data)


def test_new_grains_have_numbers_that_no_other_section_uses(stack_desk: Desk) -> None:
    viewer, _dock, layer, hands = stack_desk
    hands.key(KEY.Key_S)
    hands.drag((32, 4), (32, 60))
    viewer.dims.set_point(0, 2)
    hands.drag((32, 4), (32, 60))
    first, second = (set(np.unique(layer.data[at])) - {1, 2, 3, 4} for at in (0, 1))
    assert len(first) == len(second) == 1
    assert first.isdisjoint(second)


def test_a_gesture_is_repeated_in_the_next_section(stack_desk: Desk) -> None:
    viewer, dock, layer, hands = stack_desk
    hands.key(KEY.Key_S)
    hands.drag((32, 4), (32, 60))
    hands.key(KEY.Key_I)
    assert dock.session.section == 1
    assert viewer.dims.current_step[0] == 1
    assert len(np.unique(layer.data[1])) == 5
    hands.key(KEY.Key_I)
    hands.key(KEY.Key_I)
    hands.key(KEY.Key_I)
    assert dock.line.text() == "This is the last section."
    assert all(len(np.unique(section)) == 5 for section in layer.data)
    for _ in range(DEPTH):
        hands.undo()
    np.testing.assert_array_equal(layer.data, np.stack([cells()] * DEPTH))


def test_a_split_that_is_repeated_makes_one_new_3d_grain(stack_desk: Desk) -> None:
    """The larger part keeps the number in a section by itself; here which is larger turns."""
    _viewer, dock, layer, hands = stack_desk
    with layer.block_history():
        row, column = (axis.ravel() for axis in np.indices((14, CELL)))
        layer.data_setitem((np.full_like(row, 2), row, column), 7)  # less above the cut
    hands.key(KEY.Key_S)
    hands.drag((36, 4), (36, 60), modifier=SHIFT)
    assert dock.line.text() == "Split grain 1 into 1 and 8."
    for _ in range(DEPTH - 1):
        hands.key(KEY.Key_I)
        assert dock.line.text() == "Split grain 1 into 1 and 8."
    assert (layer.data[:, 20, 30] == 1).all()
    assert (layer.data[:, 50, 30] == 8).all()
    assert layer.data.max() == 8
    assert all(is_tiling(section) for section in layer.data)
    for _ in range(DEPTH - 1):
        hands.undo()
    assert (layer.data[1:, 50, 30] == 1).all() and layer.data[0, 50, 30] == 8


def cut_what_is_narrower_in_the_next_section(layer: Any, hands: Any) -> None:
    """Split grain 1 by a stroke that would end just inside it there."""
    with layer.block_history():
        row, column = (axis.ravel() for axis in np.indices((CELL, 24)))
        layer.data_setitem((np.ones_like(row), row, column + 40), 2)
    hands.key(KEY.Key_S)
    hands.drag((4, 36), (60, 38), modifier=SHIFT)


def test_a_cut_that_only_nicks_the_grain_of_the_next_section_is_not_repeated(
    stack_desk: Desk,
) -> None:
    _viewer, dock, layer, hands = stack_desk
    cut_what_is_narrower_in_the_next_section(layer, hands)
    assert "Split grain 1 into" in dock.line.text()
    after = layer.data.copy()
    hands.key(KEY.Key_I)
    text = dock.line.text()
    assert text.startswith("In section 1 the same gesture parts the grain otherwise: grain 5, ")
    assert text.endswith("so correct it by hand.")
    assert dock.session.section == 0
    np.testing.assert_array_equal(layer.data, after)


def test_a_cut_by_hand_where_the_repeat_was_refused_goes_on_with_the_number(
    stack_desk: Desk,
) -> None:
    viewer, dock, layer, hands = stack_desk
    cut_what_is_narrower_in_the_next_section(layer, hands)
    hands.key(KEY.Key_I)
    assert "so correct it by hand" in dock.line.text()
    viewer.dims.set_point(0, 2)
    hands.drag((4, 100), (60, 100), modifier=SHIFT)  # another grain: a number of its own
    assert dock.line.text() == "Split grain 2 into 2 and 6."
    hands.drag((4, 34), (60, 34), modifier=SHIFT)
    assert dock.line.text() == "Split grain 1 into 1 and 5. Grain 5 goes on from section 0."
    assert layer.data[0, 30, 20] == layer.data[1, 30, 10] == 1
    assert layer.data[0, 30, 50] == layer.data[1, 30, 37] == 5
    assert all(is_tiling(section) for section in layer.data)
    hands.undo()
    hands.drag((4, 34), (60, 34), modifier=SHIFT)  # once more by hand
    assert "Grain 5 goes on" in dock.line.text()
    hands.drag((30, 4), (30, 30), modifier=SHIFT)
    assert "goes on" not in dock.line.text()


def test_it_is_not_repeated_where_other_grains_lie(stack_desk: Desk) -> None:
    _viewer, dock, layer, hands = stack_desk
    row, column = (axis.ravel() for axis in np.indices((40, SIDE)))
    layer.data_setitem((np.ones_like(row), row + 12, column), 2)
    assert is_tiling(layer.data[1])
    before = layer.data.copy()
    hands.key(KEY.Key_S)
    hands.drag((32, 4), (32, 30), (40, 60), modifier=SHIFT)
    after = layer.data.copy()
    hands.key(KEY.Key_I)
    assert "are others" in dock.line.text()
    np.testing.assert_array_equal(layer.data, after)
    assert not np.array_equal(before[0], after[0])


def test_two_3d_grains_are_joined_wherever_they_touch_as_one_step(stack_desk: Desk) -> None:
    _viewer, dock, layer, hands = stack_desk
    before = layer.data.copy()
    hands.key(KEY.Key_J)
    assert dock.form.through.isVisibleTo(dock)
    dock.form.through.setChecked(True)
    hands.click(30, 64)
    assert (layer.data[:, 30, 30] == layer.data[:, 30, 90]).all()
    assert "in 4 sections" in dock.line.text()
    hands.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_3d_grain_is_parted_at_the_section_shown(stack_desk: Desk) -> None:
    viewer, dock, layer, hands = stack_desk
    before = layer.data.copy()
    viewer.dims.set_point(0, 4)
    hands.move(30, 30)
    hands.key(KEY.Key_U)
    assert (layer.data[:2, 30, 30] == 1).all()
    assert (layer.data[2:, 30, 30] == 5).all()
    assert dock.line.text() == "Grain 1 is 5 from section 2 on."
    hands.undo()
    np.testing.assert_array_equal(layer.data, before)
    dock.session.set_state([1], State.ACCEPTED)
    hands.key(KEY.Key_U)
    assert "is accepted" in dock.line.text()
    viewer.dims.set_point(0, 0)
    dock.session.set_state([1], State.UNREVIEWED)
    hands.move(31, 31)
    hands.key(KEY.Key_U)
    assert "begins in this section" in dock.line.text()
    np.testing.assert_array_equal(layer.data, before)


def test_a_brush_that_cuts_through_sections_leaves_each_tiling(stack_desk: Desk) -> None:
    _viewer, dock, layer, _hands = stack_desk
    before = layer.data.copy()
    layer.n_edit_dimensions, layer.brush_size, layer.mode = 3, 5, "paint"
    with layer.block_history():
        for column in range(0, SIDE, 2):
            layer.paint((1, 30, column), 3)
    assert (layer.data[2] != before[2]).any()
    assert all(is_tiling(section) for section in layer.data)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert dock.session.journal.flush()


def test_the_walk_stays_in_the_section(stack_desk: Desk, qtbot: Any) -> None:
    viewer, dock, layer, hands = stack_desk
    viewer.dims.set_point(0, 6)
    hands.key(KEY.Key_N)
    qtbot.waitUntil(lambda: dock.walk.pair is not None, timeout=PATIENCE)
    while dock.walk.pair[0] == dock.walk.pair[1]:  # no boundary is missing
        hands.key(KEY.Key_R)
    hands.key(KEY.Key_R)
    assert len(np.unique(layer.data[3])) == 3
    np.testing.assert_array_equal(layer.data[0], cells())
    qtbot.waitUntil(lambda: "left" in dock.review_box.left.text(), timeout=PATIENCE)
    viewer.dims.set_point(0, 2)  # nothing was measured there
    qtbot.waitUntil(lambda: dock.review_box.left.text() == ABOUT_GRAINS, timeout=PATIENCE)


# -- maps of classes -----------------------------------------------------------------------------


@pytest.fixture
def class_desk(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock]
) -> Desk:
    viewer = make_napari_viewer(show=True)
    modes = np.where(np.indices((SIDE, SIDE)).sum(0) // 40 % 2, 1, 2).astype(np.uint8)
    layer = viewer.add_labels(
        modes, name="weld · fracture", metadata={METADATA_KEY: {"kind": CLASSES}}
    )
    dock = add_correct(viewer)
    viewer.reset_view()
    return viewer, dock, layer, Hands(viewer, layer)


def test_a_click_or_a_lasso_sets_a_class(class_desk: Desk) -> None:
    _viewer, dock, layer, hands = class_desk
    before = layer.data.copy()
    hands.key(KEY.Key_S)
    assert "works on a grain map" in dock.line.text()
    hands.key(KEY.Key_Y)
    assert before[5, 5] == 2
    hands.click(5, 5)
    assert layer.data[5, 5] == 1
    assert dock.line.text().endswith(" px to intergranular.")
    assert layer.data[100, 100] == before[100, 100]
    dock.form.value.setCurrentIndex(0)
    hands.drag((80, 80), (80, 120), (120, 120), (120, 80), (84, 80))
    assert (layer.data[84:116, 84:116] == 0).all()
    hands.undo()
    hands.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_the_classes_of_the_maps_own_table_are_offered(class_desk: Desk) -> None:
    viewer, dock, layer, _hands = class_desk
    box, more = dock.form.value, ["2 transgranular", "9 class"]
    assert [box.itemText(row) for row in (0, 2, 9)] == ["0 unlabelled", *more]
    table = FRACTURE_MODES.with_class("dimple")
    own = {METADATA_KEY: {"kind": CLASSES, "class_table": table.as_json()}}
    box.setCurrentIndex(2)
    viewer.layers.selection.active = viewer.add_labels(
        layer.data.copy(), name="own · fracture", metadata=own
    )
    offered = [box.itemText(row) for row in range(box.count())]
    assert offered == ["0 unlabelled", "1 intergranular", "2 transgranular", "3 dimple"]
    assert box.currentData() == 2


def test_classes_may_lie_in_pieces_and_are_journalled(class_desk: Desk) -> None:
    _viewer, dock, layer, hands = class_desk
    assert dock.why_not() == ""
    hands.key(KEY.Key_2)
    layer.selected_label, layer.brush_size = 1, 7
    hands.drag((100, 10), (100, 100))
    assert (layer.data[100, 10:100] == 1).all()
    assert dock.session.journal.flush()
    back = read_journal(dock.session.journal.path)
    np.testing.assert_array_equal(back.grains, layer.data)
    assert back.about["kind"] == "classes"


def test_the_walk_goes_from_facet_to_facet(class_desk: Desk) -> None:
    _viewer, dock, layer, hands = class_desk
    before = layer.data.copy()
    hands.key(KEY.Key_N)
    first = dock.walk.pair
    assert dock.line.text().startswith(("Intergranular facet, ", "Transgranular facet, "))
    assert len(dock.preview.shown("walk"))
    assert dock.review_box.remove.text() == "Set class (R)"
    assert dock.form.value.isVisibleTo(dock)
    hands.key(KEY.Key_G)
    second = dock.walk.pair
    assert second != first
    assert dock.session.tour.review.state(first) is State.ACCEPTED
    dock.form.value.setCurrentIndex(0)
    hands.key(KEY.Key_R)
    assert layer.data[second] == 0
    hands.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_accepted_facets_are_protected_until_they_are_unlocked(class_desk: Desk) -> None:
    _viewer, dock, layer, hands = class_desk
    before = layer.data.copy()
    hands.key(KEY.Key_Y)
    hands.move(12, 20)
    hands.key(KEY.Key_K)
    assert "Accepted the facet" in dock.line.text()
    hands.click(5, 5)
    assert "That facet is accepted" in dock.line.text()
    hands.key(KEY.Key_2)
    layer.selected_label, layer.brush_size = 1, 5
    hands.drag((5, 4), (5, 60))
    assert layer.data[5, 5] == before[5, 5] == 2
    assert is_untouched(layer.data, before, 2)
    hands.undo()
    np.testing.assert_array_equal(layer.data, before)
    hands.key(KEY.Key_Y)
    hands.move(12, 20)
    hands.key(KEY.Key_K)
    assert "Unlocked" in dock.line.text()
    hands.click(5, 5)
    assert layer.data[5, 5] == 1


def test_3d_grains_and_class_tables_come_back_as_what_they_were(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock], qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    table = ClassTable(
        (ClassEntry(1, "ductile", colour="#00ff00"), ClassEntry(2, "brittle", colour="#0000ff"))
    )
    modes = np.where(np.indices((SIDE, SIDE)).sum(0) // 40 % 2, 1, 2).astype(np.uint8)
    made = {"kind": CLASSES, "class_table": table.as_json(), "model": "fracture"}
    tracked = {"kind": GRAINS_3D, "skipped": ((1, "blank"),)}
    maps = {
        "steel · 3D grains": (np.stack([cells()] * DEPTH), tracked),
        "weld · fracture": (modes, made),
    }
    for name, (data, about) in maps.items():
        layer = viewer.add_labels(data, name=name, metadata={METADATA_KEY: about})
        qtbot.waitUntil(lambda layer=layer: dock.session and dock.session.layer is layer)
        dock.session.tour.toggle((5, 5))  # a verdict, so that there is something to restore
        viewer.layers.remove(layer)  # as good as a crash: the journal stays
        qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    again = add_correct(viewer)
    for _ in maps:
        again.restore_box.restore.click()
        qtbot.waitUntil(lambda: not again.restorer.is_running, timeout=PATIENCE)
    assert is_volume(viewer.layers["steel · 3D grains"])
    back = viewer.layers["weld · fracture"]
    restored = stored_table(back)
    assert restored is not None and restored.names == table.names
    colours = back.colormap.color_dict
    assert [colours[value].tolist() for value in (1, 2)] == [[0, 1, 0, 1], [0, 0, 1, 1]]
    assert list(back.features["class"]) == ["unlabelled", "ductile", "brittle"]


def is_untouched(now: np.ndarray, before: np.ndarray, value: int) -> bool:
    """Return whether the first region, in the corner, is as it was."""
    corner = np.indices(now.shape).sum(0) < 40
    return bool((now[corner] == before[corner]).all() and (before[corner] == value).all())


def test_the_least_sure_facet_comes_first_and_states_come_back(
    class_desk: Desk, qtbot: Any, add_correct: Callable[[Any], CorrectDock], folder: Any
) -> None:
    viewer, dock, layer, hands = class_desk
    sure = np.where(layer.data == 1, 0.9, 0.1).astype(np.float32)
    corner = np.indices(layer.data.shape).sum(0) < 40
    sure[corner] = 0.45
    viewer.add_image(sure, name="weld · probability")
    viewer.layers.selection.active = layer
    qtbot.waitUntil(lambda: dock.form.boundary.currentText() == "weld · probability")
    hands.key(KEY.Key_N)
    assert dock.walk.pair == (0, 0)
    assert "55 % sure" in dock.line.text()
    hands.key(KEY.Key_G)
    hands.key(KEY.Key_Y)
    hands.click(120, 120)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: bool(journals_in(folder)), timeout=PATIENCE)
    again = add_correct(viewer)
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: again.session is not None, timeout=PATIENCE)
    assert again.session.is_classes
    assert again.session.tour.review.state((0, 0)) is State.ACCEPTED


def test_a_map_of_few_classes_in_pieces_is_taken_for_one(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock]
) -> None:
    viewer = make_napari_viewer()
    modes = np.where(np.indices((SIDE, SIDE)).sum(0) // 40 % 2, 1, 2).astype(np.uint8)
    viewer.add_labels(modes, name="somebody's map")
    dock = add_correct(viewer)
    assert dock.why_not() == ""
    assert dock.form.tools["classify"].isEnabled()
    assert not dock.form.tools["split"].isEnabled()


def test_a_class_without_a_name_goes_by_its_number(class_desk: Desk) -> None:
    _viewer, dock, layer, hands = class_desk
    dock.form.value.setCurrentIndex(7)
    hands.key(KEY.Key_Y)
    hands.click(5, 5)
    assert layer.data[5, 5] == 7
    assert dock.line.text().endswith(" px to class 7.")
    assert dock.session.tour.view((0, 0)).text.startswith("Facet of class 7, ")


def test_verdicts_on_facets_go_back_to_what_was_known_and_on_to_the_next_dock(
    class_desk: Desk, qtbot: Any, add_correct: Callable[[Any], CorrectDock]
) -> None:
    viewer, dock, layer, hands = class_desk
    before = layer.data.copy()
    share = dock.session.tour.progress()[0]
    first = (0, 0)
    dock.gestures.make("classify", [(0.0, 0.0)])  # joins it with the next one
    edited = dock.session.tour.progress()[0]
    assert edited > share
    dock.session.tour.toggle(first)
    hands.undo()
    assert dock.session.tour.progress()[0] == edited  # each part is known as it was
    hands.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert dock.session.tour.progress()[0] == share
    dock.session.tour.toggle(first)
    share, verdicts = dock.session.tour.progress()[0], dock.session.journal.verdicts
    assert share > 0 and verdicts == 1
    qtbot.waitUntil(lambda: dock.session.journal.is_written, timeout=PATIENCE)
    viewer.window.remove_dock_widget(dock)
    again = add_correct(viewer)
    assert again.session.tour.progress()[0] == share
    assert again.session.journal.verdicts == verdicts

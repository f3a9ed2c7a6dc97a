"""Window tests of the Correct dock: a real viewer, real mouse and key events."""

from __future__ import annotations

import threading
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _widgets.correct_map import CELL, SIDE, cells, walls
from _widgets.fakes import PATIENCE
from _widgets.hands import SHIFT, Hands
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_etch._widgets import correct_reading
from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.correct_preview import NAME
from napari_etch._widgets.correct_restore import left_behind
from napari_etch._widgets.correct_sessions import reviewed_of
from napari_etch._widgets.correct_target import boundary_layers, fits, own_micrograph
from napari_etch._widgets.export_layers import is_reviewed
from napari_etch._widgets.keys import CORRECT_BINDINGS, KEY_BINDINGS
from napari_etch._widgets.layers import GRAINS, METADATA_KEY, pixel_size_um
from napari_etch._widgets.pixel_size import PixelSizeBox, set_pixel_size
from napari_etch.corrections import State, journals_in, read_journal
from napari_etch.grains.editing import is_tiling

pytestmark = pytest.mark.gui

KEY = Qt.Key


Desk = tuple[Any, CorrectDock, Any, Hands]
AddDock = Callable[[Any], CorrectDock]


# -- tools ---------------------------------------------------------------------------------------


def test_a_stroke_splits_along_the_boundary_that_is_there(desk: Desk) -> None:
    """The wall is at row 32; the stroke strays by 3 px."""
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    assert dock.form.tools["split"].isChecked()
    hands.drag((35, 6), (30, 30), (34, 58))
    assert dock.line.text() == "Split grain 1 into 1 and 5."
    upper, lower = layer.data[10, 10], layer.data[50, 10]
    assert upper != lower
    assert (layer.data[:29, :CELL] == upper).all()
    assert (layer.data[36:CELL, :CELL] == lower).all()
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())
    hands.redo()
    assert is_tiling(layer.data)
    assert layer.data[50, 10] == lower


def test_with_shift_the_stroke_is_taken_as_it_is(desk: Desk) -> None:
    _viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.drag((20, 2), (20, 61), modifier=SHIFT)
    assert len(np.unique(layer.data[:CELL, :CELL])) == 2
    assert len(np.unique(layer.data[24:CELL, :CELL])) == 1


def test_clicks_split_when_they_are_finished(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    for row, column in ((16, 16), (16, 48), (48, 30)):
        hands.click(row, column)
    assert dock.line.text().startswith("3 clicks")
    np.testing.assert_array_equal(layer.data, cells())
    hands.key(KEY.Key_Return)
    assert len({layer.data[16, 16], layer.data[16, 48], layer.data[48, 30]}) == 3
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())


def test_enter_in_a_field_of_numbers_finishes_no_clicks(desk: Desk, qtbot: Any) -> None:
    """Qt hands Enter on from the field to the window, and napari to the tool."""
    viewer, dock, layer, hands = desk
    box = PixelSizeBox()
    viewer.window.add_dock_widget(box, name="Pixel size")
    hands.key(KEY.Key_S)
    said = dock.line.text()
    field = box.number
    field.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus, timeout=PATIENCE)
    qtbot.keyClicks(field, "0.5")
    qtbot.keyClick(field, KEY.Key_Return)
    assert dock.line.text() == said
    assert dock.form.tools["split"].isChecked()
    hands.click(10, 30)
    hands.click(50, 30)
    hands.key(KEY.Key_Return)
    assert len(np.unique(layer.data)) == 5


def test_a_double_click_finishes_too(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.click(16, 16)
    hands.click(48, 16)
    hands.double_click(48, 48)
    assert layer.data[16, 16] != layer.data[48, 16]
    assert not len(dock.mouse.seeds)


def test_escape_drops_the_clicks_and_then_leaves_the_tool(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.click(16, 16)
    hands.key(KEY.Key_Escape)
    assert not len(dock.mouse.seeds)
    assert dock.mouse.tool is not None
    hands.key(KEY.Key_Escape)
    assert dock.mouse.tool is None
    assert not dock.form.tools["split"].isChecked()
    assert str(layer.mode) == "pan_zoom"


def test_escape_drops_a_stroke_under_way(desk: Desk) -> None:
    _viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.press(32, 5)
    hands.pull((32, 20), (32, 40))
    hands.key(KEY.Key_Escape)
    hands.pull((32, 60))
    hands.release(32, 60)
    np.testing.assert_array_equal(layer.data, cells())


def test_a_click_removes_a_boundary_and_a_stroke_joins_several_grains(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_J)
    hands.click(30, 64)
    assert layer.data[30, 30] == layer.data[30, 90]
    hands.drag((30, 90), (90, 90), (90, 30))
    assert len(np.unique(layer.data)) == 1
    assert "Merged" in dock.line.text()
    hands.undo()
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())


def test_a_boundary_is_pulled_to_the_drawn_course(desk: Desk) -> None:
    _viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_D)
    hands.drag((4, 64), (30, 80), (58, 64), modifier=SHIFT)
    assert layer.data[30, 70] == 1
    assert is_tiling(layer.data)


def test_deleted_grains_are_absorbed_or_become_nothing(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_Q)
    hands.click(20, 20)
    assert not (layer.data == 1).any()
    assert (layer.data > 0).all()
    hands.undo()
    dock.form.absorb.setCurrentIndex(1)
    hands.click(20, 20)
    assert (layer.data[:CELL, :CELL] == 0).all()
    hands.key(KEY.Key_A)
    hands.drag((10, 10), (10, 50), (50, 50), (50, 10), (12, 10))
    assert layer.data[30, 30] not in (0, 1, 2, 3, 4)
    assert layer.data[5, 5] == 0


def test_a_region_is_given_to_the_grain_in_which_the_stroke_begins(desk: Desk) -> None:
    _viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_T)
    hands.drag((20, 50), (20, 80), (40, 80), (40, 50), (22, 50))
    assert layer.data[30, 76] == 1
    assert is_tiling(layer.data)


def test_the_wand_makes_a_like_region_one_grain(desk: Desk) -> None:
    _viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_W)
    hands.click(16, 16)
    new = layer.data[16, 16]
    assert new not in (1, 2, 3, 4)
    assert (layer.data[5:26, 5:26] == new).all()
    assert layer.data[48, 48] != new


def test_a_region_is_cut_again_while_the_slider_moves_as_one_step(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_C)
    dock.form.granularity.setValue(0.9)
    hands.drag((2, 2), (2, 61), (61, 61), (61, 2), (4, 2))
    fine = len(np.unique(layer.data))
    assert fine > 4
    dock.form.granularity.setValue(0.0)
    qtbot.waitUntil(lambda: len(np.unique(layer.data)) < fine, timeout=PATIENCE)
    assert is_tiling(layer.data)
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())
    assert not dock.session.guard.can_undo


def test_smoothing_and_filling_take_a_click(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    layer.data_setitem((np.array([63, 62, 62]), np.array([30, 30, 31])), 3)
    hands.key(KEY.Key_O)
    dock.form.radius.setValue(4)
    hands.click(20, 20)
    assert layer.data[62, 30] == 1
    dock.form.absorb.setCurrentIndex(1)
    layer.data_setitem(tuple(axis.ravel() for axis in np.indices((5, 5)) + 20), 0)
    hands.key(KEY.Key_H)
    hands.click(40, 40)
    assert layer.data[22, 22] == 1


def test_the_preview_shows_what_will_be_done(desk: Desk, qtbot: Any) -> None:
    viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.press(32, 5)
    hands.pull((32, 20), (31, 40), (32, 58))
    new = dock.preview.shown("new")
    assert len(dock.preview.shown("stroke"))
    rows = new[:, 0, 0]
    assert len(new) >= CELL
    assert (np.abs(rows - 32) < 4).all()
    np.testing.assert_array_equal(layer.data, cells())
    assert len(viewer.layers[NAME].data)
    assert viewer.layers.selection.active is layer
    hands.release(32, 58)
    assert not len(viewer.layers[NAME].data)
    hands.key(KEY.Key_J)
    hands.move(96, 64)
    qtbot.waitUntil(lambda: len(dock.preview.shown("gone")) > 0, timeout=PATIENCE)
    assert (dock.preview.shown("gone")[:, 0, 1] == 63.5).all()


def test_outlines_tell_neighbours_of_like_colour_apart(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_C, SHIFT)
    assert layer.contour == 1
    assert dock.form.outlines.isChecked()
    hands.key(KEY.Key_J)
    hands.click(30, 64)
    np.testing.assert_array_equal(
        layer._slice.image.view, layer._raw_to_displayed(layer.data)
    )  # what is repainted is what a whole repaint would show
    hands.undo()
    np.testing.assert_array_equal(layer._slice.image.view, layer._raw_to_displayed(layer.data))
    dock.form.outlines.click()
    assert layer.contour == 0


# -- beside napari's own tools -------------------------------------------------------------------


def test_napari_s_brush_puts_the_tool_away_and_its_strokes_are_mended(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.key(KEY.Key_2)
    assert str(layer.mode) == "paint"
    assert dock.mouse.tool is None
    layer.selected_label, layer.brush_size = 2, 5
    hands.drag((30, 100), (30, 1))
    assert layer.data[30, 30] == 2
    assert is_tiling(layer.data)
    assert layer.data[10, 30] != layer.data[50, 30]
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())


def test_space_moves_the_view_while_a_tool_is_on(desk: Desk) -> None:
    viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    centre = viewer.scene.camera.center
    hands.hold(KEY.Key_Space)
    assert str(layer.mode) == "pan_zoom"
    hands.drag((30, 30), (60, 60))
    hands.let_go(KEY.Key_Space)
    assert viewer.scene.camera.center != centre
    assert dock.mouse.tool is not None
    assert str(layer.mode) == "pick"
    np.testing.assert_array_equal(layer.data, cells())


def test_keys_of_the_dock_are_free_in_napari() -> None:
    from napari.utils.shortcuts import default_shortcuts

    taken = {
        str(key)
        for action, keys in default_shortcuts.items()
        for key in keys
        if not any(word in action for word in ("points", "shape", "vertex", "add_", "plane"))
        and action
        not in {
            "napari:auto_contrast_once",
            "napari:select_all_in_slice",
            "napari:activate_direct_mode",
            "napari:activate_select_mode",
            "napari:reset_polygon",
            "napari:complete_polygon",
        }
    }
    assert not taken & {binding.shown for binding in CORRECT_BINDINGS.values()}
    # The walk of the Repair dock has the keys of this one's: they mean the same.
    shown = [binding.shown for binding in (KEY_BINDINGS | CORRECT_BINDINGS).values()]
    assert len(shown) == len(set(shown))
    assert set(KEY_BINDINGS).isdisjoint(CORRECT_BINDINGS)


def test_undo_reaches_the_map_while_the_image_is_selected(desk: Desk) -> None:
    viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.drag((35, 6), (30, 30), (34, 58))
    hands.key(KEY.Key_Escape)
    after = layer.data.copy()
    assert not np.array_equal(after, cells())
    viewer.layers.selection.active = next(each for each in viewer.layers if each is not layer)
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())
    hands.redo()
    np.testing.assert_array_equal(layer.data, after)
    viewer.layers.selection.active = layer
    hands.key(KEY.Key_S)
    hands.drag((35, 70), (30, 94), (34, 122))
    hands.undo()  # napari's own, which takes one step and not two
    np.testing.assert_array_equal(layer.data, after)


def test_every_key_has_its_method(desk: Desk) -> None:
    _viewer, dock, _layer, _hands = desk
    for binding in CORRECT_BINDINGS.values():
        assert callable(attrgetter(binding.method.split()[0])(dock))


# -- review --------------------------------------------------------------------------------------


def begin_walk(dock: CorrectDock, hands: Hands, qtbot: Any) -> None:
    hands.key(KEY.Key_N)
    qtbot.waitUntil(lambda: dock.walk.pair is not None, timeout=PATIENCE)


def dismiss_places(dock: CorrectDock, hands: Hands) -> None:
    while dock.walk.pair is not None and dock.walk.pair[0] == dock.walk.pair[1]:
        hands.key(KEY.Key_R)


def test_without_a_boundary_map_the_review_gives_no_estimate(desk: Desk, qtbot: Any) -> None:
    """Each boundary would be 50 % sure, and half of all of them wrong."""
    viewer, dock, _layer, hands = desk
    viewer.layers.remove("steel · boundary")
    qtbot.waitUntil(lambda: dock.session.boundary is None, timeout=PATIENCE)
    begin_walk(dock, hands, qtbot)
    assert dock.line.text().startswith("Boundary between grains ")
    assert "sure" not in dock.line.text() and f"{CELL} px long" in dock.line.text()
    said = dock.review_box.left
    qtbot.waitUntil(lambda: said.text().startswith("4 boundaries left."), timeout=PATIENCE)
    assert "no boundary map" in said.text() and "about" not in said.text()


def test_the_walk_goes_on_with_one_key_a_boundary(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    assert not dock.review_box.good.isEnabled()
    begin_walk(dock, hands, qtbot)
    dismiss_places(dock, hands)
    np.testing.assert_array_equal(layer.data, cells())
    first = dock.walk.pair
    assert first in {(1, 2), (1, 3), (2, 4), (3, 4)}
    assert len(dock.preview.shown("walk")) == CELL
    assert dock.review_box.good.isEnabled()
    assert dock.review_box.remove.text() == "Remove (R)"
    hands.key(KEY.Key_R)
    assert len(np.unique(layer.data)) == 3
    assert f"Merged grain {first[1]} into {first[0]}" in dock.line.text()
    dismiss_places(dock, hands)
    second = dock.walk.pair
    assert second not in (first, None)
    hands.key(KEY.Key_G)
    assert dock.walk.pair != second
    qtbot.waitUntil(lambda: dock.review_box.bar.value() > 0, timeout=PATIENCE)
    while len(np.unique(layer.data)) == 3:  # verdicts are steps too
        hands.undo()
    np.testing.assert_array_equal(layer.data, cells())
    hands.key(KEY.Key_N, SHIFT)
    qtbot.waitUntil(lambda: dock.review_box.bar.value() == 0, timeout=PATIENCE)
    assert "left, about" in dock.review_box.left.text()


def test_a_missing_boundary_is_shown_and_added_with_one_key(desk: Desk, qtbot: Any) -> None:
    """The boundary map has level walls through the middle of every grain."""
    _viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    grain, same = dock.walk.pair
    assert grain == same
    assert "Maybe a boundary is missing" in dock.line.text()
    assert dock.review_box.good.text() == "Add (G)"
    middle = 32 if grain in (1, 2) else 96
    rows = dock.preview.shown("maybe")[:, 0, 0]
    assert len(rows)
    assert (np.abs(rows - middle) < 4).all()
    assert not len(dock.preview.shown("walk"))
    hands.key(KEY.Key_G)
    assert len(np.unique(layer.data)) == 5
    assert is_tiling(layer.data)
    assert f"Split grain {grain}" in dock.line.text()
    hands.undo()
    np.testing.assert_array_equal(layer.data, cells())
    qtbot.waitUntil(lambda: dock.session.review.is_open((grain, grain)), timeout=PATIENCE)
    hands.redo()
    assert len(np.unique(layer.data)) == 5


def test_what_was_dismissed_does_not_come_again(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    shown = []
    while dock.walk.pair is not None and len(shown) < 60:
        shown.append((dock.walk.pair, tuple(np.unique(dock.preview.shown("maybe")[:, 0]).tolist())))
        hands.key(KEY.Key_R if dock.walk.pair[0] == dock.walk.pair[1] else KEY.Key_G)
    assert dock.line.text().endswith("Everything was looked at.") or not dock.walk.pair
    assert len(shown) == len(set(shown)) < 60
    np.testing.assert_array_equal(layer.data, cells())
    assert dock.session.review.accepted == {1, 2, 3, 4}


def test_a_grain_edited_by_hand_is_looked_at_anew(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    grain = dock.walk.pair[0]
    row = 32 if grain in (1, 2) else 96
    column = 32 if grain in (1, 3) else 96
    hands.key(KEY.Key_S)
    hands.drag((row, column - 28), (row, column + 28))
    assert len(np.unique(layer.data)) == 5
    qtbot.waitUntil(lambda: not dock.session.review.is_open((grain, grain)), timeout=PATIENCE)
    hands.key(KEY.Key_N)
    assert dock.walk.pair != (grain, grain)


def test_what_was_passed_by_comes_back_on_request(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, _layer, hands = desk
    begin_walk(dock, hands, qtbot)
    first = dock.walk.pair
    hands.key(KEY.Key_N)
    assert dock.walk.pair not in (first, None)
    hands.key(KEY.Key_N, SHIFT)
    assert dock.walk.pair == first
    hands.key(KEY.Key_N, SHIFT)
    assert dock.line.text() == "The walk began here."
    for _ in range(40):
        hands.key(KEY.Key_N)
        if dock.walk.pair is None:
            break
    assert "press Next for those you passed by" in dock.line.text()
    hands.key(KEY.Key_N)
    assert dock.walk.pair == first


def test_an_accepted_grain_is_protected_until_it_is_unlocked(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    hands.key(KEY.Key_J)
    hands.move(30, 30)
    hands.key(KEY.Key_K)
    assert dock.session.review.state(1) is State.ACCEPTED
    hands.click(30, 64)
    assert dock.line.text() == "Grain 1 is accepted: unlock it first."
    np.testing.assert_array_equal(layer.data, cells())
    hands.move(30, 30)
    hands.key(KEY.Key_K)
    hands.click(30, 64)
    assert layer.data[30, 30] == layer.data[30, 90]


# -- nothing is lost -----------------------------------------------------------------------------


def test_what_was_left_behind_is_offered_and_comes_back(
    desk: Desk, qtbot: Any, add_correct: AddDock, folder: Path
) -> None:
    viewer, dock, layer, hands = desk
    layer.scale = (0.5, 0.5)
    dock.session.set_state([4], State.ACCEPTED)
    hands.key(KEY.Key_S)
    hands.drag((32, 5), (32, 58))
    last = layer.data.copy()
    viewer.layers.remove(layer)  # as good as a crash: the journal stays
    qtbot.waitUntil(lambda: bool(journals_in(folder)), timeout=PATIENCE)
    [path] = journals_in(folder)
    again = add_correct(viewer)
    assert again.restore_box.isVisibleTo(again)
    assert again.restore_box.choice.currentText().startswith("steel · grains: 1 step")
    again.restore_box.restore.click()
    assert not again.restore_box.restore.isEnabled()  # it is read in a thread
    qtbot.waitUntil(lambda: again.session is not None, timeout=PATIENCE)
    restored = again.session.layer
    np.testing.assert_array_equal(restored.data, last)
    assert restored.name == "steel · grains"
    assert again.session.review.state(4) is State.ACCEPTED
    assert not again.restore_box.isVisibleTo(again)
    assert not path.exists()
    assert again.session.journal.path is not None
    np.testing.assert_array_equal(read_journal(again.session.journal.path).grains, last)


def test_a_layer_that_is_removed_by_mistake_can_be_brought_back(desk: Desk, qtbot: Any) -> None:
    viewer, dock, layer, hands = desk
    hands.key(KEY.Key_S)
    hands.drag((32, 5), (32, 58))
    last = layer.data.copy()
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: dock.restore_box.isVisibleTo(dock), timeout=PATIENCE)
    assert dock.line.text() == (
        "“steel · grains” was removed with 1 step: “Restore” brings it back."
    )
    dock.restore_box.restore.click()
    qtbot.waitUntil(lambda: dock.session is not None, timeout=PATIENCE)
    np.testing.assert_array_equal(dock.session.layer.data, last)
    assert not dock.restore_box.isVisibleTo(dock)
    viewer.layers.remove(dock.session.layer)
    qtbot.waitUntil(lambda: dock.restore_box.isVisibleTo(dock), timeout=PATIENCE)
    assert dock.restore_box.choice.count() == 1


def test_verdicts_outlive_another_boundary_map_and_the_process(
    desk: Desk, qtbot: Any, add_correct: AddDock, folder: Path
) -> None:
    viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    kept, places = set(), {}
    while not (kept and len(places) == 4):
        pair = dock.walk.pair
        if pair[0] == pair[1]:
            places.setdefault(pair, dock.preview.shown("maybe").copy())
            hands.key(KEY.Key_R)
        else:
            kept.add(pair)
            hands.key(KEY.Key_G)

    def is_remembered(dock: CorrectDock) -> bool:
        assert kept.isdisjoint(pair for pair in kept if dock.session.review.is_open(pair))
        for label in range(1, 5):
            edge = dock.session.review.edge((label, label))
            if edge is not None:
                dismissed = places[(label, label)][:, 0].mean(axis=0)
                assert np.abs(dismissed - (edge.y, edge.x)).max() > 8
        return bool(kept)

    assert is_remembered(dock)
    other = viewer.add_image(
        viewer.layers["steel · boundary"].data.copy(), name="steel · other boundary"
    )
    dock.form.boundary.setCurrentIndex(dock.form.boundary.findData(str(other.unique_id)))
    qtbot.waitUntil(lambda: dock.session.boundary is other, timeout=PATIENCE)
    hands.key(KEY.Key_N)
    qtbot.waitUntil(lambda: dock.session._grains._doubts is not None, timeout=PATIENCE)
    assert is_remembered(dock)

    assert dock.session.journal.flush() and dock.session.journal.edits == 0
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: bool(journals_in(folder)), timeout=PATIENCE)
    again = add_correct(viewer)
    assert "verdicts" in again.restore_box.choice.currentText()
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: again.session is not None, timeout=PATIENCE)
    again.reviewing.walk_on()
    qtbot.waitUntil(lambda: again.session._grains._doubts is not None, timeout=PATIENCE)
    assert is_remembered(again)


def test_the_dock_says_whether_corrections_are_on_disk(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, _layer, hands = desk
    assert dock.saved.text() == ""
    hands.key(KEY.Key_J)
    hands.click(30, 64)
    qtbot.waitUntil(lambda: dock.saved.text() == "On disk: 1 step.", timeout=PATIENCE)
    assert str(dock.session.journal.path) in dock.saved.toolTip()


def test_looking_leaves_nothing_behind(desk: Desk, qtbot: Any, folder: Path) -> None:
    viewer, dock, layer, _hands = desk
    assert dock.session.journal.flush()
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: not list(folder.iterdir()), timeout=PATIENCE)
    assert not dock.form.tools["split"].isEnabled()


def test_discarded_corrections_are_gone_and_only_when_that_is_meant(
    desk: Desk,
    qtbot: Any,
    add_correct: AddDock,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One click beside Restore, and they were gone for good."""
    asked: list[str] = []
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(
        QMessageBox, "question", lambda *said: asked.append(said[-1]) or answers.pop(0)
    )
    viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_J)
    hands.click(30, 64)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: bool(journals_in(folder)), timeout=PATIENCE)
    again = add_correct(viewer)
    again.restore_box.discard.click()
    assert len(journals_in(folder)) == 1 and again.restore_box.isVisibleTo(again)
    again.restore_box.discard.click()
    assert asked == ["Delete 1 step of “steel · grains” for good?"] * 2
    assert journals_in(folder) == []
    assert not again.restore_box.isVisibleTo(again)


def test_corrections_of_a_file_are_kept_beside_it_and_offered_there(
    make_napari_viewer: Callable[..., Any], add_correct: AddDock, tmp_path: Path, qtbot: Any
) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "map.tif", cells())
    viewer = make_napari_viewer(show=True)
    dock = add_correct(viewer)
    [layer] = viewer.open(tmp_path / "map.tif", plugin="napari", layer_type="labels")
    dock.gestures.make("join", [(30.0, 30.0), (30.0, 100.0)])
    assert dock.session.journal.flush()
    assert dock.session.journal.path.parent == tmp_path
    last = layer.data.copy()
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: bool(journals_in(tmp_path)), timeout=PATIENCE)
    again = add_correct(viewer)
    assert not again.restore_box.isVisibleTo(again)
    viewer.open(tmp_path / "map.tif", plugin="napari", layer_type="labels")
    qtbot.waitUntil(lambda: again.restore_box.isVisibleTo(again), timeout=PATIENCE)
    opened = again.session.layer
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: again.session.layer is not opened, timeout=PATIENCE)
    np.testing.assert_array_equal(again.session.layer.data, last)


def test_a_journal_that_cannot_be_read_leaves_a_sentence_and_the_offer(
    desk: Desk, qtbot: Any, add_correct: AddDock, folder: Path
) -> None:
    viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_J)
    hands.click(30, 64)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: bool(journals_in(folder)), timeout=PATIENCE)
    again = add_correct(viewer)
    [path] = journals_in(folder)
    path.unlink()
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: "cannot be read" in again.line.text(), timeout=PATIENCE)
    assert again.restore_box.restore.isEnabled() and again.session is None


def test_a_journal_that_cannot_be_written_is_reported_and_editing_goes_on(
    make_napari_viewer: Callable[..., Any], add_correct: AddDock, folder: Path, qtbot: Any
) -> None:
    folder.write_text("a file where the folder of journals should be")
    viewer = make_napari_viewer()
    layer = viewer.add_labels(cells(), name="grains")
    dock = add_correct(viewer)
    qtbot.waitUntil(lambda: "cannot be saved" in dock.line.text(), timeout=PATIENCE)
    assert "editing goes on" in dock.line.text()
    dock.gestures.make("join", [(30.0, 30.0), (30.0, 100.0)])
    qtbot.waitUntil(lambda: dock.saved.text().startswith("NOT on disk: 1 step"), timeout=PATIENCE)
    assert layer.data[30, 30] == layer.data[30, 100]


# -- large maps ----------------------------------------------------------------------------------


def test_a_large_map_is_read_while_napari_goes_on(
    make_napari_viewer: Callable[..., Any],
    add_correct: AddDock,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(correct_reading, "AT_ONCE", 100)
    go, asked = threading.Event(), []
    whole = correct_reading.is_tiling

    def slow(grains: np.ndarray) -> bool:
        asked.append(threading.current_thread())
        go.wait(PATIENCE / 1000)
        return whole(grains)

    monkeypatch.setattr(correct_reading, "is_tiling", slow)
    viewer = make_napari_viewer()
    layer = viewer.add_labels(cells(), name="grains")
    dock = add_correct(viewer)
    assert dock.session is None
    assert dock.line.text() == "Reading “grains” …"
    assert not dock.form.tools["split"].isEnabled()
    layer.data_setitem((np.array([5]), np.array([5])), 9)  # read again: this was not seen
    go.set()
    qtbot.waitUntil(lambda: dock.session is not None, timeout=PATIENCE)
    assert len(asked) == 2 and threading.main_thread() not in asked
    assert dock.form.tools["split"].isEnabled() and dock.line.text() == ""
    assert dock.session.editor().area(9) == 1
    dock.gestures.make("join", [(30.0, 30.0), (30.0, 100.0)])
    assert layer.data[30, 30] == layer.data[30, 100]


def test_a_large_map_that_goes_while_it_is_read_leaves_no_trace(
    make_napari_viewer: Callable[..., Any],
    add_correct: AddDock,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(correct_reading, "AT_ONCE", 100)
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    layer = viewer.add_labels(cells(), name="first")
    viewer.layers.remove(layer)
    other = viewer.add_labels(cells(), name="second")
    qtbot.waitUntil(
        lambda: dock.session is not None and dock.session.layer is other, timeout=PATIENCE
    )
    assert list(dock.sessions.opened) == [str(other.unique_id)]


@pytest.mark.parametrize("painted", [False, True], ids=["as it was", "painted meanwhile"])
def test_a_dock_that_is_opened_again_knows_what_was_reviewed(
    desk: Desk, qtbot: Any, add_correct: Callable[[Any], CorrectDock], folder: Path, painted: bool
) -> None:
    viewer, dock, layer, hands = desk
    hands.move(30, 30)
    hands.key(KEY.Key_K)
    hands.key(KEY.Key_S)
    hands.drag((96, 4), (96, 60))
    assert dock.session.journal.flush()
    before = dock.session.journal.path
    viewer.window.remove_dock_widget(dock)
    assert str(layer.mode) == "pan_zoom" and "correction preview" not in viewer.layers
    hands.drag((96, 70), (96, 120))  # of a tool that is gone
    assert reviewed_of(layer) == [1, 3, 5]  # other docks learn from it and export it
    assert is_reviewed(viewer, [layer])
    if painted:
        layer.data_setitem((np.array([10]), np.array([63])), 2)
        assert reviewed_of(layer) == []
    again = add_correct(viewer)
    known = again.session.review.known
    if painted:  # what was said may be wrong now; it can be had back as it was
        assert not known
        assert again.restore_box.isVisibleTo(again)
        return
    assert known == {1: State.ACCEPTED, 3: State.EDITED, 5: State.EDITED}
    assert again.session.editor().locked == {1}
    assert not again.restore_box.isVisibleTo(again)
    qtbot.waitUntil(lambda: again.session.journal.path is not None, timeout=PATIENCE)
    qtbot.waitUntil(lambda: not before.exists(), timeout=PATIENCE)
    viewer.layers.remove(layer)  # as good as a crash: the journal stays
    qtbot.waitUntil(lambda: again.session is None, timeout=PATIENCE)
    (left,) = left_behind([folder])
    assert (left.edits, left.verdicts) == (1, 1)


def test_a_pixel_size_typed_while_correcting_comes_back_with_the_map(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock], qtbot: Any
) -> None:
    """The journal began before the size was known, and stated the place of then."""
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="steel")
    layer = viewer.add_labels(cells(), name="steel · grains")
    dock = add_correct(viewer)
    dock.gestures.make("join", [(20.0, 20.0), (20.0, 100.0)])
    set_pixel_size(viewer, image, 0.25)
    assert dock.session is not None
    assert (dock.session.journal.edits, dock.session.journal.verdicts) == (1, 0)
    viewer.layers.remove(layer)  # as good as a crash: the journal stays
    qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    again = add_correct(viewer)
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: "steel · grains" in viewer.layers, timeout=PATIENCE)
    assert pixel_size_um(viewer.layers["steel · grains"]) == 0.25
    assert fits(image, viewer.layers["steel · grains"])


def test_a_map_renamed_while_correcting_comes_back_under_its_present_name(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock], qtbot: Any
) -> None:
    """By its old name it was no longer the grains of its image, which had been renamed, too."""
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="01")
    layer = viewer.add_labels(cells(), name="01 · grains")
    dock = add_correct(viewer)
    image.name, layer.name = "steel", "steel · grains"
    dock.gestures.make("join", [(20.0, 20.0), (20.0, 100.0)])
    viewer.layers.remove(layer)  # as good as a crash: the journal stays
    qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    assert "“steel · grains” was removed" in dock.line.text()
    again = add_correct(viewer)
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: "steel · grains" in viewer.layers, timeout=PATIENCE)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_restored_map_says_how_to_have_its_boundary_map_again(
    make_napari_viewer: Callable[..., Any],
    add_correct: Callable[[Any], CorrectDock],
    qtbot: Any,
    is_there: bool,
) -> None:
    """Only the grains are in the journal: cuts followed nothing, and the review had no estimate."""
    viewer = make_napari_viewer()
    made = {METADATA_KEY: {"kind": GRAINS}}
    layer = viewer.add_labels(cells(), name="steel · grains", metadata=made)
    dock = add_correct(viewer)
    dock.gestures.make("join", [(20.0, 20.0), (20.0, 100.0)])
    viewer.layers.remove(layer)  # as good as a crash: the journal stays
    qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    if is_there:
        viewer.add_image(walls(), name="steel · boundary")
    again = add_correct(viewer)
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: "steel · grains" in viewer.layers, timeout=PATIENCE)
    assert again.line.text().startswith("Restored “steel · grains” with 1 step.")
    assert ("run the model again" in again.line.text()) is not is_there


def test_grains_that_lie_in_a_corner_of_their_image_say_why(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock]
) -> None:
    """A result knows the pixel size that was typed on the command line, its image does not."""
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="steel")
    viewer.add_labels(cells(), name="grains", scale=(0.25, 0.25), units=("um", "um"))
    dock = add_correct(viewer)
    assert dock.line.text() == (
        "The grains have pixels of 0.25 µm, “steel” has no pixel size: type it in the Segment "
        "dock, and the image lies under them."
    )
    set_pixel_size(viewer, image, 0.25)
    dock.layers.refresh()
    assert dock.line.text() == ""


def test_a_restored_map_says_which_pixel_size_its_image_needs(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock], qtbot: Any
) -> None:
    """The size was typed before the crash; the file of the image does not know it."""
    viewer = make_napari_viewer()
    place = {"scale": (0.25, 0.25), "units": ("um", "um")}
    layer = viewer.add_labels(cells(), name="steel · grains", **place)
    dock = add_correct(viewer)
    dock.gestures.make("join", [(20.0, 20.0), (20.0, 100.0)])
    viewer.layers.remove(layer)  # as good as a crash: the journal stays
    qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    image = viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="steel")
    again = add_correct(viewer)
    again.restore_box.restore.click()
    qtbot.waitUntil(lambda: "steel · grains" in viewer.layers, timeout=PATIENCE)
    assert again.line.text().endswith(
        "The grains have pixels of 0.25 µm, “steel” has no pixel size: type it in the Segment "
        "dock, and the image lies under them."
    )
    set_pixel_size(viewer, image, 0.25)
    assert fits(image, viewer.layers["steel · grains"])


def test_the_boundary_map_of_another_image_is_not_taken() -> None:
    """Fields lie over each other: without a map of their own, grains were cut along another's."""
    layers = ViewerModel().layers
    images = [Image(walls(), name=name) for name in ("a", "b")]
    of_b = {METADATA_KEY: {"kind": "boundary", "source_id": str(images[1].unique_id)}}
    made = {METADATA_KEY: {"kind": GRAINS, "source_id": str(images[0].unique_id)}}
    other = Image(walls(), name="b · boundary", metadata=of_b)
    grains = Labels(cells(), name="a · grains", metadata=made)
    opened = Labels(cells(), name="a · grains [1]")  # saved and opened again
    foreign = Labels(cells(), name="labels")
    layers.extend([*images, other, grains, opened, foreign])
    assert boundary_layers(layers, grains) == boundary_layers(layers, opened) == []
    assert boundary_layers(layers, foreign) == [other]
    closed = Image(walls(), name="a · closed boundary", metadata={METADATA_KEY: {}})
    layers.append(closed)
    assert boundary_layers(layers, grains) == boundary_layers(layers, opened) == [closed]
    layers.remove(images[0])
    assert boundary_layers(layers, grains) == [closed]


def test_grains_do_not_go_over_to_another_image_when_their_own_is_closed() -> None:
    """They were exported, learnt and measured with the next image of their size."""
    layers = ViewerModel().layers
    images = [Image(walls(), name=name) for name in ("a", "b")]
    made = {METADATA_KEY: {"kind": GRAINS, "source": "a", "source_id": str(images[0].unique_id)}}
    grains = Labels(cells(), name="a · grains", metadata=made)
    of_grains = {METADATA_KEY: {"source": grains.name, "source_id": str(grains.unique_id)}}
    tracked = Labels(cells(), name="final", metadata=of_grains)
    foreign = Labels(cells(), name="labels")
    layers.extend([*images, grains, tracked, foreign])
    assert own_micrograph(layers, grains) is own_micrograph(layers, tracked) is images[0]
    layers.remove(images[0])
    assert own_micrograph(layers, grains) is own_micrograph(layers, tracked) is None
    assert own_micrograph(layers, foreign) is images[1]
    again = Image(walls(), name="a")  # its file was opened once more
    layers.append(again)
    assert own_micrograph(layers, grains) is own_micrograph(layers, tracked) is again

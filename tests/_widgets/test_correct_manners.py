"""How the Correct dock behaves in a window: it asks nothing twice, moves and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from _widgets.correct_map import CELL, SIDE, cells
from _widgets.fakes import PATIENCE
from _widgets.hands import SHIFT, Hands
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLabel, QMainWindow

from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.correct_preview import NAME
from napari_etch._widgets.correct_walk import inside
from napari_etch._widgets.layers import METADATA_KEY
from napari_etch._widgets.measure_dock import MeasureDock
from napari_etch._widgets.repair_layers import ADDED
from napari_etch._widgets.scroll import dock_of
from napari_etch.corrections import journals_in, summary_of

pytestmark = pytest.mark.gui

KEY = Qt.Key

Desk = tuple[Any, CorrectDock, Any, Hands]


def begin_walk(dock: CorrectDock, hands: Hands, qtbot: Any) -> None:
    hands.key(KEY.Key_N)
    qtbot.waitUntil(lambda: dock.walk.pair is not None, timeout=PATIENCE)


def test_a_boundary_that_was_added_is_not_asked_about_again(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    grain = dock.walk.pair[0]
    hands.key(KEY.Key_G)
    new = int(layer.data.max())
    assert new == 5
    review = dock.session.review
    assert review.edge((grain, new)) is not None
    assert not review.is_open((grain, new))
    assert dock.session.journal.verdicts == 0  # it is an edit, and counted as that
    hands.undo()
    qtbot.waitUntil(lambda: review.edge((grain, new)) is None, timeout=PATIENCE)
    assert (grain, new) not in review.kept


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_boundary_that_was_drawn_is_not_asked_about(
    desk: Desk, qtbot: Any, is_begun: bool
) -> None:
    _viewer, dock, layer, hands = desk
    if is_begun:
        begin_walk(dock, hands, qtbot)
    hands.key(KEY.Key_S)
    hands.drag((20, 1), (20, 62), modifier=SHIFT)
    one, two = int(layer.data[10, 10]), int(layer.data[50, 10])
    assert one != two
    if not is_begun:
        begin_walk(dock, hands, qtbot)
    pair = (one, two)
    qtbot.waitUntil(lambda: dock.session.review.edge(pair) is not None, timeout=PATIENCE)
    assert not dock.session.review.is_open(pair)
    assert dock.session.review.is_open((1, 2) if one == 1 else (two, 2))  # others are


def test_a_redrawn_boundary_is_not_asked_about(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    hands.key(KEY.Key_D)
    hands.drag((1, 64), (10, 70), (54, 70), (62, 64), modifier=SHIFT)
    assert layer.data[30, 67] == 1
    qtbot.waitUntil(lambda: not dock.session.review.is_open((1, 2)), timeout=PATIENCE)
    assert dock.session.review.edge((1, 2)) is not None


def test_a_region_that_is_cut_again_is_asked_about(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    hands.key(KEY.Key_C)
    dock.form.granularity.setValue(0.9)
    hands.drag((2, 2), (2, 61), (61, 61), (61, 2), (4, 2))
    made = set(np.unique(layer.data).tolist()) - {1, 2, 3, 4}
    assert made
    review = dock.session.review
    qtbot.waitUntil(lambda: any(review.pairs_of(label) for label in made), timeout=PATIENCE)
    assert any(review.is_open(pair) for label in made for pair in review.pairs_of(label))


def test_the_key_of_a_tool_keeps_it_on_and_its_button_puts_it_away(desk: Desk) -> None:
    _viewer, dock, layer, hands = desk
    for _ in range(2):  # as one does who presses it before each stroke
        hands.key(KEY.Key_S)
        assert dock.mouse.tool is not None
    hands.drag((35, 6), (30, 30), (34, 58))
    assert len(np.unique(layer.data)) == 5
    dock.form.tools["split"].click()
    assert dock.mouse.tool is None
    assert not dock.form.tools["split"].isChecked()


def test_nothing_below_moves_when_a_tool_is_chosen_or_refuses(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, _layer, hands = desk

    def tops() -> tuple[int, ...]:
        return tuple(
            widget.mapTo(dock.form.parentWidget(), widget.rect().topLeft()).y()
            for widget in (dock.form.undo, dock.review_box)
        )

    hands.key(KEY.Key_Q)
    qtbot.wait(200)  # until the window has arranged itself
    before = tops()
    for key in (KEY.Key_S, KEY.Key_J, KEY.Key_D, KEY.Key_W):
        hands.key(key)
        hands.click(30, 30)
        qtbot.waitUntil(lambda: tops() == before, timeout=PATIENCE)
    hands.key(KEY.Key_Escape)
    hands.key(KEY.Key_Escape)
    qtbot.waitUntil(lambda: tops() == before, timeout=PATIENCE)


def test_the_zoom_stays_while_the_boundary_can_be_seen(desk: Desk, qtbot: Any) -> None:
    viewer, dock, _layer, hands = desk
    begin_walk(dock, hands, qtbot)
    close = viewer.scene.camera.zoom
    viewer.scene.camera.zoom = 0.5 * close
    hands.key(KEY.Key_N)
    assert viewer.scene.camera.zoom == pytest.approx(0.5 * close)
    viewer.scene.camera.zoom = 0.05 * close
    hands.key(KEY.Key_N)
    assert viewer.scene.camera.zoom > 0.4 * close


def test_a_stop_at_the_frame_shows_the_image_not_the_black_beside_it(
    desk: Desk, qtbot: Any
) -> None:
    viewer, dock, layer, hands = desk
    begin_walk(dock, hands, qtbot)
    seen = []
    for _ in range(8):
        camera = viewer.scene.camera
        half = np.asarray(viewer.canvas.size) / (2 * camera.zoom)
        least, greatest = layer.extent.world
        middle = np.asarray(camera.center[-2:])
        over = np.maximum(least - (middle - half), (middle + half) - greatest)
        # black on one side only where there must be some on both, or a ring reaches there
        lines = viewer.layers[NAME].data
        ends = np.concatenate([lines[:, 0], lines.sum(axis=1)])
        ring = np.maximum(least - ends.min(0), ends.max(0) - greatest).clip(0)
        assert np.all((over < ring + 1e-3) | (2 * half > greatest - least))
        seen.append(tuple(middle))
        hands.key(KEY.Key_N)
    assert len(set(seen)) > 1


@pytest.mark.parametrize(
    ("middle", "half", "expected"),
    [
        ((50.0, 60.0), (10.0, 10.0), (50.0, 60.0)),
        ((2.0, 199.0), (10.0, 10.0), (10.0, 190.0)),
        ((90.0, 3.0), (60.0, 300.0), (50.0, 100.0)),  # larger than the image: its middle
    ],
)
def test_a_view_is_moved_into_the_image(
    middle: tuple[float, float], half: tuple[float, float], expected: tuple[float, float]
) -> None:
    ends = np.array([[0.0, 0.0], [100.0, 200.0]])
    assert inside(np.array(middle), np.array(half), ends) == pytest.approx(expected)


def test_a_facet_as_large_as_the_image_is_not_shown_as_a_stamp(desk: Desk, qtbot: Any) -> None:
    viewer, dock, _layer, hands = desk
    facets = viewer.add_labels(np.ones((256, 256), np.uint8), name="steel · fracture")
    qtbot.waitUntil(lambda: dock.session and dock.session.layer is facets, timeout=PATIENCE)
    begin_walk(dock, hands, qtbot)
    assert viewer.scene.camera.zoom * 256 >= min(viewer.canvas.size) - 1


def test_what_was_said_of_one_map_does_not_stay_with_another(desk: Desk) -> None:
    viewer, dock, layer, _hands = desk
    dock.gestures.make("split", [(32.0, 4.0), (32.0, 60.0)])
    assert dock.line.text().startswith("Split grain")
    modes = np.ones((SIDE, SIDE), np.uint8)
    modes[:, 64:] = 2
    viewer.add_labels(modes, name="steel · fracture")
    assert dock.session.is_classes
    assert dock.line.text() == ""
    assert dock.review_box.remove.text() == "Set class (R)"
    viewer.layers.selection.active = layer
    assert dock.review_box.remove.text() == "Remove (R)"


def test_docks_of_the_plugin_share_a_place(desk: Desk, qtbot: Any) -> None:
    """napari's menu puts each below the last one, where two do not fit."""
    viewer, dock, _layer, _hands = desk
    window = viewer.window._qt_window
    assert isinstance(window, QMainWindow)
    second = viewer.window.add_dock_widget(MeasureDock(viewer), name="Measure")
    place = dock_of(dock)
    qtbot.waitUntil(lambda: second in window.tabifiedDockWidgets(place), timeout=PATIENCE)
    other = viewer.window.add_dock_widget(QLabel("of another plugin"), name="other")
    QApplication.processEvents()
    assert other not in window.tabifiedDockWidgets(place)


def test_edits_that_were_restored_are_kept_when_the_window_is_closed(
    desk: Desk, qtbot: Any, add_correct: Callable[[Any], CorrectDock], folder: Path
) -> None:
    """Nobody has saved them, and nothing else was done: the new journal holds them alone."""
    viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_J)
    hands.click(30, 64)
    hands.click(96, 64)
    last = layer.data.copy()
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: bool(journals_in(folder)), timeout=PATIENCE)
    beside = viewer.add_labels(cells(), name=layer.name)
    again = add_correct(viewer)
    assert "2 steps" in again.restore_box.choice.currentText()
    again.restore_box.restore.click()
    qtbot.waitUntil(
        lambda: again.session is not None and not again.restore_box.isVisibleTo(again),
        timeout=PATIENCE,
    )
    restored = again.session.layer
    np.testing.assert_array_equal(restored.data, last)
    assert restored.visible
    assert not beside.visible  # the map as it was before would shine through
    assert again.session.journal.flush()
    assert again.saved.text() in ("", "On disk: 2 steps.")
    viewer.layers.remove(restored)
    qtbot.waitUntil(lambda: bool(journals_in(folder)), timeout=PATIENCE)
    (path,) = journals_in(folder)
    assert summary_of(path).edits == 2
    assert (last[:CELL] == last[0, 0]).all()


def test_a_boundary_of_a_few_pixels_is_ringed_and_a_long_one_is_not(desk: Desk, qtbot: Any) -> None:
    _viewer, dock, _layer, hands = desk
    begin_walk(dock, hands, qtbot)
    tour, (a, b) = dock.session.tour, dock.walk.pair
    edge = tour.review.edge((a, b))
    (line,) = tour.view((a, b)).lines.values()  # of a boundary, or of one that may be missing
    large = 3 * edge.length  # as if grains were that wide
    with patch.object(tour, "_extent", lambda _edge: large):
        (lines,) = tour.view((a, b)).lines.values()
    same, ring = np.split(lines, [len(line)])
    assert (same == line).all()
    ends = np.concatenate([line[:, 0], line.sum(axis=1)])
    middle = ring[:, 0].mean(axis=0)
    assert np.hypot(*(ends - middle).T).max() < np.hypot(*(ring[:, 0] - middle).T).min()


def test_a_stroke_that_3d_ends_leaves_nothing_to_draw(desk: Desk, qtbot: Any) -> None:
    """vispy fails to draw lines of which there are none in space."""
    viewer, _dock, layer, hands = desk
    hands.key(KEY.Key_J)
    hands.press(30, 30)
    hands.pull((30, 60), (30, 100))
    assert NAME in viewer.layers
    viewer.dims.ndisplay = 3
    qtbot.wait(100)
    assert NAME not in viewer.layers
    hands.release(30, 100)
    viewer.dims.ndisplay = 2
    np.testing.assert_array_equal(layer.data, cells())


def test_the_bridges_of_a_repair_are_not_offered_as_grains(desk: Desk, qtbot: Any) -> None:
    viewer, dock, layer, _hands = desk
    made = {METADATA_KEY: {"kind": ADDED}}
    bridges = viewer.add_labels(cells(), name="steel · added", metadata=made)
    qtbot.wait(50)
    assert viewer.layers.selection.active is bridges
    assert dock.session.layer is layer
    assert dock.form.grains.findText("steel · added") < 0

"""Layers that cannot be corrected as they are: refused in one sentence, or copied."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from _widgets.correct_map import SIDE, cells, walls
from _widgets.fakes import PATIENCE
from _widgets.hands import Hands
from napari.layers import Image, Labels
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QLineEdit

from napari_etch._widgets import correct_copy
from napari_etch._widgets.correct_copy import editable_copy
from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.correct_target import CLASSES, refusal
from napari_etch._widgets.layers import METADATA_KEY
from napari_etch._widgets.segment_dock import SegmentDock
from napari_etch.corrections import read_journal
from napari_etch.grains.class_table import ClassEntry, ClassTable
from napari_etch.grains.editing import EditError, is_tiling

pytestmark = pytest.mark.gui

KEY = Qt.Key
Viewer = Callable[..., Any]
AddDock = Callable[[Any], CorrectDock]


def refused(dock: CorrectDock) -> str:
    assert not dock.form.tools["split"].isEnabled()
    assert dock.form.tools["split"].toolTip() == dock.line.text()
    assert dock.line.text().count(".") >= 1
    return dock.line.text()


def copied(viewer: Any, dock: CorrectDock) -> Labels:
    """Press the button, and check that the copy can be corrected."""
    dock.form.copy.click()
    copy = viewer.layers.selection.active
    assert copy.data.dtype == np.int32
    assert is_tiling(copy.data)
    assert dock.session.layer is copy
    assert dock.form.tools["join"].isEnabled()
    return copy


def test_without_a_map_every_tool_says_what_to_do(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    dock = add_correct(make_napari_viewer())
    assert "Open or segment an image first" in refused(dock)
    for button in dock.form.tools.values():
        assert not button.isEnabled()
        assert "first" in button.toolTip()
    dock.reviewing.walk_on()
    dock.gestures.choose("split")
    dock.reviewing.toggle_accepted()
    assert "first" in dock.line.text()


def test_float_labels_are_copied(make_napari_viewer: Viewer, add_correct: AddDock) -> None:
    """napari opens a float map as an image."""
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    viewer.add_image(cells(np.float32), name="labels")
    assert "may hold labels: make an editable copy" in refused(dock)
    np.testing.assert_array_equal(copied(viewer, dock).data, cells())


def test_a_micrograph_is_no_grain_map(make_napari_viewer: Viewer, add_correct: AddDock) -> None:
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    noise = np.random.default_rng(0).normal(0, 4, (SIDE, SIDE))
    viewer.add_image(np.clip(120 + 90 * walls() + noise, 0, 255).astype(np.uint8), name="steel")
    assert "Segment “steel” first" in refused(dock)
    assert dock.form.grains.count() == 0
    assert not dock.form.copy.isVisibleTo(dock)


def test_a_multiscale_map_is_copied(make_napari_viewer: Viewer, add_correct: AddDock) -> None:
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    viewer.add_labels([cells(), cells()[::2, ::2]], name="pyramid")
    assert "“pyramid” is multiscale" in refused(dock)
    np.testing.assert_array_equal(copied(viewer, dock).data, cells())


def test_a_read_only_memory_map_is_copied(
    make_napari_viewer: Viewer, add_correct: AddDock, tmp_path: Path
) -> None:
    np.save(tmp_path / "grains.npy", cells(np.uint16))
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    viewer.add_labels(np.load(tmp_path / "grains.npy", mmap_mode="r"), name="mapped")
    assert "“mapped” is read-only" in refused(dock)
    np.testing.assert_array_equal(copied(viewer, dock).data, cells())


def test_a_map_read_piece_by_piece_is_copied(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    viewer.add_labels(da.from_array(cells()), name="lazy")
    assert "read piece by piece" in refused(dock)
    copied(viewer, dock)


def test_labels_in_pieces_are_copied_whole(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    broken = cells()
    broken[:, 100:] = 1
    viewer.add_labels(broken, name="broken")
    assert "“broken” has labels in several pieces" in refused(dock)
    copy = copied(viewer, dock)
    assert copy.data[20, 20] != copy.data[20, 110]


def test_classes_are_copied_as_the_classes_they_are(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    """Each class lies in many pieces; they are no grains."""
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    modes = np.where(np.indices((SIDE, SIDE)).sum(0) // 20 % 2, 1, 2).astype(np.uint8)
    table = ClassTable(
        (ClassEntry(1, "ductile", colour="#00ff00"), ClassEntry(2, "brittle", colour="#0000ff"))
    )
    made = {"kind": CLASSES, "class_table": table.as_json()}
    viewer.add_labels(da.from_array(modes), name="weld · fracture", metadata={METADATA_KEY: made})
    assert "read piece by piece" in refused(dock)
    dock.form.copy.click()
    copy = dock.session.layer
    assert copy.data.dtype == np.uint8
    np.testing.assert_array_equal(copy.data, modes)
    assert copy.colormap.color_dict[1].tolist() == [0, 1, 0, 1]
    assert dock.form.tools["classify"].isEnabled()


def test_a_large_map_is_copied_in_a_thread(
    make_napari_viewer: Viewer, add_correct: AddDock, qtbot: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(correct_copy, "AT_ONCE", 100)
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    layer = viewer.add_labels(da.from_array(cells()), name="lazy")
    dock.form.copy.click()
    assert dock.line.text() == "Copying “lazy” …"
    assert not dock.form.copy.isEnabled()
    assert list(viewer.layers) == [layer]
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE)
    np.testing.assert_array_equal(viewer.layers["lazy (copy)"].data, cells())
    assert dock.form.copy.isEnabled()
    assert not layer.visible


@pytest.mark.parametrize("gone", ["layer", "dock"])
def test_what_goes_while_a_map_is_copied_leaves_no_trace(
    make_napari_viewer: Viewer, add_correct: AddDock, qtbot: Any, monkeypatch: Any, gone: str
) -> None:
    monkeypatch.setattr(correct_copy, "AT_ONCE", 100)
    may_end, ended = threading.Event(), threading.Event()
    make = correct_copy.editable_map

    def slowly(original: Any) -> Any:
        assert may_end.wait(PATIENCE / 1000)
        ended.set()
        return make(original)

    monkeypatch.setattr(correct_copy, "editable_map", slowly)
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    layer = viewer.add_labels(da.from_array(cells()), name="lazy")
    dock.form.copy.click()
    if gone == "layer":
        viewer.layers.remove(layer)
    else:
        viewer.window.remove_dock_widget(dock)
    qtbot.wait(100)
    may_end.set()
    assert ended.wait(PATIENCE / 1000)
    assert QThreadPool.globalInstance().waitForDone(PATIENCE)
    qtbot.wait(100)
    assert len(viewer.layers) == (0 if gone == "layer" else 1)
    if gone == "layer":
        assert dock.line.text() == "“lazy” was removed meanwhile, so it was not copied."


def test_grains_that_lines_of_0_part_touch_in_a_copy(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    """Human labels and those of other programs have such lines, along which nothing is joined."""
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    row, column = np.indices((SIDE, SIDE))
    parted = (1 + row // 32 * 4 + column // 32).astype(np.int32)
    parted[(row % 32 < 2) | (column % 32 < 2)] = 0
    layer = viewer.add_labels(parted, name="drawn")
    assert dock.line.text().startswith("Lines of 0 part the grains of “drawn”, so there are no ")
    assert dock.form.tools["delete"].isEnabled()
    before = layer.data.copy()
    copy = copied(viewer, dock)
    assert dock.line.text().startswith("“drawn (copy)” can be corrected")
    assert copy.data.all() and len(np.unique(copy.data)) == 16
    dock.gestures.make("join", [(16.0, 16.0), (16.0, 48.0)])
    assert len(np.unique(copy.data)) == 15
    np.testing.assert_array_equal(layer.data, before)


def test_pieces_of_3d_grains_get_numbers_through_the_sections(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    """A section may cut a 3D grain twice; its numbers must mean the same in all sections."""
    viewer = make_napari_viewer()
    dock = add_correct(viewer)
    volume = np.stack([cells()] * 4)
    for at, row in ((1, 30), (2, 33)):
        volume[at, row : row + 12, 100:112] = 1  # grain 1 comes up inside grain 2
    volume[3, :20, :20] = 50
    viewer.add_labels(volume, name="steel · 3D grains")
    assert "has grains in several pieces within a section" in refused(dock)
    dock.form.copy.click()
    copy = dock.session.layer
    assert all(is_tiling(section) for section in copy.data)
    assert copy.data[1, 36, 106] == copy.data[2, 36, 106] == 51
    np.testing.assert_array_equal(np.where(copy.data == 51, 1, copy.data), volume)


def test_a_boundary_map_of_another_size_is_left_aside(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.add_image(walls()[:100], name="steel · boundary")
    layer = viewer.add_labels(cells(), name="steel · grains")
    dock = add_correct(viewer)
    assert "(100 × 128)" in dock.line.text()
    assert "cuts follow your stroke" in dock.line.text()
    assert dock.session.boundary is None
    assert "needs a boundary map" in dock.form.tools["recut"].toolTip()
    hands = Hands(viewer, layer)
    hands.key(KEY.Key_S)
    hands.drag((20, 2), (20, 61))
    assert is_tiling(layer.data)
    assert layer.data[10, 10] != layer.data[40, 10]


def test_grains_of_one_section_lie_on_its_part_of_the_stack(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    """“The section shown” makes a map of one section, in its place."""
    viewer = make_napari_viewer(show=True)
    stack = np.stack([np.zeros((SIDE, SIDE)), walls(), np.ones((SIDE, SIDE))])
    viewer.add_image((200 * stack).astype(np.uint8), name="steel", scale=(2, 1, 1))
    one = {"scale": (2, 1, 1), "translate": (2, 0, 0)}
    viewer.add_image(stack, name="steel · boundary", scale=(2, 1, 1))
    viewer.add_image(walls()[None], name="steel · boundary [1]", **one)
    layer = viewer.add_labels(cells()[None], name="steel · grains", **one)
    dock = add_correct(viewer)
    viewer.dims.set_current_step(0, 1)
    assert dock.line.text() == ""
    assert dock.form.tools["wand"].isEnabled()
    editor = dock.session.editor()
    np.testing.assert_array_equal(editor.boundary, walls())
    np.testing.assert_allclose(editor.image, (200 * walls()).astype(np.uint8) / 255, atol=0.01)

    viewer.dims.set_current_step(0, 2)
    assert refused(dock) == (
        "“steel · grains” has no grains in this section: move the slider to 1."
    )
    dock.gestures.make("split", [(32.0, 4.0), (32.0, 60.0)])
    viewer.dims.set_current_step(0, 1)
    assert dock.line.text() == ""
    dock.gestures.make("split", [(32.0, 4.0), (32.0, 60.0)])
    assert layer.data[0, 10, 10] != layer.data[0, 50, 10]


def test_a_boundary_map_of_another_place_is_left_aside(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    viewer = make_napari_viewer()
    boundary = viewer.add_image(walls(), name="steel · boundary")
    viewer.add_labels(cells(), name="steel · grains")
    dock = add_correct(viewer)
    assert dock.session.boundary is boundary
    boundary.translate = (5, 0)
    dock.layers.refresh()
    assert "lie in different places, so cuts follow your stroke" in dock.line.text()
    assert dock.session.boundary is None


def test_a_full_uint16_map_is_told_to_become_int32(
    make_napari_viewer: Viewer, add_correct: AddDock
) -> None:
    viewer = make_napari_viewer(show=True)
    grains = np.arange(1, 65536, dtype=np.uint16)[: 255 * 256].reshape(255, 256)
    every = np.concatenate([grains, grains[-1:]])  # 65280 labels
    every[-1] = np.concatenate([np.arange(65281, 65536), [65535]]).astype(np.uint16)
    layer = viewer.add_labels(every, name="full")
    dock = add_correct(viewer)
    assert dock.why_not() == ""
    dock.gestures.make("add", [(10.0, 10.0), (10.0, 12.0), (12.0, 12.0), (12.0, 10.0)])
    assert "convert the grain map to int32" in dock.line.text()
    assert dock.form.copy.isVisibleTo(dock)
    assert dock.form.copy.isEnabled()
    np.testing.assert_array_equal(layer.data, every)


def test_values_that_are_no_labels_are_refused() -> None:
    for data, why in (
        (np.array([[0.5, 1]]), "not whole numbers"),
        (np.array([[np.nan, 1]]), "not whole numbers"),
        (np.array([[-1.0, 1]]), "below 0"),
        (np.array([[3e9, 1]]), "above 2147483647"),
    ):
        with pytest.raises(EditError, match=why):
            editable_copy(Image(data, name="x"))
    with pytest.raises(EditError, match="4 axes"):
        editable_copy(Labels(np.ones((2, 2, 3, 3), int), name="x"))


def test_odd_layers_are_refused_in_one_sentence() -> None:
    assert "4 axes" in refusal(Labels(np.ones((2, 2, 3, 3), int), name="x"))
    locked = Labels(cells(), name="x")
    locked.editable = False
    assert "not editable" in refusal(locked)


def test_a_spatial_view_is_refused(desk: tuple[Any, CorrectDock, Any, Hands]) -> None:
    viewer, dock, _layer, _hands = desk
    viewer.dims.ndisplay = 3
    assert "flat (2D) view" in refused(dock)
    viewer.dims.ndisplay = 2
    assert dock.form.tools["split"].isEnabled()


def test_tools_are_off_while_the_layer_is_hidden(
    desk: tuple[Any, CorrectDock, Any, Hands], qtbot: Any
) -> None:
    """napari moves the view then, whatever tool seems to be on."""
    _viewer, dock, layer, hands = desk
    split = dock.form.tools["split"]
    layer.visible = False
    qtbot.waitUntil(lambda: not split.isEnabled(), timeout=PATIENCE)
    hands.key(KEY.Key_S)
    assert not split.isChecked() and dock.mouse.tool is None
    assert refused(dock) == "“steel · grains” is hidden: show the layer first."
    assert dock.review_box.next.isEnabled()  # marks can be judged on the image alone
    layer.visible = True
    qtbot.waitUntil(split.isEnabled, timeout=PATIENCE)
    hands.key(KEY.Key_S)
    assert split.isChecked() and dock.line.text() == ""
    layer.visible = False  # to look at what lies under it
    qtbot.waitUntil(lambda: not split.isChecked(), timeout=PATIENCE)
    assert "show the layer first" in refused(dock)
    layer.visible = True
    qtbot.waitUntil(split.isChecked, timeout=PATIENCE)
    hands.drag((32, 4), (32, 60))
    assert len(np.unique(layer.data)) == 5


def test_clicks_outside_the_map_change_nothing(
    desk: tuple[Any, CorrectDock, Any, Hands],
) -> None:
    viewer, dock, layer, hands = desk
    viewer.scene.camera.zoom = 2
    for key in (KEY.Key_S, KEY.Key_J, KEY.Key_D, KEY.Key_Q, KEY.Key_W, KEY.Key_A):
        hands.key(key)
        hands.click(-20, -20)
        hands.drag((-20, -20), (-20, -5), (-10, -5), steps=2)
        hands.key(KEY.Key_Escape)
    np.testing.assert_array_equal(layer.data, cells())
    assert not dock.session.guard.can_undo


def test_every_tool_takes_any_wild_stroke(desk: tuple[Any, CorrectDock, Any, Hands]) -> None:
    """Points outside, again and again the same, a click: a change or a sentence, never more."""
    _viewer, dock, layer, _hands = desk
    strokes = [
        [(5.0, 5.0)],
        [(5.0, 5.0), (5.0, 5.0)],
        [(-50.0, -50.0), (SIDE + 50.0, SIDE + 50.0)],
        [(5.0, 5.0), (500.0, 5.0), (5.0, 500.0)],
        [(63.5, 0.0), (63.5, 127.0)],
        [(float(i % 7), float(i % 5)) for i in range(60)],
    ]
    for name in dock.form.tools:
        for stroke in strokes:
            dock.gestures.make(name, stroke)
            assert is_tiling(layer.data)
    assert dock.session.journal.flush()
    np.testing.assert_array_equal(read_journal(dock.session.journal.path).grains, layer.data)


@pytest.mark.parametrize("where", ["pixel size", "slider"])
def test_escape_in_a_field_leaves_the_field_and_not_the_tool(
    desk: tuple[Any, CorrectDock, Any, Hands],
    qtbot: Any,
    where: str,
) -> None:
    viewer, dock, _layer, hands = desk
    segment = SegmentDock(viewer, models=list, probe_devices=dict)
    viewer.window.add_dock_widget(segment, name="Segment")
    hands.key(KEY.Key_O)
    if where == "slider":
        field = dock.form.radius.findChild(QLineEdit)
    else:
        field = segment.form.pixel_size.number
    qtbot.wait(100)  # the docks become tabs
    (dock if where == "slider" else segment).parent().raise_()
    field.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus, timeout=PATIENCE)
    field.selectAll()
    before = field.text()
    qtbot.keyClicks(field, "7")
    qtbot.keyClick(field, KEY.Key_Escape)
    assert dock.mouse.tool is not None and dock.form.tools["smooth"].isChecked()
    assert not field.hasFocus()
    assert field.text() == before and dock.form.radius.value() == 2
    hands.key(KEY.Key_Escape)
    assert dock.mouse.tool is None

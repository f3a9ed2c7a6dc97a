"""Window tests of the Fracture dock: outlines to a map, corrected maps are kept."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from _widgets.fakes import PATIENCE
from napari.layers import Image, Labels
from surfaces import half_lined, two_patches

from napari_etch._widgets.commands import map_fracture_modes
from napari_etch._widgets.correct_target import boundary_layers, is_classes
from napari_etch._widgets.fracture_dock import FractureDock
from napari_etch._widgets.fracture_layers import read_outlines
from napari_etch._widgets.fracture_run import (
    OUTLINES_ALONE,
    FractureEngine,
    FractureSettings,
    map_modes,
)
from napari_etch._widgets.job import Source
from napari_etch._widgets.library_watch import tell_library_changed
from napari_etch._widgets.train_dock import TrainDock
from napari_etch.grains.class_table import FRACTURE_MODES

pytestmark = pytest.mark.gui
MAP, OUTLINES = "half · fracture", "half · outlines"


@pytest.fixture
def open_fracture(
    calm_threads: None, make_napari_viewer: Callable[..., Any]
) -> Callable[[], tuple[Any, FractureDock, np.ndarray]]:
    """Return a function that opens a viewer with a surface and the dock."""

    def open_() -> tuple[Any, FractureDock, np.ndarray]:
        viewer = make_napari_viewer()
        image, classes = half_lined(128)
        viewer.add_image(image, name="half", scale=(0.5, 0.5), units=("µm", "µm"))
        dock = FractureDock(viewer, models=lambda: [], probe_devices=lambda: {})
        viewer.window.add_dock_widget(dock, name="Fracture")
        return viewer, dock, classes

    return open_


def outline(dock: FractureDock, viewer: Any, drawn: np.ndarray) -> Labels:
    dock.draw()
    layer = viewer.layers[OUTLINES]
    layer.data = drawn
    dock.layers.refresh()
    return layer


def run(qtbot: Any, dock: FractureDock) -> None:
    dock.run_bar.button.click()
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)


def test_outlines_become_a_map_with_names_and_fixed_colours(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    assert dock.form.model.currentData() == OUTLINES_ALONE
    assert not dock.run_bar.button.isEnabled() and "two classes" in dock.why_not()
    drawn = outline(dock, viewer, two_patches(classes))
    assert drawn.mode == "polygon" and drawn.selected_label == 1
    assert "corners of an area that is intergranular, double-click" in dock.run_bar.line.text()
    assert dock.run_bar.button.isEnabled(), dock.why_not()
    run(qtbot, dock)
    made = viewer.layers[MAP]
    assert (np.asarray(made.data) == classes).mean() > 0.9
    assert is_classes(made) and made.data.dtype == np.uint8
    np.testing.assert_allclose(made.scale, (0.5, 0.5))
    assert list(made.features["class"]) == ["unlabelled", "intergranular", "transgranular"]
    blue = made.colormap.map(1)
    assert blue[2] > blue[0] and made.colormap.map(0)[3] == 0
    assert isinstance(viewer.layers["half · probability"], Image)
    assert viewer.layers[-1] is drawn, "outlines stay on top"
    assert "intergranular: " in dock.form.areas.text()
    assert dock.run_bar.line.text().startswith("“half”: mapped in ")


def test_a_surface_renamed_and_calibrated_during_the_run_has_its_map_over_it(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    outline(dock, viewer, two_patches(classes))
    dock.run_bar.button.click()
    image = viewer.layers["half"]
    image.name, image.scale = "surface", (0.25, 0.25)
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)
    made = viewer.layers["surface · fracture"]
    np.testing.assert_allclose(made.scale, image.scale)
    assert made.metadata["napari_etch"]["pixel_size_um"] == 0.25
    assert dock.run_bar.line.text().startswith("“surface”: mapped in ")


def test_what_was_left_out_of_the_map_is_told(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    page = np.full((200, 200), 255, np.uint8)
    page[36:164, 36:164] = half_lined(128)[0]
    viewer.layers["half"].data = page
    drawn = np.zeros(page.shape, np.uint8)
    drawn[36:164, 36:164] = two_patches(classes)
    outline(dock, viewer, drawn)
    run(qtbot, dock)
    assert not np.asarray(viewer.layers[MAP].data)[:30].any()
    assert "left out" in dock.run_bar.line.text()


def test_what_was_computed_of_an_image_is_never_taken_for_that_of_another():
    """It was known by an address, which is given to another image once the first is gone."""
    image, classes = half_lined(96)
    engine = FractureEngine()
    settings = FractureSettings(OUTLINES_ALONE, two_patches(classes), FRACTURE_MODES)
    data = image.astype(np.float64)
    alive = weakref.ref(data)
    source = Source(data, "half")
    for _event in map_modes(source, settings, threading.Event(), engine):
        pass
    del data, source
    gc.collect()
    assert alive() is not None


def test_the_fractions_follow_the_map(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    outline(dock, viewer, two_patches(classes))
    run(qtbot, dock)
    made = viewer.layers[MAP]
    made.data[...] = 2
    made._partial_labels_refresh()  # as the Correct dock brings its colours up to date
    made.events.labels_update(data=made.data, offset=(0, 0))
    qtbot.waitUntil(
        lambda: dock.form.areas.text() == "transgranular: 100.0 % (100 to 100)", timeout=PATIENCE
    )
    viewer.layers.remove(made)
    qtbot.waitUntil(lambda: dock.form.areas.text() == "", timeout=PATIENCE)


def test_more_outlines_renew_the_map_but_not_a_corrected_one(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    drawn = outline(dock, viewer, two_patches(classes))
    run(qtbot, dock)
    first = viewer.layers[MAP]
    more = two_patches(classes)
    more[100:120, 10:30] = 2
    drawn.data = more
    run(qtbot, dock)
    assert viewer.layers[MAP] is first and (first.data[100:120, 10:30] == 2).all()
    first.data[0, 0] = 0  # corrected by hand
    (before,) = boundary_layers(viewer.layers, first)
    probability = before.data.copy()
    run(qtbot, dock)
    assert boundary_layers(viewer.layers, first)[0] is before  # its review goes by it
    assert np.array_equal(before.data, probability)
    before = len(viewer.layers)
    maps = [layer for layer in viewer.layers if layer.name.startswith(MAP)]
    assert len(maps) == 2 and first in maps and first.data[0, 0] == 0
    assert [layer.visible for layer in maps] == [layer is not first for layer in maps]
    assert f"“{MAP}”, from an earlier run, is hidden" in dock.run_bar.line.text()
    (newest,) = (layer for layer in maps if layer is not first)
    newest.name = "to keep"
    kept = newest.data.copy()
    drawn.data[100:120, 10:30] = 1
    run(qtbot, dock)
    assert np.array_equal(newest.data, kept)
    assert len(viewer.layers) == before + 3  # the map, and what it was made from


def test_a_second_map_lies_where_its_image_lies_by_now(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    outline(dock, viewer, two_patches(classes))
    run(qtbot, dock)
    viewer.layers["half"].translate = (7, 9)  # with napari's own tool
    viewer.layers[OUTLINES].translate = (7, 9)
    run(qtbot, dock)
    made = [layer for layer in viewer.layers if layer.name.startswith("half · ")]
    assert len(made) == 4
    assert all(np.array_equal(layer.translate, (7, 9)) for layer in made)


def test_choosing_a_class_sets_the_label_that_is_drawn(open_fracture, qtbot):
    viewer, dock, _classes = open_fracture()
    dock.draw()
    assert "an area that is intergranular, double-click" in dock.run_bar.line.text()
    dock.form.classes.setCurrentIndex(1)
    assert viewer.layers[OUTLINES].selected_label == 2
    assert "an area that is transgranular, double-click" in dock.run_bar.line.text()


def test_shapes_with_a_class_are_outlines(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    square = np.array([[10, 5], [10, 20], [25, 20], [25, 5]], float)
    shapes = viewer.add_shapes(
        [square, square + np.array((0, 35))],
        shape_type="polygon",
        features={"class": ["i", "transgranular"]},
        units=("µm", "µm"),
    )
    found = read_outlines(shapes, viewer.layers["half"], FRACTURE_MODES)
    assert set(np.unique(found)) == {0, 1, 2}
    assert found[30, 20] == 1 and found[30, 100] == 2  # drawn in µm, read in pixels
    dock.layers.refresh()
    dock.form.outlines.setCurrentIndex(dock.form.outlines.findText(shapes.name))
    run(qtbot, dock)
    assert (np.asarray(viewer.layers[MAP].data) == classes).mean() > 0.85
    shapes.features = {"class": ["i", "dimple"]}
    assert "'dimple', which is not in the class table" in dock.why_not()


def test_plain_shapes_get_the_class_that_is_chosen(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    square = np.array([[10, 5], [10, 20], [25, 20], [25, 5]], float)
    shapes = viewer.add_shapes([square], shape_type="polygon", units=("µm", "µm"))
    viewer.layers.selection.active = viewer.layers["half"]
    dock.layers.refresh()
    dock.form.outlines.setCurrentIndex(dock.form.outlines.findText(shapes.name))
    assert list(shapes.features["class"]) == ["intergranular"]
    dock.form.classes.setCurrentIndex(1)
    dock.form.draw.click()
    assert shapes.mode == "add_polygon" and viewer.layers.selection.active is shapes
    shapes.add(square + np.array((0, 35)), shape_type="polygon")
    assert list(shapes.features["class"]) == ["intergranular", "transgranular"]
    assert not np.allclose(shapes.face_color[0], shapes.face_color[1])
    qtbot.waitUntil(dock.run_bar.button.isEnabled, timeout=PATIENCE)
    run(qtbot, dock)
    assert (np.asarray(viewer.layers[MAP].data) == classes).mean() > 0.85
    shapes.selected_data = {1}
    dock.form.classes.setCurrentIndex(0)
    assert list(shapes.features["class"]) == ["intergranular", "intergranular"]


def test_an_ellipse_is_read_as_one(open_fracture, qtbot):
    viewer, _dock, _classes = open_fracture()
    box = np.array([[10, 10], [10, 50], [30, 50], [30, 10]], float)
    shapes = viewer.add_shapes([box], shape_type="ellipse", features={"class": ["t"]})
    area = (read_outlines(shapes, viewer.layers["half"], FRACTURE_MODES) == 2).sum()
    assert area == pytest.approx(np.pi * 20 * 40, rel=0.03)  # half a µm a pixel


def test_what_was_outlined_and_corrected_goes_to_the_train_dock(open_fracture, qtbot):
    viewer, dock, classes = open_fracture()
    assert not dock.form.train.isEnabled()
    drawn = outline(dock, viewer, two_patches(classes))
    run(qtbot, dock)
    assert dock.labels_to_learn() == [drawn], "what the computer said is nothing to learn from"
    made = viewer.layers[MAP]
    made.data[:10, :10] = 0
    dock.layers.refresh()
    assert dock.labels_to_learn() == [made, drawn]
    dock.form.train.click()
    train = next(w for w in viewer.window.dock_widgets.values() if isinstance(w, TrainDock))
    assert {layer for _, layer in train.label_choice.chosen()} == {made, drawn}
    assert train.form.labels.model.currentData() == "fracture"
    assert not train.why_not()


def test_a_new_model_of_the_library_is_offered(calm_threads, make_napari_viewer):
    offered: list[Any] = []
    viewer = make_napari_viewer()
    dock = FractureDock(viewer, models=lambda: offered, probe_devices=lambda: {})
    viewer.window.add_dock_widget(dock, name="Fracture")
    assert dock.form.model.currentData() == OUTLINES_ALONE
    offered.append(SimpleNamespace(title="Mine", name="mine"))
    tell_library_changed()
    assert dock.form.model.findData("mine") >= 0
    assert dock.form.model.currentData() == OUTLINES_ALONE, "what was chosen stays chosen"
    assert not dock.run_bar.line.text()
    dock.form.model.setCurrentIndex(dock.form.model.findData("mine"))
    offered[0] = SimpleNamespace(title="Renamed", name="renamed")
    tell_library_changed()
    assert dock.run_bar.line.text().startswith(
        "“Mine” was renamed or deleted: “Renamed” is chosen now."
    )


def test_the_name_of_the_network_has_room_in_its_box(calm_threads, make_napari_viewer):
    viewer = make_napari_viewer()
    dock = FractureDock(viewer, probe_devices=lambda: {})
    viewer.window.add_dock_widget(dock, name="Fracture")
    assert dock.form.model.itemText(dock.form.model.findData("fracture")) == "Fracture modes"


def test_more_classes_come_from_a_file(open_fracture, qtbot, tmp_path):
    viewer, dock, classes = open_fracture()
    drawn = outline(dock, viewer, two_patches(classes))
    FRACTURE_MODES.with_class("dimple").write(tmp_path / "classes.json")
    dock.read_classes(str(tmp_path / "classes.json"))
    assert dock.form.classes.count() == 3 and 3 in list(drawn.features["index"])
    dock.layers.refresh()
    assert dock.table.names[3] == "dimple", "the layer keeps it"
    more = two_patches(classes)
    more[5:25, 70:90] = 3
    drawn.data = more
    run(qtbot, dock)
    assert (viewer.layers[MAP].data[5:25, 70:90] == 3).all()
    dock.read_classes(str(tmp_path / "nowhere.json"))
    assert "is no class table" in dock.run_bar.line.text() and dock.form.classes.count() == 3


def test_a_stack_is_refused_with_a_reason(open_fracture, qtbot):
    viewer, dock, _classes = open_fracture()
    viewer.add_image(np.zeros((3, 64, 64), np.uint8), name="stack")
    dock.layers.refresh(image_id=str(viewer.layers["stack"].unique_id))
    assert "choose one section" in dock.run_bar.button.toolTip()


def test_the_command_opens_the_dock_and_runs_the_network(calm_threads, make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    image, classes = half_lined(128)
    viewer.add_image(image, name="half")
    map_fracture_modes(viewer)
    qtbot.waitUntil(lambda: MAP in viewer.layers, timeout=PATIENCE)
    assert viewer.layers[MAP].data.shape == classes.shape

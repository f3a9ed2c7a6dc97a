"""Window tests of the Export dock: a real viewer, real files, read back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
import pytest
import tifffile
from _widgets.fakes import PATIENCE
from measure.tessellation import poisson_voronoi
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.export_dock import NO_FOLDER, NO_LABELS, NONE_TICKED, ExportDock
from napari_etch._widgets.import_box import NO_IMAGE
from napari_etch._widgets.import_layers import ignored_of, shared_ignore_text
from napari_etch._widgets.layers import METADATA_KEY, kind_of
from napari_etch.labels import folders, read_annotations

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("calm_threads")]

UM = {"scale": (0.5, 0.5), "units": ("um", "um")}
SQUARE = {"name": "polygon", "all_points_x": [2, 9, 9, 2], "all_points_y": [1, 1, 6, 6]}
OpenExport = Callable[..., tuple[Any, ExportDock]]


def grains(size: int = 96) -> np.ndarray:
    pieces = cc3d.connected_components(poisson_voronoi(size, 30, 0), connectivity=4)
    return pieces.astype(np.int32)


def picture(size: int = 96) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (size, size), np.uint8)


@pytest.fixture
def open_export(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> Iterator[OpenExport]:
    """Return a function that opens a viewer with the dock; `asked` is what dialogs answer."""
    docks: list[ExportDock] = []

    def open_(
        *, steel: bool = True, show: bool = False, asked: Path | None = None
    ) -> tuple[Any, ExportDock]:
        viewer = make_napari_viewer(show=show)
        if steel:
            viewer.add_image(picture(), name="steel", **UM)
            viewer.add_labels(grains(), name="steel · grains", **UM)
        dock = ExportDock(
            viewer,
            ask_folder=lambda _parent: tmp_path / "set",
            ask_path=lambda _parent, _what: asked,
        )
        viewer.window.add_dock_widget(dock, name="Export")
        docks.append(dock)
        return viewer, dock

    yield open_
    for dock in docks:
        qtbot.waitUntil(
            lambda dock=dock: not dock.controller.is_running and not dock.importer.is_running,
            timeout=PATIENCE,
        )


def click(button: Any) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def export(qtbot: Any, dock: ExportDock) -> str:
    """Choose the folder, press Export and wait; return what the dock says."""
    if not dock.form.folder.text():
        click(dock.form.browse)
    assert dock.run_bar.button.isEnabled(), dock.run_bar.button.toolTip()
    with qtbot.waitSignal(dock.controller.ended, timeout=PATIENCE):
        click(dock.run_bar.button)
    return str(dock.line.text())


# -- export ----------------------------------------------------------------------------------------


def test_the_buttons_say_what_is_missing_until_all_is_there(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export(steel=False)
    button = dock.run_bar.button

    def why() -> str:
        assert not button.isEnabled()
        return str(button.toolTip())

    assert why() == NO_LABELS
    assert not dock.import_box.file.isEnabled()
    assert dock.import_box.file.toolTip() == NO_IMAGE
    layer = viewer.add_labels(grains(), name="lonely")
    qtbot.waitUntil(lambda: dock.form.layers.count() == 1)
    assert why() == NONE_TICKED
    dock.form.tick(str(layer.unique_id))
    assert "“lonely” lies over no image of its size and place" in why()
    viewer.add_image(picture())
    qtbot.waitUntil(lambda: button.toolTip() == NO_FOLDER)
    assert dock.import_box.file.isEnabled()
    dock.form.folder.setText(str(tmp_path / "set"))
    assert button.isEnabled()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    dock.form.folder.setText(str(tmp_path / "taken"))
    assert "holds other files" in why()
    dock.form.folder.setText(str(tmp_path / "set"))
    dock.form.split.setChecked(True)
    dock.form.shares.setText("much")
    assert "no split" in why()
    dock.form.split.setChecked(False)
    dock.form.tiles.setChecked(True)
    dock.form.tile_size.setValue(20)
    dock.form.overlap.setValue(20)
    assert "cannot overlap" in why()


def test_layers_become_a_set_and_one_that_is_there_is_replaced_only_when_ticked(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export()
    layer = viewer.layers["steel · grains"]
    layer.metadata[METADATA_KEY] = {"model": "generalist", "kind": "x"}
    dock.form.specimen.setText("plate 7")
    click(dock.form.browse)
    with qtbot.waitSignal(dock.controller.ended, timeout=PATIENCE):
        click(dock.run_bar.button)
        layer.data[:] = 1  # the user goes on editing
    assert f"Exported {grains().max()} regions on 1 image to" in dock.line.text()
    found = read_annotations(tmp_path / "set")["steel"]
    assert np.array_equal(found.grains, grains())
    assert (found.pixel_size_um, found.specimen) == (0.5, "plate 7")
    assert found.made == {"model": "generalist", "layer": "steel · grains"}
    assert not dock.run_bar.button.isEnabled()
    assert "tick below to replace it" in dock.run_bar.button.toolTip()
    dock.form.overwrite.setChecked(True)
    dock.form.choose(dock.form.format, "stardist")
    assert "Exported" in export(qtbot, dock)
    assert (tmp_path / "set" / "masks" / "steel.tif").exists()
    assert not (tmp_path / "set" / "labels").exists()


def test_grains_and_classes_of_an_image_go_together(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export()
    modes = (grains() % 3).astype(np.uint8)
    layer = viewer.add_labels(modes, name="steel · fracture", **UM)
    twin = viewer.add_labels(grains(), name="other grains", **UM)
    qtbot.waitUntil(lambda: dock.form.layers.count() == 3)
    dock.form.tick(str(twin.unique_id))
    assert "are both grains of “steel”" in dock.run_bar.button.toolTip()
    dock.form.tick(str(twin.unique_id), on=False)
    dock.form.tick(str(layer.unique_id))
    dock.form.choose(dock.form.format, "via")
    export(qtbot, dock)
    found = read_annotations(tmp_path / "set")["steel"]
    assert np.array_equal(found.grains, grains())
    assert np.array_equal(found.classes, modes)
    dock.form.tick(str(viewer.layers["steel · grains"].unique_id), on=False)
    dock.form.choose(dock.form.format, "cellpose")
    assert "holds grains, and no classes" in dock.run_bar.button.toolTip()


def test_only_what_was_reviewed_is_learnt_from(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export()
    assert not dock.form.reviewed.isEnabled()
    assert "Correct" in dock.form.reviewed.toolTip()
    correct = CorrectDock(viewer, folder=tmp_path / "journals")
    viewer.window.add_dock_widget(correct, name="Correct")
    layer = viewer.layers["steel · grains"]
    viewer.layers.selection.active = layer
    qtbot.waitUntil(lambda: correct.sessions.find(layer) is not None, timeout=PATIENCE)
    session = correct.sessions.find(layer)
    viewer.layers.selection.active = viewer.layers["steel"]
    session.tour.toggle((10, 10))
    session.tour.toggle((80, 80))
    qtbot.waitUntil(dock.form.reviewed.isEnabled, timeout=PATIENCE)
    dock.form.reviewed.setChecked(True)
    export(qtbot, dock)
    found = read_annotations(tmp_path / "set")["steel"]
    seen = np.isin(grains(), [grains()[10, 10], grains()[80, 80]])
    assert np.array_equal(found.ignore, ~seen)
    assert found.made["reviewed_share"] == pytest.approx(seen.mean(), abs=1e-6)
    for each in correct.sessions.all():
        each.close()


def test_an_ignore_layer_goes_with_the_labels_of_its_image(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export()
    ignored = np.zeros((96, 96), np.uint8)
    ignored[:, :20] = 1
    viewer.add_labels(ignored, name="steel · ignore", **UM)
    qtbot.wait(50)
    assert dock.form.layers.count() == 1
    export(qtbot, dock)
    assert np.array_equal(read_annotations(tmp_path / "set")["steel"].ignore, ignored > 0)


def test_cancel_leaves_nothing_and_sections_of_a_stack_are_images(
    open_export: OpenExport, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = open_export(steel=False)
    viewer.add_image(np.stack([picture()] * 3), name="stack")
    viewer.add_labels(np.stack([grains()] * 3), name="stack · grains")
    qtbot.waitUntil(lambda: bool(dock.form.ticked()))
    begun, go = threading.Event(), threading.Event()
    write = folders.write_mask

    def slow(*arguments: Any) -> None:
        begun.set()
        assert go.wait(PATIENCE / 1000)
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(folders, "write_mask", slow)
        click(dock.form.browse)
        click(dock.run_bar.button)
        assert begun.wait(PATIENCE / 1000)
        assert dock.run_bar.button.text() == "Cancel"
        with qtbot.waitSignal(dock.controller.ended, timeout=PATIENCE):
            click(dock.run_bar.button)
            assert not dock.run_bar.button.isEnabled()
            go.set()
    assert dock.line.text() == "Cancelled: nothing was written."
    assert not list(tmp_path.glob("*set*"))
    assert dock.run_bar.button.text() == "Export"
    export(qtbot, dock)
    found = read_annotations(tmp_path / "set")
    assert list(found) == ["stack_0000", "stack_0001", "stack_0002"]
    assert {each.specimen for each in found.values()} == {"stack"}


def test_an_ignore_layer_that_was_opened_again_is_that_of_its_image_alone() -> None:
    viewer = ViewerModel()
    one, two = (viewer.add_image(picture(), name=name) for name in ("one", "two"))
    mask = np.zeros((96, 96), np.uint8)
    mask[:9] = 1
    viewer.add_labels(mask, name="one · ignore")
    assert np.array_equal(ignored_of(viewer.layers, one), mask > 0)
    assert ignored_of(viewer.layers, two) is None
    viewer.add_labels(mask, name="painted · ignore")
    assert np.array_equal(ignored_of(viewer.layers, two), mask > 0)
    assert "“painted · ignore” is named after no" in shared_ignore_text(viewer.layers, [one, two])
    assert not shared_ignore_text(viewer.layers, [two])
    viewer.layers.remove("painted · ignore")
    assert not shared_ignore_text(viewer.layers, [one, two])


def test_labels_of_parts_of_an_image_are_exported_with_those_parts(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export(steel=False)
    wide = picture(200)
    image = viewer.add_image([wide, wide[::2, ::2]], multiscale=True, name="wide", **UM)
    made = {"kind": "grains", "source_id": str(image.unique_id)}
    ignored = np.zeros((200, 200), np.uint8)
    ignored[:30] = 1
    viewer.add_labels(ignored, name="wide · ignore", **UM)
    places = {"upper": (10, 50), "lower": (104, 100)}
    for name, place in places.items():
        shift = 0.5 * np.array(place)
        viewer.add_labels(grains(), name=name, translate=shift, metadata={METADATA_KEY: made}, **UM)
    qtbot.waitUntil(lambda: dock.form.layers.count() == 2, timeout=PATIENCE)
    assert dock.form.layers.item(1).text() == "upper ← wide, a part of it"
    for name in places:
        dock.form.tick(str(viewer.layers[name].unique_id))
    export(qtbot, dock)
    found = read_annotations(tmp_path / "set")
    assert sorted(found) == ["wide", "wide 2"]
    for each in found.values():
        top, left = places["upper" if each.ignore is not None else "lower"]
        pixels = tifffile.imread(each.image_path)
        np.testing.assert_array_equal(pixels, wide[top : top + 96, left : left + 96])
        np.testing.assert_array_equal(each.grains, grains())
        assert each.specimen == "wide"  # not both sides of a split
        assert each.made["region"] == [top, left, top + 96, left + 96]


# -- import ----------------------------------------------------------------------------------------


def write_via(path: Path, word: str = "i") -> Path:
    outside = {**SQUARE, "all_points_x": [500, 600, 600, 500]}
    regions = [
        {"shape_attributes": shape, "region_attributes": {"name": word}}
        for shape in (SQUARE, outside)
    ]
    path.write_text(json.dumps({"a": {"filename": "whatever.jpg", "regions": regions}}))
    return path


def read(qtbot: Any, dock: ExportDock) -> str:
    with qtbot.waitSignal(dock.importer.controller.ended, timeout=PATIENCE):
        click(dock.import_box.file)
    return str(dock.line.text())


def test_annotations_become_a_layer_over_the_image_and_the_report_is_shown(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export(asked=write_via(tmp_path / "via.json"))
    assert read(qtbot, dock) == "Added “steel · fracture” from via.json. 1 remark below."
    layer = viewer.layers["steel · fracture"]
    assert kind_of(layer) == "fracture"
    assert (layer.data[3, 4], layer.data.dtype) == (1, np.uint8)
    assert layer.scale.tolist() == [0.5, 0.5]
    assert layer.features["class"].tolist() == ["unlabelled", "intergranular", "transgranular"]
    np.testing.assert_allclose(layer.get_color(1), (0, 0x72 / 255, 0xB2 / 255, 1), atol=1e-6)
    assert "lies outside the image (96 × 96)" in dock.import_box.report.toPlainText()
    assert dock.import_box.report.isVisibleTo(dock)
    # and out again
    dock.form.tick(str(viewer.layers["steel · grains"].unique_id), on=False)
    qtbot.waitUntil(lambda: dock.form.layers.count() == 2)
    dock.form.tick(str(layer.unique_id))
    export(qtbot, dock)
    assert np.array_equal(read_annotations(tmp_path / "set")["steel"].classes, layer.data)
    # what cannot be read adds nothing
    (tmp_path / "via.json").write_text("{")
    assert "cannot be read as JSON" in read(qtbot, dock)
    assert len(viewer.layers) == 3
    assert not dock.import_box.report.isVisibleTo(dock)  # it told of the file before


def test_a_restored_map_is_ticked_in_place_of_the_one_it_stands_for(
    open_export: OpenExport,
) -> None:
    """What was saved before the corrections was exported."""
    viewer, dock = open_export()
    saved = viewer.layers["steel · grains"]
    assert dock.layers.chosen() == [saved]
    saved.visible = False
    restored = viewer.add_labels(grains(), name="steel · grains [1]", **UM)
    dock.layers.refresh()
    assert dock.layers.chosen() == [restored]


def test_labels_are_imported_onto_the_micrograph_that_the_selection_belongs_to(
    open_export: OpenExport,
) -> None:
    """A confidence, a boundary map that was opened again, lay on top and was what was offered."""
    viewer, dock = open_export()
    for name in ("steel · confidence", "steel · boundary", "steel · closed boundary"):
        viewer.add_image(picture(), name=name, **UM)
    viewer.add_image(picture(), name="iron", **UM)
    box = dock.import_box.image

    def offered() -> tuple[list[str], str]:
        return [box.itemText(row) for row in range(box.count())], box.currentText()

    dock.importer.refresh()
    assert offered() == (["iron", "steel"], "iron")
    viewer.layers.selection.active = viewer.layers["steel · grains"]
    dock.importer.refresh()
    assert offered() == (["iron", "steel"], "steel")
    box.setCurrentText("iron")
    dock.importer.refresh()  # as after any change in the form
    assert offered() == (["iron", "steel"], "iron")


def test_a_class_table_of_ones_own_is_read_and_kept(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    table = tmp_path / "mine.json"
    table.write_text(json.dumps([{"id": 5, "name": "dimple", "colour": "#123456"}]))
    viewer, dock = open_export(asked=table)
    box = dock.import_box
    box.table.activated.emit(box.table.count() - 1)
    assert box.table.currentText() == "mine"
    dock.importer.read(write_via(tmp_path / "via.json", word="dimple"))
    qtbot.waitUntil(lambda: not dock.importer.is_running, timeout=PATIENCE)
    layer = viewer.layers["steel · fracture"]
    assert layer.data[3, 4] == 5
    assert layer.metadata[METADATA_KEY]["class_table"]["classes"][0]["name"] == "dimple"


def test_a_stack_is_exported_and_imported_again(
    open_export: OpenExport, tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_export(steel=False)
    third = np.roll(grains(), 7, axis=1)
    volume = np.stack([grains(), np.zeros_like(grains()), third])
    stack = viewer.add_image(np.stack([picture()] * 3), name="stack", scale=(2, 0.5, 0.5))
    layer = viewer.add_labels(volume, name="stack · grains", scale=(2, 0.5, 0.5))
    qtbot.waitUntil(lambda: bool(dock.form.ticked()))
    assert not dock.import_box.numbers.isHidden()
    dock.form.choose(dock.form.format, "coco")
    export(qtbot, dock)
    viewer.layers.remove(layer)
    dock.importer.read(tmp_path / "set" / "annotations.json")
    qtbot.waitUntil(lambda: not dock.importer.is_running, timeout=PATIENCE)
    assert "2 of 3 sections have labels." in dock.line.text()
    back = viewer.layers["stack · grains"]
    assert np.array_equal(back.data, volume)
    assert back.scale.tolist() == stack.scale.tolist()
    assert "in several sections" in dock.import_box.report.toPlainText()
    np.save(tmp_path / "one.npy", grains())
    viewer.dims.set_current_step(0, 1)
    dock.importer.read(tmp_path / "one.npy")
    qtbot.waitUntil(lambda: not dock.importer.is_running, timeout=PATIENCE)
    assert np.array_equal(viewer.layers[-1].data[1], grains())
    assert not viewer.layers[-1].data[[0, 2]].any()

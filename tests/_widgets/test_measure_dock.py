"""Window tests of the Measure dock: a real viewer, real clicks, real measurements."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from _widgets.fakes import PATIENCE
from _widgets.hands import Hands
from measure.tessellation import poisson_voronoi
from napari.utils.colormaps.standardize_color import transform_color
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_etch._widgets.fracture_layers import crc, outline_layer
from napari_etch._widgets.layers import METADATA_KEY, kind_of, pixel_size_um, section_distance_um
from napari_etch._widgets.measure_dock import MeasureDock
from napari_etch._widgets.measure_export import image_of
from napari_etch._widgets.measure_fractions import accuracy_tip, fraction_table
from napari_etch._widgets.measure_marks import KIND_COLOURS, PATTERN, PLACES
from napari_etch._widgets.measure_plot import bars_for
from napari_etch._widgets.view import camera_of
from napari_etch.grains import partition
from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.measure import area_fraction, fields_needed
from napari_etch.measure.segmentation_range import segmentation_range

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("calm_threads", "quick_measuring")]

UM = {"scale": (0.5, 0.5), "units": ("um", "um")}
OpenMeasure = Callable[..., tuple[Any, MeasureDock, Any]]


def grains(seed: int = 0) -> np.ndarray:
    return poisson_voronoi(160, 60, seed)


@pytest.fixture
def open_measure(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> Iterator[OpenMeasure]:
    """Return a function that opens a viewer with an image, its grains and the dock."""
    docks: list[MeasureDock] = []

    def open_(*, show: bool = False, **place: Any) -> tuple[Any, MeasureDock, Any]:
        viewer = make_napari_viewer(show=show)
        image = np.random.default_rng(0).integers(0, 255, (160, 160), np.uint8)
        viewer.add_image(image, name="steel", **place)
        layer = viewer.add_labels(grains(), name="steel · grains", **place)
        dock = MeasureDock(viewer, ask_path=lambda _parent, name: tmp_path / name)
        viewer.window.add_dock_widget(dock, name="Measure")
        docks.append(dock)
        wait(qtbot, dock)
        return viewer, dock, layer

    yield open_
    for dock in docks:
        qtbot.waitUntil(
            lambda dock=dock: not dock.runner.is_running and not dock.exporter.is_running,
            timeout=PATIENCE,
        )


def wait(qtbot: Any, dock: MeasureDock) -> None:
    """Wait until the dock has measured what the layers show."""

    def done() -> bool:
        chosen = dock.layers.chosen()
        known = all(dock.results.is_known(layer) for layer in chosen)
        return known and not dock.runner.is_running

    qtbot.waitUntil(done, timeout=PATIENCE)


def g_of(dock: MeasureDock, row: int = 0, column: int = 1) -> str:
    item = dock.form.sizes.item(row, column)
    assert item is not None
    return item.text()


# -- pixel size first ----------------------------------------------------------------------------


def test_without_a_pixel_size_there_is_no_grain_size_and_it_is_asked_for(
    open_measure: OpenMeasure,
) -> None:
    _viewer, dock, _layer = open_measure()
    assert dock.form.pixel_size.number.text() == "unknown"
    assert "pixel size is not known: type it" in dock.trouble.text()
    assert dock.form.sizes.rowCount() == 0
    assert not any(button.isEnabled() for button in dock.form.exports.values())
    assert "not known" in dock.form.exports["report.html"].toolTip()
    # the table is there in pixels
    assert dock.form.table.grains.headerData(1, Qt.Orientation.Horizontal) == "area px"


def test_a_typed_pixel_size_gives_grain_sizes(open_measure: OpenMeasure, qtbot: Any) -> None:
    viewer, dock, layer = open_measure()
    dock.form.pixel_size.number.setValue(0.5)
    assert dock.trouble.text() == "Measuring…"  # and no longer that the size is not known
    assert dock.line.text() == ""  # it is said once
    wait(qtbot, dock)
    assert pixel_size_um(layer) == pytest.approx(0.5)
    assert pixel_size_um(viewer.layers["steel"]) == pytest.approx(0.5)
    assert dock.trouble.text() == ""
    assert dock.form.sizes.rowCount() == 12
    # 60 grains on (80 µm)²
    assert float(g_of(dock)) == pytest.approx(np.log2(60 / 0.0064) - 2.954, abs=0.3)
    found = {each.method.key: each.mean.value for each in dock.results.together().results}
    intercept, area = 1000 / found["heyn"], 1e6 / found["saltykov"]
    assert f"Mean intercept {intercept:.4g} µm (lines). Mean area {area:.4g} µm²" in (
        dock.form.about.text()
    )
    tips = {dock.form.sizes.item(row, 1).toolTip() for row in range(12)}
    assert any(f", mean intercept {intercept:#.4g} µm, G " in tip for tip in tips)
    assert all(button.isEnabled() for button in dock.form.exports.values())


def test_another_micrograph_of_the_same_size_keeps_its_own_pixel_size(
    open_measure: OpenMeasure, qtbot: Any
) -> None:
    viewer, dock, layer = open_measure()
    other = viewer.add_image(np.array(viewer.layers["steel"].data), name="another field")
    qtbot.wait(50)  # the dock has seen it
    dock.form.pixel_size.number.setValue(0.5)
    wait(qtbot, dock)
    assert pixel_size_um(viewer.layers["steel"]) == pixel_size_um(layer) == pytest.approx(0.5)
    assert pixel_size_um(other) is None


def test_a_pixel_size_typed_for_grains_of_a_part_is_that_of_their_image(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock, _layer = open_measure()
    picture = np.random.default_rng(1).integers(0, 255, (200, 300), np.uint8)
    image = viewer.add_image([picture, picture[::2, ::2]], multiscale=True, name="large")
    made = {"kind": "grains", "source": "large", "source_id": str(image.unique_id)}
    part = viewer.add_labels(grains(), translate=(30, 100), metadata={METADATA_KEY: made})
    viewer.layers.selection.active = part
    qtbot.waitUntil(lambda: dock.layers.grains() is part, timeout=PATIENCE)
    assert dock.form.pixel_size.line.isEnabled()
    dock.form.pixel_size.number.setValue(0.5)
    wait(qtbot, dock)
    assert pixel_size_um(part) == pixel_size_um(image) == pytest.approx(0.5)
    np.testing.assert_allclose(part.translate, (15, 50))
    pixels, name, is_colour = image_of(dock.layers.image(), part, None)
    np.testing.assert_array_equal(pixels, picture[30:190, 100:260])
    assert (name, is_colour) == ("large", False)


def test_small_grains_of_another_image_leave_a_large_one_alone(
    open_measure: OpenMeasure, qtbot: Any
) -> None:
    viewer, dock, _layer = open_measure()
    image = viewer.add_image(np.zeros((200, 300), np.uint8), name="large")
    other = viewer.add_labels(grains()[:150, :150])
    viewer.layers.selection.active = other
    qtbot.waitUntil(lambda: dock.layers.grains() is other, timeout=PATIENCE)
    dock.form.pixel_size.number.setValue(0.5)
    assert pixel_size_um(other) == pytest.approx(0.5)
    assert pixel_size_um(image) is None


def test_grains_without_a_micrograph_take_the_pixel_size_themselves(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(grains())
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock)
    wait(qtbot, dock)
    assert not dock.form.pixel_size.line.isEnabled()
    dock.form.pixel_size.number.setValue(2.0)
    wait(qtbot, dock)
    assert pixel_size_um(layer) == pytest.approx(2)
    assert dock.form.sizes.rowCount() == 12


def test_oblong_pixels_are_refused(open_measure: OpenMeasure) -> None:
    _viewer, dock, _layer = open_measure(scale=(0.5, 0.7), units=("um", "um"))
    assert "are not square" in dock.trouble.text()
    assert dock.form.sizes.rowCount() == 0


def test_no_grains_are_asked_for(make_napari_viewer: Callable[..., Any]) -> None:
    viewer = make_napari_viewer()
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock)
    assert "segment an image first" in dock.trouble.text()


def test_one_grain_is_said_to_be_too_few(open_measure: OpenMeasure, qtbot: Any) -> None:
    _viewer, dock, layer = open_measure(**UM)
    layer.data = np.ones((160, 160), np.int32)
    wait(qtbot, dock)
    assert "a single grain" in dock.trouble.text()


def test_a_map_with_lines_between_its_grains_is_one_map_in_all_that_is_shown(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    _viewer, dock, layer = open_measure(**UM)
    whole = dock.results.of_first().table["touches_border"].sum()
    lined = np.array(layer.data)
    for axis in (0, 1):
        lined[np.diff(layer.data, axis=axis, append=0) != 0] = 0
    layer.data = lined
    wait(qtbot, dock)
    found = dock.results.of_first()
    assert found.table["touches_border"].sum() == pytest.approx(whole, abs=4)
    assert (found.table["neighbours"] > 1).all()
    assert "of 0 whole grains" not in dock.form.range_text.text()
    dock.save("measure.json")
    qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
    said = json.loads((tmp_path / "measure.json").read_text("utf-8"))
    assert said["network"][0]["triple_points"] == said["fields"][0]["counts"]["triple_points"] > 50
    form = dock.form
    form.pattern.setCurrentIndex(form.pattern.findData("abrams"))
    form.placement.setCurrentIndex(4)
    count = found.field.patterns["abrams"]
    assert f"together {count.by_placement[3]:g} on" in form.counted.text()


# -- linked both ways ----------------------------------------------------------------------------


def test_a_click_on_a_row_lets_the_grain_flash(open_measure: OpenMeasure, qtbot: Any) -> None:
    viewer, dock, layer = open_measure(show=True, **UM)
    dock.form.tabs.setCurrentIndex(1)
    table = dock.form.table
    index = table.grains.index(4, 1)
    table.scrollTo(index)
    spot = table.visualRect(index).center()
    port = table.viewport()
    assert port is not None
    QTest.mouseClick(port, Qt.MouseButton.LeftButton, pos=QPoint(spot))
    assert dock.flash.is_on
    assert dock.flash.label == table.grains.label_at(4)
    lines = viewer.layers["grain shown"].data
    rows, columns = np.nonzero(layer.data == dock.flash.label)
    middle = lines[:, 0].mean(axis=0)
    assert rows.min() - 1 <= middle[0] <= rows.max() + 1
    assert columns.min() - 1 <= middle[1] <= columns.max() + 1
    assert viewer.layers.selection.active is layer
    qtbot.waitUntil(lambda: not dock.flash.is_on, timeout=PATIENCE)
    assert "grain shown" not in [each.name for each in viewer.layers]


def test_a_click_on_a_grain_shows_its_row(open_measure: OpenMeasure) -> None:
    viewer, dock, layer = open_measure(show=True, **UM)
    viewer.layers.selection.active = layer
    viewer.reset_view()
    hands = Hands(viewer, layer)
    hands.click(80, 100)
    assert dock.form.table.chosen_label() == layer.data[80, 100]
    assert dock.form.tabs.currentIndex() == 1
    before = dock.form.table.chosen_label()
    hands.drag((80, 100), (20, 20))  # moving the view is no choice
    assert dock.form.table.chosen_label() == before


def test_sorting_keeps_rows_and_grains_together(open_measure: OpenMeasure) -> None:
    _viewer, dock, layer = open_measure(**UM)
    table = dock.form.table
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    areas = np.bincount(layer.data.ravel())
    assert table.grains.label_at(0) == areas.argmax()
    assert table.show_label(int(areas.argmax()))
    assert table.currentIndex().row() == 0
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)  # another grain became the chosen one
    assert table.chosen_label() == areas.argmax()
    assert table.currentIndex().row() == table.grains.rowCount() - 1
    table.setColumnWidth(2, 140)
    table.show_table(dock.results.of_first().table)  # as after every correction
    assert table.columnWidth(2) == 140 and table.chosen_label() == areas.argmax()


def test_grains_are_coloured_by_a_column(open_measure: OpenMeasure) -> None:
    _viewer, dock, layer = open_measure(**UM)
    own = layer.colormap
    dock.form.colour.setCurrentIndex(dock.form.colour.findData("ecd_um"))
    areas = np.bincount(layer.data.ravel())
    large, small = int(areas.argmax()), int(np.flatnonzero(areas > 0)[areas[areas > 0].argmin()])
    # viridis ends in yellow
    assert layer.get_color(large)[0] > 0.9
    assert layer.get_color(small)[0] < 0.35
    dock.form.colour.setCurrentIndex(0)
    assert layer.colormap is own


def test_a_grain_that_came_since_is_seen_while_grains_are_coloured(
    open_measure: OpenMeasure,
) -> None:
    _viewer, dock, layer = open_measure(**UM)
    dock.form.colour.setCurrentIndex(dock.form.colour.findData("ecd_um"))
    assert layer.get_color(999)[3] == 1
    assert layer.get_color(0) is None or not layer.get_color(0)[3]


# -- patterns ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["heyn", "abrams", "hilliard", "combined"])
def test_a_pattern_is_drawn_with_every_place_that_counts(
    open_measure: OpenMeasure, key: str
) -> None:
    viewer, dock, layer = open_measure(**UM)
    dock.form.pattern.setCurrentIndex(dock.form.pattern.findData(key))
    kinds = {kind_of(each): each for each in viewer.layers}
    count = dock.results.of_first().field.patterns[key]
    places = kinds[PLACES]
    np.testing.assert_allclose(places.data, count.points)
    assert places.features["counts"].sum() == count.intersections
    np.testing.assert_allclose(places.scale, layer.scale)
    length = np.hypot(*kinds[PATTERN].data[:, 1].T).sum()
    assert length == pytest.approx(count.pattern.length, rel=1e-3)
    assert f"together {count.intersections:g}" in dock.form.counted.text()
    assert viewer.layers.selection.active is layer
    dock.form.pattern.setCurrentIndex(0)
    assert not dock.marks.layers()


def test_marks_do_not_hide_the_grains_close_by(open_measure: OpenMeasure) -> None:
    """They grew with the zoom: in a large image they covered the boundaries that they counted."""
    viewer, dock, layer = open_measure(**UM)
    dock.form.pattern.setCurrentIndex(dock.form.pattern.findData("heyn"))
    kinds = {kind_of(each): each for each in viewer.layers}
    lines, before = kinds[PATTERN], kinds[PATTERN].edge_width
    camera = camera_of(viewer)
    far = camera.zoom
    camera.zoom = 100 * far
    assert lines.edge_width * layer.scale[-1] * camera.zoom <= 4
    assert kinds[PLACES].canvas_size_limits[1] < 20
    camera.zoom = far
    assert lines.edge_width == before


def test_one_placement_is_shown_by_itself(open_measure: OpenMeasure, qtbot: Any) -> None:
    viewer, dock, _layer = open_measure(**UM)
    form = dock.form
    assert form.placement.isHidden()
    form.pattern.setCurrentIndex(form.pattern.findData("abrams"))
    count = dock.results.of_first().field.patterns["abrams"]
    assert not form.placement.isHidden() and form.placement.count() == 10
    assert form.placement.itemText(0) == f"All 9: {count.intersections:g}"
    assert "at 9 places" in form.counted.text()
    form.placement.setCurrentIndex(4)
    assert form.placement.currentText() == f"4: {count.by_placement[3]:g}"
    kinds = {kind_of(each): each for each in viewer.layers}
    assert kinds[PLACES].features["counts"].sum() == count.by_placement[3]
    assert f"together {count.by_placement[3]:g} on" in form.counted.text()
    form.placements.setCurrentIndex(1)
    wait(qtbot, dock)
    single = dock.results.of_first().field.patterns["abrams"]
    assert single.pattern.placements == 1 and form.placement.isHidden()
    assert f"together {single.intersections:g} on" in form.counted.text()


def test_choosing_patterns_in_a_row_leaves_one(open_measure: OpenMeasure) -> None:
    viewer, dock, _layer = open_measure(**UM)
    for row in (1, 2, 3, 4):
        dock.form.pattern.setCurrentIndex(row)
    assert [kind_of(each) for each in viewer.layers].count(PATTERN) == 1


def test_another_pattern_takes_the_layers_that_are_there(open_measure: OpenMeasure) -> None:
    viewer, dock, _layer = open_measure(**UM)
    form = dock.form
    there = None
    for key in ("combined", "heyn", "abrams"):
        form.pattern.setCurrentIndex(form.pattern.findData(key))
        lines, places = dock.marks.layers()
        assert there in (None, (lines, places))
        there = lines, places
        count = dock.results.of_first().field.patterns[key]
        np.testing.assert_allclose(places.data, count.points)
        assert list(places.features["kind"]) == [str(kind) for kind in count.kinds]
        wanted = [transform_color(KIND_COLOURS[str(kind)])[0] for kind in count.kinds]
        np.testing.assert_allclose(places.face_color, wanted, atol=1e-6)
        assert len(np.unique(places.size)) == 1 and len(np.unique(lines.edge_color, axis=0)) == 1
        length = np.hypot(*lines.data[:, 1].T).sum()
        assert length == pytest.approx(count.pattern.length, rel=1e-3)
    viewer.layers.remove(places)  # by the user: it comes again
    form.pattern.setCurrentIndex(1)
    assert len(dock.marks.layers()) == 2
    dock.form.pixel_size.number.setValue(0.25)
    assert len(dock.marks.layers()) == 2


# -- corrections ---------------------------------------------------------------------------------


def test_a_correction_is_measured(open_measure: OpenMeasure, qtbot: Any) -> None:
    _viewer, dock, layer = open_measure(**UM)
    dock.form.pattern.setCurrentIndex(2)
    rows = dock.form.table.grains.rowCount()
    counted = dock.form.counted.text()
    one = int(layer.data[80, 80])
    other = next(int(n) for n in layer.data[80] if n != one)
    layer.data_setitem(np.nonzero(layer.data == other), one)
    wait(qtbot, dock)
    assert dock.form.table.grains.rowCount() == rows - 1
    layer.undo()
    wait(qtbot, dock)
    assert dock.form.table.grains.rowCount() == rows
    assert dock.form.counted.text() == counted


def test_what_is_only_drawn_changes_nothing(open_measure: OpenMeasure, qtbot: Any) -> None:
    viewer, dock, _layer = open_measure(**UM)
    dock.form.plot.set_range(10, 12)
    before = dock.results.of_first()
    viewer.add_points(np.zeros((1, 2)))
    viewer.add_shapes()
    qtbot.wait(500)
    assert dock.results.of_first() is before
    assert dock.form.plot.range() == (10, 12)


def test_a_removed_layer_is_forgotten(open_measure: OpenMeasure, qtbot: Any) -> None:
    viewer, dock, layer = open_measure(**UM)
    dock.form.pattern.setCurrentIndex(2)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: dock.results.by_layer == {}, timeout=PATIENCE)
    assert dock.layers.grains() is None
    assert not dock.marks.layers()
    assert "segment an image first" in dock.trouble.text()


def test_the_section_of_a_stack_that_is_shown_is_measured(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    stack = np.stack([poisson_voronoi(120, count, 0) for count in (20, 60)])
    viewer.add_labels(stack, scale=(1, 0.5, 0.5), units=("um",) * 3)
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock)
    for section, most in ((1, 60), (0, 20)):
        viewer.dims.set_current_step(0, section)
        wait(qtbot, dock)
        assert dock.results.of_first().source.section == section
        assert dock.form.table.grains.rowCount() == pytest.approx(most, abs=1)


# -- several layers ------------------------------------------------------------------------------


def test_grains_of_one_section_are_called_by_its_number_in_the_stack(
    open_measure: OpenMeasure, qtbot: Any
) -> None:
    viewer, dock, _layer = open_measure()
    place = {"scale": (1, 0.5, 0.5), "units": ("pixel", "um", "um")}
    viewer.add_image(np.zeros((9, 160, 160), np.uint8), **place)
    made = {METADATA_KEY: {"kind": "grains", "sections": (7,)}}
    layer = viewer.add_labels(
        grains()[None], name="seventh", translate=(7, 0, 0), metadata=made, **place
    )
    viewer.layers.selection.active = layer
    wait(qtbot, dock)
    assert dock.results.of_first().source.name == "seventh, section 7"


def test_several_layers_are_compared(open_measure: OpenMeasure, qtbot: Any) -> None:
    viewer, dock, layer = open_measure(**UM)
    for seed in (1, 2):
        viewer.add_labels(grains(seed), name=f"field {seed}", **UM)
    qtbot.waitUntil(lambda: dock.form.compare.count() == 3, timeout=PATIENCE)
    for row in range(3):
        dock.form.compare.item(row).setCheckState(Qt.CheckState.Checked)
    wait(qtbot, dock)
    assert dock.form.sizes.columnCount() == 6  # method, three layers, mean, interval
    measured = dock.results.together()
    assert len(measured.fields) == 3
    assert g_of(dock, 0, 4) == f"{measured.result('saltykov').grain_number:.1f}"
    assert measured.result("saltykov").mean.source == "fields"
    assert len(dock.form.plot._curves) == 3
    assert layer.name == "steel · grains"


def test_layers_of_two_magnifications_are_not_taken_together(
    open_measure: OpenMeasure, qtbot: Any
) -> None:
    viewer, dock, _layer = open_measure(**UM)
    viewer.add_labels(grains(1), name="other", scale=(0.2, 0.2), units=("um", "um"))
    qtbot.waitUntil(lambda: dock.form.compare.count() == 2, timeout=PATIENCE)
    for row in range(2):
        dock.form.compare.item(row).setCheckState(Qt.CheckState.Checked)
    wait(qtbot, dock)
    assert dock.results.together() is None
    assert "different pixel sizes" in dock.trouble.text()


def test_two_maps_of_one_image_are_told_to_be_one_field(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock, layer = open_measure(**UM)
    made = {METADATA_KEY: {"kind": "grains", "source_id": str(viewer.layers["steel"].unique_id)}}
    layer.metadata = made
    corrected = grains()
    corrected[corrected == 2] = 1
    viewer.add_labels(corrected, name="corrected", metadata=made, **UM)
    beside = {**UM, "translate": (0, 80)}  # another part of the image
    viewer.add_labels(grains(1), name="beside", metadata=made, **beside)
    qtbot.waitUntil(lambda: dock.form.compare.count() == 3, timeout=PATIENCE)
    for row in range(3):
        dock.form.compare.item(row).setCheckState(Qt.CheckState.Checked)
    wait(qtbot, dock)
    assert dock.form.about.text().count("one field counted twice") == 1
    assert "“beside”" not in dock.form.about.text()
    dock.save("measure.json")
    qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
    said = json.loads((tmp_path / "measure.json").read_text("utf-8"))
    assert sum("one field counted twice" in each for each in said["remarks"]) == 1


# -- distribution and segmentation ---------------------------------------------------------------


def test_the_range_says_what_lies_in_it(open_measure: OpenMeasure) -> None:
    _viewer, dock, _layer = open_measure(**UM)
    table = dock.results.of_first().table
    whole = table[~table["touches_border"]]
    assert dock.form.plot.counts.sum() == len(whole)
    assert dock.form.plot.counts.size == bars_for(len(whole)) < 15 and bars_for(1000) == 30
    middle = float(whole["ecd_um"].median())
    dock.form.plot.set_range(0, middle)
    inside = whole["ecd_um"] <= middle
    assert f"{inside.sum()} of {len(whole)} whole grains" in dock.form.range_text.text()
    sizes = whole["ecd_um"][inside]
    numbers = f"Mean {sizes.mean():.4g}, median {sizes.median():.4g}"
    assert f"{numbers}, standard deviation {sizes.std(ddof=0):.3g}." in dock.form.range_text.text()
    dock.form.by_area.setChecked(True)
    assert dock.form.plot.counts.sum() == pytest.approx(whole["area_um2"].sum())
    by_area = np.average(whole["ecd_um"], weights=whole["area_um2"])
    assert f"Mean {by_area:.4g}," in dock.form.range_text.text()
    dock.form.column.setCurrentIndex(dock.form.column.findData("orientation_deg"))
    dock.form.plot_chosen.emit()
    assert "ean" not in dock.form.range_text.text().partition("whole grains")[2]


def test_a_segmented_layer_says_how_far_the_granularity_moves_it(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    boundary = np.zeros((120, 120), np.float32)
    for at in range(20, 120, 20):
        boundary[at] = boundary[:, at] = 0.9
    boundary[10] = 0.4
    cut = partition(boundary)
    viewer = make_napari_viewer()
    made = {"kind": "grains", "partitions": (cut,), "granularity": 0.5, "source_id": "1"}
    viewer.add_labels(np.array(cut.grains), metadata={METADATA_KEY: made}, **UM)
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock)
    qtbot.waitUntil(lambda: dock.results.uncertainty() is not None, timeout=PATIENCE)
    said = "Segmentation: the boundary map cut at granularity 0.3 to 0.7 gives a planimetric G of "
    low, high = dock.results.uncertainty().ranges["saltykov"]
    assert f"{said}{low:.2f} to {high:.2f}." in dock.form.about.text()
    assert low < dock.results.of_first().alone.result("saltykov").grain_number <= high


def test_the_range_of_granularity_is_that_of_all_fields_taken_together(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    """It was left out, and the report said that no boundary map had come with the grains."""
    viewer = make_napari_viewer()
    cuts = []
    for step in (20, 24):
        boundary = np.zeros((120, 120), np.float32)
        for at in range(step, 120, step):
            boundary[at] = boundary[:, at] = 0.9
        boundary[10] = 0.4
        cuts.append(partition(boundary))
        made = {"kind": "grains", "partitions": (cuts[-1],), "granularity": 0.5, "source_id": "1"}
        viewer.add_labels(np.array(cuts[-1].grains), metadata={METADATA_KEY: made}, **UM)
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock)
    # and perhaps not its range
    qtbot.waitUntil(lambda: bool(dock.results.by_layer), timeout=PATIENCE)
    for row in range(2):
        dock.form.compare.item(row).setCheckState(Qt.CheckState.Checked)
    qtbot.waitUntil(lambda: len(dock.results.ranges) == 2, timeout=PATIENCE)
    wanted = segmentation_range(cuts, dock.results.of_first().source.pixel_size_um)
    found = dock.results.uncertainty()
    assert found is not None and found.ranges.keys() == wanted.ranges.keys()
    assert found.ranges["saltykov"] == pytest.approx(wanted.ranges["saltykov"])
    assert "gives a planimetric G of" in dock.form.about.text()


# -- saving --------------------------------------------------------------------------------------


def test_everything_can_be_saved(open_measure: OpenMeasure, qtbot: Any, tmp_path: Path) -> None:
    _viewer, dock, _layer = open_measure(**UM)
    for name, button in dock.form.exports.items():
        button.click()
        qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
        assert (tmp_path / name).stat().st_size > 100
        assert dock.line.text() == f"Saved {tmp_path / name}."
    found = json.loads((tmp_path / "measure.json").read_text(encoding="utf-8"))
    shown = float(g_of(dock))
    assert found["methods"]["saltykov"]["G"] == pytest.approx(shown, abs=0.05)
    table = pd.read_csv(tmp_path / "grains.csv")
    assert len(table) == dock.form.table.grains.rowCount()
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 3


def test_a_renamed_layer_is_saved_under_its_present_name(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    """Tables and reports went on with the name that the layer had when it was measured."""
    _viewer, dock, layer = open_measure(**UM)
    layer.name = "specimen 7"
    wait(qtbot, dock)
    dock.save("grains.csv")
    qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
    assert set(pd.read_csv(tmp_path / "grains.csv")["field"]) == {"specimen 7"}
    assert dock.results.together().fields[0].name == "“specimen 7”"


def test_what_was_changed_a_moment_ago_is_not_saved_with_the_numbers_before(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    _viewer, dock, layer = open_measure(**UM)
    one, other = (int(n) for n in np.unique(layer.data)[:2])
    layer.data_setitem(np.nonzero(layer.data == other), one)
    dock.save("grains.csv")
    assert (
        dock.line.text() == "“steel · grains” is being measured: save when its numbers are there."
    )
    assert not (tmp_path / "grains.csv").exists()
    wait(qtbot, dock)
    dock.save("grains.csv")
    qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
    assert len(pd.read_csv(tmp_path / "grains.csv")) == np.unique(layer.data).size


def test_what_cannot_be_saved_is_said(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    _viewer, dock, _layer = open_measure(**UM)
    dock.exporter.ask_path = lambda _parent, name: tmp_path / "no folder" / name
    dock.form.exports["grains.csv"].click()
    qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
    assert "could not be saved" in dock.line.text()


def test_a_closed_dock_lets_go_of_the_viewer(open_measure: OpenMeasure, qtbot: Any) -> None:
    viewer, dock, layer = open_measure(**UM)
    viewer.window.remove_dock_widget(dock.parent())
    dock.deleteLater()
    qtbot.wait(50)
    assert not layer.mouse_drag_callbacks or all(
        "MeasureDock" not in repr(each) for each in layer.mouse_drag_callbacks
    )
    layer.data_setitem(np.nonzero(layer.data == 1), 2)
    viewer.layers.remove(layer)
    qtbot.wait(500)


def test_a_closed_dock_gives_the_colours_back_and_takes_its_marks_along(
    open_measure: OpenMeasure, qtbot: Any
) -> None:
    viewer, dock, layer = open_measure(**UM)
    own = layer.colormap
    dock.form.colour.setCurrentIndex(dock.form.colour.findData("ecd_um"))
    dock.form.pattern.setCurrentIndex(2)
    dock.flash_grain(int(layer.data[80, 80]))
    viewer.window.remove_dock_widget(dock.parent())
    dock.deleteLater()
    qtbot.waitUntil(lambda: layer.colormap is own, timeout=PATIENCE)
    assert [each.name for each in viewer.layers] == ["steel", "steel · grains"]


# -- in space, and areas ---------------------------------------------------------------------------


def balls() -> np.ndarray:
    """Return eight boxes in a stack of nine sections, one of them whole, numbered through."""
    volume = np.zeros((9, 40, 40), np.int32)
    z, y, _x = np.indices(volume.shape)
    volume[:] = 1 + (z >= 3) + 2 * (y >= 12)
    volume[2:6, 10:30, 10:30] = 7
    return volume


def test_grains_in_space_are_measured_when_the_distance_is_known(
    make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    units = ("um", "um", "um")
    layer = viewer.add_labels(balls(), name="tracked", scale=(1, 0.5, 0.5), units=units)
    dock = MeasureDock(viewer, ask_path=lambda _parent, name: tmp_path / name)
    viewer.window.add_dock_widget(dock, name="Measure")
    wait(qtbot, dock)
    panel = dock.volume
    assert panel.distance.value() == 0  # a step of 1 is napari's own
    assert panel.button.toolTip() == "Type how far the sections are apart."
    assert not panel.button.isEnabled() and not panel.save.isEnabled()
    panel.distance.setValue(2.0)
    panel.button.click()
    qtbot.waitUntil(lambda: not panel.is_running and panel.table is not None, timeout=PATIENCE)
    row = panel.table.set_index("label").loc[7]
    assert row["volume"] == pytest.approx(4 * 20 * 20 * 2.0 * 0.25)
    assert (row["sections"], row["touches_border"]) == (4, False)
    assert panel.text.text().startswith("5 grains, 1 of them whole. Of these: mean volume 800 µm³")
    panel.save.click()
    saved = pd.read_csv(tmp_path / "grains3d.csv")
    assert len(saved) == 5 and {"volume_um3", "surface_um2", "eqd_um"} <= set(saved.columns)
    viewer.dims.set_point(0, 0)
    panel.rows.chosen.emit(7)
    assert dock.layers.section(layer) in (3, 4) and dock.flash.label == 7
    dock.flash.stop()


def test_a_table_of_grains_in_space_says_when_it_is_of_an_earlier_state(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    """It was shown and saved as if it were that of the corrected grains, or of the new size."""
    viewer = make_napari_viewer(show=True)
    units = ("um", "um", "um")
    layer = viewer.add_labels(balls(), name="tracked", scale=(2, 0.5, 0.5), units=units)
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock, name="Measure")
    wait(qtbot, dock)
    panel = dock.volume
    dock.form.tabs.setCurrentWidget(panel)
    panel.button.click()
    qtbot.waitUntil(lambda: not panel.is_running and panel.table is not None, timeout=PATIENCE)
    viewer.dims.set_current_step(0, 1)
    qtbot.wait(400)
    assert panel.save.isEnabled()  # to look at another section changes nothing
    for change in (
        lambda: layer.data_setitem((np.array([4]), np.array([20]), np.array([20])), 1),
        lambda: dock.form.pixel_size.number.setValue(0.25),
        lambda: panel.distance.setValue(3.0),
    ):
        change()
        qtbot.waitUntil(lambda: not panel.save.isEnabled(), timeout=PATIENCE)
        assert panel.text.text() == panel.save.toolTip() and "measure again" in panel.text.text()
        panel.button.click()
        qtbot.waitUntil(lambda: not panel.is_running, timeout=PATIENCE)
        assert panel.save.isEnabled() and panel.text.text().startswith("5 grains")
    dock.form.tabs.setCurrentIndex(0)
    layer.data_setitem((np.array([5]), np.array([20]), np.array([20])), 1)
    qtbot.wait(400)
    dock.form.tabs.setCurrentWidget(panel)  # it is looked at only when it is seen
    assert not panel.save.isEnabled()


@pytest.mark.parametrize("typed", [4.0, 1.0])
def test_a_typed_distance_of_sections_holds_for_all_layers_of_the_stack(
    make_napari_viewer: Callable[..., Any], qtbot: Any, typed: float
) -> None:
    viewer = make_napari_viewer()
    place = {"scale": (1, 0.5, 0.5), "units": ("pixel", "um", "um")}
    image = viewer.add_image(np.zeros((9, 40, 40), np.uint8), name="stack", **place)
    made = {METADATA_KEY: {"kind": "3D grains", "source_id": str(image.unique_id)}}
    layer = viewer.add_labels(balls(), name="tracked", metadata=made, **place)
    other = viewer.add_image(np.zeros((30, 30)), name="another", scale=(0.2, 0.2))
    dock = MeasureDock(viewer)
    viewer.window.add_dock_widget(dock)
    wait(qtbot, dock)
    viewer.dims.set_current_step(0, 6)
    assert dock.volume.distance.text() == "unknown"
    dock.volume.distance.setValue(typed)
    assert section_distance_um(image) == section_distance_um(layer) == pytest.approx(typed)
    assert layer.scale == pytest.approx((typed, 0.5, 0.5)) and dock.layers.section(layer) == 6
    assert other.scale == pytest.approx((0.2, 0.2))
    assert "apart, as typed" in dock.line.text()
    assert dock.volume.text.text() == ""  # nothing is missing any more
    viewer.layers.selection.active = image
    qtbot.wait(400)
    assert dock.volume.distance.value() == typed and dock.volume.button.isEnabled()


def test_sections_that_are_not_numbered_through_are_no_grains_in_space(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    alone = np.stack([np.full((40, 40), 2 * at + 1, np.int32) for at in range(3)])
    alone[:, 20:] += 1
    viewer.add_labels(alone, name="sections", scale=(2, 0.5, 0.5), units=("um", "um", "um"))
    dock = MeasureDock(viewer, ask_path=lambda _parent, _name: None)
    viewer.window.add_dock_widget(dock, name="Measure")
    wait(qtbot, dock)
    assert dock.volume.distance.value() == 2.0
    dock.volume.toggle()
    qtbot.waitUntil(lambda: not dock.volume.is_running, timeout=PATIENCE)
    assert "run the Track dock first" in dock.line.text()
    assert dock.volume.table is None


def test_area_fractions_of_class_maps_are_counted_and_drawn(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock, _layer = open_measure(**UM)
    panel = dock.areas
    assert "There is no class map" in panel.text.text()
    classes = np.ones((160, 160), np.uint8)
    classes[:, 40:] = 2
    made = {METADATA_KEY: {"kind": "fracture"}}
    first = viewer.add_labels(classes, name="one", metadata=made, **UM)
    qtbot.waitUntil(lambda: panel.rows.rowCount() == 2, timeout=PATIENCE)
    cells = [[panel.rows.item(row, at).text() for at in range(4)] for row in range(2)]
    assert cells[0] == ["intergranular", "25.0", "", "25.0"]
    assert cells[1][1] == "75.0" and "100 points on 1 field." in panel.text.text()
    assert "An interval needs several fields" in panel.text.text()
    panel.drawn.setChecked(True)
    (points,) = [layer for layer in viewer.layers if kind_of(layer) == "point grid"]
    assert (points.features["falls on"] == "intergranular").mean() == pytest.approx(0.25, abs=0.1)
    np.testing.assert_allclose(points.scale, first.scale)
    more = np.where(np.indices((160, 160))[1] < 80, 1, 2).astype(np.uint8)
    viewer.add_labels(more, name="two", metadata=made, **UM)
    qtbot.waitUntil(lambda: panel.maps.count() == 2, timeout=PATIENCE)
    assert ticked_names(panel) == {"two"}  # it may be of another specimen
    tick(panel, "one")
    assert "2 fields" in panel.text.text()
    assert panel.rows.item(0, 1).text() == "37.5" and panel.rows.item(0, 2).text() != ""
    dock.save("measure.json")
    qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
    found = json.loads((tmp_path / "measure.json").read_text("utf-8"))
    assert found["area_fractions"]["intergranular"]["standard"] == "ASTM E562"
    panel.drawn.setChecked(False)
    assert not [layer for layer in viewer.layers if kind_of(layer) == "point grid"]
    viewer.add_labels(np.zeros((160, 160), np.uint8), name="empty", metadata=made, **UM)
    qtbot.waitUntil(lambda: panel.maps.count() == 3, timeout=PATIENCE)
    assert ticked_names(panel) == {"one", "two"}
    tick(panel, "empty")
    said = "A field shows no specimen: leave it out."
    qtbot.waitUntil(lambda: panel.text.text() == said, timeout=PATIENCE)


def test_class_maps_of_another_specimen_do_not_get_into_a_report_unasked(
    open_measure: OpenMeasure, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock, _layer = open_measure(**UM)
    viewer.add_image(np.zeros((80, 80), np.uint8), name="fracture")
    classes = np.ones((80, 80), np.uint8)
    classes[:, 40:] = 2
    made = {METADATA_KEY: {"kind": "fracture"}}
    viewer.add_labels(classes, name="fracture · fracture", metadata=made)
    qtbot.waitUntil(lambda: dock.areas.rows.rowCount() == 2, timeout=PATIENCE)

    def saved() -> dict[str, Any]:
        dock.save("measure.json")
        qtbot.waitUntil(lambda: not dock.exporter.is_running, timeout=PATIENCE)
        found: dict[str, Any] = json.loads((tmp_path / "measure.json").read_text("utf-8"))
        return found

    assert not saved().get("area_fractions")
    tick(dock.areas, "fracture · fracture", on=False)
    tick(dock.areas, "fracture · fracture")  # now the user has said so
    assert set(saved()["area_fractions"]) == {"intergranular", "transgranular"}


def test_areas_can_be_saved_without_grains_and_without_a_pixel_size(
    make_napari_viewer: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((80, 80), np.uint8), name="s17")
    dock = MeasureDock(viewer, ask_path=lambda _parent, name: tmp_path / name)
    viewer.window.add_dock_widget(dock)
    assert not dock.areas.save.isEnabled() and "class map" in dock.areas.save.toolTip()
    classes = np.ones((80, 80), np.uint8)
    classes[:, 20:] = 2
    viewer.add_labels(classes, name="s17 · fracture", metadata={METADATA_KEY: {"kind": "fracture"}})
    outlines = outline_layer(image, FRACTURE_MODES)
    outlines.data[10:20, 10:20] = outlines.data[40:50, 40:50] = 1
    viewer.add_layer(outlines)
    qtbot.waitUntil(lambda: dock.areas.rows.rowCount() == 2, timeout=PATIENCE)
    qtbot.wait(50)
    assert dock.layers.grains() is None and dock.form.grains.count() == 0
    assert dock.areas.maps.count() == 1  # outlines to learn from are no field
    assert "Areas have a Save" in dock.form.exports["report.html"].toolTip()
    assert dock.trouble.isVisibleTo(dock)
    dock.form.tabs.setCurrentWidget(dock.areas)
    assert not dock.trouble.isVisibleTo(dock)  # areas need no grains
    dock.form.tabs.setCurrentIndex(0)
    assert dock.trouble.isVisibleTo(dock)
    dock.areas.save.click()
    assert dock.line.text() == f"Saved {tmp_path / 'areas.csv'}."
    table = pd.read_csv(tmp_path / "areas.csv").set_index("class")
    assert table.loc["intergranular", "points_percent"] == pytest.approx(25, abs=3)
    assert table.loc["intergranular", "pixels_percent"] == 25
    assert table["maps"].tolist() == ["s17 · fracture"] * 2


def test_areas_over_fields_say_how_accurate_they_are() -> None:
    fields = [np.ones((80, 80), np.uint8) for _ in range(3)]
    for at, field in enumerate(fields):
        field[:, : 20 + 10 * at] = 2
    found = area_fraction(fields, 2)
    mean = found.point_fraction
    (row,) = fraction_table({"pores": found}, list("abc")).to_dict("records")
    assert row["relative_accuracy_percent"] == pytest.approx(
        100 * row["half_width_95_percent"] / row["points_percent"]
    )
    assert row["more_fields_for_10_percent"] == fields_needed(mean) > 0
    assert accuracy_tip(mean).startswith(
        f"{mean.relative_accuracy:.0f} % relative accuracy over 3 "
    )
    assert "tick more fields" in accuracy_tip(area_fraction(fields[:1], 2).point_fraction)


def tick(panel: Any, name: str, *, on: bool = True) -> None:
    (item,) = panel.maps.findItems(name, Qt.MatchFlag.MatchExactly)
    item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


def ticked_names(panel: Any) -> set[str]:
    items = [panel.maps.item(row) for row in range(panel.maps.count())]
    return {each.text() for each in items if each.checkState() == Qt.CheckState.Checked}


def test_two_class_maps_of_one_image_are_one_field(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_napari_viewer()
    image = viewer.add_image(np.zeros((160, 160), np.uint8), name="s17")
    classes = np.ones((160, 160), np.uint8)
    classes[:, 40:] = 2
    made = {"kind": "fracture", "source_id": str(image.unique_id), "crc": crc(classes)}

    def add(name: str, **more: Any) -> Any:
        data = np.array(classes)
        return viewer.add_labels(data, name=name, metadata={METADATA_KEY: {**made, **more}})

    add("s17 · fracture").data[:40] = 1  # corrected
    add("s17 · fracture [1]")
    dock = MeasureDock(viewer, ask_path=lambda _parent, _name: None)
    viewer.window.add_dock_widget(dock)
    panel = dock.areas
    qtbot.waitUntil(lambda: panel.maps.count() == 2, timeout=PATIENCE)
    assert ticked_names(panel) == {"s17 · fracture"}
    assert "100 points on 1 field." in panel.text.text()

    add("s18 · fracture", source_id="another")
    qtbot.waitUntil(lambda: panel.maps.count() == 3, timeout=PATIENCE)
    assert ticked_names(panel) == {"s18 · fracture"}  # perhaps another specimen
    tick(panel, "s17 · fracture")

    add("s18 · fracture [1]", source_id="another")  # of two that nobody corrected, the newest
    qtbot.waitUntil(lambda: panel.maps.count() == 4, timeout=PATIENCE)
    assert ticked_names(panel) == {"s17 · fracture", "s18 · fracture [1]"}
    assert "twice" not in panel.text.text()

    tick(panel, "s17 · fracture [1]")
    assert "one field counted twice" in panel.text.text()
    add("s19 · fracture", source_id="a third")
    qtbot.waitUntil(lambda: panel.maps.count() == 5, timeout=PATIENCE)
    assert {"s17 · fracture", "s17 · fracture [1]"} < ticked_names(panel)
    assert "s19 · fracture" not in ticked_names(panel)


def test_margins_and_a_contradicted_pixel_size_are_told_beside_the_numbers(
    open_measure: OpenMeasure, qtbot: Any
) -> None:
    viewer, dock, layer = open_measure(scale=(0.5, 0.5), units=("µm", "µm"))
    assert "margin" not in dock.form.about.text()
    image = viewer.layers["steel"]
    page = image.data.copy()
    page[:20] = 255
    image.data = page
    stated = {"pixel_size_um": 0.25, "source": "Zeiss tag 34118"}
    image.metadata = {METADATA_KEY: {"kind": "micrograph", "stated": stated}}
    dock._on_edited()
    text = dock.form.about.text()
    assert "The file states 0.25 µm a pixel (Zeiss tag 34118); 0.5 as typed was used." in text
    assert "A blank margin (20 px at the top) is taken for specimen" in text
    with layer.block_history():
        row, column = (axis.ravel() for axis in np.indices((20, 160)))
        layer.data_setitem((row, column), 0)
    qtbot.waitUntil(lambda: "margin" not in dock.form.about.text(), timeout=PATIENCE)


def test_a_margin_of_a_colour_image_with_transparency_is_told(
    open_measure: OpenMeasure, qtbot: Any
) -> None:
    viewer, dock, _layer = open_measure(**UM)
    page = np.repeat(viewer.layers["steel"].data[..., None], 4, axis=-1)
    page[:20] = 255
    viewer.layers.remove("steel")
    viewer.add_image(page, name="screenshot", rgb=True, **UM)
    qtbot.waitUntil(
        lambda: "A blank margin (20 px at the top)" in dock.form.about.text(), timeout=PATIENCE
    )

"""Window tests of the Segment dock: a real viewer, a real worker thread, a stand-in network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from _widgets.fakes import PATIENCE, PITCH, FakeModel, FakePredict, fake_engine
from napari.layers import Image, Labels
from napari.utils._proxies import PublicOnlyProxy
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_etch._widgets.correct_target import micrograph_of
from napari_etch._widgets.form import GAPS
from napari_etch._widgets.judged import is_judged
from napari_etch._widgets.keys import KEY_BINDINGS
from napari_etch._widgets.layers import METADATA_KEY, pixel_size_um
from napari_etch._widgets.library_watch import tell_library_changed
from napari_etch._widgets.recut_layers import granularity_of
from napari_etch._widgets.samples import image_layer_data
from napari_etch._widgets.segment_dock import SegmentDock
from napari_etch.measure import astm_planimetric
from napari_etch.micrograph import Calibration, Micrograph

pytestmark = pytest.mark.gui

SHAPE = (4 * PITCH, 4 * PITCH)
OpenDock = Callable[..., Any]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def wait_for_end(qtbot: Any, dock: Any) -> None:
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)


def run_to_end(qtbot: Any, dock: Any) -> None:
    dock.toggle_run()
    wait_for_end(qtbot, dock)


def start_and_hold(qtbot: Any, dock: Any, predict: FakePredict) -> None:
    """Start a run and wait until the network is at work; it stays there while it is held."""
    dock.toggle_run()
    qtbot.waitUntil(predict.started.is_set, timeout=PATIENCE)
    assert dock.controller.is_running


# -- running -------------------------------------------------------------------------------------


def test_a_blank_margin_is_left_out(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    page = noise(*SHAPE)
    page[:, :20] = 255
    viewer.add_image(page, name="page")
    run_to_end(qtbot, dock)
    assert "The blank margin (20 px on the left) was left out" in dock.run_bar.line.text()
    grains = next(layer for layer in viewer.layers if isinstance(layer, Labels))
    assert not grains.data[:, :20].any() and grains.data[:, 20:].all()


def test_a_typed_pixel_size_that_the_file_contradicts_is_told(
    open_dock: OpenDock, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    calibration = Calibration(0.25, "Zeiss tag 34118")
    data, keywords, _ = image_layer_data(Micrograph(noise(*SHAPE), "steel", calibration))
    viewer.add_image(data, **keywords)
    said = "he file states 0.25 µm a pixel (Zeiss tag 34118); 0.5 as typed was used."
    run_to_end(qtbot, dock)
    assert said not in dock.run_bar.line.text()
    dock.form.pixel_size.number.setValue(0.5)
    assert said in dock.run_bar.line.text()
    run_to_end(qtbot, dock)
    assert said in dock.run_bar.line.text()
    dock.form.pixel_size.number.setValue(0.2501)
    assert said[:15] not in dock.run_bar.line.text()


def test_run_adds_boundary_and_grains(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(
        noise(*SHAPE), name="steel", scale=(0.5, 0.5), translate=(3, 4), units=("µm", "µm")
    )
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    assert names(viewer) == ["steel", "steel · grains", "steel · boundary"]
    boundary, grains = viewer.layers["steel · boundary"], viewer.layers["steel · grains"]
    assert isinstance(boundary, Image)
    assert isinstance(grains, Labels)
    for layer in (boundary, grains):
        np.testing.assert_allclose(layer.scale, (0.5, 0.5))
        np.testing.assert_allclose(layer.translate, (3, 4))
        assert layer.units == image.units
    assert "16 grains, ASTM grain size number" in dock.run_bar.line.text()
    assert viewer.layers.selection.active is image
    assert dock.run_bar.button.text() == "Run"
    assert dock.run_bar.button.isEnabled()


def test_the_viewer_stays_responsive_during_a_run(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    image = viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(5)
    # The network is held until the ticks have come: a blocked window would never let it go.
    qtbot.waitUntil(lambda: len(ticks) >= 20, timeout=PATIENCE)
    image.contrast_limits = (10, 200)
    viewer.camera.zoom *= 2
    assert dock.controller.is_running
    timer.stop()
    predict.hold.set()
    wait_for_end(qtbot, dock)
    assert "steel · grains" in names(viewer)


def test_progress_is_shown_while_running_and_gone_afterwards(
    open_dock: OpenDock, qtbot: Any
) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    shown: list[str] = []
    dock.controller.progressed.connect(lambda progress: shown.append(progress.message))
    start_and_hold(qtbot, dock, predict)
    assert dock.run_bar.button.text() == "Cancel"
    assert not dock.run_bar.bar.isHidden()
    predict.hold.set()
    wait_for_end(qtbot, dock)
    assert shown[0] == "loading the model"
    assert dock.run_bar.bar.isHidden()


def test_cancel_stops_the_network_and_adds_nothing(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    dock.run_bar.button.click()
    assert dock.run_bar.button.text() == "Cancelling…"
    assert not dock.run_bar.button.isEnabled()
    wait_for_end(qtbot, dock)
    assert predict.stopped.is_set()
    assert names(viewer) == ["steel"]
    assert dock.run_bar.line.text() == "Cancelled; nothing was added."
    assert dock.run_bar.button.text() == "Run"


def test_all_images_without_grains_are_run_one_after_the_other(
    open_dock: OpenDock, qtbot: Any
) -> None:
    """Each field of a specimen had to be chosen and started by hand."""
    predict = FakePredict()
    viewer, dock = open_dock(predict)
    for name in ("a", "b", "c"):
        assert not dock.run_all.isVisibleTo(dock) or name == "c"
        viewer.add_image(noise(*SHAPE), name=name)
    dock.form.image.setCurrentIndex(dock.form.image.findText("b"))
    run_to_end(qtbot, dock)
    kept = viewer.layers["b · grains"].data.copy()
    assert dock.run_all.text() == "Run on the 2 images without grains"
    said: list[str] = []
    dock.controller.progressed.connect(lambda _: said.append(dock.run_bar.step.text()))
    dock.run_all.click()
    qtbot.waitUntil(lambda: dock.run_all.settings is None, timeout=PATIENCE)
    count = viewer.layers["a · grains"].data.max()
    assert dock.run_bar.line.text() == f"“a”: {count} grains. “c”: {count} grains."
    assert any(each.startswith("Image 2 of 2 · ") for each in said)
    assert "c · grains" in viewer.layers and len(predict.calls) == 3
    np.testing.assert_array_equal(viewer.layers["b · grains"].data, kept)
    assert not dock.run_all.isVisibleTo(dock) and not dock.is_busy


def test_cancel_ends_the_runs_on_all_images(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    for name in ("a", "b", "c"):
        viewer.add_image(noise(*SHAPE), name=name)
    dock.run_all.click()
    qtbot.waitUntil(predict.started.is_set, timeout=PATIENCE)
    assert not dock.run_all.isEnabled()
    dock.toggle_run()
    qtbot.waitUntil(lambda: dock.run_all.settings is None, timeout=PATIENCE)
    assert dock.run_bar.line.text() == "Cancelled at “a”."
    assert len(predict.calls) == 1 and not dock.is_busy
    assert dock.run_all.text() == "Run on the 3 images without grains"


def test_an_image_that_no_model_can_take_does_not_stop_the_others(
    open_dock: OpenDock, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    viewer.add_image(np.zeros((2, 2, *SHAPE), np.uint8), name="channels")
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.run_all.click()
    qtbot.waitUntil(lambda: dock.run_all.settings is None, timeout=PATIENCE)
    assert "“channels” is 4-dimensional" in dock.run_bar.line.text()
    assert "“steel”: " in dock.run_bar.line.text() and "steel · grains" in viewer.layers


def test_an_image_that_is_removed_during_its_run_has_no_grains_in_the_outcome(
    open_dock: OpenDock, qtbot: Any
) -> None:
    """The runs on all images told of grains that nobody could find."""
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    for name in ("a", "b"):
        viewer.add_image(noise(*SHAPE), name=name)
    dock.run_all.click()
    qtbot.waitUntil(predict.started.is_set, timeout=PATIENCE)
    viewer.layers.remove("a")
    predict.hold.set()
    qtbot.waitUntil(lambda: dock.run_all.settings is None, timeout=PATIENCE)
    assert dock.run_bar.line.text().startswith(
        "“a” was removed during the run, so its result was dropped. “b”: "
    )


def test_after_a_cancelled_run_another_one_works(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    dock.toggle_run()
    wait_for_end(qtbot, dock)
    predict.hold.set()
    run_to_end(qtbot, dock)
    assert "steel · grains" in names(viewer)


def test_starting_again_during_a_run_is_refused_with_a_sentence(
    open_dock: OpenDock, qtbot: Any
) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    dock.run_model("fake")
    assert dock.run_bar.line.text().startswith("A run is under way")
    predict.hold.set()
    wait_for_end(qtbot, dock)
    assert len(predict.calls) == 1


def test_running_twice_does_not_pile_up_layers(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    run_to_end(qtbot, dock)
    assert names(viewer) == ["steel", "steel · grains", "steel · boundary"]


def test_running_again_keeps_grains_that_were_corrected(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    grains.data_setitem((np.arange(9), np.arange(9)), 77)
    corrected = grains.data.copy()
    run_to_end(qtbot, dock)
    np.testing.assert_array_equal(grains.data, corrected)
    assert "steel · grains [1]" in names(viewer)
    assert not grains.visible and viewer.layers["steel · grains [1]"].visible
    assert "steel · boundary [1]" in names(viewer)
    hidden = "“steel · grains” and “steel · boundary”, from an earlier run, are hidden"
    assert hidden in dock.run_bar.line.text()


def test_an_exception_in_the_worker_becomes_one_sentence(open_dock: OpenDock, qtbot: Any) -> None:
    # A RuntimeError is what napari's generator worker would have dropped without a word.
    predict = FakePredict(error=RuntimeError("the network broke\nat layer 3"))
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    said = dock.run_bar.line.text()
    assert said == (
        "“steel” could not be segmented (RuntimeError: the network broke); "
        "the full report is in the log."
    )
    assert names(viewer) == ["steel"]
    predict.error = None
    run_to_end(qtbot, dock)
    assert "steel · grains" in names(viewer)


# -- the viewer changes during a run -------------------------------------------------------------


def test_a_result_belongs_to_the_layer_it_was_started_from(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    image = viewer.add_image(noise(*SHAPE), name="steel", scale=(0.5, 0.5), translate=(3, 4))
    start_and_hold(qtbot, dock, predict)
    other = viewer.add_image(noise(8, 8), name="other", scale=(7, 7))
    predict.hold.set()
    wait_for_end(qtbot, dock)
    assert names(viewer) == ["steel", "other", "steel · grains", "steel · boundary"]
    grains = viewer.layers["steel · grains"]
    np.testing.assert_allclose(grains.scale, image.scale)
    np.testing.assert_allclose(grains.translate, (3, 4))
    assert grains.data.shape == SHAPE
    assert viewer.layers.selection.active is other


def test_an_image_renamed_and_calibrated_during_the_run_has_its_result_over_it(
    open_dock: OpenDock, qtbot: Any
) -> None:
    """The grains lay where the image had been, with its old pixel size: G was off by whole numbers.

    The Segment dock takes no pixel size while it runs; the Measure dock and napari itself do.
    """
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    image = viewer.add_image(noise(*SHAPE), name="steel", scale=(0.5, 0.5), units=("um", "um"))
    start_and_hold(qtbot, dock, predict)
    image.name = "renamed"
    image.scale, image.translate = (0.25, 0.25), (9, 9)
    predict.hold.set()
    wait_for_end(qtbot, dock)
    grains = viewer.layers["renamed · grains"]
    assert micrograph_of(viewer.layers, grains) is image
    assert pixel_size_um(grains) == 0.25
    made = grains.metadata[METADATA_KEY]
    assert (made["source"], made["pixel_size_um"]) == ("renamed", 0.25)
    expected = astm_planimetric(grains.data, 0.25).grain_number
    assert made["grain_number"] == pytest.approx(expected)
    assert (
        f"“renamed”: 16 grains, ASTM grain size number {expected:.1f}" in dock.run_bar.line.text()
    )


def test_the_last_line_is_about_the_chosen_image(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    steel = viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    other = viewer.add_image(noise(*SHAPE), name="other")
    predict.hold.set()
    wait_for_end(qtbot, dock)
    said = dock.run_bar.line.text()
    assert said.startswith("“steel”: 16 grains")  # it is news, and names its image
    qtbot.wait(50)
    viewer.layers.selection.active = steel
    assert dock.run_bar.line.text() == said
    viewer.layers.selection.active = other
    assert dock.run_bar.line.text() == ""
    viewer.layers.selection.active = viewer.layers["steel · grains"]
    assert dock.run_bar.line.text() == said


def test_it_is_told_when_the_pixels_were_replaced_during_the_run(
    open_dock: OpenDock, qtbot: Any
) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    steel = viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    steel.data = noise(*SHAPE)
    predict.hold.set()
    wait_for_end(qtbot, dock)
    assert "Its pixels were replaced during the run" in dock.run_bar.line.text()
    predict.hold = None
    dock.run_bar.button.click()
    wait_for_end(qtbot, dock)
    assert "replaced" not in dock.run_bar.line.text()


def test_deleting_the_source_layer_during_a_run_is_safe(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    viewer.layers.remove("steel")
    predict.hold.set()
    wait_for_end(qtbot, dock)
    assert names(viewer) == []
    assert dock.run_bar.line.text() == (
        "“steel” was removed during the run, so its result was dropped."
    )


def test_closing_the_viewer_during_a_run_stops_the_network(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    del dock
    viewer.close()
    qtbot.waitUntil(predict.stopped.is_set, timeout=PATIENCE)


def test_closing_the_dock_during_a_run_stops_the_network(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict(hold=threading.Event())
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_hold(qtbot, dock, predict)
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    del dock
    qtbot.waitUntil(predict.stopped.is_set, timeout=PATIENCE)
    viewer.add_image(noise(8, 8), name="later")  # nothing of the dock listens any more
    viewer.layers["steel"].name = "still fine"


# -- kinds of layers -----------------------------------------------------------------------------


def test_a_drawn_rectangle_limits_the_run(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(*SHAPE), name="steel", scale=(0.5, 0.5), translate=(3, 4))
    dock.form.draw.click()
    shapes = viewer.layers["steel · region"]
    assert shapes.mode == "add_rectangle"
    assert not dock.run_bar.button.isEnabled()
    assert "Draw a rectangle in “steel · region”" in dock.run_bar.button.toolTip()
    shapes.add_rectangles([[32, 16], [96, 112]])  # pixels: the layer lies as the image does
    qtbot.waitUntil(dock.run_bar.button.isEnabled, timeout=PATIENCE)
    assert dock.form.image.currentText() == "steel"
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    assert grains.data.shape == (65, 97)
    np.testing.assert_allclose(grains.data_to_world((0, 0)), image.data_to_world((32, 16)))


def test_a_removed_rectangle_gives_back_the_whole_image(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.draw.click()
    viewer.layers.remove("steel · region")
    qtbot.waitUntil(dock.run_bar.button.isEnabled, timeout=PATIENCE)
    assert dock.form.region.currentText() == "Whole image"


def test_a_stack_gives_stacks(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(3, *SHAPE), name="stack", scale=(2, 0.5, 0.5))
    qtbot.waitUntil(lambda: not dock.form.sections.isHidden(), timeout=PATIENCE)
    run_to_end(qtbot, dock)
    assert viewer.layers["stack · grains"].data.shape == (3, *SHAPE)
    assert viewer.layers["stack · boundary"].data.shape == (3, *SHAPE)
    np.testing.assert_allclose(viewer.layers["stack · grains"].scale, (2, 0.5, 0.5))
    assert "in 3 sections" in dock.run_bar.line.text()


def test_only_the_section_shown_can_be_segmented(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict()
    viewer, dock = open_dock(predict)
    stack = noise(5, *SHAPE)
    viewer.add_image(stack, name="stack", scale=(2, 0.5, 0.5))
    viewer.dims.set_point(0, 6.0)  # world units: section 3
    dock.form.sections.setCurrentIndex(1)
    run_to_end(qtbot, dock)
    np.testing.assert_array_equal(predict.calls[0]["micrograph"].data, stack[3])
    part = viewer.layers["stack · grains"]
    other = viewer.add_labels(np.zeros((5, *SHAPE), int), name="not ours")
    dock.form.sections.setCurrentIndex(0)
    viewer.layers.selection.active = part
    run_to_end(qtbot, dock)
    whole = viewer.layers["stack · grains [1]"]
    assert whole.visible and viewer.layers["stack · boundary [1]"].visible and other.visible
    assert not part.visible and not viewer.layers["stack · boundary"].visible
    assert viewer.layers.selection.active is whole
    dock.form.sections.setCurrentIndex(1)  # a part does not take the place of the whole
    viewer.dims.set_point(0, 2.0)
    run_to_end(qtbot, dock)
    assert whole.visible and "hidden" not in dock.run_bar.line.text()


def test_colour_multiscale_and_dask_layers_work(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    pyramid = noise(*SHAPE)
    viewer.add_image(noise(*SHAPE, 3), name="colour", rgb=True)
    run_to_end(qtbot, dock)
    viewer.add_image([pyramid, pyramid[::2, ::2]], name="pyramid", multiscale=True)
    run_to_end(qtbot, dock)
    viewer.add_image(da.from_array(noise(2, *SHAPE), chunks=(1, *SHAPE)), name="lazy")
    run_to_end(qtbot, dock)
    shapes = {layer.name: layer.data.shape for layer in viewer.layers if "grains" in layer.name}
    assert shapes == {
        "colour · grains": SHAPE,
        "pyramid · grains": SHAPE,
        "lazy · grains": (2, *SHAPE),
    }


def test_what_cannot_be_run_disables_the_button_and_says_why(
    open_dock: OpenDock, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    assert not dock.run_bar.button.isEnabled()
    assert dock.run_bar.button.toolTip() == "Open an image first."
    assert not dock.form.draw.isEnabled()
    assert not dock.cuts.new_cut.isEnabled()
    viewer.add_image(noise(2, 2, 32, 32), name="film")
    qtbot.waitUntil(lambda: "4-dim" in dock.run_bar.button.toolTip(), timeout=PATIENCE)
    assert not dock.run_bar.button.isEnabled()
    dock.toggle_run()  # the key binding does not ask the button
    assert "is 4-dimensional" in dock.run_bar.line.text()
    viewer.add_image(noise(*SHAPE), name="steel")
    qtbot.waitUntil(dock.run_bar.button.isEnabled, timeout=PATIENCE)


def test_a_model_that_is_not_ready_cannot_be_run(open_dock: OpenDock, qtbot: Any) -> None:
    missing = FakeModel(ready=False, why_not="Its weights are missing: run “etch models fetch”.")
    viewer, dock = open_dock(model=missing)
    viewer.add_image(noise(*SHAPE), name="steel")
    qtbot.waitUntil(lambda: dock.form.image.count() == 1, timeout=PATIENCE)
    assert not dock.run_bar.button.isEnabled()
    assert dock.run_bar.button.toolTip() == missing.why_not


# -- granularity ---------------------------------------------------------------------------------


def test_the_slider_cuts_the_grains_again_without_a_run(open_dock: OpenDock, qtbot: Any) -> None:
    predict = FakePredict()
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    assert len(np.unique(grains.data)) == 16
    dock.form.granularity.setValue(0.3)
    qtbot.waitUntil(lambda: len(np.unique(grains.data)) == 4, timeout=PATIENCE)
    assert dock.run_bar.line.text() == "“steel · grains”: 4 grains at granularity 0.30."
    assert len(predict.calls) == 1


def test_the_dock_knows_of_corrections_when_it_comes_back_to_the_front(
    open_dock: OpenDock, qtbot: Any
) -> None:
    """It went on saying that the slider cuts a map that it would not cut."""
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    assert dock.cuts.hint.text() == "Moving the slider cuts “steel · grains” again."
    assert dock.cuts.hint.toolTip() == "“steel · grains”: by fake, cut at granularity 0.50."
    grains.data_setitem((np.arange(9), np.arange(9)), 77)
    dock.come_to_front(True)
    assert "corrected or reviewed; the slider is" in dock.cuts.hint.text()
    grains.undo()
    dock.come_to_front(True)
    assert dock.cuts.hint.text() == "Moving the slider cuts “steel · grains” again."


def test_the_dock_knows_of_corrections_when_their_layer_is_selected(
    open_dock: OpenDock, qtbot: Any
) -> None:
    """Of two maps the corrected one seemed to be what the slider cuts, once it was selected."""
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    dock.cuts.cut_into_new_layer()
    grains.data_setitem((np.arange(9), np.arange(9)), 77)
    for name, said in (("steel · grains [1]", "Moving the slider"), (grains.name, "corrected or")):
        viewer.layers.selection.active = viewer.layers[name]
        assert said in dock.cuts.hint.text()


def test_the_slider_does_not_overwrite_corrections(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    grains.data_setitem((np.arange(9), np.arange(9)), 77)
    corrected = grains.data.copy()
    dock.form.granularity.setValue(0.3)
    qtbot.waitUntil(lambda: "corrected by hand" in dock.run_bar.line.text(), timeout=PATIENCE)
    np.testing.assert_array_equal(grains.data, corrected)
    assert "is cut at 0.90 and corrected or reviewed; the slider is" in dock.cuts.hint.text()
    dock.cuts.new_cut.click()
    np.testing.assert_array_equal(grains.data, corrected)
    new = viewer.layers["steel · grains [1]"]
    assert len(np.unique(new.data)) == 4
    assert new.metadata[METADATA_KEY]["granularity"] == pytest.approx(0.3)


def test_the_slider_shows_what_the_selected_map_was_cut_at(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    fine = viewer.layers["steel · grains"]
    dock.form.granularity.setValue(0.3)
    dock.cuts.cutter.cut_now()
    dock.cuts.new_cut.click()
    coarse = viewer.layers["steel · grains [1]"]
    viewer.layers.selection.active = coarse
    qtbot.waitUntil(lambda: dock.cuts.cutter.target is coarse, timeout=PATIENCE)
    dock.form.granularity.setValue(0.8)
    qtbot.waitUntil(lambda: granularity_of(coarse) == pytest.approx(0.8), timeout=PATIENCE)
    viewer.layers.selection.active = fine
    qtbot.waitUntil(lambda: dock.cuts.cutter.target is fine, timeout=PATIENCE)
    assert dock.form.granularity.value() == pytest.approx(0.3)
    qtbot.wait(60)
    assert granularity_of(coarse) == pytest.approx(0.8)
    assert len(np.unique(fine.data)) == 4

    again = SegmentDock(
        viewer, engine=dock.controller.engine, models=lambda: [], probe_devices=lambda: {}
    )
    viewer.window.add_dock_widget(again, name="Segment again")
    assert again.form.granularity.value() == pytest.approx(0.3)
    again.more_grains()
    assert again.form.granularity.value() == pytest.approx(0.35)


def test_a_chosen_model_that_is_renamed_or_deleted_is_told(
    open_dock: OpenDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run would be made by another model, without a word."""
    _viewer, dock = open_dock()
    offered = [FakeModel(), FakeModel(name="mine", title="Mine")]
    monkeypatch.setattr(dock, "_list_models", lambda: offered)
    tell_library_changed()
    assert dock.form.model.currentData() == "fake"
    dock.form.model.setCurrentIndex(1)
    offered[1] = FakeModel(name="mine", title="Mine, but better")
    tell_library_changed()
    assert dock.form.model.currentData() == "mine" and not dock.run_bar.line.text()
    offered[1] = FakeModel(name="other", title="Other")
    tell_library_changed()
    assert dock.form.model.currentData() == "fake"
    assert dock.run_bar.line.text().startswith(
        "“Mine, but better” was renamed or deleted: “Fake model” is chosen now."
    )


def test_the_slider_acts_on_the_selected_grains(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="first")
    run_to_end(qtbot, dock)
    viewer.add_image(noise(*SHAPE), name="second")
    run_to_end(qtbot, dock)
    viewer.layers.selection.active = viewer.layers["first · grains"]
    assert dock.form.image.currentText() == "first"
    assert dock.cuts.cutter.target is viewer.layers["first · grains"]
    viewer.layers.selection.active = viewer.layers["second"]
    assert dock.cuts.cutter.target is viewer.layers["second · grains"]


def test_the_slider_acts_on_the_selected_grains_of_a_plugin_s_viewer(
    make_napari_viewer: Callable[..., Any], qtbot: Any
) -> None:
    """A plugin gets a stand-in of the viewer, which hands out stand-ins of the active layer."""
    viewer, model = make_napari_viewer(), FakeModel()
    dock = SegmentDock(
        PublicOnlyProxy(viewer), engine=fake_engine(FakePredict(), model), models=lambda: [model]
    )
    viewer.window.add_dock_widget(dock, name="Segment")
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    viewer.layers.selection.active = grains
    dock.form.granularity.setValue(0.3)
    qtbot.waitUntil(lambda: len(np.unique(grains.data)) == 4, timeout=PATIENCE)


def test_a_grains_layer_that_was_removed_is_not_cut(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    viewer.layers.remove("steel · grains")
    qtbot.waitUntil(lambda: dock.cuts.cutter.target is None, timeout=PATIENCE)
    dock.form.granularity.setValue(0.2)
    assert not dock.cuts.new_cut.isEnabled()


def test_the_boxes_follow_the_layers(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    first = viewer.add_image(noise(*SHAPE), name="first")
    viewer.add_image(noise(*SHAPE), name="second")
    assert dock.form.image.currentText() == "second"
    viewer.layers.selection.active = first
    assert dock.form.image.currentText() == "first"
    first.name = "renamed"
    qtbot.waitUntil(lambda: dock.form.image.currentText() == "renamed", timeout=PATIENCE)
    assert "no pixel size" in dock.form.about_image.toolTip()
    first.scale, first.units = (0.5, 0.5), ("µm", "µm")
    qtbot.waitUntil(lambda: "0.5 µm/px" in dock.form.about_image.toolTip(), timeout=PATIENCE)
    viewer.layers.remove(first)
    qtbot.waitUntil(lambda: dock.form.image.count() == 1, timeout=PATIENCE)
    assert dock.form.image.currentText() == "second"


# -- the dock as a window ------------------------------------------------------------------------


def test_every_control_has_a_tooltip(open_dock: OpenDock) -> None:
    _, dock = open_dock()
    controls = [
        dock.form.image,
        dock.form.model,
        dock.form.region,
        dock.form.draw,
        dock.form.sections,
        dock.form.grain_size,
        dock.form.quality,
        dock.form.device,
        dock.form.skip_info_bar,
        dock.form.granularity,
        dock.cuts.new_cut,
        dock.run_bar.button,
        dock.run_bar.bar,
    ]
    assert all(isinstance(control, QWidget) and control.toolTip() for control in controls)


def test_devices_that_are_not_there_are_greyed_out(open_dock: OpenDock, qtbot: Any) -> None:
    _, dock = open_dock()
    model = dock.form.device.model()
    cuda = model.item(dock.form.device.findData("cuda"))
    qtbot.waitUntil(lambda: not cuda.isEnabled(), timeout=PATIENCE)
    assert cuda.toolTip() == "No GPU here."
    assert model.item(dock.form.device.findData("cpu")).isEnabled()


def test_options_that_a_model_does_not_have_are_greyed_out(open_dock: OpenDock) -> None:
    _, dock = open_dock(model=FakeModel(segment_options={"grain_size": None}))
    assert dock.form.grain_size.isEnabled()
    assert not dock.form.quality.isEnabled()
    assert dock.form.quality.toolTip() == "The chosen model has no such option."
    choose_gaps(dock, True)
    assert dock.settings().close_gaps is None


def choose_gaps(dock: Any, choice: bool | None) -> None:
    dock.form.close_gaps.setCurrentIndex([data for _, data in GAPS].index(choice))


def test_whether_gaps_are_closed_is_left_to_the_model_until_it_is_chosen(
    open_dock: OpenDock, qtbot: Any
) -> None:
    options = {"grain_size": None, "quality": "best", "close_gaps": None}
    predict = FakePredict()
    viewer, dock = open_dock(predict, model=FakeModel(segment_options=options))
    viewer.add_image(noise(*SHAPE), name="steel")
    assert dock.form.close_gaps.isEnabled()
    for choice in (None, True, False):
        choose_gaps(dock, choice)
        run_to_end(qtbot, dock)
    given = [call.get("close_gaps", "not given") for call in predict.calls]
    assert given == ["not given", True, False]


def test_scratches_are_filled_in_unless_that_is_unticked(open_dock: OpenDock, qtbot: Any) -> None:
    options = {"grain_size": None, "quality": "best", "fill_scratches": True}
    predict = FakePredict()
    viewer, dock = open_dock(predict, model=FakeModel(segment_options=options))
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    dock.form.fill_scratches.setChecked(False)
    run_to_end(qtbot, dock)
    given = [call.get("fill_scratches", "not given") for call in predict.calls]
    assert given == ["not given", False]
    dock.form.set_offered(frozenset({"quality"}))
    assert not dock.form.fill_scratches.isEnabled()


def press(viewer: Any, action: str) -> None:
    keys = KEY_BINDINGS[action].keys.replace("-", "+")
    bound = {str(key): function for key, function in viewer.keymap.items()}
    bound[keys](viewer)


def test_keys_show_hide_cut_and_run(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    qtbot.waitUntil(dock.run_bar.button.isEnabled, timeout=PATIENCE)
    press(viewer, "run")
    wait_for_end(qtbot, dock)
    press(viewer, "boundary")
    assert not viewer.layers["steel · boundary"].visible
    press(viewer, "boundary")
    assert viewer.layers["steel · boundary"].visible
    press(viewer, "grains")
    assert not viewer.layers["steel · grains"].visible
    before = dock.form.granularity.value()
    press(viewer, "fewer")
    assert dock.form.granularity.value() == pytest.approx(before - 0.05)
    press(viewer, "more")
    assert dock.form.granularity.value() == pytest.approx(before)


def test_the_keys_are_in_the_tooltips(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    qtbot.waitUntil(dock.run_bar.button.isEnabled, timeout=PATIENCE)
    assert "Shift+R" in dock.run_bar.button.toolTip()
    assert "Shift+Left" in dock.form.granularity.toolTip()


def test_keys_that_the_user_has_bound_are_left_alone(
    make_napari_viewer: Any, open_dock: OpenDock
) -> None:
    viewer, _dock = open_dock()
    taken: list[str] = []
    viewer.bind_key("Shift-R", lambda _viewer: taken.append("mine"), overwrite=True)
    from napari_etch._widgets.keys import bind_keys

    bind_keys(viewer, _dock)
    press(viewer, "run")
    assert taken == ["mine"]


def test_class_maps_and_outlines_of_the_image_are_no_grains(
    open_dock: OpenDock, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(*SHAPE), name="weld")
    modes = np.where(np.indices(SHAPE).sum(0) // 40 % 2, 1, 2).astype(np.uint8)

    def add_classes(kind: str) -> Labels:
        made = {"kind": kind, "source": "weld", "source_id": str(image.unique_id)}
        return viewer.add_labels(modes, name=f"weld · {kind}", metadata={METADATA_KEY: made})

    classes = add_classes("fracture")
    qtbot.waitUntil(lambda: dock.form.image.currentText() == "weld", timeout=PATIENCE)
    assert dock.cuts.hint.text() == "The next run uses this granularity."
    assert not dock.cuts.new_cut.isEnabled()
    dock.cuts.cut_into_new_layer()
    assert "Run the model" in dock.counts.count.toolTip()
    viewer.layers.selection.active = image
    run_to_end(qtbot, dock)
    add_classes("outlines")
    viewer.layers.selection.active = image
    qtbot.waitUntil(lambda: "weld · grains" in dock.cuts.hint.text(), timeout=PATIENCE)
    dock.form.granularity.setValue(0.7)
    qtbot.waitUntil(lambda: "“weld · grains”: " in dock.run_bar.line.text(), timeout=PATIENCE)
    np.testing.assert_array_equal(classes.data, modes)
    dock.toggle_grains()
    assert [layer.name for layer in viewer.layers if not layer.visible] == ["weld · grains"]


def test_a_map_that_was_reviewed_is_neither_cut_nor_made_again(
    open_dock: OpenDock, add_correct: Any, qtbot: Any
) -> None:
    """Verdicts change no pixel, and are an hour's work all the same."""
    viewer, dock = open_dock()
    image = viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    viewer.layers.selection.active = grains
    correct = add_correct(viewer)
    before = grains.data.copy()
    correct.session.tour.toggle((5, 5))
    dock.form.granularity.setValue(0.2)
    qtbot.waitUntil(lambda: "was reviewed" in dock.run_bar.line.text(), timeout=PATIENCE)
    np.testing.assert_array_equal(grains.data, before)
    assert len(correct.session.review.accepted) == 1
    viewer.window.remove_dock_widget(correct)
    viewer.layers.selection.active = image
    run_to_end(qtbot, dock)
    np.testing.assert_array_equal(grains.data, before)
    hidden = "“steel · grains” and “steel · boundary”, from an earlier run, are hidden"
    assert hidden in dock.run_bar.line.text()
    viewer.layers.selection.active = grains
    again = add_correct(viewer)
    assert len(again.session.review.accepted) == 1
    again.session.tour.toggle((5, 5))
    assert not is_judged(grains)

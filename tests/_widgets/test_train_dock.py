"""Window tests of the Train dock: a real viewer, a real process, a stand-in for the learning."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _widgets.fakes import PATIENCE, FakeModel, fake_engine
from processes import alive
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QPushButton, QWidget

from napari_etch._widgets import train_library
from napari_etch._widgets.layers import is_micrograph
from napari_etch._widgets.segment_dock import SegmentDock, installed_models
from napari_etch._widgets.train_dock import TrainDock
from napari_etch._widgets.train_plot import LossPlot
from napari_etch._widgets.train_preview import visible_region
from napari_etch.models import write_model
from napari_etch.models.library import Notes, add_model, delete_model, list_library
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training.jobs import FitJob
from napari_etch.training.labelfree.events import FitStep

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("calm_threads", "temporary_folder")]

FAKE_FIT = Path(__file__).parents[1] / "training" / "fake_fit.py"
CARD = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}
SHAPE = (96, 128)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def own() -> list[str]:
    return [model.name for model in list_library()]


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the folders of the jobs here, where a test can look what is left of them."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model that the stand-in "learns"; it cannot be loaded."""
    folder = tmp_path_factory.mktemp("ready") / "model"
    write_model(folder, {"weight": torch.zeros(3)}, {"architecture": "of another world"})
    return folder


@pytest.fixture
def open_train(
    make_napari_viewer: Callable[..., Any], ready: Path
) -> Iterator[Callable[..., tuple[Any, TrainDock]]]:
    """Return a function that opens a viewer with the Train dock, whose fits follow a scenario."""
    jobs: list[FitJob] = []

    def open_(scenario: str = "short", *, show: bool = False) -> tuple[Any, TrainDock]:
        def begin(request: Any) -> FitJob:
            job = FitJob(
                request,
                command=lambda folder: [
                    *(sys.executable, str(FAKE_FIT), str(folder)),
                    *(scenario, str(ready)),
                ],
            )
            jobs.append(job)
            return job

        viewer = make_napari_viewer(show=show)
        dock = TrainDock(viewer, begin_job=begin, probe_devices=lambda: {"cuda": "No GPU here."})
        viewer.window.add_dock_widget(dock, name="Train")
        return viewer, dock

    yield open_
    for job in jobs:
        job.close()


OpenTrain = Callable[..., Any]


def wait_for_end(qtbot: Any, dock: Any) -> None:
    qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE)


def start_and_wait(qtbot: Any, dock: Any) -> int:
    """Start a fit and return the number of its process once it has taken a step."""
    qtbot.waitUntil(dock.fit_bar.button.isEnabled, timeout=PATIENCE)
    dock.fit_bar.button.click()
    qtbot.waitUntil(lambda: bool(dock.plot.steps), timeout=PATIENCE)
    assert dock.runner.is_running
    return int(dock.runner.process_id)


def line(dock: Any) -> str:
    return dock.fit_bar.line.text()


def test_preparations_are_not_spoken_of_while_it_learns(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train("endless")
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_wait(qtbot, dock)
    assert line(dock) == ""
    dock.runner.cancel()
    wait_for_end(qtbot, dock)


# -- a fit that goes well ------------------------------------------------------------------------


def test_a_fit_ends_as_a_model_in_the_library(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(*SHAPE), name="steel 4")
    qtbot.waitUntil(lambda: dock.form.name.placeholderText() == "steel 4", timeout=PATIENCE)
    dock.fit_bar.button.click()
    assert dock.fit_bar.button.text() == "Stop and keep"
    assert not dock.fit_bar.button.isEnabled()
    assert "nothing to keep yet" in dock.fit_bar.button.toolTip()
    wait_for_end(qtbot, dock)
    [model] = list_library()
    assert (model.name, model.title) == ("steel-4", "steel 4")
    assert model.notes.sources == ("steel 4",)
    assert dock.library.chosen() == "steel-4"
    assert "“steel 4” was learnt in 4 s. 1 images, scratch, seed 0." in line(dock)
    assert "Looking around" not in line(dock)  # it was, and is over
    assert "All steps were taken." in line(dock)
    assert dock.plot.steps == list(range(1, 41))
    assert dock.fit_bar.button.text() == "Fit" and dock.fit_bar.button.isEnabled()
    assert dock.form.name.placeholderText() == "steel 4 2"
    assert names(viewer) == ["steel 4"]


@pytest.mark.parametrize("start", ["both", "generalist"])
def test_what_is_chosen_reaches_the_fit(
    open_train: OpenTrain, qtbot: Any, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(*SHAPE), name="steel", scale=(0.5, 0.5), units=("µm", "µm"))
    dock.form.start.setCurrentIndex(dock.form.start.findData(start))
    dock.form.name.setText("My alloy")
    dock.form.minutes.setValue(2.5)
    dock.form.seed.setValue(7)
    asked: list[Any] = []
    monkeypatch.setattr(dock.runner, "start", lambda make: asked.append(make()))
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)
    dock.start()
    [request] = asked
    assert (request.start, request.minutes, request.device) == (start, 2.5, "auto")
    assert request.seed == 7
    [micrograph] = request.micrographs
    np.testing.assert_array_equal(micrograph.data, viewer.layers["steel"].data)
    assert micrograph.pixel_size_um == pytest.approx(0.5)
    assert dock._title == "My alloy"


def test_several_ticked_images_make_one_request(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train()
    for name in ("a", "b", "c"):
        viewer.add_image(noise(*SHAPE), name=name)
    qtbot.waitUntil(lambda: dock.form.images.count() == 3, timeout=PATIENCE)
    assert [image.name for image in dock.choice.images()] == ["c"]  # the selected one
    for row in range(2):  # topmost first
        dock.form.images.item(row).setCheckState(Qt.CheckState.Checked)
    viewer.layers.selection.active = viewer.layers["a"]
    qtbot.wait(50)
    assert [part.source.name for part in dock.settings().parts] == ["c", "b"]
    assert "2 images" in dock.form.about_images.text()


def test_the_ticked_image_follows_the_selected_layer(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(*SHAPE), name="a")
    viewer.add_image(noise(*SHAPE), name="b")
    viewer.layers.selection.active = viewer.layers["a"]
    qtbot.waitUntil(
        lambda: [image.name for image in dock.choice.images()] == ["a"], timeout=PATIENCE
    )


def test_a_drawn_rectangle_is_what_is_learnt_from(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train()
    image = viewer.add_image(noise(*SHAPE), name="steel", scale=(0.5, 0.5), translate=(3, 4))
    qtbot.waitUntil(lambda: bool(dock.choice.images()), timeout=PATIENCE)
    dock.form.draw.click()
    shapes = viewer.layers["steel · region"]
    assert "Draw a rectangle" in dock.fit_bar.button.toolTip()
    assert not dock.fit_bar.button.isEnabled()
    shapes.add_rectangles(np.array([[10, 20], [10, 60], [50, 60], [50, 20]]))
    qtbot.waitUntil(dock.fit_bar.button.isEnabled, timeout=PATIENCE)
    [part] = dock.settings().parts
    assert part.learnt.slices == (slice(10, 51), slice(20, 61))
    from napari_etch._widgets.train_job import request_maker

    [micrograph] = request_maker(dock.settings())().micrographs
    np.testing.assert_array_equal(micrograph.data, image.data[10:51, 20:61])


def test_of_a_stack_the_section_shown_is_learnt_from(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train()
    stack = viewer.add_image(noise(5, *SHAPE), name="stack")
    dock.form.sections.setCurrentIndex(1)
    viewer.dims.set_current_step(0, 3)
    qtbot.waitUntil(lambda: bool(dock.choice.images()), timeout=PATIENCE)
    from napari_etch._widgets.train_job import request_maker

    [micrograph] = request_maker(dock.settings())().micrographs
    np.testing.assert_array_equal(micrograph.data, stack.data[3])
    assert "section 3 is used" in dock.form.about_images.text()
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: "section 1 is used" in dock.form.about_images.text(), timeout=PATIENCE)


def test_all_sections_of_a_stack_are_learnt_from(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train()
    stack = viewer.add_image(noise(5, *SHAPE), name="stack")
    qtbot.waitUntil(lambda: bool(dock.choice.images()), timeout=PATIENCE)
    from napari_etch._widgets.train_job import request_maker

    micrographs = request_maker(dock.settings())().micrographs
    assert [item.name for item in micrographs] == [f"stack [{index}]" for index in range(5)]
    np.testing.assert_array_equal(micrographs[4].data, stack.data[4])
    assert "all sections are used" in dock.form.about_images.text()
    viewer.layers.remove(stack)
    viewer.add_image(np.broadcast_to(noise(*SHAPE), (60, *SHAPE)), name="long")
    qtbot.waitUntil(
        lambda: "16 sections are used" in dock.form.about_images.text(), timeout=PATIENCE
    )
    viewer.add_image(noise(*SHAPE), name="flat")
    qtbot.waitUntil(lambda: dock.form.sections.isHidden(), timeout=PATIENCE)


def test_the_preview_is_of_the_section_nearest_to_the_one_shown(
    open_train: OpenTrain, qtbot: Any
) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(5, *SHAPE), name="stack")
    qtbot.waitUntil(lambda: bool(dock.choice.images()), timeout=PATIENCE)
    dock.preview.begin(dock.choice.parts())
    for section in (3, 1):
        viewer.dims.set_current_step(0, section)
        index, window = dock.preview.wanted()
        assert index == section and window is not None


# -- while it runs -------------------------------------------------------------------------------


def test_the_window_stays_responsive_during_a_fit(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train("endless")
    image = viewer.add_image(noise(*SHAPE), name="steel")
    start_and_wait(qtbot, dock)
    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(5)
    qtbot.waitUntil(lambda: len(ticks) >= 40, timeout=PATIENCE)
    timer.stop()
    image.contrast_limits = (10, 200)
    assert dock.runner.is_running
    dock.fit_bar.button.click()
    assert dock.fit_bar.button.text() == "Stopping…" and not dock.fit_bar.button.isEnabled()
    wait_for_end(qtbot, dock)
    assert own() == ["steel"]


def test_the_preview_lies_over_what_is_visible_and_goes_with_the_fit(
    open_train: OpenTrain, qtbot: Any
) -> None:
    viewer, dock = open_train("endless", show=True)
    image = viewer.add_image(
        noise(*SHAPE), name="steel", scale=(0.5, 0.5), translate=(3, 4), units=("µm", "µm")
    )
    viewer.reset_view()
    start_and_wait(qtbot, dock)
    qtbot.waitUntil(lambda: "steel · fit preview" in names(viewer), timeout=PATIENCE)
    layer = viewer.layers["steel · fit preview"]
    assert viewer.layers.selection.active is image
    whole = layer.data.shape
    assert whole[0] <= SHAPE[0] and whole[1] <= SHAPE[1] and layer.data.dtype == np.float32
    np.testing.assert_allclose(layer.scale, image.scale)
    image.scale = (2, 2)  # so less of it is in view
    qtbot.waitUntil(lambda: layer.data.shape < whole, timeout=PATIENCE)
    np.testing.assert_allclose(layer.scale, image.scale)
    corner = np.round(image.world_to_data(layer.translate)).astype(int)
    assert (corner >= 0).all() and (corner + layer.data.shape <= SHAPE).all()
    seen = visible_region(image)
    assert layer.data.shape == seen.shape and tuple(corner) == (seen.top, seen.left)
    assert not is_micrograph(layer)
    dock.fit_bar.button.click()
    wait_for_end(qtbot, dock)
    assert names(viewer) == ["steel"]


@pytest.mark.parametrize("kind", ["stack", "colour", "multiscale"])
def test_a_preview_lies_over_every_kind_of_image(
    open_train: OpenTrain, qtbot: Any, kind: str
) -> None:
    viewer, dock = open_train("endless", show=True)
    if kind == "stack":
        image = viewer.add_image(noise(4, *SHAPE), name="steel", scale=(2, 0.5, 0.5))
        viewer.dims.set_current_step(0, 2)
    elif kind == "colour":
        image = viewer.add_image(noise(*SHAPE, 3), name="steel", rgb=True)
    else:
        pixels = noise(*SHAPE)
        image = viewer.add_image([pixels, pixels[::2, ::2]], name="steel", multiscale=True)
    start_and_wait(qtbot, dock)
    qtbot.waitUntil(lambda: "steel · fit preview" in names(viewer), timeout=PATIENCE)
    layer = viewer.layers["steel · fit preview"]
    seen = visible_region(image)
    qtbot.waitUntil(lambda: layer.data.shape[-2:] == seen.shape, timeout=PATIENCE)
    if kind == "stack":
        assert layer.data.shape[0] == 1 and layer.translate[0] == 2 * image.scale[0]
    np.testing.assert_allclose(layer.scale, image.scale)
    dock.runner.cancel()
    wait_for_end(qtbot, dock)
    assert names(viewer) == ["steel"]


def test_a_preview_that_was_deleted_does_not_come_back(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train("endless")
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_wait(qtbot, dock)
    qtbot.waitUntil(lambda: "steel · fit preview" in names(viewer), timeout=PATIENCE)
    viewer.layers.remove("steel · fit preview")
    assert dock.preview.wanted() == (0, None)
    qtbot.wait(300)
    assert names(viewer) == ["steel"]
    dock.runner.cancel()
    wait_for_end(qtbot, dock)


def test_deleting_the_image_during_a_fit_is_safe_and_the_model_is_kept(
    open_train: OpenTrain, qtbot: Any
) -> None:
    viewer, dock = open_train("endless")
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_wait(qtbot, dock)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE)
    viewer.layers.clear()
    qtbot.wait(300)
    assert names(viewer) == []
    dock.fit_bar.button.click()
    wait_for_end(qtbot, dock)
    assert own() == ["steel"]
    assert dock.fit_bar.button.toolTip() == "Open an image first."


def test_cancel_keeps_nothing_and_leaves_no_process(
    open_train: OpenTrain, qtbot: Any, temporary_folder: Path
) -> None:
    viewer, dock = open_train("stubborn")
    viewer.add_image(noise(*SHAPE), name="steel")
    process = start_and_wait(qtbot, dock)
    dock.fit_bar.cancel.click()
    wait_for_end(qtbot, dock)
    assert line(dock) == "Cancelled; no model was kept."
    qtbot.waitUntil(lambda: not alive(process), timeout=PATIENCE)
    qtbot.waitUntil(lambda: list(temporary_folder.iterdir()) == [], timeout=PATIENCE)
    assert own() == [] and names(viewer) == ["steel"]
    dock.fit_bar.button.click()
    assert dock.runner.is_running


def test_closing_the_viewer_during_a_fit_leaves_no_process(
    open_train: OpenTrain, qtbot: Any, temporary_folder: Path
) -> None:
    viewer, dock = open_train("stubborn")
    viewer.add_image(noise(*SHAPE), name="steel")
    process = start_and_wait(qtbot, dock)
    del dock
    viewer.close()
    qtbot.waitUntil(lambda: not alive(process), timeout=PATIENCE)
    qtbot.waitUntil(lambda: list(temporary_folder.iterdir()) == [], timeout=PATIENCE)


def test_closing_the_dock_during_a_fit_leaves_no_process(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train("stubborn")
    viewer.add_image(noise(*SHAPE), name="steel")
    process = start_and_wait(qtbot, dock)
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    del dock
    qtbot.waitUntil(lambda: not alive(process), timeout=PATIENCE)
    viewer.add_image(noise(8, 8), name="later")  # nothing of the dock listens any more
    viewer.theme = "light"


def test_the_form_is_locked_while_a_fit_runs_and_says_why(
    open_train: OpenTrain, qtbot: Any
) -> None:
    viewer, dock = open_train("stubborn")
    viewer.add_image(noise(*SHAPE), name="steel")
    usual = dock.form.name.toolTip()
    start_and_wait(qtbot, dock)
    for widget in (*dock.form._controls(), dock.form.draw):
        assert not widget.isEnabled()
        assert "Wait for the end" in widget.toolTip()
    viewer.add_image(noise(*SHAPE), name="another")
    qtbot.wait(50)
    assert dock.form.images.count() == 1
    dock.runner.cancel()
    wait_for_end(qtbot, dock)
    assert dock.form.name.isEnabled() and dock.form.name.toolTip() == usual
    assert dock.form.images.count() == 2


# -- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("no grains", "“steel” shows no grains: choose another image."),
        ("bug", "The fit failed (RuntimeError: tensors of 3 and 4)."),
        ("crash", "ended without a word"),
    ],
)
def test_a_fit_that_fails_says_so_and_another_can_start(
    open_train: OpenTrain, qtbot: Any, scenario: str, said: str
) -> None:
    viewer, dock = open_train(scenario)
    viewer.add_image(noise(*SHAPE), name="steel")
    qtbot.waitUntil(dock.fit_bar.button.isEnabled, timeout=PATIENCE)
    dock.fit_bar.button.click()
    wait_for_end(qtbot, dock)
    assert said in line(dock)
    assert "color" in dock.fit_bar.line.styleSheet()
    assert own() == [] and dock.fit_bar.button.isEnabled()


def test_without_an_image_the_button_says_why(open_train: OpenTrain) -> None:
    _, dock = open_train()
    assert not dock.fit_bar.button.isEnabled()
    assert dock.fit_bar.button.toolTip() == "Open an image first."


def test_a_name_that_is_taken_is_refused_before_the_fit(
    open_train: OpenTrain, qtbot: Any, ready: Path
) -> None:
    add_model(ready, Notes("alloy"))
    viewer, dock = open_train()
    viewer.add_image(noise(*SHAPE), name="steel")
    qtbot.waitUntil(dock.fit_bar.button.isEnabled, timeout=PATIENCE)
    dock.form.name.setText("Alloy")
    assert "There is a model “Alloy” already" in dock.fit_bar.button.toolTip()


def test_an_image_of_many_channels_is_refused_with_a_sentence(
    open_train: OpenTrain, qtbot: Any
) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(2, 3, 16, 16), name="channels")
    qtbot.waitUntil(lambda: "4-dimensional" in dock.fit_bar.button.toolTip(), timeout=PATIENCE)


def test_whatever_is_disabled_says_why(open_train: OpenTrain, qtbot: Any) -> None:
    _, dock = open_train()
    for button in dock.findChildren(QPushButton):
        if not button.isEnabled():
            assert button.toolTip(), button.text()
    assert not dock.library.segment.isEnabled()
    assert "fit or import one" in dock.library.segment.toolTip()


# -- the library ---------------------------------------------------------------------------------


@pytest.fixture
def with_models(open_train: OpenTrain, ready: Path) -> tuple[Any, TrainDock]:
    for hour, title in enumerate(("old", "new")):
        add_model(ready, Notes(title, ("x.tif",), f"2026-11-20T1{hour}:00:00+01:00", "scratch"))
    viewer, dock = open_train()
    return viewer, dock


def shown(dock: Any) -> list[str]:
    return [dock.library.list.item(row).text() for row in range(dock.library.list.count())]


def test_the_models_are_listed_the_newest_first(with_models: tuple[Any, TrainDock]) -> None:
    _, dock = with_models
    assert shown(dock) == [
        "new\nfrom the image alone · 2026-11-20",
        "old\nfrom the image alone · 2026-11-20",
    ]
    assert "Learnt from x.tif" in dock.library.list.item(0).toolTip()


def test_rename_export_and_delete(
    with_models: tuple[Any, TrainDock], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, dock = with_models
    dock.library.choose("old")
    monkeypatch.setattr(train_library, "ask_title", lambda *_: "Older")
    dock.library.rename.click()
    assert dock.library.chosen() == "new" or dock.library.chosen() == "Older"
    assert set(own()) == {"new", "Older"}
    dock.library.choose("Older")
    file = tmp_path / "out.etch"
    monkeypatch.setattr(train_library, "ask_target", lambda *_: str(file))
    dock.library.export.click()
    assert file.is_file() and str(file) in line(dock)
    monkeypatch.setattr(train_library, "ask_deletion", lambda *_: False)
    dock.library.delete.click()
    assert set(own()) == {"new", "Older"}
    monkeypatch.setattr(train_library, "ask_deletion", lambda *_: True)
    dock.library.delete.click()
    assert own() == ["new"]
    assert [text.splitlines()[0] for text in shown(dock)] == ["new"]


def test_renaming_to_a_taken_name_says_so(
    with_models: tuple[Any, TrainDock], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dock = with_models
    monkeypatch.setattr(train_library, "ask_title", lambda *_: "old")
    dock.library.choose("new")
    dock.library.rename.click()
    assert "already" in line(dock)


def test_a_model_is_imported_after_a_check(
    open_train: OpenTrain, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready: Path
) -> None:
    write_model(tmp_path / "sound", EtchNet((4, 6, 8, 8)).state_dict(), CARD)
    _, dock = open_train()
    monkeypatch.setattr(train_library, "ask_source", lambda _: str(tmp_path / "sound"))
    dock.library.import_.click()
    qtbot.waitUntil(lambda: own() == ["sound"], timeout=PATIENCE)
    qtbot.waitUntil(lambda: dock.library.chosen() == "sound", timeout=PATIENCE)
    monkeypatch.setattr(train_library, "ask_source", lambda _: str(ready))
    dock.library.import_.click()
    qtbot.waitUntil(lambda: "does not know" in line(dock), timeout=PATIENCE)
    assert own() == ["sound"] and dock.library.import_.isEnabled()


def test_a_model_added_by_another_process_appears(
    with_models: tuple[Any, TrainDock], qtbot: Any, ready: Path
) -> None:
    _, dock = with_models
    add_model(ready, Notes("from the command line"))
    qtbot.waitUntil(lambda: dock.library.list.count() == 3, timeout=PATIENCE)
    delete_model("old")
    qtbot.waitUntil(lambda: dock.library.list.count() == 2, timeout=PATIENCE)


def test_a_fitted_model_appears_in_the_segment_dock_at_once(
    open_train: OpenTrain, qtbot: Any
) -> None:
    viewer, dock = open_train()
    segment = SegmentDock(
        viewer,
        engine=fake_engine(model=FakeModel()),
        models=installed_models,
        probe_devices=dict,
    )
    viewer.window.add_dock_widget(segment, name="Segment")
    viewer.add_image(noise(*SHAPE), name="steel")
    assert segment.form.model.findData("steel") < 0
    qtbot.waitUntil(dock.fit_bar.button.isEnabled, timeout=PATIENCE)
    dock.fit_bar.button.click()
    wait_for_end(qtbot, dock)
    assert segment.form.model.findData("steel") > 0
    assert segment.form.model.currentData() == "generalist"
    delete_model("steel")
    qtbot.waitUntil(lambda: segment.form.model.findData("steel") < 0, timeout=PATIENCE)


def test_segment_with_it_runs_the_model_in_the_segment_dock(
    with_models: tuple[Any, TrainDock], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = with_models
    image = viewer.add_image(noise(*SHAPE), name="steel")
    viewer.add_labels(np.ones(SHAPE, int), name="something else")
    qtbot.waitUntil(lambda: bool(dock.choice.images()), timeout=PATIENCE)
    ran: list[str] = []

    class Segment(QWidget):
        def run_model(self, name: str) -> None:
            ran.append(name)
            assert viewer.layers.selection.active is image

    monkeypatch.setattr(
        viewer.window, "add_plugin_dock_widget", lambda *_, **__: (QWidget(), Segment())
    )
    dock.library.choose("old")
    dock.library.segment.click()
    assert ran == ["old"]


def steps(*losses: float, first: int = 1) -> list[FitStep]:
    return [
        FitStep(first + index, 9, 0.0, 0.0, {"total": loss}) for index, loss in enumerate(losses)
    ]


def test_the_plot_shows_every_loss_and_begins_anew_with_a_second_try(qtbot: Any) -> None:
    plot = LossPlot("dark")
    qtbot.addWidget(plot)
    plot.begin()
    plot.add(steps(1.0, float("nan"), 0.5))
    plot.add(steps(0.25, first=4))
    assert (plot.steps, plot.losses) == ([1, 3, 4], [1.0, 0.5, 0.25])
    np.testing.assert_array_equal(plot._raw.getData()[1], plot.losses)
    assert 0.25 < plot.means[-1] < 1.0
    plot.add(steps(2.0, 1.5))
    assert (plot.steps, plot.losses) == ([1, 2], [2.0, 1.5])


def test_the_plot_follows_the_theme(open_train: OpenTrain, qtbot: Any) -> None:
    viewer, dock = open_train("endless")
    viewer.add_image(noise(*SHAPE), name="steel")
    start_and_wait(qtbot, dock)
    before = dock.plot._plot.backgroundBrush().color().name()
    viewer.theme = "light"
    assert dock.plot._plot.backgroundBrush().color().name() != before
    dock.runner.cancel()
    wait_for_end(qtbot, dock)

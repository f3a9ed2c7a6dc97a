"""The Train dock, learning from corrected labels: a real viewer, a stand-in for the learning."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _widgets.fakes import PATIENCE
from qtpy.QtCore import Qt

from napari_etch._widgets import train_dock, train_labels
from napari_etch._widgets.correct_sessions import Sessions
from napari_etch._widgets.fracture_layers import crc
from napari_etch._widgets.layers import METADATA_KEY
from napari_etch._widgets.train_dock import TrainDock
from napari_etch._widgets.train_labels import labelled_request_maker
from napari_etch.grains import partition
from napari_etch.grains.class_table import FRACTURE_MODES
from napari_etch.models import write_model
from napari_etch.models.library import list_library, rename_model
from napari_etch.training.jobs import FitJob

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("calm_threads")]

FAKE = Path(__file__).parents[1] / "training" / "fake_train.py"
SHAPE = (96, 128)


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)


def halves() -> np.ndarray:
    labels = np.ones(SHAPE, np.int32)
    labels[:, 64:] = 2
    return labels


@pytest.fixture
def open_train(
    make_napari_viewer: Callable[..., Any], tmp_path: Path
) -> Iterator[Callable[..., tuple[Any, TrainDock]]]:
    """Return a function that opens a viewer with the Train dock, set to learn from labels."""
    jobs: list[FitJob] = []
    ready = tmp_path / "ready"
    write_model(ready, {"weight": torch.zeros(3)}, {"architecture": "of another world"})

    def open_(scenario: str = "short") -> tuple[Any, TrainDock]:
        def begin(request: Any) -> FitJob:
            command = [sys.executable, str(FAKE)]
            more = [scenario, str(ready)]
            jobs.append(FitJob(request, command=lambda folder: [*command, str(folder), *more]))
            return jobs[-1]

        viewer = make_napari_viewer()
        dock = TrainDock(viewer, begin_job=begin, probe_devices=dict)
        viewer.window.add_dock_widget(dock, name="Train")
        dock.form.learn_from.setCurrentIndex(1)
        return viewer, dock

    yield open_
    for job in jobs:
        job.close()


def wait_for_end(qtbot: Any, dock: Any) -> None:
    qtbot.waitUntil(lambda: not dock.runner.is_running, timeout=PATIENCE)


def test_layers_become_a_model_with_scores(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    assert "Segment an image and correct" in dock.why_not()
    viewer.add_image(noise(), name="steel")
    viewer.add_labels(halves(), name="by hand")
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)
    assert dock.form.labels.pairs.item(0).text() == "by hand ← steel"
    assert dock.fit_bar.button.text() == "Train"
    dock.fit_bar.button.click()
    assert not dock.form.learn_from.isEnabled()
    wait_for_end(qtbot, dock)
    said = dock.fit_bar.line.text()
    assert "“steel” was learnt" in said
    assert "On what was held back: AP50 0.5 before, AP50 0.75 now." in said
    assert "grains: steel.tif; ignored []." in said
    assert [model.title for model in list_library()] == ["steel"]
    assert dock.plot.steps == list(range(1, 11))
    assert dock.plot.looks == [(0, 1.5), (5, 0.2), (10, 0.1)]
    assert dock.form.learn_from.isEnabled()


def test_stop_keeps_the_best(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train("endless")
    viewer.add_image(noise(), name="steel")
    viewer.add_labels(halves(), name="by hand")
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)
    stop_at_step_five(dock, qtbot)
    assert "Stopped by hand." in dock.fit_bar.line.text()
    assert len(list_library()) == 1


def test_only_reviewed_grains_are_learnt_from(
    open_train: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_labels, "reviewed_of", lambda layer: [1])
    viewer, dock = open_train()
    viewer.add_image(noise(), name="steel")
    viewer.add_labels(halves(), name="by hand")
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)
    assert dock.form.labels.reviewed.text() == "Only reviewed grains (1)"
    dock.form.labels.reviewed.setChecked(True)
    dock.start()
    wait_for_end(qtbot, dock)
    # all of the right half but 2 px beside the reviewed grain
    assert f"ignored [{96 * 62}]" in dock.fit_bar.line.text()


def test_what_is_missing_is_said(open_train: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(), name="steel")
    viewer.add_labels(halves()[:40], name="of another size")
    qtbot.wait(50)
    assert "labels of its size" in dock.why_not()
    viewer.add_labels(halves(), name="by hand")
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)
    dock.form.labels.pairs.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert dock.why_not() == "Tick the labels to learn from first."
    dock.form.labels.source.setCurrentIndex(1)
    assert dock.why_not() == "Choose a training folder first."
    dock.form.labels.folder.setText(str(tmp_path / "nowhere"))
    assert "There is no folder" in dock.why_not()
    dock.form.labels.folder.setText(str(tmp_path))
    assert not dock.why_not()
    assert not dock.form.labels.reviewed.isEnabled()


def test_an_empty_layer_is_not_ticked_and_is_named(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(), name="steel")
    empty = viewer.add_labels(np.zeros(SHAPE, np.int32), name="empty")
    qtbot.waitUntil(lambda: len(dock.label_choice.pairs()) == 1, timeout=PATIENCE)
    dock.label_choice.refresh()
    assert dock.why_not() == "Tick the labels to learn from first."
    dock.form.labels.pairs.item(0).setCheckState(Qt.CheckState.Checked)
    dock.start()
    said = "“empty” is empty: draw grains in it, or untick it."
    assert dock.fit_bar.line.text() == said
    viewer.layers.remove(empty)
    qtbot.waitUntil(lambda: dock.fit_bar.line.text() == "", timeout=PATIENCE)

    painted = viewer.add_labels(np.zeros(SHAPE, np.int32), name="painted")
    qtbot.waitUntil(lambda: len(dock.label_choice.pairs()) == 1, timeout=PATIENCE)
    painted.data = halves()
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)


def test_labels_go_with_the_image_they_were_made_from(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    first = viewer.add_image(noise(), name="first")
    viewer.add_image(noise(), name="second")
    made = {"kind": "grains", "source_id": str(first.unique_id)}
    viewer.add_labels(halves(), name="grains", metadata={"napari_etch": made})
    qtbot.waitUntil(lambda: bool(dock.label_choice.chosen()), timeout=PATIENCE)
    assert dock.label_choice.names() == ["first"]


def ready_to_train(open_train: Any, qtbot: Any, scenario: str) -> Any:
    viewer, dock = open_train(scenario)
    viewer.add_image(noise(), name="steel")
    viewer.add_labels(halves(), name="by hand")
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)
    return dock


def stop_at_step_five(dock: Any, qtbot: Any) -> None:
    dock.start()
    qtbot.waitUntil(lambda: 5 in dock.plot.steps, timeout=PATIENCE)
    dock.toggle_fit()
    wait_for_end(qtbot, dock)


def test_a_stopped_training_is_gone_on_with(open_train: Any, qtbot: Any) -> None:
    dock = ready_to_train(open_train, qtbot, "endless")
    assert dock.unfinished.isHidden()
    stop_at_step_five(dock, qtbot)
    assert not dock.unfinished.isHidden()
    assert dock.unfinished.list.currentText().startswith("steel · step 5 of 10 · ")
    dock.unfinished.go_on.click()
    dock.runner.cancel()  # it goes on with what it was before
    wait_for_end(qtbot, dock)
    assert not dock.unfinished.isHidden() and len(list_library()) == 1
    dock.unfinished.go_on.click()
    assert not dock.unfinished.go_on.isEnabled()
    assert "Wait for the end" in dock.unfinished.go_on.toolTip()
    wait_for_end(qtbot, dock)
    assert "Going on from step 5." in dock.fit_bar.line.text()
    assert dock.plot.steps == [6, 7, 8, 9, 10]
    assert "It replaces the model that was kept" in dock.fit_bar.line.text()
    assert [model.title for model in list_library()] == ["steel"]
    assert dock.library.chosen() == "steel"
    assert dock.unfinished.isHidden() and dock.unfinished.chosen() is None


def test_a_model_that_was_renamed_meanwhile_is_not_replaced(open_train: Any, qtbot: Any) -> None:
    dock = ready_to_train(open_train, qtbot, "endless")
    stop_at_step_five(dock, qtbot)
    rename_model("steel", "the good one")
    dock.unfinished.go_on.click()
    wait_for_end(qtbot, dock)
    assert {model.title for model in list_library()} == {"steel", "the good one"}
    assert "replaces" not in dock.fit_bar.line.text()


def test_a_training_whose_model_could_not_be_kept_can_be_gone_on_with(
    open_train: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    dock = ready_to_train(open_train, qtbot, "short")
    monkeypatch.setattr(train_dock, "add_model", full)
    dock.start()
    wait_for_end(qtbot, dock)
    assert "No space left" in dock.fit_bar.line.text()
    assert not dock.unfinished.isHidden() and not list_library()


def test_a_training_that_came_to_its_end_or_was_cancelled_is_not_kept(
    open_train: Any, qtbot: Any
) -> None:
    dock = ready_to_train(open_train, qtbot, "short")
    dock.start()
    wait_for_end(qtbot, dock)
    assert dock.unfinished.isHidden()
    dock = ready_to_train(open_train, qtbot, "endless")
    dock.start()
    qtbot.waitUntil(lambda: 5 in dock.plot.steps, timeout=PATIENCE)
    dock.runner.cancel()
    wait_for_end(qtbot, dock)
    assert dock.unfinished.isHidden()


def test_an_unfinished_training_is_forgotten(open_train: Any, qtbot: Any) -> None:
    dock = ready_to_train(open_train, qtbot, "endless")
    stop_at_step_five(dock, qtbot)
    answers = iter([False, True])
    dock.unfinished._ask = lambda _parent, title: title == "steel" and next(answers)
    dock.unfinished.forget.click()
    assert not dock.unfinished.isHidden()
    dock.unfinished.forget.click()
    assert dock.unfinished.isHidden()
    assert "was forgotten" in dock.fit_bar.line.text()


def modes() -> np.ndarray:
    classes = np.zeros(SHAPE, np.uint8)
    classes[10:40, 10:40], classes[10:40, 80:110], classes[60:70, 20:30] = 1, 2, 1
    return classes


def named(kind: str, **more: Any) -> dict[str, Any]:
    return {"napari_etch": {"kind": kind, **more}}


def test_class_maps_and_shapes_train_the_fracture_model(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(), name="sem")
    table = FRACTURE_MODES.with_class("dimple").as_json()
    viewer.add_labels(modes(), name="drawn", metadata=named("outlines", class_table=table))
    square = np.array([[70, 70], [70, 90], [90, 90], [90, 70]], float)
    viewer.add_shapes([square], shape_type="polygon", features={"class": ["dimple"]}, name="areas")
    viewer.add_shapes([square], name="no classes")
    qtbot.waitUntil(lambda: len(dock.label_choice.chosen()) == 2, timeout=PATIENCE)
    assert "choose the model “Fracture modes”" in dock.why_not()
    rows = dock.form.labels
    rows.model.setCurrentIndex(rows.model.findData("fracture"))
    assert not dock.why_not()
    settings = dock.label_choice.settings(
        title="", seed=0, minutes=None, device="cpu", skip_info_bar=True
    )
    made = labelled_request_maker(settings)()
    assert made.request.labels == "classes" and made.request.model == "fracture"
    names = [each["name"] for each in made.request.options["class_table"]["classes"]]
    assert names == ["intergranular", "transgranular", "dimple"]
    (learnt,) = (each.labels for each in made.images)  # the shapes lie on top
    rows, columns = np.nonzero(learnt == 3)
    assert (rows.min(), columns.min()) == (70, 70) and learnt[80, 80] == 3
    np.testing.assert_array_equal(learnt[learnt != 3], modes()[learnt != 3])


def test_of_two_grain_maps_of_one_image_one_is_learnt_from(open_train: Any, qtbot: Any) -> None:
    """What was held back of one was learnt from the other, and the scores were of no use."""
    viewer, dock = open_train()
    viewer.add_image(noise(), name="steel")
    for name in ("steel · grains", "steel · grains copy"):
        viewer.add_labels(halves(), name=name)
    viewer.add_labels(halves(), name="other", scale=(2, 2))
    choice = dock.label_choice
    qtbot.waitUntil(lambda: len(choice.pairs()) == 3, timeout=PATIENCE)
    choice.refresh()
    assert [layer.name for _, layer in choice.chosen()] == ["other"]
    choice.tick_only([viewer.layers["steel · grains"], viewer.layers["steel · grains copy"]])
    assert dock.why_not() == (
        "“steel · grains copy” and “steel · grains” are both the grains of “steel”: untick one of "
        "them."
    )
    choice.tick_only([viewer.layers["steel · grains"]])
    assert not dock.why_not()


def test_of_several_maps_the_corrected_one_is_ticked(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    image = viewer.add_image(noise(), name="steel")
    cut = partition(np.zeros(SHAPE, np.float32))
    made = named("grains", partitions=(cut,), source_id=str(image.unique_id))
    corrected = cut.grains.copy()
    corrected[:40] = 2
    viewer.add_labels(corrected, name="steel · grains", metadata=made)
    viewer.add_labels(cut.grains.copy(), name="steel · grains [1]", metadata=made)
    qtbot.waitUntil(lambda: len(dock.label_choice.pairs()) == 2, timeout=PATIENCE)
    dock.label_choice.refresh()
    assert [layer.name for _, layer in dock.label_choice.chosen()] == ["steel · grains"]


def test_grains_of_a_closed_image_are_no_labels_of_another(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    image = viewer.add_image(noise(), name="a")
    viewer.add_image(noise(), name="b")
    made = named("grains", source="a", source_id=str(image.unique_id))
    viewer.add_labels(halves(), name="a · grains", metadata=made)
    assert [pair[0].name for pair in dock.label_choice.pairs()] == ["a"]
    viewer.layers.remove(image)
    assert not dock.label_choice.pairs()


def test_a_restored_map_is_ticked_in_place_of_the_one_it_stands_for(
    open_train: Any, qtbot: Any
) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(), name="steel")
    saved = viewer.add_labels(halves(), name="steel · grains")
    choice = dock.label_choice
    qtbot.waitUntil(lambda: len(choice.chosen()) == 1, timeout=PATIENCE)
    saved.visible = False
    restored = viewer.add_labels(halves(), name="steel · grains [1]")
    qtbot.waitUntil(lambda: choice.chosen()[0][1] is restored, timeout=PATIENCE)
    assert len(choice.chosen()) == 1
    restored.visible = False  # a run hides it; what a model says is not learnt in its place
    cut = partition(np.zeros(SHAPE, np.float32))
    made = named("grains", partitions=(cut,))
    viewer.add_labels(cut.grains.copy(), name="steel · grains [2]", metadata=made)
    qtbot.waitUntil(lambda: len(choice.pairs()) == 3, timeout=PATIENCE)
    choice.refresh()
    assert [layer for _, layer in choice.chosen()] == [restored]


def test_kinds_that_do_not_fit_are_refused(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(), name="sem")
    grains = viewer.add_labels(halves(), name="grains")
    rows = dock.form.labels
    rows.model.setCurrentIndex(rows.model.findData("fracture"))
    qtbot.waitUntil(lambda: "are learnt from class maps" in dock.why_not(), timeout=PATIENCE)
    outlines = named("outlines")
    empty = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="empty", metadata=outlines)
    dock.label_choice.tick_only([grains, empty])
    qtbot.waitUntil(lambda: "tick maps of one kind" in dock.why_not(), timeout=PATIENCE)
    dock.label_choice.tick_only([viewer.layers["empty"]])
    assert dock.why_not() == "“empty” is empty: outline areas in it, or untick it."


def test_a_map_that_nobody_corrected_is_not_ticked(open_train: Any, qtbot: Any) -> None:
    viewer, dock = open_train()
    viewer.add_image(noise(), name="sem")
    said, corrected = modes(), modes()
    made = named("fracture", crc=crc(said))
    viewer.add_labels(said, name="said", metadata=made)
    corrected[0, 0] = 1
    viewer.add_labels(corrected, name="corrected", metadata=made)
    qtbot.waitUntil(lambda: len(dock.label_choice.pairs()) == 2, timeout=PATIENCE)
    dock.label_choice.refresh()
    assert [layer.name for _, layer in dock.label_choice.chosen()] == ["corrected"]


def test_grains_that_nobody_corrected_are_remarked_on(open_train: Any, qtbot: Any) -> None:
    boundary = np.zeros(SHAPE, np.float32)
    boundary[:, 64] = 0.9
    cut = partition(boundary)
    viewer, dock = open_train()
    viewer.add_image(noise(), name="steel")
    made = named("grains", partitions=(cut,), granularity=0.5)
    layer = viewer.add_labels(np.array(cut.grains), name="steel · grains", metadata=made)
    qtbot.waitUntil(lambda: not dock.why_not(), timeout=PATIENCE)
    dock.start()
    wait_for_end(qtbot, dock)
    assert "Nothing in “steel · grains” was corrected" in dock.fit_bar.line.text()
    layer.data_setitem(np.nonzero(np.array(cut.grains) == 2), 1)
    assert dock.label_choice.remark() == ""


def test_only_judged_facets_are_learnt_from(open_train: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, dock = open_train()
    image = viewer.add_image(noise(), name="sem")
    layer = viewer.add_labels(modes(), name="map", metadata=named("fracture"))
    sessions = Sessions(tmp_path, lambda: 1)
    session = sessions.of(layer, None, image)
    dock.label_choice.refresh()
    assert not dock.form.labels.reviewed.isEnabled()
    session.tour.right((10, 10))
    dock.label_choice.refresh()
    assert dock.form.labels.reviewed.text() == "Only reviewed facets"
    dock.form.labels.reviewed.setChecked(True)
    settings = dock.label_choice.settings(
        title="", seed=0, minutes=None, device="cpu", skip_info_bar=True
    )
    (made,) = labelled_request_maker(settings)().images
    assert made.ignore is not None
    np.testing.assert_array_equal((made.labels > 0) & ~made.ignore, seen_square())


def seen_square() -> np.ndarray:
    seen = np.zeros(SHAPE, bool)
    seen[10:40, 10:40] = True
    return seen


def test_backbone_and_target_of_the_decoder_go_into_the_request(
    open_train: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ETCH_CACHE", str(tmp_path / "cache"))  # with no backbone in it
    viewer, dock = open_train()
    viewer.add_image(noise(), name="steel")
    viewer.add_labels(halves(), name="by hand")
    rows, form = dock.form.labels, dock.form._form

    def request() -> Any:
        common = {"title": "", "seed": 0, "minutes": None, "device": "cpu", "skip_info_bar": True}
        settings = dock.label_choice.settings(**common)
        return train_labels.labelled_request_maker(settings)().request

    assert not form.isRowVisible(rows.backbone) and request().options == {}
    rows.model.setCurrentIndex(rows.model.findData("dinov2"))
    assert form.isRowVisible(rows.backbone) and form.isRowVisible(rows.target)
    assert request().options == {"backbone": "compact", "target": "grains"}
    rows.backbone.setCurrentIndex(rows.backbone.findData("vit_small_patch14_dinov2"))
    rows.target.setCurrentIndex(rows.target.findData("mask"))
    assert "MB to download" in rows.backbone.currentText()
    assert request().options == {"backbone": "vit_small_patch14_dinov2", "target": "mask"}
    rows.set_starts([("Mine", "mine")], "mine")
    rows.show_rows(True)
    assert not rows.backbone.isEnabled() and "keeps the backbone" in rows.backbone.toolTip()
    assert request().options == {"target": "mask"}


def test_an_ignore_layer_is_not_learnt_from_and_is_no_pair(open_train: Any, qtbot: Any) -> None:
    dock = ready_to_train(open_train, qtbot, "short")
    ignored = np.zeros(SHAPE, np.uint8)
    ignored[:10] = 1
    dock._viewer.add_labels(ignored, name="steel · ignore")
    bridges = {"napari_etch": {"kind": "added"}}
    dock._viewer.add_labels(halves(), name="steel · added", metadata=bridges)
    qtbot.wait(50)
    assert [grains.name for _, grains in dock.label_choice.pairs()] == ["by hand"]
    dock.start()
    wait_for_end(qtbot, dock)
    assert f"ignored [{10 * 128}]" in dock.fit_bar.line.text()


def test_grains_of_a_region_are_learnt_with_that_part_of_their_image(
    open_train: Any, qtbot: Any
) -> None:
    viewer, dock = open_train()
    pixels = noise()
    image = viewer.add_image(pixels, name="steel", scale=(0.5, 0.5))
    made = {"kind": "grains", "source_id": str(image.unique_id), "model": "generalist"}
    ignored = np.zeros(SHAPE, np.uint8)
    ignored[:20] = 1
    viewer.add_labels(ignored, name="steel · ignore", scale=(0.5, 0.5))
    part = halves()[:60, :80]
    viewer.add_labels(
        part, scale=(0.5, 0.5), translate=(5, 15), metadata={METADATA_KEY: made}, name="part"
    )
    viewer.add_labels(part[:50], name="of another image")
    qtbot.waitUntil(lambda: dock.form.labels.pairs.count() == 1, timeout=PATIENCE)
    assert dock.form.labels.pairs.item(0).text() == "part ← steel, a part of it"
    dock.form.labels.pairs.item(0).setCheckState(Qt.CheckState.Checked)
    (pair,) = dock.label_choice.settings(
        title="", seed=0, minutes=None, device="cpu", skip_info_bar=False
    ).pairs
    np.testing.assert_array_equal(pair.source.data, pixels[10:70, 30:110])
    np.testing.assert_array_equal(pair.labels, part)
    np.testing.assert_array_equal(pair.ignore, ignored[10:70, 30:110] > 0)


def test_grains_that_were_saved_and_opened_again_are_learnt_with_their_own_image(
    open_train: Any, qtbot: Any
) -> None:
    viewer, dock = open_train()
    for name in ("one", "two"):
        viewer.add_image(noise(), name=name)
        viewer.add_labels(halves(), name=f"{name} · grains")
        viewer.add_image(noise() / 255.0, name=f"{name} · boundary")
    qtbot.waitUntil(lambda: dock.form.labels.pairs.count() == 2, timeout=PATIENCE)
    listed = [dock.form.labels.pairs.item(at).text() for at in range(2)]
    assert listed == ["two · grains ← two", "one · grains ← one"]

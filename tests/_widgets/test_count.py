"""Window tests of counting: a real viewer, marks on grains, one line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _widgets.fakes import PATIENCE, PITCH, FakeModel, FakePredict
from napari.layers import Points

from napari_etch._widgets import count_run
from napari_etch._widgets.count_marks import COLOURS, FAINT
from napari_etch._widgets.layers import set_labels
from napari_etch.counting import CORNER, COUNT_MODEL, EDGE, INSIDE

pytestmark = pytest.mark.gui

SHAPE = (4 * PITCH, 4 * PITCH)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def run_to_end(qtbot: Any, dock: Any) -> None:
    dock.toggle_run()
    wait(qtbot, dock)


def wait(qtbot: Any, dock: Any) -> None:
    qtbot.waitUntil(lambda: not dock.is_busy, timeout=PATIENCE)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold counting up in its thread until the event is set; yield the event."""
    go, counted = threading.Event(), count_run.edited_by_hand

    def slow(*args: Any, **kwargs: Any) -> bool:
        assert threading.current_thread() is not threading.main_thread()
        assert go.wait(PATIENCE / 1000)
        return counted(*args, **kwargs)

    monkeypatch.setattr(count_run, "edited_by_hand", slow)
    yield go
    go.set()


def counting(open_dock: Any, qtbot: Any) -> tuple[Any, Any]:
    """Return a viewer and a dock that has begun to count."""
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    dock.counts.count.click()
    assert dock.is_busy and not dock.counts.count.isEnabled()
    return viewer, dock


def test_count_puts_a_mark_on_each_grain_and_says_how_many(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    count = dock.counts.count
    assert not count.isEnabled() and count.toolTip() == "Open an image first."
    viewer.add_image(
        noise(*SHAPE), name="steel", scale=(0.5, 0.5), translate=(3, 4), units=("µm", "µm")
    )
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    assert count.isEnabled()
    count.click()
    wait(qtbot, dock)
    grains, marks = viewer.layers["steel · grains"], viewer.layers["steel · grains · count"]
    assert isinstance(marks, Points) and len(marks.data) == 16
    labels = grains.data[tuple(marks.data.astype(int).T)]
    assert sorted(labels) == list(range(1, 17))
    places = list(marks.features["place"])
    assert [places.count(place) for place in (INSIDE, EDGE, CORNER)] == [4, 8, 4]
    assert len({tuple(colour) for colour in marks.face_color}) == len(COLOURS)
    np.testing.assert_allclose(marks.translate, (3, 4))
    said = dock.run_bar.line.text()
    assert "16 grains (95 %:" in said and "per mm²" in said


def test_counting_again_replaces_the_marks(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    for _ in range(2):
        dock.counts.count.click()
        wait(qtbot, dock)
    assert sum(isinstance(layer, Points) for layer in viewer.layers) == 1
    assert viewer.layers.selection.active.name == "steel"


def counted(open_dock: Any, qtbot: Any) -> tuple[Any, Any, Any, Any]:
    """Return viewer, dock, grains and marks of an image whose many grains were counted."""
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    dock.counts.count.click()
    wait(qtbot, dock)
    grains, marks = viewer.layers["steel · grains"], viewer.layers["steel · grains · count"]
    return viewer, dock, grains, marks


def test_marks_of_grains_that_changed_say_that_they_are_of_an_earlier_state(
    open_dock: Any, qtbot: Any
) -> None:
    viewer, dock, grains, marks = counted(open_dock, qtbot)
    grains.contour = 2  # another look, the same grains
    grains.refresh()
    assert marks.name == "steel · grains · count"
    grains.data_setitem(np.nonzero(grains.data == 1), 2)
    assert marks.name == "steel · grains · count of an earlier state"
    assert marks.opacity == FAINT
    grains.undo()
    assert marks.name == "steel · grains · count" and marks.opacity > FAINT
    set_labels(grains, np.ones_like(grains.data))  # as when the grains are cut again
    assert marks.name == "steel · grains · count of an earlier state"
    dock.counts.count.click()
    wait(qtbot, dock)
    (again,) = [layer for layer in viewer.layers if isinstance(layer, Points)]
    assert again.name == "steel · grains · count"
    set_labels(grains, grains.data * 2)
    assert again.name == "steel · grains · count of an earlier state"


def test_marks_are_of_the_map_again_when_a_correction_is_undone(
    open_dock: Any, add_correct: Any, qtbot: Any
) -> None:
    """The Correct dock has undo repaint a part, of which napari tells as of a stroke."""
    viewer, _dock, grains, marks = counted(open_dock, qtbot)
    viewer.layers.selection.active = grains
    correct = add_correct(viewer)
    a, b = correct.session.editor().grains[0, [5, 5 + PITCH]].tolist()
    assert a != b
    correct.gestures.make("join", [(5.0, 5.0), (5.0, 5.0 + PITCH)])
    assert marks.name == "steel · grains · count of an earlier state"
    correct.gestures.undo()
    qtbot.waitUntil(lambda: marks.name == "steel · grains · count", timeout=PATIENCE)


def test_a_corrected_map_is_counted_as_it_is(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    grains.data_setitem(np.nonzero(grains.data == 1), 2)
    dock.count_grains()
    wait(qtbot, dock)
    assert "15 grains" in dock.run_bar.line.text()
    assert "no interval" in dock.run_bar.line.text()


def test_an_image_without_grains_is_run_first(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(*SHAPE), name="steel")
    dock.count_selected(image)
    qtbot.waitUntil(lambda: "steel · grains · count" in viewer.layers, timeout=PATIENCE)
    assert not dock.is_busy


def test_the_selected_map_is_counted_and_not_the_image_beside_it(
    open_dock: Any, qtbot: Any
) -> None:
    predict = FakePredict()
    viewer, dock = open_dock(predict)
    viewer.add_image(noise(*SHAPE), name="steel")
    labels = np.ones(SHAPE, np.int32)
    labels[: SHAPE[0] // 2] = 2
    viewer.add_labels(labels, name="drawn")
    qtbot.waitUntil(lambda: "drawn" in dock.counts.count.toolTip(), timeout=PATIENCE)
    dock.counts.count.click()
    wait(qtbot, dock)
    assert "drawn · count" in viewer.layers and not predict.calls
    assert "2 grains" in dock.run_bar.line.text()


def test_every_section_of_a_stack_has_its_marks(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    labels = np.zeros((2, 8, 8), np.int32)
    labels[0], labels[1, :4], labels[1, 4:] = 1, 2, 3
    layer = viewer.add_labels(labels, name="mine")
    dock.count_selected(layer)
    wait(qtbot, dock)
    marks = viewer.layers["mine · count"]
    assert sorted(marks.data[:, 0]) == [0, 1, 1]
    assert "3 grains in 2 sections, 1 to 2 in each" in dock.run_bar.line.text()
    assert [name for name, _ in dock.counts.rows()] == ["mine [0]", "mine [1]"]


def test_a_map_without_grains_is_refused_in_a_sentence(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    layer = viewer.add_labels(np.zeros((8, 8), np.int32), name="empty")
    dock.count_grains(layer)
    wait(qtbot, dock)
    assert "“empty” has no grain" in dock.run_bar.line.text()


def test_the_window_lives_while_a_count_runs(
    open_dock: Any, qtbot: Any, held: threading.Event
) -> None:
    viewer, dock = counting(open_dock, qtbot)
    dock.start()  # one thing at a time
    assert "under way" in dock.run_bar.line.text()
    held.set()
    wait(qtbot, dock)
    assert "steel · grains · count" in viewer.layers


def test_a_count_that_is_cancelled_leaves_no_marks(
    open_dock: Any, qtbot: Any, held: threading.Event
) -> None:
    viewer, dock = counting(open_dock, qtbot)
    dock.toggle_run()
    assert "Cancelling" in dock.run_bar.button.text()
    held.set()
    wait(qtbot, dock)
    assert "steel · grains · count" not in viewer.layers
    assert "Cancelled" in dock.run_bar.line.text()
    assert not dock.counts.rows() and dock.counts.count.isEnabled()


def test_grains_that_change_meanwhile_get_no_marks(
    open_dock: Any, qtbot: Any, held: threading.Event
) -> None:
    viewer, dock = counting(open_dock, qtbot)
    grains = viewer.layers["steel · grains"]
    grains.data_setitem(np.nonzero(grains.data == 1), 2)
    held.set()
    wait(qtbot, dock)
    assert "was changed while it was counted" in dock.run_bar.line.text()
    assert "steel · grains · count" not in viewer.layers


def test_a_layer_that_is_removed_meanwhile_gets_no_marks(
    open_dock: Any, qtbot: Any, held: threading.Event
) -> None:
    viewer, dock = counting(open_dock, qtbot)
    viewer.layers.remove("steel · grains")
    held.set()
    wait(qtbot, dock)
    assert "was removed while it was counted" in dock.run_bar.line.text()


def test_an_error_of_a_count_is_one_sentence(
    open_dock: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = open_dock()
    layer = viewer.add_labels(np.ones((8, 8), np.int32), name="mine")

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("napari_etch.counting.count_map", fail)
    dock.count_grains(layer)
    wait(qtbot, dock)
    assert "“mine” could not be counted (RuntimeError: boom)" in dock.run_bar.line.text()
    assert dock.run_bar.button.text() == "Run"


def test_the_counts_are_listed_and_saved_as_the_command_line_does(
    open_dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel", scale=(0.5, 0.5), units=("µm", "µm"))
    dock.form.granularity.setValue(0.9)
    dock.counts.count.click()  # no grains yet: the model runs first
    qtbot.waitUntil(lambda: bool(dock.counts.rows()), timeout=PATIENCE)
    wait(qtbot, dock)
    assert dock.counts.table.rowCount() == 1
    assert [dock.counts.table.item(0, column).text() for column in (0, 1)] == ["steel", "16"]
    dock.counts.save_to(tmp_path / "counts")
    heading, row = (tmp_path / "counts.csv").read_text().splitlines()
    assert heading == "image,count,low,high,density_per_mm2,inside,at_edge,at_corner"
    assert row.startswith("steel,16,") and float(row.split(",")[4]) > 0
    dock.counts.save_to(tmp_path / "counts.csv" / "no.csv")
    assert "could not be written" in dock.run_bar.line.text()


def test_a_count_follows_a_pixel_size_and_a_name_that_are_given_later(
    open_dock: Any, qtbot: Any
) -> None:
    """The density stayed that of the pixel size at the time of the count, also in the file."""
    viewer, dock = open_dock()
    steel = viewer.add_image(noise(*SHAPE), name="steel", scale=(0.5, 0.5), units=("µm", "µm"))
    run_to_end(qtbot, dock)
    dock.count_grains()
    wait(qtbot, dock)
    ((_name, before),) = dock.counts.rows()
    dock.form.pixel_size.number.setValue(0.25)
    steel.name = "specimen 7"
    qtbot.waitUntil(lambda: dock.counts.rows()[0][0] == "specimen 7", timeout=PATIENCE)
    ((_name, after),) = dock.counts.rows()
    assert after.density_per_mm2 == pytest.approx(4 * before.density_per_mm2)
    assert dock.counts.table.item(0, 3).text() == f"{after.density_per_mm2:.4g}"
    dock.count_grains()
    wait(qtbot, dock)
    ((_name, anew),) = dock.counts.rows()
    found = [(each.density_per_mm2, each.density_low, each.density_high) for each in (after, anew)]
    assert found[0] == pytest.approx(found[1])


def test_an_image_of_the_same_name_opened_later_has_a_row_of_its_own(
    open_dock: Any, qtbot: Any
) -> None:
    """01.tif of one folder, and then of another: the second count took the place of the first."""
    viewer, dock = open_dock()
    for _folder in range(2):
        viewer.layers.clear()
        viewer.add_image(noise(*SHAPE), name="01")
        run_to_end(qtbot, dock)
        dock.count_grains()
        wait(qtbot, dock)
    dock.count_grains()
    wait(qtbot, dock)
    assert [name for name, _count in dock.counts.rows()] == ["01 · grains", "01 · grains (2)"]


def test_the_menu_counts_with_the_model_of_etch_count_unless_one_was_chosen(
    open_dock: Any, qtbot: Any
) -> None:
    predict = FakePredict()
    viewer, dock = open_dock(predict)
    dock._list_models = lambda: [FakeModel(), FakeModel(name=COUNT_MODEL, title="Counter")]
    dock._on_library()
    image = viewer.add_image(noise(*SHAPE), name="steel")
    dock.count_selected(image)
    assert dock.form.model.currentData() == COUNT_MODEL
    wait(qtbot, dock)
    viewer.layers.clear()
    dock.run_model("fake")
    dock.form.model.setCurrentIndex(0)
    other = viewer.add_image(noise(*SHAPE), name="other")
    dock.count_selected(other)
    assert dock.form.model.currentData() == "fake"
    qtbot.waitUntil(lambda: bool(dock.counts.rows()), timeout=PATIENCE)
    wait(qtbot, dock)


def test_the_layer_carries_the_calibration_of_its_model(open_dock: Any, qtbot: Any) -> None:
    model = FakeModel()
    model.card = {"count": {"high": 9.0}}  # type: ignore[attr-defined]
    viewer, dock = open_dock(model=model)
    viewer.add_image(noise(*SHAPE), name="steel")
    run_to_end(qtbot, dock)
    assert viewer.layers["steel · grains"].metadata["napari_etch"]["count"] == {"high": 9.0}
    dock.counts.count.click()
    wait(qtbot, dock)
    ((_, found),) = dock.counts.rows()
    assert found.high > 2 * found.count

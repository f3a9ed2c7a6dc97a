"""Window tests of the Repair dock: a real viewer, a real worker thread, a stand-in repair."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _widgets.fakes import PATIENCE
from _widgets.hands import Hands
from _widgets.repair_fakes import GAPS, MIDDLES, FakeRepair, broken_lines, nine_grains, repaired
from napari.layers import Image, Labels
from napari.layers._layer_actions import _duplicate_layer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from skimage.measure import label

from napari_etch._widgets.keys import REPAIR_BINDINGS
from napari_etch._widgets.layers import METADATA_KEY, pixel_size_um
from napari_etch._widgets.repair_dock import RepairDock
from napari_etch._widgets.repair_layers import ACCEPTED_COLOUR, FALLEN_COLOUR
from napari_etch._widgets.repair_run import default_repair
from napari_etch._widgets.scroll import dock_of
from napari_etch.corrections import State
from napari_etch.repairing import Repaired, RepairError

pytestmark = pytest.mark.gui
OpenRepair = Callable[..., tuple[Any, RepairDock]]
BOUNDARY, GRAINS, ADDED = "net · closed boundary", "net · closed grains", "net · added"


@pytest.fixture
def open_repair(
    calm_threads: None, make_napari_viewer: Callable[..., Any], tmp_path: Path
) -> Iterator[OpenRepair]:
    """Return a function that opens a viewer with a broken map and the Repair dock."""
    docks: list[RepairDock] = []

    def open_(
        engine: Callable[..., Any] | None = None, *, show: bool = False
    ) -> tuple[Any, RepairDock]:
        viewer = make_napari_viewer(show=show)
        picture = np.where(broken_lines(), 0, 255).astype(np.uint8)
        viewer.add_image(picture, name="net", scale=(0.5, 0.5), units=("µm", "µm"))
        dock = RepairDock(
            viewer,
            engine=engine or FakeRepair(),
            folder=tmp_path / "repairs",
            probe_devices=lambda: {"cuda": "No GPU here."},
        )
        viewer.window.add_dock_widget(dock, name="Repair")
        docks.append(dock)
        return viewer, dock

    yield open_
    for dock in docks:
        for journal in dock.keeping.journals.values():
            journal.close()


class Painted(QObject):
    """Counts how often a widget is painted."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject | None, event: QEvent | None) -> bool:
        """Let all events pass."""
        self.count += event is not None and event.type() == QEvent.Type.Paint
        return False


def wait_for_end(qtbot: Any, dock: RepairDock) -> None:
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)


def slide(qtbot: Any, dock: RepairDock, least: float) -> None:
    dock.form.least.setValue(least)
    qtbot.waitUntil(lambda: not dock.least_soon.isActive(), timeout=PATIENCE)


def run(qtbot: Any, dock: RepairDock, least: float = 0.0) -> None:
    dock.form.least.setValue(least)
    dock.run_bar.button.click()
    wait_for_end(qtbot, dock)


def line(dock: RepairDock) -> str:
    return str(dock.run_bar.line.text())


def grain_count(viewer: Any) -> int:
    return len(np.unique(viewer.layers[GRAINS].data))


# -- running -------------------------------------------------------------------------------------


def test_a_run_adds_the_closed_boundary_the_grains_and_the_bridges(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    net = viewer.layers["net"]
    run(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["net", GRAINS, BOUNDARY, ADDED]
    boundary, grains, added = (viewer.layers[name] for name in (BOUNDARY, GRAINS, ADDED))
    assert isinstance(boundary, Image) and isinstance(grains, Labels) and isinstance(added, Labels)
    for layer in (boundary, grains, added):
        np.testing.assert_allclose(layer.scale, (0.5, 0.5))
        assert layer.units == net.units
    assert boundary.data[MIDDLES[0]] == pytest.approx(0.9)
    np.testing.assert_array_equal(grains.data, nine_grains())
    assert [int(added.data[place]) for place in MIDDLES] == [1, 2, 3, 4]
    assert line(dock).startswith("“net”: 4 bridges added, 9 grains, ")
    assert viewer.layers.selection.active is net
    assert not added.editable


def test_who_points_at_a_bridge_reads_how_sure_it_is(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    added = viewer.layers[ADDED]
    said = added.get_status(np.array(MIDDLES[1]) * 0.5, world=True)
    assert "60 %" in said["coordinates"] and "added" in said["coordinates"]


def test_the_viewer_stays_responsive_and_a_cancelled_run_adds_nothing(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    engine = FakeRepair(hold=threading.Event())
    viewer, dock = open_repair(engine)
    dock.run_bar.button.click()
    qtbot.waitUntil(engine.started.is_set, timeout=PATIENCE)
    assert dock.run_bar.button.text() == "Cancel"
    viewer.camera.zoom *= 2
    dock.run_bar.button.click()
    assert dock.run_bar.button.text() == "Cancelling…"
    wait_for_end(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["net"]
    assert line(dock) == "Cancelled; nothing was added."
    assert dock.run_bar.button.text() == "Run"


def test_progress_is_shown(open_repair: OpenRepair, qtbot: Any) -> None:
    engine = FakeRepair(hold=threading.Event())
    _, dock = open_repair(engine)
    shown: list[str] = []
    dock.controller.progressed.connect(lambda progress: shown.append(progress.message))
    dock.run_bar.button.click()
    qtbot.waitUntil(engine.started.is_set, timeout=PATIENCE)
    assert not dock.run_bar.bar.isHidden()
    assert engine.hold is not None
    engine.hold.set()
    wait_for_end(qtbot, dock)
    assert shown[0] == "loading the model" and "closing gaps" in shown


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RepairError("The map has no pixels: choose another."), "The map has no pixels: choose"),
        (RuntimeError("boom"), "“net” could not be repaired (RuntimeError: boom)"),
        (MemoryError(), "There is not enough memory for “net”"),
    ],
)
def test_an_error_is_one_sentence(
    open_repair: OpenRepair, qtbot: Any, error: Exception, said: str
) -> None:
    viewer, dock = open_repair(FakeRepair(error=error))
    run(qtbot, dock)
    assert line(dock).startswith(said)
    assert len(viewer.layers) == 1
    run(qtbot, dock)  # and another can be started


def test_notices_stay_to_be_read(open_repair: OpenRepair, qtbot: Any) -> None:
    _, dock = open_repair(FakeRepair(notice="Half the tile fits"))
    run(qtbot, dock)
    assert "Half the tile fits." in line(dock)


@pytest.mark.parametrize("is_opened_again", [False, True])
def test_a_boundary_map_is_repaired_without_what_its_result_left_out(
    make_napari_viewer: Callable[..., Any], tmp_path: Path, qtbot: Any, is_opened_again: bool
) -> None:
    """The information bar and the page around the specimen became a grain, or a part of one."""
    viewer = make_napari_viewer()
    lines = np.where(broken_lines(), 1, 0).astype(np.float32)
    lines[-40:] = 0
    grains = label(lines == 0, connectivity=1).astype(np.int32)
    grains[-40:] = 0
    made = {} if is_opened_again else {"source_id": "of the image", "model": "generalist"}
    kinds = ({**made, "kind": kind} if made else {} for kind in ("boundary", "grains"))
    of_lines, of_grains = ({METADATA_KEY: kind} for kind in kinds)
    boundary = viewer.add_image(lines, name="net · boundary", metadata=of_lines)
    viewer.add_labels(grains, name="net · grains", metadata=of_grains)
    viewer.layers.selection.active = boundary
    folder = tmp_path / "repairs"
    dock = RepairDock(viewer, engine=default_repair, folder=folder, probe_devices=lambda: {})
    viewer.window.add_dock_widget(dock, name="Repair")
    dock.form.kind.setCurrentIndex(dock.form.kind.findData("map"))
    run(qtbot, dock, 0.5)
    closed = viewer.layers["net · closed grains"].data
    assert not closed[-40:].any() and closed[:-44].all()
    assert "What has no grains in “net · grains” was left out." in line(dock)
    for journal in dock.keeping.journals.values():
        journal.close()


def test_a_layer_removed_during_the_run_gets_no_result(open_repair: OpenRepair, qtbot: Any) -> None:
    engine = FakeRepair(hold=threading.Event())
    viewer, dock = open_repair(engine)
    dock.run_bar.button.click()
    qtbot.waitUntil(engine.started.is_set, timeout=PATIENCE)
    viewer.layers.clear()
    assert engine.hold is not None
    engine.hold.set()
    wait_for_end(qtbot, dock)
    assert "was removed during the run" in line(dock)
    assert not len(viewer.layers)


def test_a_layer_renamed_and_calibrated_during_the_run_has_its_result_over_it(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    engine = FakeRepair(hold=threading.Event())
    viewer, dock = open_repair(engine)
    (source,) = viewer.layers
    dock.run_bar.button.click()
    qtbot.waitUntil(engine.started.is_set, timeout=PATIENCE)
    source.name, source.scale, source.units = "renamed", (0.25, 0.25), ("um", "um")
    assert engine.hold is not None
    engine.hold.set()
    wait_for_end(qtbot, dock)
    results = [layer for layer in viewer.layers if layer is not source]
    assert len(results) == 3
    assert all(layer.name.startswith("renamed") for layer in results)
    assert {pixel_size_um(layer) for layer in results} == {0.25}


def test_a_second_run_takes_the_place_of_one_nobody_worked_on(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    run(qtbot, dock)
    assert len(viewer.layers) == 4
    dock.walk_on()
    dock.say_right()
    run(qtbot, dock)
    assert len(viewer.layers) == 7  # judged: it stays


def test_a_second_run_leaves_what_was_renamed(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    viewer.layers[-3].name = "to keep"
    run(qtbot, dock)
    assert "to keep" in viewer.layers
    assert len(viewer.layers) == 7


def test_a_judged_repair_is_hidden_under_the_next_one(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    first = list(viewer.layers)[1:]
    dock.walk_on()
    dock.say_right()
    viewer.layers.selection.active = viewer.layers[ADDED]
    run(qtbot, dock)
    net, *rest = viewer.layers
    assert rest[:3] == first and len(rest) == 6
    assert net.visible and [layer.visible for layer in rest] == [False] * 3 + [True] * 3
    assert "is hidden" in line(dock)
    assert dock.session is not None and dock.session.layer is rest[3]
    viewer.layers.selection.active = first[0]  # what was judged is still to be had
    assert "1 accepted" in dock.review_box.left.text()


# -- what is repaired ----------------------------------------------------------------------------


def test_a_grains_layer_is_repaired_as_grains(open_repair: OpenRepair, qtbot: Any) -> None:
    engine = FakeRepair()
    viewer, dock = open_repair(engine)
    layer = viewer.add_labels(nine_grains(), name="net · grains")
    assert dock.layers.layer() is layer  # the selected one
    run(qtbot, dock)
    assert engine.calls[-1]["kind"] == "grains"
    assert engine.pictures[-1].dtype.kind == "i"
    assert GRAINS in viewer.layers


def test_a_boundary_layer_of_ours_is_a_map(open_repair: OpenRepair, qtbot: Any) -> None:
    engine = FakeRepair()
    viewer, dock = open_repair(engine)
    run(qtbot, dock)
    viewer.layers.selection.active = viewer.layers[BOUNDARY]
    run(qtbot, dock)
    assert engine.calls[-1]["kind"] == "map"


def test_kind_and_polarity_are_passed_on_and_the_choice_for_grains_is_hidden(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    engine = FakeRepair()
    viewer, dock = open_repair(engine)
    form = dock.form
    form.kind.setCurrentIndex(form.kind.findData("map"))
    form.polarity.setCurrentIndex(form.polarity.findData("dark"))
    run(qtbot, dock)
    assert engine.calls[-1]["kind"] == "map" and engine.calls[-1]["polarity"] == "dark"
    viewer.add_labels(nine_grains())
    assert form.kind.isHidden() and form.polarity.isHidden()


def test_the_bridges_and_previews_are_not_offered(open_repair: OpenRepair, qtbot: Any) -> None:
    _, dock = open_repair()
    run(qtbot, dock)
    dock.walk_on()
    offered = [dock.form.layer.itemText(row) for row in range(dock.form.layer.count())]
    assert offered == [BOUNDARY, GRAINS, "net"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros((2, 3, 40, 40), np.uint8), "has 4 axes"),
    ],
)
def test_what_cannot_be_repaired_is_said_before_a_run(
    open_repair: OpenRepair, data: np.ndarray, said: str
) -> None:
    viewer, dock = open_repair()
    viewer.add_layer(Image(data, name="other", contrast_limits=(0, 1)))
    assert said in dock.why_not()
    assert not dock.run_bar.button.isEnabled()
    assert said in dock.run_bar.button.toolTip()


# -- the bridges ---------------------------------------------------------------------------------


def test_the_walk_begins_with_the_least_sure_bridge(open_repair: OpenRepair, qtbot: Any) -> None:
    _, dock = open_repair()
    run(qtbot, dock)
    assert not dock.review_box.good.isEnabled()
    seen = []
    for _ in range(4):
        dock.review_box.next.click()
        seen.append(line(dock).split(":")[0])
    assert seen == ["Bridge 4", "Bridge 2", "Bridge 1", "Bridge 3"]
    dock.review_box.back.click()
    assert line(dock).startswith("Bridge 1")


def test_a_rejected_bridge_is_gone_and_its_grains_are_one_until_undone(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.walk_on()
    dock.review_box.remove.click()
    boundary, grains = viewer.layers[BOUNDARY], viewer.layers[GRAINS]
    assert grain_count(viewer) == 8
    assert not boundary.data[GAPS[3][:2]].any()
    assert line(dock).startswith("Rejected bridge 4: grains 8 and 9 are one. Bridge 2:")
    np.testing.assert_allclose(viewer.layers[ADDED].get_color(4), FALLEN_COLOUR, atol=1e-6)
    grains.undo()  # Ctrl+Z: one step
    dock.session.follow()
    assert grain_count(viewer) == 9
    np.testing.assert_allclose(boundary.data[GAPS[3][:2]], 0.3)
    assert line(dock).startswith("Bridge 4 is back. Bridge 2:")
    grains.redo()
    dock.session.follow()
    assert line(dock).startswith("Bridge 4 is gone. Bridge 2:")
    assert grain_count(viewer) == 8 and not boundary.data[GAPS[3][:2]].any()
    dock.undo_button.click()
    assert grain_count(viewer) == 9


def test_a_bridge_that_closes_nothing_is_rejected_and_brought_back(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    def engine(*_: Any, **__: Any) -> Iterator[Repaired]:
        result = repaired()
        result.grains[result.grains == 9] = 8
        yield result

    viewer, dock = open_repair(engine)
    run(qtbot, dock)
    dock.show_bridge_at(MIDDLES[3])
    dock.say_wrong()
    assert line(dock).startswith("Rejected bridge 4, which closed no grain")
    assert not viewer.layers[BOUNDARY].data[MIDDLES[3]]
    dock.show_bridge_at(MIDDLES[3])
    dock.say_right()
    assert viewer.layers[BOUNDARY].data[MIDDLES[3]] > 0
    assert "1 accepted, 0 rejected, 3 left" in dock.review_box.left.text()


def test_bridges_follow_edits_by_other_hands_without_being_asked(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    grains = viewer.layers[GRAINS]
    grains.fill((15, 15), 4)  # napari's own bucket merges grains 1 and 4
    qtbot.waitUntil(lambda: not viewer.layers[BOUNDARY].data[MIDDLES[0]], timeout=PATIENCE)
    assert "1 gone with others" in dock.review_box.left.text()
    grains.undo()
    qtbot.waitUntil(lambda: viewer.layers[BOUNDARY].data[MIDDLES[0]] > 0, timeout=PATIENCE)


def test_two_bridges_in_one_boundary_go_together_and_that_is_said(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.show_bridge_at(MIDDLES[1])
    dock.say_wrong()
    assert "On the same boundary, so gone too: 3." in line(dock)
    assert not viewer.layers[BOUNDARY].data[MIDDLES[2]]


def test_a_rejected_bridge_is_put_back_by_accepting_it(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.show_bridge_at(MIDDLES[1])
    dock.say_wrong()
    grains = viewer.layers[GRAINS]
    grains._reset_history()  # as after a restore: nothing to undo
    dock.show_bridge_at(MIDDLES[1])
    assert "It is not there." in line(dock)
    dock.say_right()
    assert "Put bridge 2 back and accepted it. With it, in the same boundary: 3." in line(dock)
    assert grain_count(viewer) == 9
    assert viewer.layers[BOUNDARY].data[MIDDLES[2]] > 0
    assert "2 accepted, 0 rejected, 2 left" in dock.review_box.left.text()
    dock.undo_button.click()
    assert grain_count(viewer) == 8 and not viewer.layers[BOUNDARY].data[MIDDLES[2]]
    dock.session.set_least(0.0)  # nobody edited by hand: the slider still cuts
    assert grain_count(viewer) == 8


def test_a_bridge_is_not_put_back_where_the_grains_were_drawn_anew(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    grains = viewer.layers[GRAINS]
    grains.data_setitem(np.nonzero(np.ones((90, 90), bool)), 3)
    dock.session.follow()
    dock.show_bridge_at(MIDDLES[0])
    dock.say_right()
    assert "would part nothing now" not in line(dock)  # its two grains come out of the one
    grains.data_setitem(np.nonzero(np.ones((90, 90), bool)), 0)
    dock.session.follow()
    dock.show_bridge_at(MIDDLES[3])
    dock.say_right()
    assert "Bridge 4 would part nothing now" in line(dock)
    assert not grains.data.any()


def test_an_accepted_bridge_is_seen_to_be_and_not_shown_again(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.walk_on()
    dock.review_box.good.click()
    np.testing.assert_allclose(viewer.layers[ADDED].get_color(4), ACCEPTED_COLOUR, atol=1e-6)
    for _ in range(3):
        dock.say_right()
    assert dock.review_box.bar.value() == 100
    assert "4 accepted, 0 rejected, 0 left." in dock.review_box.left.text()
    dock.walk_on()
    assert line(dock) == "Everything was looked at."


def test_keys_judge_and_clicks_show(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair(show=True)
    run(qtbot, dock)
    hands = Hands(viewer, viewer.layers["net"])
    viewer.reset_view()
    QApplication.processEvents()
    hands.click(*MIDDLES[0])
    assert line(dock).startswith("Bridge 1: 90 % sure")
    native = viewer.window._qt_viewer.canvas.native
    QTest.keyClick(native, Qt.Key.Key_R)
    assert "Rejected bridge 1: grains 1 and 4 are one." in line(dock)
    assert line(dock).split(". ")[1].startswith("Bridge 4")
    QTest.keyClick(native, Qt.Key.Key_G)
    assert dock.session is not None and dock.session.result.bridges.accepted[3]
    QTest.keyClick(native, Qt.Key.Key_N)
    assert dock.walk.pair == (3, 0)
    hands.click(15, 75)  # in a grain: nothing changes
    assert dock.walk.pair == (3, 0)


def test_a_verdict_draws_the_next_bridge_once_and_paints_nothing_before_the_rest(
    open_repair: OpenRepair, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dock = open_repair(show=True)
    run(qtbot, dock)
    dock.walk_on()
    QApplication.processEvents()
    drawn, keep = [], dock.preview.keep
    monkeypatch.setattr(dock.preview, "keep", lambda *a, **k: (drawn.append(k), keep(*a, **k)))
    painted = Painted(dock.review_box.bar)
    for verdict in (dock.say_right, dock.say_wrong):
        drawn.clear()
        verdict()
        assert len(drawn) == 1 and painted.count == 0
    assert dock.review_box.bar.value() > 0
    qtbot.waitUntil(lambda: painted.count > 0, timeout=PATIENCE)


def test_verdicts_before_a_run_say_what_to_do(open_repair: OpenRepair) -> None:
    _, dock = open_repair()
    for act in (dock.walk_on, dock.say_right, dock.say_wrong):
        act()
        assert line(dock).startswith("Run a repair first")
    assert not dock.review_box.next.isEnabled()


def test_nothing_is_said_to_be_undone_where_nothing_was(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    _, dock = open_repair()
    dock.undo()
    assert line(dock).startswith("Run a repair first")
    run(qtbot, dock)
    dock.undo()
    assert line(dock) == "No change of the grains can be taken back."
    dock.walk_on()
    dock.say_wrong()
    dock.undo()
    assert line(dock).startswith("Undone.")


def test_the_slider_takes_unsure_bridges_away_and_brings_them_back(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    slide(qtbot, dock, 0.5)
    assert line(dock) == "3 of 4 bridges, 8 grains."
    assert not viewer.layers[BOUNDARY].data[MIDDLES[3]]
    slide(qtbot, dock, 0.0)
    assert line(dock) == "4 of 4 bridges, 9 grains."
    np.testing.assert_allclose(viewer.layers[BOUNDARY].data[MIDDLES[3]], 0.3)


def test_the_slider_keeps_verdicts_and_refuses_to_cut_corrected_grains(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.show_bridge_at(MIDDLES[3])
    dock.say_right()
    dock.show_bridge_at(MIDDLES[0])
    dock.say_wrong()
    slide(qtbot, dock, 0.8)
    standing = dock.session.standing
    assert standing.tolist() == [False, False, False, True]  # 3 lies in one boundary with 2
    grains = viewer.layers[GRAINS]
    with grains.block_history():
        grains.data_setitem((np.array([80, 81]), np.array([5, 5])), 99)
    before = grains.data.copy()
    slide(qtbot, dock, 0.1)
    assert "corrected by hand" in line(dock)
    np.testing.assert_array_equal(grains.data, before)
    assert dock.form.hint.isVisibleTo(dock) and "from 0.80 on" in dock.form.hint.text()


def test_the_slider_is_one_undo_step_and_leaves_those_of_the_user(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.show_bridge_at(MIDDLES[0])
    dock.say_wrong()
    grains = viewer.layers[GRAINS]
    rejected = grains.data.copy()
    for least in (0.4, 0.7, 0.95):  # a drag of the slider
        slide(qtbot, dock, least)
    assert dock.session.standing.tolist() == [False, False, False, False]
    dock.undo()
    np.testing.assert_array_equal(grains.data, rejected)
    assert dock.form.least.value() == 0.0 and not dock.form.hint.text()
    assert dock.session.standing.tolist() == [False, True, True, True]
    grains.redo()
    dock.session.follow()
    assert dock.form.least.value() == pytest.approx(0.95)
    assert not dock.session.standing.any()
    dock.undo()
    dock.undo()  # the rejection
    np.testing.assert_array_equal(grains.data, nine_grains())
    assert dock.session.standing.all() and not dock.session.result.bridges.rejected.any()
    slide(qtbot, dock, 0.5)  # and the slider still cuts
    assert line(dock) == "3 of 4 bridges, 8 grains."


def test_the_slider_keeps_what_the_correct_dock_knows(
    open_repair: OpenRepair, add_correct: Callable[[Any], Any], qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    correct = add_correct(viewer)
    viewer.layers.selection.active = viewer.layers[GRAINS]
    qtbot.waitUntil(lambda: correct.session is not None, timeout=PATIENCE)
    session = correct.session
    session.set_state([1], State.ACCEPTED)
    slide(qtbot, dock, 0.5)
    slide(qtbot, dock, 0.55)
    assert session.editor().area(9) == 1800 and session.can("undo")
    assert session.review.state(1) is State.ACCEPTED
    before = viewer.layers[GRAINS].data.copy()
    slide(qtbot, dock, 0.95)  # would join 1 with 4
    assert "Grain 1 is accepted in the Correct dock" in line(dock)
    np.testing.assert_array_equal(viewer.layers[GRAINS].data, before)
    assert dock.session.result.bridges.least == pytest.approx(0.55)
    session.layer.undo()
    np.testing.assert_array_equal(viewer.layers[GRAINS].data, nine_grains())
    assert session.editor().area(8) == 900


def test_below_the_value_of_the_run_it_asks_for_another(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock, 0.5)
    assert grain_count(viewer) == 8
    slide(qtbot, dock, 0.2)
    assert dock.form.hint.text() == "Run again for bridges less sure than 0.50."
    run(qtbot, dock, 0.2)
    assert grain_count(viewer) == 9 and not dock.form.hint.text()


def test_grains_of_another_size_are_left_alone(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    viewer.layers[GRAINS].data = np.ones((40, 40), np.int32)
    dock.walk_on()
    dock.say_wrong()
    assert "has another size now" in line(dock)


def test_without_its_grains_there_is_no_review(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.walk_on()
    viewer.layers.remove(GRAINS)
    qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    assert not dock.review_box.next.isEnabled()


@pytest.mark.parametrize("name", [GRAINS, BOUNDARY, ADDED])
def test_a_copy_has_no_bridges(open_repair: OpenRepair, qtbot: Any, name: str) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    viewer.layers.selection.active = viewer.layers[name]
    dock.walk_on()
    _duplicate_layer(viewer.layers)
    viewer.layers.selection.active = viewer.layers[f"{name} copy"]
    qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    dock.say_wrong()
    assert line(dock).startswith(f"“{name} copy” is a copy, which has no bridges")
    np.testing.assert_array_equal(viewer.layers[GRAINS].data, nine_grains())
    viewer.layers.selection.active = viewer.layers[name]
    qtbot.waitUntil(lambda: dock.session is not None, timeout=PATIENCE)
    dock.walk_on()
    dock.say_wrong()
    assert grain_count(viewer) == 8


def test_a_repair_of_a_copy_is_reviewed(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    viewer.layers.selection.active = viewer.layers[GRAINS]
    _duplicate_layer(viewer.layers)
    copy = viewer.layers.selection.active = viewer.layers[f"{GRAINS} copy"]
    run(qtbot, dock)
    assert viewer.layers.selection.active is copy
    made = dock.session.result.added.metadata[METADATA_KEY]
    assert made["source_id"] == str(copy.unique_id)


def test_what_was_said_of_bridges_goes_with_them(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    slide(qtbot, dock, 0.5)
    assert line(dock) == "3 of 4 bridges, 8 grains."
    viewer.layers.remove(ADDED)
    qtbot.waitUntil(lambda: dock.session is None, timeout=PATIENCE)
    assert line(dock) == ""


def test_undo_is_offered_where_there_is_something_to_undo(
    open_repair: OpenRepair, qtbot: Any
) -> None:
    viewer, dock = open_repair()
    assert not dock.undo_button.isEnabled()
    run(qtbot, dock)
    assert not dock.undo_button.isEnabled()
    assert dock.undo_button.toolTip() == "No change of the grains can be taken back."
    layer = viewer.layers[GRAINS]
    layer.data_setitem((np.array([4]), np.array([4])), 0)  # touches no bridge
    qtbot.waitUntil(dock.undo_button.isEnabled, timeout=PATIENCE)
    dock.undo()
    assert not dock.undo_button.isEnabled()
    np.testing.assert_array_equal(layer.data, nine_grains())


def test_a_new_dock_takes_over_the_bridges_of_a_closed_one(
    open_repair: OpenRepair, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    dock.walk_on()
    dock.say_right()
    viewer.window.remove_dock_widget(dock)
    dock.close()
    dock.deleteLater()
    qtbot.waitUntil(lambda: dock.is_gone, timeout=PATIENCE)
    again = RepairDock(viewer, engine=FakeRepair(), folder=tmp_path, probe_devices=dict)
    viewer.window.add_dock_widget(again, name="Repair")
    assert "1 accepted" in again.review_box.left.text()
    for journal in again.keeping.journals.values():
        journal.close()


def test_the_correct_dock_and_this_one_work_on_the_same_grains(
    open_repair: OpenRepair, add_correct: Callable[[Any], Any], qtbot: Any
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    correct = add_correct(viewer)
    viewer.layers.selection.active = viewer.layers[GRAINS]
    qtbot.waitUntil(lambda: correct.session is not None, timeout=PATIENCE)
    assert correct.session.boundary is viewer.layers[BOUNDARY]
    dock.show_bridge_at(MIDDLES[0])
    correct.preview.keep(correct.session.layer, walk=dock.preview.shown("walk"))
    # two layers of one name would be taken for one that is there twice
    assert {"bridge shown", "correction preview"} <= {each.name for each in viewer.layers}
    dock.say_wrong()
    assert correct.session.editor().area(4) == 0  # its index has heard of it
    correct.session.layer.undo()
    dock.session.follow()
    assert correct.session.editor().area(4) == 900
    assert viewer.layers[BOUNDARY].data[MIDDLES[0]] > 0
    correct.session.lock(1, is_locked=True)
    dock.show_bridge_at(MIDDLES[0])
    dock.say_wrong()
    assert "is accepted in the Correct dock" in line(dock)
    assert grain_count(viewer) == 9


def test_keys_go_to_the_dock_in_front_and_back_when_it_is_hidden(
    open_repair: OpenRepair, add_correct: Callable[[Any], Any], qtbot: Any
) -> None:
    viewer, dock = open_repair(show=True)
    viewer.window.show()
    qtbot.waitUntil(dock.isVisible, timeout=PATIENCE)

    def bound() -> dict[str, Any]:
        return {str(key): action for key, action in viewer.keymap.items()}

    assert bound()["R"].__doc__ == "Reject the bridge"
    dock.hide()
    assert "R" not in bound()
    add_correct(viewer)
    assert bound()["R"].__doc__ == "This line is wrong"
    dock.show()
    for binding in REPAIR_BINDINGS.values():
        assert bound()[binding.shown].__doc__ == binding.does
    assert bound()["S"].__doc__ == "Split"
    dock.hide()
    assert bound()["R"].__doc__ == "This line is wrong"


def test_keys_go_back_when_another_tab_comes_before_the_dock(
    open_repair: OpenRepair, add_correct: Callable[[Any], Any], qtbot: Any
) -> None:
    viewer, dock = open_repair(show=True)
    correct = add_correct(viewer)
    viewer.window.show()
    front, behind = dock_of(correct), dock_of(dock)
    viewer.window._qt_window.tabifyDockWidget(front, behind)

    def rejects() -> str:
        return {str(key): action for key, action in viewer.keymap.items()}["R"].__doc__

    behind.raise_()
    qtbot.waitUntil(lambda: rejects() == "Reject the bridge", timeout=PATIENCE)
    front.raise_()
    qtbot.waitUntil(lambda: rejects() == "This line is wrong", timeout=PATIENCE)
    behind.raise_()
    qtbot.waitUntil(lambda: rejects() == "Reject the bridge", timeout=PATIENCE)


def test_of_a_stack_the_section_shown_is_repaired(open_repair: OpenRepair, qtbot: Any) -> None:
    engine = FakeRepair()
    viewer, dock = open_repair(engine)
    picture = viewer.layers["net"].data
    stack = np.stack([255 - picture, picture, 255 - picture])
    viewer.add_image(stack, name="stack", scale=(2, 0.5, 0.5), translate=(0, 4, 6))
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: "3 sections; the one shown is" in dock.form.about.text())
    viewer.dims.ndisplay = 3
    assert dock.run_bar.why.text().startswith("Switch to the flat (2D) view")
    viewer.dims.ndisplay = 2
    run(qtbot, dock)
    np.testing.assert_array_equal(engine.pictures[-1], picture)
    grains = viewer.layers["stack · section 1 · closed grains"]
    assert grains.ndim == 2
    np.testing.assert_allclose(grains.translate, (4, 6))
    dock.walk_on()
    dock.say_wrong()
    assert len(np.unique(grains.data)) == 8
    viewer.dims.set_current_step(0, 2)
    run(qtbot, dock)
    assert "stack · section 2 · closed grains" in viewer.layers


def test_the_real_network_closes_the_gaps(open_repair: OpenRepair, qtbot: Any) -> None:
    viewer, dock = open_repair(default_repair)
    run(qtbot, dock, 0.5)
    assert grain_count(viewer) == 9
    dock.walk_on()
    dock.say_wrong()
    assert grain_count(viewer) == 8


# -- what is kept --------------------------------------------------------------------------------


def test_a_repair_that_nobody_judged_leaves_nothing_behind(
    open_repair: OpenRepair, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_repair()
    run(qtbot, dock)
    (journal,) = dock.keeping.journals.values()
    assert journal.flush() and not journal.journal.is_worth_keeping
    assert len(list((tmp_path / "repairs").glob("*.etch-*"))) >= 2
    for name in (GRAINS, BOUNDARY, ADDED):
        viewer.layers.remove(name)
    qtbot.waitUntil(lambda: not dock.keeping.journals, timeout=PATIENCE)
    assert list((tmp_path / "repairs").iterdir()) == []


def test_the_dock_says_what_is_on_disk(open_repair: OpenRepair, qtbot: Any) -> None:
    _viewer, dock = open_repair()
    run(qtbot, dock)
    assert dock.keeping.saved.text() == ""
    dock.show_bridge_at(MIDDLES[0])
    dock.say_right()
    dock.show_bridge_at(MIDDLES[1])
    dock.say_wrong()
    said = dock.keeping.saved
    qtbot.waitUntil(lambda: said.text() == "On disk: 1 step and 2 verdicts.", timeout=PATIENCE)
    dock.undo()  # the grains are as they were, and the verdict is gone with them
    qtbot.waitUntil(lambda: said.text().startswith("On disk: 2 steps"), timeout=PATIENCE)

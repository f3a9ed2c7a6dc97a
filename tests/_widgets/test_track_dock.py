"""Window tests of the Track dock: a real viewer, a real worker thread, the real tracking."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from _widgets.fakes import PATIENCE
from _widgets.hands import Hands
from napari.layers import Labels, Surface
from qtpy.QtCore import Qt

from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.correct_stack import join_through, part_from_here
from napari_etch._widgets.track_dock import TrackDock
from napari_etch._widgets.track_form import numbers_in
from napari_etch._widgets.view import camera_of
from napari_etch.grains.tracking import track_steps

pytestmark = pytest.mark.gui
OpenTrack = Callable[..., tuple[Any, TrackDock]]
DEPTH, SIDE = 6, 60
GRAINS, VOLUME, SURFACES = "steel · grains", "steel · 3D grains", "steel · surfaces"


def drifting() -> np.ndarray:
    """Return nine squares that move right by a pixel a section, one number in all sections."""
    y, x = np.indices((SIDE, SIDE))
    return np.stack(
        [y // 20 * 3 + np.clip((x - at) // 20, 0, 2) + 1 for at in range(DEPTH)]
    ).astype(np.int32)


def segmented() -> np.ndarray:
    """Return the same, with numbers of its own in each section."""
    return (drifting() + 20 * np.arange(DEPTH)[:, None, None]).astype(np.int32)


class Held:
    """The tracking, which waits before its third step until it is let go."""

    def __init__(self) -> None:
        self.started, self.hold = threading.Event(), threading.Event()

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[tuple[str, int], None, Any]:
        steps = track_steps(*args, **kwargs)
        for count in range(10_000):
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            if count == 2:
                self.started.set()
                assert self.hold.wait(PATIENCE / 1000)
            yield step
        return None


@pytest.fixture
def open_track(calm_threads: None, make_napari_viewer: Callable[..., Any]) -> OpenTrack:
    """Return a function that opens a viewer with the grains of a stack and the Track dock."""

    def open_(maps: np.ndarray | None = None, *, show: bool = False, **options: Any) -> Any:
        viewer = make_napari_viewer(show=show)
        data = segmented() if maps is None else maps
        place = {"scale": (2, 0.5, 0.5)[-data.ndim :], "units": ("µm",) * data.ndim}
        viewer.add_labels(data, name=GRAINS, **place)
        dock = TrackDock(viewer, **options)
        viewer.window.add_dock_widget(dock, name="Track")
        return viewer, dock

    return open_


def run(qtbot: Any, dock: TrackDock) -> str:
    dock.run_bar.button.click()
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)
    return str(dock.run_bar.line.text())


def test_a_run_adds_the_3d_grains_where_the_stack_lies(open_track: OpenTrack, qtbot: Any) -> None:
    viewer, dock = open_track()
    assert dock.form.about.text() == "60 × 60 px · 6 sections · 0.5 µm/px · 2 µm apart"
    said = run(qtbot, dock)
    assert said.startswith("“steel · grains”: 9 grains through 6 sections, ")
    layer = viewer.layers[VOLUME]
    assert isinstance(layer, Labels) and layer.data.dtype == np.int32
    np.testing.assert_array_equal(layer.data, drifting())
    np.testing.assert_allclose(layer.scale, (2, 0.5, 0.5))
    assert layer.units == viewer.layers[GRAINS].units
    assert viewer.layers.selection.active is layer
    assert not viewer.layers[GRAINS].visible
    # who points at a grain reads where it begins and ends
    shown = layer.get_status((2, 5, 5), world=True)["coordinates"]
    assert "began: first section" in shown and "sections: 6" in shown


def test_what_was_tracked_is_joined_and_parted_in_the_correct_dock(
    open_track: OpenTrack, add_correct: Callable[[Any], CorrectDock], qtbot: Any
) -> None:
    viewer, dock = open_track(show=True)
    run(qtbot, dock)
    layer = viewer.layers[VOLUME]
    correct = add_correct(viewer)
    viewer.layers.selection.active = layer
    viewer.dims.set_point(0, 0)
    viewer.reset_view()
    assert correct.session.layer is layer
    hands = Hands(viewer, layer)
    hands.key(Qt.Key.Key_J)
    correct.form.through.setChecked(True)
    hands.click(10, 20)  # between the first square and the second
    joined = np.where(drifting() == 2, 1, drifting())
    np.testing.assert_array_equal(layer.data, joined)
    assert f"in {DEPTH} sections" in correct.line.text()
    viewer.dims.set_point(0, 4)
    hands.move(50, 10)
    hands.key(Qt.Key.Key_U)
    assert set(np.unique(layer.data[2:][drifting()[2:] == 7])) == {10}
    np.testing.assert_array_equal(layer.data[:2], joined[:2])
    hands.undo()
    hands.undo()
    np.testing.assert_array_equal(layer.data, drifting())


def test_what_is_said_of_3d_grains_follows_their_corrections(
    open_track: OpenTrack, add_correct: Callable[[Any], CorrectDock], qtbot: Any
) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    layer = viewer.layers[VOLUME]
    correct = add_correct(viewer)
    viewer.layers.selection.active = layer
    assert correct.session.layer is layer
    tracked = layer.features.copy()
    layer.selected_label = 1
    sizes = np.bincount(layer.data.ravel())
    join_through(correct.session, 1, 2)
    both = sizes[1] + sizes[2]
    assert 2 not in set(layer.features["index"])
    assert f"voxels: {both}" in layer.get_status((2, 5, 5), world=True)["coordinates"]
    assert dock.box.about.text() == f"Grain 1: sections 0 to 5, {both} voxels."
    viewer.dims.set_point(0, 4)  # section 2
    part_from_here(correct.session, 7)
    rows = layer.features.set_index("index")
    assert rows.loc[7, ["sections", "first_section", "last_section"]].tolist() == [2, 0, 1]
    assert rows.loc[7, ["began", "ended"]].tolist() == ["first section", "disappears"]
    assert rows.loc[10, ["sections", "first_section", "last_section"]].tolist() == [4, 2, 5]
    assert rows.loc[10, ["began", "ended"]].tolist() == ["appears", "last section"]
    assert rows["voxels"].to_dict() == {
        grain: np.count_nonzero(layer.data == grain) for grain in rows.index
    }
    layer.undo()
    layer.undo()
    undone = layer.features.sort_values("index", ignore_index=True)
    pd.testing.assert_frame_equal(undone, tracked)


def test_a_second_run_takes_the_place_of_the_first(open_track: OpenTrack, qtbot: Any) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    first = viewer.layers[VOLUME]
    dock.form.method.setCurrentIndex(dock.form.method.findData("overlap"))
    run(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == [GRAINS, VOLUME]
    assert viewer.layers[VOLUME] is first
    assert first.metadata["napari_etch"]["method"] == "overlap"


def test_a_second_run_leaves_a_duplicate_of_corrected_grains(
    open_track: OpenTrack, qtbot: Any
) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    volume = viewer.layers[VOLUME]
    volume.data_setitem((np.array([0]), np.array([0]), np.array([0])), np.array([99]))
    data, keywords, _kind = volume.as_layer_data_tuple()  # as napari duplicates it
    copy = viewer.add_labels(data.copy(), **{**keywords, "name": f"{VOLUME} copy"})
    viewer.layers.remove(volume)
    viewer.layers.selection.active = viewer.layers[GRAINS]
    run(qtbot, dock)
    assert copy.data[0, 0, 0] == 99
    assert viewer.layers[VOLUME] is not copy
    copy.name = VOLUME
    assert copy.name != VOLUME  # it is taken, and napari gives a number
    run(qtbot, dock)
    assert copy.data[0, 0, 0] == 99
    assert len(viewer.layers) == 3


def test_a_stack_renamed_and_calibrated_during_the_run_has_its_result_over_it(
    open_track: OpenTrack, qtbot: Any
) -> None:
    viewer, dock = open_track()
    stack = viewer.layers[GRAINS]
    dock.run_bar.button.click()
    stack.name, stack.scale = "Stahl · grains", (3, 0.25, 0.25)
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)
    made = viewer.layers["Stahl · 3D grains"]
    np.testing.assert_allclose(made.scale, stack.scale)
    assert dock.run_bar.line.text().startswith("“Stahl · grains”: ")


def test_a_cancelled_run_adds_nothing_and_the_viewer_stays_free(
    open_track: OpenTrack, qtbot: Any
) -> None:
    engine = Held()
    viewer, dock = open_track(engine=engine)
    dock.run_bar.button.click()
    qtbot.waitUntil(engine.started.is_set, timeout=PATIENCE)
    viewer.dims.set_point(0, 4)
    assert dock.run_bar.button.text() == "Cancel"
    dock.run_bar.button.click()
    engine.hold.set()
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)
    assert [layer.name for layer in viewer.layers] == [GRAINS]
    assert dock.run_bar.line.text() == "Cancelled; nothing was added."


def test_bad_sections_and_those_out_of_place_are_told(open_track: OpenTrack, qtbot: Any) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 120, (70, 2))
    y, x = np.indices((120, 120))
    cells = ((y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2).argmin(-1)
    maps = np.stack([cells + 1] * 6).astype(np.int32)
    maps[4:, :, 9:] = maps[0, :, :-9]
    maps[1] = 0
    _, dock = open_track(maps)
    said = run(qtbot, dock)
    assert "Section 1 is blank" in said and "sections 3 and 4 are shifted by" in said
    assert "Align the sections" in said
    dock.form.align.setChecked(True)
    said = run(qtbot, dock)
    assert "sections were moved by 9 px at most" in said and "shifted" not in said


@pytest.mark.parametrize(
    ("maps", "why"),
    [
        (np.ones((30, 30), np.int32), "Open the grains of a stack first"),
        (np.ones((1, 30, 30), np.int32), "has one section"),
        (np.ones((2, 2, 9, 9), np.int32), "has 4 axes"),
    ],
)
def test_what_cannot_be_tracked_is_told_by_the_button(
    open_track: OpenTrack, maps: np.ndarray, why: str
) -> None:
    _, dock = open_track(maps)
    assert not dock.run_bar.button.isEnabled()
    assert why in dock.run_bar.button.toolTip()
    assert dock.box.show_3d.isEnabled() == (maps.ndim == 3)  # grains of a file may be tracked


def test_an_error_is_one_sentence(open_track: OpenTrack, qtbot: Any) -> None:
    viewer, dock = open_track(-segmented())
    said = run(qtbot, dock)
    assert "section 0: the grain map holds negative numbers" in said
    assert len(viewer.layers) == 1


def test_a_distance_of_sections_that_nobody_gave_is_not_told(open_track: OpenTrack) -> None:
    viewer, dock = open_track()
    (layer,) = viewer.layers
    layer.scale, layer.units = (1, 0.5, 0.5), ("pixel", "um", "um")
    dock.layers.refresh()
    assert dock.form.about.text().endswith(
        "0.5 µm/px · section distance unknown: type it in Measure ▸ 3D"
    )


def test_the_selected_grain_stays_in_the_middle_of_the_view(
    open_track: OpenTrack, qtbot: Any
) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    layer = viewer.layers[VOLUME]
    layer.selected_label = 5
    assert dock.box.about.text() == "Grain 5: sections 0 to 5, 2400 voxels."
    before = camera_of(viewer).center
    viewer.dims.set_point(0, 4)
    assert camera_of(viewer).center == before  # not asked for
    dock.box.follow.setChecked(True)
    viewer.dims.set_point(0, 8)  # section 4: the squares have moved by 4 px
    assert layer.selected_label == 5
    np.testing.assert_allclose(camera_of(viewer).center[1:], (29.5 * 0.5, 33.5 * 0.5), atol=0.3)
    dock.box.last.click()
    assert viewer.dims.point[0] == 10
    np.testing.assert_allclose(camera_of(viewer).center[1:], (29.5 * 0.5, 34.5 * 0.5), atol=0.3)
    dock.box.first.click()
    assert viewer.dims.point[0] == 0


def test_surfaces_leave_the_slider_as_it_was(open_track: OpenTrack, qtbot: Any) -> None:
    """It counted from half a section before the first one, where nothing was to be seen."""
    viewer, dock = open_track()
    run(qtbot, dock)
    before = viewer.dims.range[0]
    dock.box.chosen.setText("2, 4-5")
    dock.box.show_3d.click()
    dock.box.show_3d.click()
    assert SURFACES in viewer.layers and viewer.dims.range[0] == before


def test_chosen_grains_are_shown_in_3d_in_their_colours(open_track: OpenTrack, qtbot: Any) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    layer = viewer.layers[VOLUME]
    image = viewer.add_image(np.zeros(layer.data.shape), name="steel", scale=layer.scale)
    hidden = viewer.add_image(np.zeros(layer.data.shape), name="hidden", visible=False)
    viewer.layers.selection.active = layer
    dock.box.chosen.setText("2, 4-5")
    dock.box.show_3d.click()
    surfaces = viewer.layers[SURFACES]
    assert isinstance(surfaces, Surface) and viewer.dims.ndisplay == 3
    assert surfaces.visible and not layer.visible and not image.visible
    along = np.abs(camera_of(viewer).view_direction)
    assert (along > 0.25).all()  # along no axis
    middle = surfaces.extent.world.mean(axis=0)
    np.testing.assert_allclose(camera_of(viewer).center, middle, atol=1e-6)
    np.testing.assert_allclose(surfaces.scale, (2, 0.5, 0.5))
    colours = np.unique(surfaces.vertex_colors, axis=0)
    assert len(colours) == 3
    assert any(np.allclose(each, layer.get_color(4)) for each in colours)
    low, high = surfaces.extent.data
    np.testing.assert_allclose(low, (-0.5, -0.5, -0.5), atol=0.5)
    np.testing.assert_allclose(high, (5.5, 39.5, 44.5), atol=0.7)
    assert dock.box.show_3d.text() == "Back to sections"
    dock.box.show_3d.click()
    assert viewer.dims.ndisplay == 2 and layer.visible and not surfaces.visible
    assert image.visible and not hidden.visible
    dock.box.chosen.setText("")
    layer.selected_label = 9
    dock.box.show_3d.click()
    assert dock.run_bar.line.text() == "1 grain in 3D."
    assert sum(isinstance(each, Surface) for each in viewer.layers) == 1
    dock.show_3d()  # once more, by Enter
    viewer.dims.ndisplay = 2  # by napari's own button
    assert layer.visible and image.visible and not hidden.visible


@pytest.mark.parametrize(
    ("text", "said"), [("77", "There is no grain 77 in the map"), ("x", "“x” is no grain number")]
)
def test_grains_that_are_not_there_are_told(
    open_track: OpenTrack, qtbot: Any, text: str, said: str
) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    dock.box.chosen.setText(text)
    dock.box.show_3d.click()
    assert dock.run_bar.line.text().startswith(said)
    assert viewer.dims.ndisplay == 2


def test_what_was_said_of_grains_goes_with_them(open_track: OpenTrack, qtbot: Any) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    dock.box.chosen.setText("1-200")
    dock.box.show_3d.click()
    assert dock.run_bar.line.text().startswith("Choose at most 60")
    viewer.layers.remove(VOLUME)
    qtbot.waitUntil(lambda: dock.run_bar.line.text() == "", timeout=PATIENCE)


def test_numbers_of_single_sections_are_no_3d_grains(open_track: OpenTrack) -> None:
    """Each section counts its grains from 1, so grain 1 is another one in each."""
    rng = np.random.default_rng(0)
    maps = np.stack([rng.permutation(30)[part] + 1 for part in drifting()]).astype(np.int32)
    viewer, dock = open_track(maps)
    assert dock.box.about.text() == "Track the grains of a stack first."
    assert not dock.box.show_3d.isEnabled()
    viewer.add_labels(drifting(), name="of another program")
    dock.layers.refresh()
    assert dock.box.about.text().startswith("Grain 1: sections 0 to 5")


def test_the_pair_classifier_of_the_package_tracks_too(open_track: OpenTrack, qtbot: Any) -> None:
    viewer, dock = open_track()
    dock.form.method.setCurrentIndex(dock.form.method.findData("pairs"))
    run(qtbot, dock)
    np.testing.assert_array_equal(viewer.layers[VOLUME].data, drifting())


def test_a_dock_that_is_closed_lets_go_of_the_viewer(open_track: OpenTrack, qtbot: Any) -> None:
    viewer, dock = open_track()
    run(qtbot, dock)
    viewer.window.remove_dock_widget(dock)
    dock.close()
    dock.deleteLater()
    qtbot.wait(10)
    viewer.dims.set_point(0, 4)
    viewer.layers[VOLUME].selected_label = 3
    viewer.layers.clear()


def test_numbers_are_read_from_a_text() -> None:
    assert numbers_in("3, 7;12-14 3") == [3, 7, 12, 13, 14]
    assert numbers_in(" ") == []
    with pytest.raises(ValueError, match="at most 60"):
        numbers_in("1-99")

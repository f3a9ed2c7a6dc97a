"""Window tests: the pixel size of an image, typed or read off a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from _widgets.fakes import PATIENCE, PITCH
from info_bars import info_strip, strip_of
from micrograph.scenes import specimen
from napari.components import ViewerModel
from printing import print_of, printed
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QInputDialog

from napari_etch._widgets.correct_target import micrograph_of, window_under
from napari_etch._widgets.export_layers import groups_of
from napari_etch._widgets.layers import GRAINS, METADATA_KEY, kind_of, pixel_size_um
from napari_etch._widgets.pixel_size import PixelSizeBox, _ask_length, set_pixel_size
from napari_etch._widgets.view import camera_of
from napari_etch.micrograph.scale_bar import micrometres_of

pytestmark = pytest.mark.gui

OpenDock = Callable[..., Any]
SHAPE = (4 * PITCH, 4 * PITCH)


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)


def refreshed(qtbot: Any, dock: Any, size: float) -> None:
    box = dock.form.pixel_size.number
    qtbot.waitUntil(lambda: abs(box.value() - size) < 1e-5, timeout=PATIENCE)


def shown_scale_bar(viewer: Any) -> bool:
    overlays = getattr(getattr(viewer, "canvas", None), "overlays", viewer)
    return bool(overlays.scale_bar.visible)


def draw_line(shapes: Any, *ends: tuple[float, float]) -> None:
    shapes.add_lines(np.array(ends, float))


def test_unknown_pixel_size_is_shown_as_such(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(), name="steel")
    refreshed(qtbot, dock, 0.0)
    assert dock.form.pixel_size.number.text() == "unknown"


def test_pixel_size_of_the_file_is_shown(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(), scale=(250, 250), units=("nm", "nm"))
    refreshed(qtbot, dock, 0.25)


def test_typed_pixel_size_reaches_image_and_results_together(
    open_dock: OpenDock, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(), name="steel", translate=(4, 8))
    dock.toggle_run()
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)
    dock.form.pixel_size.number.setValue(0.5)
    for layer in viewer.layers:
        assert pixel_size_um(layer) == pytest.approx(0.5)
        assert layer.translate == pytest.approx((2, 4))
    assert len(viewer.layers) == 3
    assert pixel_size_um(image) == 0.5
    assert "0.5 µm" in dock.run_bar.line.text()


@pytest.mark.parametrize("is_ours", [True, False], ids=["segmented", "opened"])
def test_typed_pixel_size_reaches_the_marks_on_the_grains(is_ours: bool) -> None:
    """Grains that were opened do not say over which image they lie; their marks do."""
    viewer = ViewerModel()
    image = viewer.add_image(noise(), name="steel")
    made = {"kind": GRAINS, "source_id": str(image.unique_id)} if is_ours else {}
    grains = viewer.add_labels(np.ones(SHAPE, np.int32), metadata={METADATA_KEY: made})
    on_grains = {METADATA_KEY: {"kind": "count", "source_id": str(grains.unique_id)}}
    viewer.add_points(np.ones((3, 2)), metadata=on_grains)
    viewer.add_vectors(np.ones((3, 2, 2)), metadata=on_grains)
    viewer.add_vectors(np.ones((3, 2, 2)), name="drawn by the user")
    set_pixel_size(viewer, image, 0.5)
    assert [pixel_size_um(layer) for layer in viewer.layers] == [0.5] * 5


def test_a_pixel_size_of_0_is_refused_and_the_field_goes_back(
    open_dock: OpenDock, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(), name="steel", scale=(0.25, 0.25), units=("µm", "µm"))
    refreshed(qtbot, dock, 0.25)
    box = dock.form.pixel_size.number
    box.setValue(0.0)
    assert box.value() == 0.25 and pixel_size_um(image) == 0.25
    assert dock.run_bar.line.text() == "A pixel is larger than 0 µm: “steel” keeps 0.25 µm."


def test_line_over_the_scale_bar_gives_the_pixel_size(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(), name="steel")
    dock.pixel_size.ask_length = lambda _parent, _says: 10.0
    button = dock.form.pixel_size.line
    button.click()
    shapes = viewer.layers.selection.active
    assert shapes.mode == "add_line"
    assert shapes.name == "steel · scale bar"
    draw_line(shapes, (5, 5), (5, 25))
    button.click()
    assert pixel_size_um(image) == pytest.approx(0.5)
    assert [layer.name for layer in viewer.layers] == ["steel"]
    refreshed(qtbot, dock, 0.5)


def test_a_scale_bar_that_is_found_has_its_line_already(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    image = viewer.add_image(made.image, name="steel")
    asked: list[str] = []

    def ask(_parent: Any, says: str) -> float:
        asked.append(says)
        return 10.0

    dock.pixel_size.ask_length = ask
    button = dock.form.pixel_size.line
    button.click()
    shapes = viewer.layers.selection.active
    assert shapes.nshapes == 1
    assert "scale bar that was found, which seems to say 50 µm" in dock.run_bar.line.text()
    button.click()
    assert asked == ["50 µm"]
    assert shown_scale_bar(viewer)
    assert pixel_size_um(image) == pytest.approx(10 / made.length, rel=0.03)
    assert [layer.name for layer in viewer.layers] == ["steel"]


def test_the_bar_in_an_information_bar_has_its_line_too(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    strip = info_strip(strip_of(label="5 µm"))
    rows = 500
    image = viewer.add_image(np.vstack([specimen(rows, strip.shape[1]), strip]), name="frame")
    dock.pixel_size.ask_length = lambda _parent, says: micrometres_of(says)
    dock.form.pixel_size.line.click()
    (line,) = viewer.layers.selection.active.data
    assert (line[:, 0] > rows).all()
    assert camera_of(viewer).center[-2:] == pytest.approx(line.mean(axis=0))
    dock.form.pixel_size.line.click()
    assert pixel_size_um(image) == pytest.approx(5 / 100, rel=0.02)


def test_the_question_has_what_the_bar_says_already(qtbot: Any, monkeypatch: Any) -> None:
    given: list[Any] = []

    def answer(*question: Any) -> tuple[float, bool]:
        given.extend(question)
        return question[3], True

    monkeypatch.setattr(QInputDialog, "getDouble", answer)
    assert _ask_length(None, "200 nm") == pytest.approx(0.2)  # type: ignore[arg-type]
    assert "seems to say 200 nm" in given[2]
    assert _ask_length(None, "") == 50.0  # type: ignore[arg-type]


def test_line_layer_is_not_offered_as_a_region(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(), name="steel")
    dock.form.pixel_size.line.click()
    qtbot.wait(50)
    assert dock.form.region.count() == 1


def test_without_a_line_nothing_is_asked(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(), name="steel")
    dock.pixel_size.ask_length = lambda _parent, _says: pytest.fail("asked too early")
    dock.form.pixel_size.line.click()
    dock.form.pixel_size.line.click()
    assert "Draw a line" in dock.run_bar.line.text()
    assert pixel_size_um(image) is None


def test_too_short_a_line_is_refused_and_stays(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(), name="steel")
    dock.pixel_size.ask_length = lambda _parent, _says: 10.0
    dock.form.pixel_size.line.click()
    draw_line(viewer.layers.selection.active, (5, 5), (5, 5.2))
    dock.form.pixel_size.line.click()
    assert "0.2 px long" in dock.run_bar.line.text()
    assert len(viewer.layers) == 2
    assert pixel_size_um(image) is None


def test_cancelled_question_changes_nothing(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(), name="steel")
    dock.pixel_size.ask_length = lambda _parent, _says: None
    dock.form.pixel_size.line.click()
    draw_line(viewer.layers.selection.active, (5, 5), (5, 25))
    dock.form.pixel_size.line.click()
    assert pixel_size_um(image) is None
    assert len(viewer.layers) == 2


def test_sections_keep_their_distance(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    stack = viewer.add_image(np.stack([noise()] * 3), scale=(7, 1, 1), name="stack")
    dock.form.pixel_size.number.setValue(0.25)
    assert stack.scale == pytest.approx((7, 0.25, 0.25))
    dock.form.pixel_size.line.click()
    draw_line(viewer.layers.selection.active, (5, 5), (5, 25))
    dock.pixel_size.ask_length = lambda _parent, _says: 10.0
    dock.form.pixel_size.line.click()
    assert stack.scale == pytest.approx((7, 0.5, 0.5))


def test_without_an_image_the_box_says_why(open_dock: OpenDock, qtbot: Any) -> None:
    _, dock = open_dock()
    assert not dock.form.pixel_size.line.isEnabled()
    assert "Open an image" in dock.form.pixel_size.line.toolTip()


def test_pixel_size_stays_during_a_run(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(), name="steel")
    dock.toggle_run()
    assert not dock.form.pixel_size.number.isEnabled()
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)
    assert dock.form.pixel_size.number.isEnabled()


def test_drawn_labels_and_shapes_stay_over_the_image(open_dock: OpenDock, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(np.zeros((*SHAPE, 3), np.uint8), name="steel", rgb=True)
    drawn = viewer.add_labels(np.ones(SHAPE, np.int32), name="drawn by hand")
    restored = viewer.add_labels(
        np.ones(SHAPE, np.int32), metadata={METADATA_KEY: {"kind": "grains", "source_id": "gone"}}
    )
    shapes = viewer.add_shapes([[[1, 1], [5, 5]]], shape_type="line")
    other = viewer.add_labels(np.ones((7, 9), np.int32), name="of another size")
    dock.form.image.setCurrentText("steel")
    dock.form.pixel_size.number.setValue(0.5)
    assert [pixel_size_um(layer) for layer in (drawn, restored, shapes)] == [0.5] * 3
    assert pixel_size_um(other) is None


def test_what_may_belong_to_another_micrograph_is_left_alone(
    open_dock: OpenDock, qtbot: Any
) -> None:
    viewer, dock = open_dock()
    first = viewer.add_image(noise(), name="first")
    second = viewer.add_image(noise(), name="second")
    drawn = viewer.add_labels(np.ones(SHAPE, np.int32))
    viewer.layers.selection.active = first
    dock.form.pixel_size.number.setValue(0.5)
    assert [pixel_size_um(layer) for layer in (first, second, drawn)] == [0.5, None, None]


PLACES: dict[str, dict[str, Any]] = {
    "turned": {"rotate": 30},
    "oblong": {"scale": (2.0, 0.5)},
    "turned and oblong": {"scale": (2.0, 0.5), "rotate": 30},
    "sheared and oblong": {"scale": (2.0, 0.5), "shear": [0.3]},
    "mirrored": {"scale": (-1.0, 1.0)},
    "turned by an affine": {"affine": [[0.0, -1.0, 3.0], [1.0, 0.0, 5.0], [0.0, 0.0, 1.0]]},
    "scaled by an affine": {"affine": [[0.2, 0.0, 3.0], [0.0, 0.2, 5.0], [0.0, 0.0, 1.0]]},
    "turned, scaled oblong by an affine": {
        "affine": [[0.2, 0.0, 3.0], [0.0, 0.4, 5.0], [0.0, 0.0, 1.0]],
        "rotate": 90,
    },
}


def places_on(image: Any, layer: Any) -> np.ndarray:
    """Return where on the image, in its pixels, some pixels of a layer lie."""
    ends = [np.zeros(layer.ndim), np.full(layer.ndim, 3.0), np.arange(layer.ndim) + 1.0]
    return np.array([image.world_to_data(layer.data_to_world(each)) for each in ends])


@pytest.mark.parametrize("place", list(PLACES.values()), ids=list(PLACES))
@pytest.mark.parametrize("has_region", [False, True], ids=["whole", "region"])
def test_what_lies_over_a_turned_or_oblong_image_stays_on_it(
    open_dock: OpenDock, qtbot: Any, place: dict[str, Any], has_region: bool
) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(), name="steel", translate=(4, 8), **place)
    if has_region:
        dock.form.draw.click()
        region = viewer.layers.selection.active
        region.add_rectangles(np.array([[PITCH, PITCH], [4 * PITCH - 1, 4 * PITCH - 1]], float))
        qtbot.waitUntil(lambda: dock.layers.region() is not None, timeout=PATIENCE)
    dock.toggle_run()
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)
    dock.count_grains()
    qtbot.waitUntil(lambda: not dock.counter.is_running, timeout=PATIENCE)
    kinds = [kind_of(layer) for layer in viewer.layers]
    assert {"boundary", GRAINS, "count"} <= set(kinds)
    on_image = [places_on(image, layer) for layer in viewer.layers]
    flips = np.sign(image.scale)
    dock.form.pixel_size.number.setValue(0.25)
    assert pixel_size_um(image) == pytest.approx(0.25)
    np.testing.assert_array_equal(np.sign(image.scale), flips)
    for layer, before in zip(viewer.layers, on_image, strict=True):
        np.testing.assert_allclose(places_on(image, layer), before, atol=1e-6)
    grains = viewer.layers[kinds.index(GRAINS)]
    assert micrograph_of(viewer.layers, grains, whole=False) is image
    if has_region:
        assert window_under(image, grains)[0].start == PITCH
    else:
        groups, trouble = groups_of(viewer.layers, [grains])
        assert not trouble
        assert groups[0].image is image


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0.2252252, "0.22523 µm"),
        (0.007344, "0.0073440 µm"),
        (0.000553, "0.00055300 µm"),
        (12.0, "12.00000 µm"),
    ],
)
def test_the_pixel_size_of_an_sem_keeps_its_digits(qtbot: Any, size: float, shown: str) -> None:
    """Half a nanometre had two digits, whether it was shown or typed."""
    box = PixelSizeBox()
    qtbot.addWidget(box)
    typed: list[float] = []
    box.typed.connect(typed.append)
    box.show_size(size)
    assert box.number.text() == shown
    QTest.keyClick(box.number, Qt.Key.Key_Return)
    assert typed == []  # what is shown and what it holds are the same
    box.show_size(None)
    box.number.selectAll()
    QTest.keyClicks(box.number, f"{size:.9f}".rstrip("0"))
    QTest.keyClick(box.number, Qt.Key.Key_Return)
    assert typed == [pytest.approx(size)]


def test_a_typed_pixel_size_leaves_the_view_where_it_was() -> None:
    """One typed it close by, and had to find the place again."""
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((60, 80), np.uint8), name="steel", translate=(3, 5))
    camera = camera_of(viewer)
    camera.center, camera.zoom = (0.0, 33.0, 55.0), 12.0
    set_pixel_size(viewer, image, 0.25)
    middle = image.world_to_data(camera.center[-2:])
    np.testing.assert_allclose(middle, (30, 50))
    assert camera.zoom * image.scale[-1] == pytest.approx(12)

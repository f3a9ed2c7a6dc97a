"""Window tests of counting: a real viewer, marks on grains, one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from _widgets.fakes import PATIENCE, PITCH
from napari.layers import Points

from napari_etch._widgets.count_marks import COLOURS, count_layer
from napari_etch.counting import CORNER, EDGE, INSIDE

pytestmark = pytest.mark.gui

SHAPE = (4 * PITCH, 4 * PITCH)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def run_to_end(qtbot: Any, dock: Any) -> None:
    dock.toggle_run()
    qtbot.waitUntil(lambda: not dock.controller.is_running, timeout=PATIENCE)


def test_count_puts_a_mark_on_each_grain_and_says_how_many(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    assert not dock.count.isEnabled() and "run a model first" in dock.count.toolTip()
    viewer.add_image(
        noise(*SHAPE), name="steel", scale=(0.5, 0.5), translate=(3, 4), units=("µm", "µm")
    )
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    assert dock.count.isEnabled()
    dock.count.click()
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
    dock.count.click()
    dock.count.click()
    assert sum(isinstance(layer, Points) for layer in viewer.layers) == 1
    assert viewer.layers.selection.active.name == "steel"


def test_a_corrected_map_is_counted_as_it_is(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    viewer.add_image(noise(*SHAPE), name="steel")
    dock.form.granularity.setValue(0.9)
    run_to_end(qtbot, dock)
    grains = viewer.layers["steel · grains"]
    grains.data_setitem(np.nonzero(grains.data == 1), 2)
    dock.count_grains()
    assert "15 grains" in dock.run_bar.line.text()
    assert "no interval" in dock.run_bar.line.text()


def test_an_image_without_grains_is_run_first(open_dock: Any, qtbot: Any) -> None:
    viewer, dock = open_dock()
    image = viewer.add_image(noise(*SHAPE), name="steel")
    dock.count_selected(image)
    qtbot.waitUntil(lambda: "steel · grains · count" in viewer.layers, timeout=PATIENCE)
    assert not dock.controller.is_running


def test_every_section_of_a_stack_has_its_marks(open_dock: Any) -> None:
    viewer, dock = open_dock()
    labels = np.zeros((2, 8, 8), np.int32)
    labels[0], labels[1, :4], labels[1, 4:] = 1, 2, 3
    layer = viewer.add_labels(labels, name="mine")
    dock.count_selected(layer)
    marks = viewer.layers["mine · count"]
    assert sorted(marks.data[:, 0]) == [0, 1, 1]
    assert "3 grains in 2 sections, 1 to 2 in each" in count_layer(layer).sentence


def test_a_map_without_grains_is_refused_in_a_sentence(open_dock: Any) -> None:
    viewer, dock = open_dock()
    layer = viewer.add_labels(np.zeros((8, 8), np.int32), name="empty")
    dock.count_grains(layer)
    assert "“empty” has no grain" in dock.run_bar.line.text()

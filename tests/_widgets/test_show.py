"""The window that the demo opens."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_etch._widgets.show import fill_viewer, result_layer_data
from napari_etch.micrograph import Calibration, Micrograph

pytestmark = [pytest.mark.gui, pytest.mark.usefixtures("calm_threads")]


@pytest.fixture
def result(tmp_path):
    image = np.arange(600, dtype=np.uint8).reshape(20, 30)
    grains = np.ones(image.shape, np.int32)
    grains[:, 15:] = 2
    tifffile.imwrite(tmp_path / "boundary.tif", np.full(image.shape, 0.5, np.float32))
    tifffile.imwrite(tmp_path / "grains.tif", grains)
    return Micrograph(image, "steel", Calibration(0.25, "typed")), tmp_path


def test_results_lie_over_their_micrograph(result):
    image, boundary, grains = result_layer_data(*result)
    assert [layer[1]["name"] for layer in (image, boundary, grains)] == [
        "steel",
        "steel · boundary",
        "steel · grains",
    ]
    for _, keywords, _ in (boundary, grains):
        assert keywords["scale"] == (0.25, 0.25)
        assert keywords["units"] == ("µm", "µm")


def test_the_window_has_the_layers_and_the_dock(make_napari_viewer, result):
    viewer = make_napari_viewer()
    fill_viewer(viewer, *result)
    assert [layer.name for layer in viewer.layers] == [
        "steel",
        "steel · boundary",
        "steel · grains",
    ]
    assert viewer.layers["steel · grains"].data.max() == 2
    [dock] = [viewer.window.dock_widgets[name] for name in viewer.window.dock_widgets]
    assert dock.form.image.currentText() == "steel"  # not the map that was made of it

"""The layers of a result are made in the thread of its run, or anew where that was too early."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from _widgets.fakes import PITCH, drain, fake_engine
from napari.layers import Image

from napari_etch._widgets import layers_ahead
from napari_etch._widgets.job import Settings
from napari_etch._widgets.layers import METADATA_KEY, origin_of, source_of
from napari_etch._widgets.layers_ahead import LayersAhead
from napari_etch._widgets.run import Segmented, sized


def test_layers_are_made_in_the_run_unless_the_image_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    usual = layers_ahead.result_layers
    monkeypatch.setattr(
        layers_ahead,
        "result_layers",
        lambda *given: made.append(given[1].name) or usual(*given),  # type: ignore[func-returns-value]
    )
    image = Image(np.zeros((2 * PITCH, 2 * PITCH), np.uint8), name="steel", units=("um", "um"))
    ahead, source, settings = LayersAhead(), source_of(image), Settings("fake")

    def run() -> Segmented:
        ahead.origin = origin_of(image)
        _, outcome = drain(ahead.run(source, settings, threading.Event(), fake_engine()))
        assert isinstance(outcome, Segmented)
        return outcome

    result = run()
    assert made == ["steel"]
    boundary, grains = ahead.take(sized(result, replace(source)), origin_of(image))
    assert made == ["steel"] and grains.name == "steel · grains"
    np.testing.assert_array_equal(boundary.data, result.boundary)
    ahead.take(result, origin_of(image))  # they are given away once
    assert made == ["steel"] * 2
    result = run()
    image.name, image.scale = "renamed", (0.5, 0.5)
    _, grains = ahead.take(sized(result, source_of(image)), origin_of(image))
    assert grains.name == "renamed · grains" and grains.scale.tolist() == [0.5, 0.5]
    assert grains.metadata[METADATA_KEY]["pixel_size_um"] == 0.5

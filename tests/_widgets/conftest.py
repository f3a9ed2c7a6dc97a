"""Fixtures of the window tests: a viewer with a Segment dock on stand-ins.

Where no window can be opened the tests of this folder skip, or fail with ``ETCH_REQUIRE_GUI=1``:
see the conftest above.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _widgets.correct_map import cells, walls
from _widgets.fakes import PATIENCE, FakeModel, FakePredict, fake_engine
from _widgets.hands import Hands
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication

from napari_etch._widgets.correct_dock import CorrectDock
from napari_etch._widgets.segment_dock import SegmentDock


@pytest.fixture
def calm_threads() -> Iterator[None]:
    """Let every worker end before the next test starts."""
    yield
    assert QThreadPool.globalInstance().waitForDone(PATIENCE)
    if QApplication.instance() is not None:
        QApplication.processEvents()
    gc.collect()


@pytest.fixture
def open_dock(
    calm_threads: None, make_napari_viewer: Callable[..., Any]
) -> Callable[..., tuple[Any, SegmentDock]]:
    """Return a function that opens a viewer with the Segment dock in it."""

    def open_(
        predict: FakePredict | None = None, *, model: FakeModel | None = None
    ) -> tuple[Any, SegmentDock]:
        viewer = make_napari_viewer()
        model = model or FakeModel()
        dock = SegmentDock(
            viewer,
            engine=fake_engine(predict, model),
            models=lambda: [model],
            probe_devices=lambda: {"cuda": "No GPU here.", "mps": "No Apple GPU here."},
        )
        viewer.window.add_dock_widget(dock, name="Segment")
        return viewer, dock

    return open_


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "corrections"


@pytest.fixture
def add_correct(calm_threads: None, folder: Path) -> Iterator[Callable[[Any], CorrectDock]]:
    """Return a function that adds a Correct dock to a viewer."""
    docks: list[CorrectDock] = []

    def add(viewer: Any) -> CorrectDock:
        dock = CorrectDock(viewer, folder=folder)
        viewer.window.add_dock_widget(dock, name="Correct")
        docks.append(dock)
        return dock

    yield add
    for dock in docks:
        for session in dock.sessions.all():
            session.close()


@pytest.fixture
def desk(
    make_napari_viewer: Callable[..., Any], add_correct: Callable[[Any], CorrectDock]
) -> tuple[Any, CorrectDock, Any, Hands]:
    """Return a viewer with an image, its boundary map and its grains, the dock, and hands."""
    viewer = make_napari_viewer(show=True)
    boundary = walls()
    viewer.add_image((255 * boundary).astype(np.uint8), name="steel")
    viewer.add_image(boundary, name="steel · boundary")
    layer = viewer.add_labels(cells(), name="steel · grains")
    dock = add_correct(viewer)
    viewer.reset_view()
    return viewer, dock, layer, Hands(viewer, layer)

"""Fixtures of the window tests: a viewer with a Segment dock on stand-ins.

Where no window can be opened the tests of this folder skip, or fail with ``ETCH_REQUIRE_GUI=1``:
see the conftest above.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from _widgets.fakes import PATIENCE, FakeModel, FakePredict, fake_engine
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QApplication

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

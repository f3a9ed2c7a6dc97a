"""A run of the Repair dock without a window."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from _widgets.repair_fakes import FakeRepair, broken_lines
from micrograph.scenes import specimen
from printing import print_of, printed

from napari_etch._widgets.job import Source
from napari_etch._widgets.repair_run import Mended, RepairSettings, mend, repair_refusal
from napari_etch._widgets.run import Failed, Progress, Stopped


def end_of(
    source: Source, settings: RepairSettings, engine: Any, cancel: threading.Event | None = None
) -> Any:
    run = mend(source, settings, cancel or threading.Event(), engine)
    while True:
        try:
            next(run)
        except StopIteration as ended:
            return ended.value


def black_on_white() -> np.ndarray:
    return np.where(broken_lines(), 0, 255).astype(np.uint8)


def test_a_map_is_given_as_it_is() -> None:
    engine = FakeRepair()
    ended = end_of(Source(black_on_white(), "net"), RepairSettings(), engine)
    assert isinstance(ended, Mended) and ended.bright
    assert engine.calls == [{"least": 0.5, "polarity": "auto", "kind": "map", "device": "auto"}]
    np.testing.assert_array_equal(engine.pictures[0], black_on_white())


def test_the_information_bar_of_a_micrograph_is_left_out_and_that_is_said() -> None:
    engine = FakeRepair()
    image = np.random.default_rng(0).integers(0, 255, (90, 90)).astype(np.uint8)
    ended = end_of(Source(image, "sem", info_bar_row=70), RepairSettings(), engine)
    assert engine.calls[0]["kind"] == "micrograph"
    assert np.isnan(engine.pictures[0][70:]).all() and np.isfinite(engine.pictures[0][:70]).all()
    assert ended.notices == ("The information bar from row 70 down was left out.",)


def test_a_scale_bar_of_a_micrograph_is_left_out_and_that_is_said() -> None:
    engine = FakeRepair()
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    ended = end_of(Source(made.image, "sem"), RepairSettings(), engine)
    assert made.covered(np.isfinite(engine.pictures[0])) == 1
    assert ended.notices == ("The scale bar at the lower right was left out.",)


def test_grains_are_given_whole_and_colours_as_colours() -> None:
    engine = FakeRepair()
    labels = np.arange(90 * 90).reshape(90, 90) * 1000
    end_of(Source(labels, "grains"), RepairSettings(kind="grains"), engine)
    np.testing.assert_array_equal(engine.pictures[-1], labels)
    colours = np.random.default_rng(0).integers(0, 255, (90, 90, 3)).astype(np.uint8)
    end_of(Source(colours, "rgb", rgb=True), RepairSettings(kind="micrograph"), engine)
    assert engine.pictures[-1].shape == (90, 90, 3)


def test_every_end_is_told_and_nothing_is_raised() -> None:
    source = Source(black_on_white(), "net")
    cancelled = threading.Event()
    cancelled.set()
    assert isinstance(end_of(source, RepairSettings(), FakeRepair(), cancelled), Stopped)
    failed = end_of(source, RepairSettings(), FakeRepair(error=ValueError("odd")))
    assert isinstance(failed, Failed) and "could not be repaired" in failed.message
    failed = end_of(source, RepairSettings(), lambda *_, **__: iter(()))
    assert isinstance(failed, Failed) and "ended without a result" in failed.message


def test_progress_comes_before_anything_is_loaded() -> None:
    run = mend(Source(black_on_white(), "net"), RepairSettings(), threading.Event(), FakeRepair())
    assert next(run) == Progress(0, "loading the model")


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (np.zeros((40, 40), np.complex64), "auto", "complex"),
        (np.zeros((0, 40), np.uint8), "auto", "is empty"),
        (np.zeros((40, 40), np.float32), "grains", "no whole numbers"),
        (np.zeros((2, 2, 40, 40), np.uint8), "auto", "4 axes"),
        (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "map", "too large"),
    ],
)
def test_what_cannot_be_repaired_is_one_sentence(data: np.ndarray, kind: str, said: str) -> None:
    trouble = repair_refusal(Source(data, "it"), RepairSettings(kind=kind))
    assert said in trouble and trouble.endswith(".") and "“it”" in trouble
    assert not repair_refusal(Source(black_on_white(), "it"), RepairSettings())

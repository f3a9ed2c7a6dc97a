"""Plain tests: what the dock says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_etch._widgets.job import Region, Settings, Source
from napari_etch._widgets.keys import KEY_BINDINGS, tip
from napari_etch._widgets.run import Progress, Segmented
from napari_etch._widgets.status import RunBar, duration, step_text
from napari_etch._widgets.train_bar import FitBar
from napari_etch._widgets.words import outcome_text
from napari_etch.grains import partition
from napari_etch.training.trainers import TrainStep


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_a_time_is_said_as_a_person_says_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_step_says_what_is_done_and_how_long_it_takes() -> None:
    assert step_text(Progress(0.5, "scale 1 · tile 3 of 12", 8.2)) == (
        "Scale 1 · tile 3 of 12 · 8 s left"
    )
    assert step_text(Progress(0.0, "loading the model")) == "Loading the model"


def result(**keywords: Any) -> Segmented:
    boundary = np.zeros((40, 40), np.float32)
    boundary[:, 20] = 1
    return Segmented(
        source=Source(boundary, "steel"),
        settings=Settings(),
        region=Region(0, 0, 40, 40),
        sections=(0,),
        boundary=boundary,
        partitions=(partition(boundary),),
        provenance={"seconds": 75.0, "device": "cpu", "model": "wpunet"},
        **keywords,
    )


def test_the_outcome_is_counted_timed_and_carries_the_notices() -> None:
    assert outcome_text(result()) == "“steel”: 2 grains, 1 min 15 s on the CPU, by wpunet."
    text = outcome_text(result(grain_number=9.66, notices=("Memory ran out: half the tile",)))
    assert text == (
        "“steel”: 2 grains, ASTM grain size number 9.7 (of few grains: E112 asks for 50), "
        "1 min 15 s on the CPU, by wpunet. "
        "Memory ran out: half the tile."
    )


def test_a_tooltip_names_the_keys() -> None:
    assert tip("Cut.", "fewer", "more") == (
        "Cut.\nShift+Left: fewer grains, Shift+Right: more grains"
    )


def test_no_two_actions_share_a_key() -> None:
    keys = [binding.keys for binding in KEY_BINDINGS.values()]
    assert len(set(keys)) == len(keys)


def test_napari_itself_uses_none_of_the_keys() -> None:
    shortcuts = pytest.importorskip("napari.utils.shortcuts")
    used = {str(key) for keys in shortcuts.default_shortcuts.values() for key in keys}
    assert used, "napari names its shortcuts in another way now"
    assert not used & {binding.shown for binding in KEY_BINDINGS.values()}


@pytest.mark.gui
@pytest.mark.parametrize("kind", [RunBar, FitBar])
def test_why_a_button_is_grey_is_said_in_sight_and_once(qtbot: Any, kind: Any) -> None:
    bar = kind()
    qtbot.addWidget(bar)
    bar.show_ready("Open an image first.")
    assert bar.why.text() == "Open an image first." and bar.why.isVisibleTo(bar)
    bar.say("Open an image first.")  # who starts it by a key is told in the line
    assert not bar.why.isVisibleTo(bar)
    bar.say("")
    assert bar.why.isVisibleTo(bar)
    bar.show_ready("")
    assert not bar.why.isVisibleTo(bar)
    bar.show_ready("Open an image first.")
    bar.show_running()
    assert not bar.why.isVisibleTo(bar)


@pytest.mark.gui
def test_before_the_first_step_nothing_is_done(qtbot: Any) -> None:
    """The bar began with 100 %, and fell back with the first step."""
    bar = FitBar()
    qtbot.addWidget(bar)
    bar.show_running()
    bar.show_step(TrainStep(0, 160, 20.0, 0.0, {}, {"loss": 0.4}))
    assert bar.bar.value() == 0
    bar.show_step(TrainStep(1, 160, 25.0, 75.0, {"total": 0.4}))
    assert bar.bar.value() == bar.bar.maximum() // 4

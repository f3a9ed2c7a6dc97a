from __future__ import annotations

import threading

import numpy as np
import pytest
from fakes import DarkIsBoundary, grid_of_grains

from napari_etch.inference import Cancelled, Notice, Prediction, TileDone
from napari_etch.micrograph import Micrograph
from napari_etch.segmentation import SectionDone, Segmentation, segment, segment_sections


@pytest.fixture
def model():
    return DarkIsBoundary()


def run(model, data, **options):
    return list(segment(model, Micrograph(data, "grid"), device="cpu", **options))


def test_the_result_comes_last_and_progress_before(model):
    image, truth = grid_of_grains()
    *progress, result = run(model, image)
    assert isinstance(result, Segmentation)
    assert not any(isinstance(event, Prediction) for event in progress)
    tiles = [event for event in progress if isinstance(event, TileDone)]
    assert tiles[-1].fraction == 1
    assert result.grains.max() == truth.max()
    assert result.boundary.dtype == np.float32
    assert result.model == "dark"


def test_the_parameters_say_everything_that_was_set_or_left(model):
    *_, result = run(model, grid_of_grains()[0], granularity=0.4, grain_size=24)
    said = {name: result.parameters[name] for name in ("granularity", "grain_size", "quality")}
    assert said == {"granularity": 0.4, "grain_size": 24, "quality": "best"}
    assert result.parameters["darkness"] == 1


def test_progress_of_a_stack_runs_once_from_nothing_to_all(model):
    image, _ = grid_of_grains()
    *progress, result = run(model, np.stack([image] * 3))
    fractions = [event.fraction for event in progress if isinstance(event, TileDone)]
    assert fractions == sorted(fractions)
    assert fractions[0] <= 1 / 3
    assert fractions[-1] == 1
    assert "3 of 3 sections" in progress[-1].what
    assert result.grains.shape == (3, *image.shape)


def test_the_masked_part_is_no_grain(model):
    image, _ = grid_of_grains()
    micrograph = Micrograph(image, "grid", info_bar_row=80)
    *_, result = segment(model, micrograph, device="cpu")
    assert not result.grains[80:].any()
    assert result.grains[:80].all()


def test_cancel_ends_the_run(model):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        run(model, grid_of_grains()[0], cancel=cancel)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"granularity": 1.5}, "between 0 and 1"), ({"colour": "red"}, "no option colour")],
)
def test_settings_that_the_model_cannot_take(model, options, message):
    with pytest.raises(ValueError, match=message):
        run(model, grid_of_grains()[0], **options)


def test_sections_are_read_one_ahead(model):
    image, _ = grid_of_grains()
    read = []

    def sections():
        for index in range(3):
            read.append(index)
            yield Micrograph(image, f"section {index}")

    done = []
    for event in segment_sections(model, sections(), 3, device="cpu"):
        if isinstance(event, SectionDone):
            done.append((event.index, event.micrograph.name, list(read)))
    assert done == [
        (0, "section 0", [0, 1]),
        (1, "section 1", [0, 1, 2]),
        (2, "section 2", [0, 1, 2]),
    ]


def test_what_was_finished_comes_out_when_it_is_cancelled(model):
    image, truth = grid_of_grains()
    cancel = threading.Event()

    def sections():
        for index in range(4):
            if index == 2:
                cancel.set()
            yield Micrograph(image, f"section {index}")

    done = []
    with pytest.raises(Cancelled):
        for event in segment_sections(model, sections(), 4, device="cpu", cancel=cancel):
            if isinstance(event, SectionDone):
                done.append((event.index, event.partition.n_grains))
    assert done == [(0, truth.max()), (1, truth.max())]


def test_a_run_that_ends_without_a_prediction_is_an_error(model):
    image, _ = grid_of_grains()
    nothing = segment_sections(
        model, [Micrograph(image, "grid")], 1, predict=lambda *_, **__: (x for x in ())
    )
    with pytest.raises(RuntimeError, match="grid ended without a result"):
        list(nothing)


def test_a_grain_that_may_be_the_mount_is_told_of_once(model):
    image, _ = grid_of_grains(count=12, side=12)
    wide = np.concatenate([np.full((len(image), 150), 200, np.uint8), image], 1)
    wide[:, 148:152] = 20
    *events, result = run(model, wide)
    said = [event.message for event in events if isinstance(event, Notice)]
    assert len(said) == 1 and said[0].startswith("One grain at the left covers 5")
    assert result.notices == tuple(said)
    assert not run(model, image)[-1].notices
    *_, stack = run(model, np.stack([np.full_like(wide, 200), wide, wide]))
    (once,) = [said for said in stack.notices if "One grain" in said or "one grain" in said]
    assert once.startswith("Section 1: one grain at the left covers 5")


class Logs(DarkIsBoundary):
    """Logs what it is told under a name, one value a picture; nothing where that is empty."""

    def __init__(self, name, *values):
        super().__init__()
        self.log_as, self.values = name, list(values)

    def passes(self, micrograph, **options):
        found = yield from super().passes(micrograph, **options)
        value = self.values.pop(0)
        return {**found, "log": {self.log_as: value} if value else {}}


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1,), "A straight line across the grains was taken for a scratch and filled in."),
        ((3,), "Straight lines across the grains (3 of them) were taken for scratches and filled"),
        ((0, 2, 1), "Straight lines across the grains in 2 of 3 sections were taken for scratches"),
    ],
)
def test_scratches_that_were_filled_in_are_told_of_once(counts, said):
    image, _ = grid_of_grains()
    *_, result = run(
        Logs("scratches", *counts), image if len(counts) == 1 else np.stack([image] * 3)
    )
    (notice,) = result.notices
    assert notice.startswith(said)
    *_, plain = run(Logs("scratches", *(0 for _ in counts)), np.stack([image] * len(counts)))
    assert not plain.notices


@pytest.mark.parametrize(
    ("logged", "said"),
    [
        (("scan lines",), "Scan lines were taken out for the network."),
        (
            ("dead pixels, scan lines",),
            "Dead pixels and scan lines were taken out for the network.",
        ),
        (
            ("", "scan lines", "dead pixels, seams of a mosaic"),
            "Scan lines, dead pixels and seams of a mosaic were taken out of 2 of 3 sections for"
            " the network.",
        ),
    ],
)
def test_what_was_taken_out_of_the_picture_is_told_of_once(logged, said):
    image, _ = grid_of_grains()
    *_, result = run(
        Logs("taken_out", *logged), image if len(logged) == 1 else np.stack([image] * 3)
    )
    assert result.notices == (said,)

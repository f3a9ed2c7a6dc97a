"""Plain tests: what a run does, without Qt or napari."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from _widgets.fakes import PITCH, FakeModel, FakePredict, drain, fake_engine
from micrograph.scenes import specimen
from printing import print_of, printed

from napari_etch._widgets.job import MAX_SECTION_PIXELS, Region, Settings, Source, refusal
from napari_etch._widgets.run import (
    Failed,
    Note,
    Progress,
    Segmented,
    Stopped,
    _grain_number,
    segment,
)
from napari_etch.inference import Prediction
from napari_etch.micrograph import MicrographError, micrograph_from_array


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def run(source: Source, predict: FakePredict | None = None, **settings: Any) -> Any:
    settings.setdefault("skip_info_bar", False)
    generator = segment(
        source, Settings(**settings), threading.Event(), fake_engine(predict, FakeModel())
    )
    return drain(generator)


def test_a_grey_image_gives_a_boundary_and_grains_of_its_size() -> None:
    _, result = run(Source(noise(64, 96), "steel"))
    assert isinstance(result, Segmented)
    assert result.boundary.shape == (64, 96)
    assert result.boundary.dtype == np.float32
    assert result.partitions[0].grains.shape == (64, 96)
    assert result.provenance["weights_hash"] == "00c0ffee"
    assert result.provenance["parameters"]["tile"] == 64


def test_one_grain_has_no_grain_number() -> None:
    source = Source(noise(64, 64), "steel", pixel_size_um=0.5)
    for grains, known in ((np.ones((64, 64), np.int32), False), (np.eye(64, dtype=int) + 1, True)):
        assert (_grain_number(source, [SimpleNamespace(grains=grains)]) is not None) == known


def test_progress_rises_to_one() -> None:
    updates, _ = run(Source(noise(64, 64), "steel"))
    fractions = [update.fraction for update in updates if isinstance(update, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_a_fast_network_does_not_flood_the_window_with_progress() -> None:
    updates, _ = run(Source(noise(64, 64), "steel"), FakePredict(tiles=5000))
    assert len(updates) < 100


def test_only_the_rectangle_is_read_and_segmented() -> None:
    predict = FakePredict()
    image = noise(100, 120)
    _, result = run(Source(image, "steel"), predict, region=Region(10, 20, 60, 90))
    np.testing.assert_array_equal(predict.calls[0]["micrograph"].data, image[10:60, 20:90])
    assert result.boundary.shape == (50, 70)


def test_alpha_is_dropped_from_a_colour_image() -> None:
    predict = FakePredict()
    _, result = run(Source(noise(64, 64, 4), "colour", rgb=True), predict)
    assert predict.calls[0]["micrograph"].data.shape == (64, 64, 3)
    assert result.boundary.shape == (64, 64)


def test_a_stack_is_segmented_section_by_section() -> None:
    predict = FakePredict()
    updates, result = run(Source(noise(4, 64, 64), "stack"), predict)
    assert len(predict.calls) == 4
    assert all(call["micrograph"].data.shape == (64, 64) for call in predict.calls)
    assert result.boundary.shape == (4, 64, 64)
    assert len(result.partitions) == 4
    assert any("3 of 4 sections" in update.message for update in updates)


def test_one_section_of_a_stack_can_be_chosen() -> None:
    predict = FakePredict()
    stack = noise(4, 64, 64)
    _, result = run(Source(stack, "stack"), predict, section=2)
    np.testing.assert_array_equal(predict.calls[0]["micrograph"].data, stack[2])
    assert result.boundary.shape == (1, 64, 64)
    assert result.sections == (2,)


def test_a_dask_stack_is_computed_one_section_at_a_time() -> None:
    computed: list[Any] = []

    def load(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info:
            computed.append(block_info[None]["chunk-location"][0])
        return block + np.uint8(1)

    class WatchedPredict(FakePredict):
        def __call__(self, model: Any, micrograph: Any, **options: Any) -> Any:
            seen.append(list(computed))
            return super().__call__(model, micrograph, **options)

    seen: list[list[Any]] = []
    lazy = da.zeros((3, 64, 64), np.uint8, chunks=(1, 64, 64)).map_blocks(load, dtype=np.uint8)
    run(Source(lazy, "lazy"), WatchedPredict())
    assert seen == [[0], [0, 1], [0, 1, 2]]


def test_only_options_that_the_model_has_are_passed_on() -> None:
    predict = FakePredict()
    model = FakeModel(segment_options={"grain_size": None})
    settings = Settings(grain_size=30, quality="fast")
    source = Source(noise(64, 64), "steel")
    drain(segment(source, settings, threading.Event(), fake_engine(predict, model)))
    assert predict.calls[0]["grain_size"] == 30
    assert "quality" not in predict.calls[0]


@pytest.mark.parametrize(("gaps", "said"), [(0, ()), (1, ("2 gaps were closed.",))])
def test_how_many_gaps_were_closed_is_said(gaps: int, said: tuple[str, ...]) -> None:
    class Closing(FakePredict):
        def __call__(self, model: Any, micrograph: Any, **options: Any) -> Iterator[Any]:
            for event in super().__call__(model, micrograph, **options):
                if isinstance(event, Prediction):
                    event.parameters["bridges"] = gaps
                yield event

    _, result = run(Source(noise(2, 64, 64), "two sections"), Closing())
    assert result.notices == said


def test_the_pixel_size_reaches_the_model() -> None:
    predict = FakePredict()
    run(Source(noise(64, 64), "steel", pixel_size_um=0.25), predict)
    assert predict.calls[0]["micrograph"].pixel_size_um == 0.25


def test_an_information_bar_that_the_reader_found_is_left_out_of_a_rectangle_too() -> None:
    source = Source(noise(128, 128), "sem", info_bar_row=100)
    _, result = run(source, region=Region(64, 0, 128, 128), skip_info_bar=True)
    grains = result.partitions[0].grains
    assert not grains[36:].any()
    assert grains[:36].all()
    assert "information bar" in result.notices[0]


@pytest.mark.parametrize("skip_info_bar", [False, True])
def test_outside_a_drawn_shape_there_are_no_grains(skip_info_bar) -> None:
    source = Source(specimen(120, 160), "steel", False)
    corners = ((10.0, 20.0), (90.0, 20.0), (90.0, 120.0))
    region = Region(10, 20, 91, 121, corners)
    _, result = run(source, region=region, skip_info_bar=skip_info_bar)
    outside = region.outside()
    assert outside is not None and 0.4 < outside.mean() < 0.6
    grains = result.partitions[0].grains
    assert not grains[outside].any() and grains[~outside].all()
    assert any(text.startswith("What lies outside the drawn shape was") for text in result.notices)


@pytest.mark.parametrize("region", [None, Region(40, 60, 200, 256)])
def test_a_scale_bar_is_left_out_of_the_whole_image_and_of_a_rectangle(region) -> None:
    made = printed(specimen(200, 256), print_of(size=0.08, box="filled"))
    source = Source(made.image, "sem")
    _, result = run(source, region=region, skip_info_bar=True)
    whole = micrograph_from_array(made.image, keep_info_bar=False).mask
    part = region or source.whole
    assert not whole.all()
    assert ((result.partitions[0].grains > 0) == whole[part.slices]).all()
    assert result.notices == (
        "The scale bar at the lower right was left out.",
        f"The scale bar says 50 µm over {made.length} px, {50 / made.length:.3g} µm a pixel: "
        "“From a line…” takes that over.",
    )
    _, result = run(source, region=region)
    assert result.partitions[0].grains.all() and not result.notices


def test_a_rectangle_over_an_information_bar_and_a_blank_margin_leaves_out_both() -> None:
    page = np.pad(specimen(200, 256), ((0, 0), (40, 40)), constant_values=255)
    sem = np.pad(page, ((0, 40), (0, 0)))
    source = Source(sem, "sem", info_bar_row=200)
    _, result = run(source, region=Region(100, 0, 230, 200), skip_info_bar=True)
    assert isinstance(result, Segmented)
    grains = result.partitions[0].grains
    assert grains[:100, 40:].all()
    assert not grains[:, :40].any() and not grains[100:].any()


def test_of_a_stack_it_is_told_once_what_is_blank_around_it() -> None:
    pages = [np.pad(specimen(200, 256), ((0, 0), (n, 60 - n))) for n in (20, 30, 40)]
    _, result = run(Source(np.stack(pages), "page"), skip_info_bar=True)
    assert result.notices == ("What lies around the specimen was left out of 3 sections.",)


def test_of_a_stack_the_first_section_tells_what_the_scale_bar_says() -> None:
    one, two = (
        printed(specimen(200, 256), print_of(size=0.08, length=length, box="filled"))
        for length in (0.2, 0.25)
    )
    assert one.length != two.length
    stack = Source(np.stack([one.image, two.image]), "sem")
    _, result = run(stack, skip_info_bar=True)
    said = [notice for notice in result.notices if "says" in notice]
    assert said == [
        f"The scale bar says 50 µm over {one.length} px, {50 / one.length:.3g} µm a pixel."
    ]


def test_a_notice_is_shown_at_once_and_again_at_the_end() -> None:
    updates, result = run(Source(noise(64, 64), "steel"), FakePredict(notice="Half the tile."))
    assert Note("Half the tile.") in updates
    assert result.notices == ("Half the tile.",)


def test_cancel_ends_the_run_without_a_result() -> None:
    cancel = threading.Event()
    source = Source(noise(64, 64), "steel")
    generator = segment(source, Settings(), cancel, fake_engine())
    next(generator)
    cancel.set()
    assert drain(generator)[1] == Stopped()


def test_cancel_ends_a_stack_between_sections_and_keeps_those_that_are_done() -> None:
    cancel = threading.Event()
    predict = FakePredict()

    class CancelAtPartition(FakeModel):
        def partition(self, *args: Any, **kwargs: Any) -> Any:
            cancel.set()
            return super().partition(*args, **kwargs)

    engine = fake_engine(predict, CancelAtPartition())
    outcome = drain(segment(Source(noise(3, 64, 64), "stack"), Settings(), cancel, engine))[1]
    assert len(predict.calls) == 1
    assert isinstance(outcome, Segmented)
    assert outcome.boundary.shape == (1, 64, 64)
    assert outcome.sections == (0,)
    assert outcome.notices == (
        "Cancelled after 1 of 3 sections: section 0 is there, the others are not.",
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("boom\nsecond line"),
            "“steel” could not be segmented (RuntimeError: boom); ",
        ),
        (KeyError("x"), "“steel” could not be segmented (KeyError: 'x'); "),
        (MicrographError("The image is constant."), "The image is constant."),
        (MemoryError(), "not enough memory for “steel”"),
    ],
)
def test_an_error_becomes_one_sentence_and_a_full_log_entry(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "napari_etch"):
        _, outcome = run(Source(noise(64, 64), "steel"), FakePredict(error=error))
    assert isinstance(outcome, Failed)
    assert said in outcome.message
    assert "\n" not in outcome.message
    assert outcome.error is error
    assert "Traceback" in caplog.text


def test_a_model_that_cannot_be_loaded_is_a_sentence() -> None:
    engine = fake_engine()
    broken = type(engine)(lambda name: [][0], engine.predict)
    source = Source(noise(64, 64), "steel")
    outcome = drain(segment(source, Settings(), threading.Event(), broken))[1]
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize(
    ("source", "settings", "said"),
    [
        (Source(np.zeros((2, 2, 8, 8)), "film"), Settings(), "is 4-dimensional"),
        (Source(np.zeros(8), "line"), Settings(), "is 1-dimensional"),
        (Source(np.zeros((8, 8), complex), "wave"), Settings(), "complex"),
        (Source(np.zeros((0, 8, 8)), "none"), Settings(), "no sections"),
        (
            Source(np.zeros((8, 8)), "steel"),
            Settings(region=Region(3, 8, 5, 8)),
            "outside “steel”",
        ),
        (
            Source(da.zeros((20_000, 20_000), chunks=2000), "huge"),
            Settings(),
            "20000 × 20000 px",
        ),
        (Source(da.zeros((9_000, 2000, 2000), chunks=2000), "long"), Settings(), "9000 sections"),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_sentence(
    source: Source, settings: Settings, said: str
) -> None:
    assert said in refusal(source, settings)


def test_a_rectangle_makes_a_huge_image_possible() -> None:
    huge = Source(da.zeros((20_000, 20_000), chunks=2000), "huge")
    assert MAX_SECTION_PIXELS < 20_000**2
    assert refusal(huge, Settings(region=Region(0, 0, 512, 512))) == ""


def test_the_grid_is_what_the_stand_in_finds() -> None:
    _, result = run(Source(noise(4 * PITCH, 3 * PITCH), "steel"), granularity=0.9)
    assert result.partitions[0].n_grains == 12


def test_the_real_engine_drives_a_run_from_pixels_to_grains() -> None:
    torch = pytest.importorskip("torch")
    from napari_etch._widgets.run import default_engine
    from napari_etch.inference import Pass, predict

    class Darkness(FakeModel):
        """Boundary where the image is dark: a network of one fixed convolution."""

        stride, margin, channels_out = 8, 8, 1

        def __init__(self) -> None:
            super().__init__()
            self.network = torch.nn.Conv2d(1, 1, 1)
            torch.nn.init.constant_(self.network.weight, -1.0)
            torch.nn.init.constant_(self.network.bias, 1.0)
            self.network.eval()

        def passes(self, micrograph: Any, **options: Any) -> Any:
            raw = yield Pass(micrograph.grey()[None], "darkness", 1.0)
            return {"boundary": np.clip(raw[0], 0, 1)}

    image = np.full((96, 96), 200, np.uint8)
    image[:, 47:49] = 10
    engine = type(default_engine())(lambda _name: Darkness(), predict)
    source = Source(image, "two grains")
    result = drain(segment(source, Settings(device="cpu", tile=64), threading.Event(), engine))[1]
    assert isinstance(result, Segmented)
    assert result.partitions[0].n_grains == 2
    assert result.provenance["device"] == "cpu"

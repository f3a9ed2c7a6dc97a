from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest
from propagation.carrier import Carrier, other_specimen, stack_of

from napari_etch.inference import Cancelled, Notice, TileDone
from napari_etch.micrograph import Micrograph
from napari_etch.segmentation import SectionDone, segment, segment_sections


@pytest.fixture
def model():
    return Carrier()


def run(model, images, **options):
    sections = list(Micrograph(images, "stack").sections())
    return list(segment_sections(model, sections, len(sections), device="cpu", **options))


def done(events):
    return [event for event in events if isinstance(event, SectionDone)]


def said(events):
    return [event.message for event in events if isinstance(event, Notice)]


def drawn(events):
    return {
        event.index: event.prediction.parameters["drawn"]
        for event in done(events)
        if "drawn" in event.prediction.parameters
    }


@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
@pytest.mark.parametrize("count", [2, 12, 15])
def test_every_section_comes_out_once_and_in_order(model, direction, count):
    images, _ = stack_of(count)
    events = run(model, images, direction=direction)
    assert [event.index for event in done(events)] == list(range(count))
    fractions = [event.fraction for event in events if isinstance(event, TileDone)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert said(events) == []


def test_progress_tells_the_way_back_from_the_way_there(model):
    images, _ = stack_of(3)
    said = [event.what for event in run(model, images) if isinstance(event, TileDone)]
    back = [what for what in said if "on the way back" in what]
    assert back[0].startswith("section 3 of 3, on the way back: ")
    assert said[: len(back)] == back
    assert said[-1].startswith("3 of 3 sections: ")


def test_a_section_is_only_ever_told_what_was_found_in_another(model):
    images, _ = stack_of(5)
    run(model, images, direction="forward")
    told = [previous for _, previous in model.log]
    assert told[0] is None
    for before, previous in zip(model.answers, told[1:], strict=False):
        np.testing.assert_array_equal(previous, before)


def test_a_section_that_shows_little_gets_the_boundaries_of_the_one_before(model):
    images, truth = stack_of(6)
    images[3] = 150 + np.random.default_rng(0).integers(0, 30, images[3].shape)
    *_, result = segment(model, Micrograph(images, "stack"), device="cpu", direction="forward")
    assert len(np.unique(result.grains[3])) == len(np.unique(truth[3]))


def test_a_section_that_is_not_sure_is_looked_at_again_told_what_lies_between(model, monkeypatch):
    images, truth = stack_of(8)
    unsure = "stack_0004"
    found = type(model).passes

    def passes(self, micrograph, **options):
        fields = yield from found(self, micrograph, **options)
        if micrograph.name == unsure:
            for name in ("boundary", "separation", "carried"):
                fields[name] = np.full_like(fields[name], 0.1)
        return fields

    monkeypatch.setattr(type(model), "passes", passes)
    events = run(model, images, direction="forward")
    assert drawn(events) == {4: "faint"}
    assert "Section 4 shows little" in said(events)[0]
    assert len(np.unique(done(events)[4].partition.grains)) == len(np.unique(truth[4]))
    told = [previous for name, previous in model.log if name == unsure]
    between = told[-1]
    assert between[48].max() == 1
    np.testing.assert_array_equal(
        model.answers[3], next(p for n, p in model.log if n == "stack_0005")
    )


def test_a_blank_section_is_drawn_from_both_sides_and_reported(model):
    images, truth = stack_of(7)
    images[3] = 17
    events = run(model, images)
    assert drawn(events) == {3: "blank"}
    assert said(events) == [
        "Section 3 shows nothing: its grains were drawn from the sections beside."
    ]
    found = done(events)[3].partition.grains
    assert len(np.unique(found)) == len(np.unique(truth[3]))
    assert "stack_0003" not in {name for name, _ in model.log}


@pytest.mark.parametrize("blank", [(0,), (6,), (0, 1, 5, 6), (2, 3, 4)])
def test_blank_sections_at_the_ends_and_in_a_row_are_drawn_too(model, blank):
    images, truth = stack_of(7)
    images[list(blank)] = 0
    events = run(model, images)
    assert drawn(events) == dict.fromkeys(blank, "blank")
    for event in done(events):
        grains = event.partition.grains
        assert abs(len(np.unique(grains)) - len(np.unique(truth[0]))) <= 4  # the shift cuts some


def test_the_parameters_are_those_of_the_run_even_when_the_first_section_was_drawn(model):
    images, _ = stack_of(4)
    images[0] = 0
    *_, result = segment(model, Micrograph(images, "stack"), device="cpu")
    assert "engine" in result.parameters
    assert not {"drawn", "told", "agreement"} & set(result.parameters)
    assert len(result.notices) == 1


def test_a_damaged_section_is_told_from_its_neighbours_and_drawn(model):
    images, _ = stack_of(9)
    images[4] = other_specimen()
    events = run(model, images)
    assert drawn(events) == {4: "damaged"}
    assert said(events) == [
        "Section 4 is unlike its neighbours: its grains were drawn from the sections beside."
    ]


def test_a_damaged_section_does_not_poison_the_next(model):
    images, _ = stack_of(9)
    sound = done(run(model, images))
    images[4] = other_specimen()
    for event, wanted in zip(done(run(Carrier(), images)), sound, strict=True):
        if event.index not in (4,):
            np.testing.assert_allclose(event.prediction.boundary, wanted.prediction.boundary)


def test_a_jump_to_another_place_starts_anew(model):
    images, _ = stack_of(10)
    images[5:] = np.stack([np.roll(other_specimen(), z, 0) for z in range(5)])
    events = run(model, images)
    assert drawn(events) == {}
    assert said(events) == [
        "Section 5 does not go on from the one before: it was segmented by itself."
    ]


def test_sections_that_have_nothing_in_common_are_counted_not_listed(model):
    rng = np.random.default_rng(0)
    images = np.full((9, 96, 96), 200, np.uint8)
    for image in images:
        for y, x in rng.integers(2, 94, (12, 2)):
            image[y - 1 : y + 2, x - 1 : x + 2] = 20
    messages = said(run(model, images, direction="forward"))
    assert len(messages) == 4
    assert all("segmented by itself" in message for message in messages[:3])
    assert messages[3].endswith("do not go on from the one before: are they aligned, and in order?")


def test_a_stack_of_nothing_is_refused(model):
    with pytest.raises(ValueError, match="they are all blank"):
        run(model, np.zeros((4, 96, 96), np.uint8))


def test_cancel_keeps_the_finished_sections(model):
    images, _ = stack_of(15)
    cancel, finished = threading.Event(), []
    with pytest.raises(Cancelled):
        sections = Micrograph(images, "stack").sections()
        for event in segment_sections(model, sections, 15, device="cpu", cancel=cancel):
            if isinstance(event, SectionDone):
                finished.append(event.index)
                if event.index == 3:
                    cancel.set()
    assert finished == [0, 1, 2, 3]


def test_sections_are_read_ahead_by_a_block_and_then_let_go(model):
    images, _ = stack_of(30)
    alive: list[weakref.ref] = []
    most = 0

    def sections():
        nonlocal most
        for index, image in enumerate(images):
            most = max(most, sum(ref() is not None for ref in alive))
            micrograph = Micrograph(image.copy(), f"s{index}")
            alive.append(weakref.ref(micrograph))
            yield micrograph
            del micrograph

    for event in segment_sections(model, sections(), 30, device="cpu"):
        del event
    assert most <= 18


def test_a_single_image_is_a_first_section(model):
    images, truth = stack_of(1)
    *_, result = segment(model, Micrograph(images[0], "one"), device="cpu")
    assert len(np.unique(result.grains)) == len(np.unique(truth[0]))
    assert model.log == [("one", None)]

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training.stacks import SMALL, small_stack, training_folder

from napari_etch.models import load_model
from napari_etch.training.trainers import (
    Trained,
    TrainError,
    TrainNotice,
    TrainRequest,
    TrainStep,
    find_trainer,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return training_folder(tmp_path_factory.mktemp("data"), small_stack())


def run(folder, stop=lambda: False, steps=3, start="scratch", checkpoint=None, **options):
    request = TrainRequest(
        "wpunet",
        folder,
        steps=steps,
        start=start,
        device="cpu",
        checkpoint=checkpoint,
        options={**SMALL, **options},
    )
    return list(find_trainer("wpunet")(request, stop))


def test_a_training_ends_with_a_model_that_segments_a_stack(folder, tmp_path):
    from napari_etch.micrograph import Micrograph
    from napari_etch.segmentation import segment

    *steps, trained = run(folder)
    assert isinstance(trained, Trained)
    looks = [event.validation for event in steps if isinstance(event, TrainStep)]
    assert all(set(look) == {"vi", "vi_split", "vi_merge", "ap50"} for look in looks if look)
    assert trained.after["vi"] == min(look["vi"] for look in looks if look)
    trained.save(tmp_path / "mine")
    model = load_model(str(tmp_path / "mine"))
    assert model.carries
    stack = small_stack(3)
    *_, result = segment(model, Micrograph(stack.images, "small"), device="cpu")
    assert result.grains.shape == stack.images.shape
    assert result.grains.min() > 0
    assert result.parameters["scale"] == pytest.approx(
        25 / trained.card["specimen"]["intercept_px"], rel=1e-3
    )


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "abw", "coding": "weights", "pooling": "min"},
        {"loss": "cbw", "coding": "mask", "pooling": "published"},
        {"plain": True},
    ],
)
def test_the_published_ways_and_the_plain_network_train_too(folder, options):
    *_, trained = run(folder, steps=2, **options)
    assert trained.card["parameters"]["channels_out"] == (2 if "loss" in options else 8)
    assert trained.card["parameters"]["previous"] is not options.get("plain", False)


def test_it_stops_when_told_and_goes_on_where_it_stopped(folder, tmp_path):
    asked = iter([False, False, True])
    *_, trained = run(folder, lambda: next(asked), steps=6, checkpoint=tmp_path)
    assert trained.why == "It was stopped."
    *steps, trained = run(folder, steps=4, checkpoint=tmp_path)
    assert [event.step for event in steps if isinstance(event, TrainStep)][-1] == 4
    assert min(event.step for event in steps if isinstance(event, TrainStep)) == 3
    assert trained.why == "All steps were taken."


def test_a_checkpoint_keeps_the_best_so_far_and_the_scores_of_the_start(folder, tmp_path):
    """Gone on with, a training forgot both."""
    run(folder, steps=1)[-1].save(tmp_path / "first")
    same = {"start": str(tmp_path / "first"), "checkpoint": tmp_path}
    asked = iter([False] * 3 + [True])
    *_, stopped = run(folder, lambda: next(asked), steps=4, **same)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    _vi, step, tensors, scores = state["beside"]["best"]
    state["beside"]["best"] = (-1.0, step, tensors, scores)  # nothing is better than that
    torch.save(state, tmp_path / "state.pt")
    events = run(folder, steps=6, **same)
    assert TrainNotice(f"Going on from step {stopped.card['training']['steps']}.") in events
    assert events[-1].step == step and events[-1].before == stopped.before != {}
    assert all(torch.equal(value, tensors[name]) for name, value in events[-1].tensors.items())


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


@pytest.mark.parametrize("what", ["trap", "rubbish", "other"])
def test_a_state_that_cannot_be_gone_on_with_is_told(folder, tmp_path, monkeypatch, what):
    """A checkpoint of somebody else could run any program, and damaged ones were called a bug."""
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state.pt"
    if what == "trap":
        torch.save({"network": Trap()}, state)
    elif what == "rubbish":
        state.write_bytes(b"rubbish")
    else:
        run(folder, steps=1, checkpoint=tmp_path)
    options = {"widths": (4, 6)} if what == "other" else {}
    said = "belongs to another training" if what == "other" else "is damaged: delete it"
    with pytest.raises(TrainError, match=said):
        run(folder, steps=2, checkpoint=tmp_path, **options)
    assert not (tmp_path / "sprung").exists()


def test_a_training_that_cannot_be_kept_goes_on(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_etch.training.run.save_state", full)
    monkeypatch.setattr("napari_etch.training.paced.Keeping.save_seconds", 0.0)
    *events, trained = run(folder, steps=3, checkpoint=tmp_path)
    assert trained.why == "All steps were taken."
    said = [event.message for event in events if isinstance(event, TrainNotice)]
    assert sum("goes on without being kept" in each for each in said) == 1


def test_the_same_seed_learns_the_same(folder):
    one, two = run(folder, steps=2)[-1], run(folder, steps=2)[-1]
    assert all(torch.equal(value, two.tensors[name]) for name, value in one.tensors.items())


def test_it_continues_from_a_model_and_says_how_it_was_before(folder, tmp_path):
    run(folder, steps=1)[-1].save(tmp_path / "first")
    *_, trained = run(folder, steps=1, start=str(tmp_path / "first"))
    assert set(trained.before) == set(trained.after)
    with pytest.raises(TrainError, match="another network"):
        run(folder, start=str(tmp_path / "first"), plain=True)


def test_a_short_stack_has_nothing_to_judge_by(tmp_path):
    events = run(training_folder(tmp_path, small_stack(4)), steps=1)
    assert isinstance(events[0], TrainNotice)
    assert events[-1].after == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 3}, "no option 'depth'"),
        ({"loss": "dice"}, "choose grains, abw, cbw"),
        ({"size": 30}, "a multiple of 4 px"),
        ({"size": 128}, "no stack is 128 px wide"),
    ],
)
def test_wrong_options_are_one_sentence(folder, options, words):
    with pytest.raises(TrainError, match=words):
        run(folder, **options)

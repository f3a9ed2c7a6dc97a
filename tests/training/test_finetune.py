"""Fine-tuning: ignores what is to be ignored, keeps the best, stops, goes on, gives a model."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from napari_etch.inference.errors import is_out_of_memory
from napari_etch.models import load_model
from napari_etch.models.weights_file import write_model
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training import finetune as finetune_module
from napari_etch.training import tuning
from napari_etch.training.crops import LabelledCrops
from napari_etch.training.finetune import FineTuning, finetune, masked_loss
from napari_etch.training.folder import read_training_folder
from napari_etch.training.trainers import (
    Trained,
    TrainError,
    TrainNotice,
    TrainRequest,
    TrainStep,
    find_trainer,
)
from napari_etch.virtual.sample import sample_micrograph

QUICK = {"real": 1, "virtual": 0, "size": 64, "looks": 2, "pool": 8}


@pytest.fixture
def start(tmp_path):
    torch.manual_seed(0)
    card = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}
    write_model(tmp_path / "start", EtchNet((4, 6, 8, 8)).state_dict(), card)
    return str(tmp_path / "start")


@pytest.fixture
def folder(tmp_path):
    image, labels = sample_micrograph(0, 256)
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    tifffile.imwrite(tmp_path / "data/images/a.tif", image)
    tifffile.imwrite(tmp_path / "data/labels/a.tif", labels)
    return tmp_path / "data"


def request(folder, start, steps=4, **others):
    options = {**QUICK, **others.pop("options", {})}
    return TrainRequest(
        "generalist", folder, start=start, steps=steps, device="cpu", options=options, **others
    )


def run(asked, stop=lambda: False):
    return list(finetune(asked, stop))


def test_it_is_the_trainer_of_the_generalist():
    assert find_trainer("generalist").__wrapped__ is finetune
    with pytest.raises(TrainError, match="choose"):
        find_trainer("nothing")


def test_a_training_ends_in_a_model_that_loads_and_knows_how_it_was_made(folder, start, tmp_path):
    *events, trained = run(request(folder, start))
    assert isinstance(trained, Trained)
    steps = [event for event in events if isinstance(event, TrainStep)]
    assert [event.step for event in steps] == [0, 1, 2, 3, 4]
    looks = [event.validation["loss"] for event in steps if event.validation]
    assert len(looks) == 3 and all(np.isfinite(looks))
    assert {"ap50", "vi"} <= set(trained.before) and {"ap50", "vi"} <= set(trained.after)
    trained.save(tmp_path / "made")
    model = load_model(str(tmp_path / "made"))
    assert model.card["training"]["steps"] == trained.step
    assert model.card["training"]["held_back"].endswith("of a")
    assert model.card["training"]["started_from"] == load_model(start).weights_hash


def test_the_best_weights_are_kept_not_the_last(folder, start):
    *events, trained = run(request(folder, start, steps=6, options={"rate": 1e-30}))
    looks = {
        e.step: e.validation["loss"] for e in events if isinstance(e, TrainStep) and e.validation
    }
    best = min(looks, key=looks.get)
    # or, where its grains are worse, what it started from
    assert trained.step == (best if trained.card["training"]["share"] else 0)


def test_grains_on_what_is_held_back_decide_how_far_to_go(folder, start, monkeypatch):
    for scores, share in (
        ([0.9, 0.1, 0.2], 0.0),  # start, learnt, half way
        ([0.5, 0.6, 0.55], 1.0),
        ([0.1, 0.2, 0.9], 0.5),
        ([0.5, 0.49, 0.51], 1.0),  # by chance
    ):
        given = iter(scores)
        monkeypatch.setattr(
            finetune_module,
            "score_grains",
            lambda *_, given=given: {"ap50": next(given), "vi": 1.0},
        )
        *_, trained = run(request(folder, start, steps=2, options={"patience": 99}))
        assert trained.card["training"]["share"] == share
        assert trained.after["ap50"] == scores[[0.0, 1.0, 0.5].index(share)]
        begun = load_model(start).network.state_dict()
        moved = max(
            float((begun[name] - value).abs().max()) for name, value in trained.tensors.items()
        )
        assert (moved == 0) == (share == 0)


def test_weights_are_mixed_in_proportion():
    start, end = {"w": torch.zeros(2)}, {"w": torch.ones(2)}
    assert torch.equal(tuning.mix(start, end, 0.5)["w"], torch.full((2,), 0.5))


def test_nothing_is_learnt_where_the_ignore_mask_lies():
    torch.manual_seed(0)
    network = EtchNet((4, 6, 8, 8)).eval()
    inputs = torch.randn(1, 1, 64, 64)
    labels = torch.ones(1, 64, 64, dtype=torch.long)
    labels[:, :, 32:] = 2
    learnt = torch.ones(1, 64, 64)
    learnt[:, 20:] = 0
    other = labels.clone()
    other[:, 30:, ::3] = 7  # only where it is not learnt
    first, _ = masked_loss(network, inputs, labels, learnt)
    second, _ = masked_loss(network, inputs, other, learnt)
    assert float((first - second).detach().abs()) < 1e-6


def test_crops_lie_where_something_is_learnt(folder):
    (folder / "ignore").mkdir()
    mask = np.ones((256, 256), np.uint8)
    mask[:64, :64] = 0
    tifffile.imwrite(folder / "ignore/a.tif", mask)
    (pair,) = read_training_folder(folder)
    inputs, labels, learnt = LabelledCrops([pair], 64, 28.0, 0).draw(6)
    assert inputs.shape == (6, 1, 64, 64) and labels.shape == learnt.shape == (6, 64, 64)
    assert (learnt.mean((1, 2)) > 0.05).all()
    assert learnt.mean() < 0.9


def test_the_same_seed_gives_the_same_crops(folder):
    pairs = read_training_folder(folder)
    first, second = (LabelledCrops(pairs, 64, 28.0, 5).draw(2) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_stop_ends_it_with_a_model(folder, start):
    *events, trained = run(request(folder, start, steps=50), stop=lambda: True)
    assert isinstance(trained, Trained) and "by hand" in trained.why
    assert max(e.step for e in events if isinstance(e, TrainStep)) == 1


def test_it_goes_on_from_a_checkpoint_and_refuses_another_trainings(folder, start, tmp_path):
    asked = request(folder, start, checkpoint=tmp_path / "state")
    calls = iter([False, True])
    run(asked, stop=lambda: next(calls))
    events = run(asked)
    assert any(isinstance(e, TrainNotice) and "from step 2" in e.message for e in events)
    assert [e.step for e in events if isinstance(e, TrainStep)] == [3, 4]
    with pytest.raises(TrainError, match="another training"):
        run(replace(asked, seed=9))
    (tmp_path / "state" / tuning.STATE).write_bytes(b"no")
    with pytest.raises(TrainError, match="is damaged"):
        run(asked)


def test_a_full_disk_does_not_end_a_training(folder, start, tmp_path, monkeypatch):
    """It ended with a bug of torch's, and what was learnt was lost."""

    def full(_state, path):
        path.write_bytes(b"half")
        raise RuntimeError("unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    monkeypatch.setattr(FineTuning, "save_seconds", 0.0)
    *events, trained = run(request(folder, start, checkpoint=tmp_path / "state"))
    assert isinstance(trained, Trained)
    (said,) = [e.message for e in events if isinstance(e, TrainNotice) and "could not" in e.message]
    assert said.endswith("(the disk may be full); the training goes on without being kept.")
    assert list((tmp_path / "state").iterdir()) == []


def test_when_memory_runs_out_the_batch_is_halved(folder, start, monkeypatch):
    taken = []
    real = tuning.Tuning._learn

    def learn(self, loss_of, used):
        taken.append(self.batch)
        if self.batch > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, loss_of, used)

    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    monkeypatch.setattr(tuning.Tuning, "_learn", learn)
    events = run(request(folder, start, steps=1, options={"real": 4}))
    assert taken[:3] == [4, 2, 1]
    said = [e.message for e in events if isinstance(e, TrainNotice)]
    assert any("going on with 1 crop a step" in text for text in said)
    monkeypatch.setattr(
        tuning.Tuning,
        "_learn",
        lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory")),
    )
    with pytest.raises(TrainError, match="not enough memory"):
        run(request(folder, start, steps=1))


def test_it_ends_when_nothing_gets_better(folder, start):
    options = {"rate": 1e-30, "patience": 1, "looks": 20}
    *events, trained = run(request(folder, start, steps=20, options=options))
    assert "Nothing got better" in trained.why or trained.step > 0
    assert max(e.step for e in events if isinstance(e, TrainStep)) <= 20


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": "classes"}, "these labels are classes"),
        ({"start": "repair"}, "only from a model of its own kind"),
        ({"options": {"speed": 3}}, "speed is no option"),
        ({"options": {"speed": 3}}, "choose hold_out, looks, patience, pool, rate"),
        ({"options": {"hold_out": 0.9}}, "hold_out is 0.9"),
        ({"options": {"hold_out": "abc"}}, "hold_out is abc"),
        ({"options": {"rate": "abc"}}, "rate is 'abc': give a number"),
        ({"options": {"rate": -1}}, "rate is -1"),
        ({"options": {"rate": float("nan")}}, "rate is nan"),
        ({"options": {"real": 2.5}}, r"real is 2\.5: give a whole number from 1 on"),
        ({"options": {"virtual": -1}}, "virtual is -1: give a whole number from 0 on"),
        ({"options": {"looks": 0}}, "looks is 0"),
        ({"options": {"looks": True}}, "looks is True"),
        ({"options": {"size": 100}}, "size is 100: give a multiple of 8 px"),
    ],
)
def test_what_it_cannot_do_it_says_in_a_sentence(folder, start, change, said):
    with pytest.raises(TrainError, match=said):
        run(replace(request(folder, start), **change))

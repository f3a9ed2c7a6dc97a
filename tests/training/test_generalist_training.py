"""Training runs end to end on virtual micrographs, stops, resumes and exports."""

import json

import numpy as np
import pytest
import torch

from napari_etch.models import load_model, write_model
from napari_etch.networks.etchnet import EtchNet
from napari_etch.training.export import export
from napari_etch.training.feed import Replay, standardise
from napari_etch.training.generalist import Settings, train
from napari_etch.training.run import learning_rate


def test_training_resumes_and_exports_a_model_that_loads(tmp_path):
    quick = {"widths": (4, 6, 8, 8), "size": 64, "batch": 2, "replay": 80, "minutes": 5.0}
    path = train(Settings(steps=2, **quick), tmp_path / "run")
    first = torch.load(path, weights_only=False)
    assert first["step"] == 2
    train(Settings(steps=3, **quick), tmp_path / "run")
    second = torch.load(path, weights_only=False)
    assert second["step"] == 3
    weight = "head.0.weight"
    assert not torch.equal(first["network"][weight], second["network"][weight])
    export(path, tmp_path / "model", {"title": "tiny"})
    model = load_model(str(tmp_path / "model"))
    assert model.card["title"] == "tiny" and model.card["training"]["steps"] == 3
    stored = model.network.state_dict()[weight]
    assert torch.equal(stored, second["average"][weight].half().float())
    assert not list((tmp_path / "model").glob("*.part"))
    assert json.loads((tmp_path / "model" / "model.json").read_text())["parameters"]["margin"] > 0


def test_a_new_run_starts_from_a_models_weights(tmp_path):
    torch.manual_seed(5)
    network = EtchNet((4, 6, 8, 8))
    write_model(tmp_path / "model", network.state_dict(), {"architecture": "etchnet"})
    settings = Settings(widths=(4, 6, 8, 8), size=64, steps=0)
    path = train(settings, tmp_path / "run", weights=tmp_path / "model")
    started = torch.load(path, weights_only=False)["average"]["head.0.weight"]
    assert torch.equal(started, network.state_dict()["head.0.weight"].half().float())


def test_rate_warms_up_then_falls_to_its_hundredth():
    settings = Settings(steps=1000, warm_up=100, minutes=10)
    rates = [learning_rate(settings, step, 0.0) for step in (0, 99, 500, 999)]
    assert rates[0] < rates[1] == settings.rate > rates[2] > rates[3]
    assert learning_rate(settings, 500, 600.0) == settings.rate * 0.01


def test_replay_hands_out_flips_of_image_and_labels_alike():
    replay = Replay(4, 16, seed=0)
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    replay.add(image[None], image[None].astype(np.int16))
    images, labels = replay.draw(8)
    assert images.shape == (8, 1, 16, 16) and labels.dtype == torch.int64
    assert len({tuple(item.flatten().tolist()) for item in labels}) > 2
    for one, label in zip(images[:, 0], labels, strict=True):
        order = np.argsort(label.numpy(), axis=None)
        assert (np.diff(one.numpy().ravel()[order]) >= 0).all()


def test_a_replay_that_nothing_came_into_says_so():
    with pytest.raises(RuntimeError, match="fill the buffer first"):
        Replay(4, 16, seed=0).pick(1)


def test_a_constant_sample_stays_finite():
    assert np.isfinite(standardise(np.ones((8, 8), np.float32), np.random.default_rng(0))).all()


def test_a_run_that_resumes_sees_no_samples_again():
    from napari_etch.training.feed import worker_seed

    seeds = {worker_seed(5 + step, number) for step in range(0, 5000, 250) for number in range(4)}
    assert len(seeds) == 80
    assert worker_seed(5, 1) == worker_seed(5, 1)

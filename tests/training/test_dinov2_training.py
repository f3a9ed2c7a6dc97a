from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from fakes import grid_of_grains
from skimage.io import imsave

from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import Micrograph
from napari_etch.models import load_model, write_model
from napari_etch.networks.vit import COMPACT, Backbone, Decoder, ViTNet, Windows, build_compact
from napari_etch.training.trainers import (
    Trained,
    TrainError,
    TrainNotice,
    TrainRequest,
    TrainStep,
    find_trainer,
)

CHANGES = {"embed_dim": 16, "depth": 2, "num_heads": 2, "img_size": 64}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Write an untrained model with a tiny transformer."""
    torch.manual_seed(0)
    vit = build_compact(**CHANGES)
    backbone = Backbone(vit, Windows((0, 1), core=4, context=2))
    network = ViTNet(backbone, Decoder(backbone.channels, (8, 16), 16))
    folder = tmp_path_factory.mktemp("model") / "tiny"
    tensors = {
        name: value
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    card = {
        "architecture": "vit",
        "parameters": {"vit": {**COMPACT, **CHANGES}, **network.describe()},
    }
    write_model(folder, tensors, card)
    return folder


@pytest.fixture
def data(tmp_path):
    """Write a training folder of four micrographs of squares, of two specimens."""
    folder = tmp_path / "data"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    for index in range(4):
        image, truth = grid_of_grains(8 - index, 28)  # the last is smaller than a crop
        image = np.clip(image + random.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
        imsave(folder / "images" / f"a{index}.png", image, check_contrast=False)
        tifffile.imwrite(folder / "labels" / f"a{index}.tif", truth)
    rows = ["image,specimen", "a0,A", "a1,A", "a2,B", "a3,B"]
    (folder / "specimens.csv").write_text("\n".join(rows) + "\n")
    return folder


def run(request, stop=lambda: False):
    return list(find_trainer("dinov2")(request, stop))


def test_training_lowers_the_loss_and_gives_a_model_that_runs(start, data, tmp_path):
    options = {"cache": tmp_path / "tokens", "batch": 2, "rate": 6e-3}
    request = TrainRequest("dinov2", data, start=str(start), steps=20, options=options)
    events = run(request)
    trained = events[-1]
    assert isinstance(trained, Trained)
    assert trained.after["loss"] < 0.9 * trained.before["loss"]
    assert set(trained.after) == {"loss", "ap50", "count_error"}
    held = trained.card["training"]["held_back"]
    assert held in ("specimen A", "specimen B")
    steps = [event for event in events if isinstance(event, TrainStep)]
    assert [step.step for step in steps] == list(range(1, 21))
    assert sum(step.validation is not None for step in steps) == 2
    trained.save(tmp_path / "out")
    model = load_model(str(tmp_path / "out"))
    micrograph = Micrograph(grid_of_grains(8, 28)[0], "squares")
    fields = [
        event.fields
        for event in predict(model, micrograph, grain_size=28.0, quality="fast")
        if isinstance(event, Prediction)
    ]
    assert fields[0]["boundary"].shape == micrograph.data.shape
    again = run(request)
    assert "Tokens of 4 images were kept" in next(
        event.message
        for event in again
        if isinstance(event, TrainNotice) and "Tokens" in event.message
    )


def test_a_stop_keeps_what_was_learnt_and_a_checkpoint_goes_on(start, data, tmp_path):
    options = {"cache": tmp_path / "tokens", "batch": 1, "holdout": 0.0}
    request = TrainRequest(
        "dinov2", data, start=str(start), steps=40, options=options, checkpoint=tmp_path / "ck"
    )
    trainer = find_trainer("dinov2")(request, lambda: False)
    for event in trainer:
        if isinstance(event, TrainStep) and event.step == 11:
            break
    trainer.close()
    asked = []

    def stop():
        asked.append(True)
        return len(asked) > 6  # four images were prepared before the first step

    events = run(request, stop)
    told = [event.message for event in events if isinstance(event, TrainNotice)]
    assert any("Going on from step 10" in message for message in told)
    assert isinstance(events[-1], Trained) and events[-1].before == {}


@pytest.mark.parametrize("what", ["rubbish", "other"])
def test_a_state_that_cannot_be_gone_on_with_is_told(start, data, tmp_path, what):
    """Both were called a bug of ours, or another training went on from it."""
    options = {"cache": tmp_path / "tokens", "batch": 1, "holdout": 0.0}
    request = TrainRequest("dinov2", data, start=str(start), steps=2, options=options)
    request = replace(request, checkpoint=tmp_path / "ck")
    (tmp_path / "ck").mkdir()
    if what == "rubbish":
        (tmp_path / "ck" / "state.pt").write_bytes(b"rubbish")
    else:
        asked = iter([False] * 4 + [True])
        run(request, lambda: next(asked))
        request = replace(request, seed=3)
    said = "belongs to another training" if what == "other" else "is damaged: delete it"
    with pytest.raises(TrainError, match=said):
        run(request)


def test_time_before_a_resume_counts_and_a_full_disk_ends_nothing(
    start, data, tmp_path, monkeypatch
):
    options = {"cache": tmp_path / "tokens", "batch": 1, "holdout": 0.0}
    request = TrainRequest("dinov2", data, start=str(start), steps=3, options=options)
    request = replace(request, checkpoint=tmp_path / "ck")
    asked = iter([False] * 4 + [True])
    run(request, lambda: next(asked))
    state = torch.load(tmp_path / "ck" / "state.pt", weights_only=True)
    torch.save({**state, "elapsed": 500.0}, tmp_path / "ck" / "state.pt")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_etch.training.run.save_state", full)
    monkeypatch.setattr("napari_etch.training.paced.Keeping.save_seconds", -1.0)
    events = run(request)
    assert [event.step for event in events if isinstance(event, TrainStep)] == [2, 3]
    assert all(event.elapsed > 500 for event in events if isinstance(event, TrainStep))
    said = [event.message for event in events if isinstance(event, TrainNotice)]
    assert sum("goes on without being kept" in each for each in said) == 1


def test_masks_are_learnt_as_published_and_the_recipe_goes_into_the_card(start, data, tmp_path):
    record = {"recipe": {"open": 11}, "warning": "no truth"}
    (data / "pseudo-labels.json").write_text(json.dumps(record))
    options = {"cache": tmp_path / "tokens", "batch": 1, "target": "mask"}
    trained = run(TrainRequest("dinov2", data, start=str(start), steps=3, options=options))[-1]
    assert trained.card["pseudo_labels"] == record
    assert trained.card["parameters"]["target"] == "mask"
    assert 0 < trained.after["iou"] <= 1
    trained.save(tmp_path / "out")
    model = load_model(str(tmp_path / "out"))
    maps = model.read(np.array([[[2.0]]] * 8, np.float32))
    assert maps[0, 0, 0] == maps[1, 0, 0] == pytest.approx(0.8808, abs=1e-3)


def test_unknown_options_and_labels_are_refused_in_a_sentence(start, data):
    def refused(match, **changes):
        with pytest.raises(TrainError, match=match):
            run(TrainRequest("dinov2", data, **{"start": str(start), **changes}))

    refused("no option colour", options={"colour": 1})
    refused("batch is 0", options={"batch": 0})
    refused("rate is 'fast'", options={"rate": "fast"})
    refused("rate is 0", options={"rate": 0})
    refused("batch is 2.5", options={"batch": 2.5})
    refused("patience is None", options={"patience": None})
    refused("holdout is 0.9", options={"holdout": 0.9})
    refused(r"cache is \[1\]: give a folder", options={"cache": [1]})
    refused("target is 'lines'", options={"target": "lines"})
    refused("grains or boundaries", labels="classes")
    refused("generalist is no vision transformer", start="generalist")

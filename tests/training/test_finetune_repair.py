"""Fine-tuning the repair network on complete networks of one's own."""

import numpy as np
import pytest
import tifffile
import torch

from napari_etch.models import load_model
from napari_etch.models.weights_file import write_model
from napari_etch.networks.attention_unet import AttentionUNet
from napari_etch.training.finetune_repair import broken_crop, finetune
from napari_etch.training.folder import read_training_folder
from napari_etch.training.trainers import Trained, TrainRequest, TrainStep
from napari_etch.virtual.sample import sample_micrograph

PARAMETERS = {
    "widths": [4, 4, 6, 6, 8],
    "kernel": 3,
    "gate": "published",
    "fold": 2,
    "channels_out": 8,
}


@pytest.fixture
def folder(tmp_path):
    image, labels = sample_micrograph(0, 256)
    for name, pixels in (("images", image), ("labels", labels)):
        (tmp_path / "data" / name).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "data" / name / "a.tif", pixels)
    return tmp_path / "data"


def test_a_crop_is_broken_where_its_complete_network_is_not(folder):
    (pair,) = read_training_folder(folder)
    lines, labels, learnt = broken_crop(pair, 96, np.random.default_rng(1))
    assert lines.shape == (2, 96, 96) and labels.shape == learnt.shape == (96, 96)
    _, complete = lines > 0
    assert complete.any() and len(np.unique(labels)) > 1
    missing = [
        (lambda found: (found[1] > found[0]).sum())(
            broken_crop(pair, 96, np.random.default_rng(seed))[0]
        )
        for seed in range(4)
    ]
    assert max(missing) > 0


def test_a_training_ends_in_a_repair_model(folder, tmp_path):
    torch.manual_seed(0)
    network = AttentionUNet(**{**PARAMETERS, "widths": tuple(PARAMETERS["widths"])})
    card = {"architecture": "attention-unet", "parameters": {**PARAMETERS, "margin": 64}}
    write_model(tmp_path / "start", network.state_dict(), card)
    options = {"real": 1, "virtual": 1, "size": 64, "looks": 1, "pool": 2}
    request = TrainRequest(
        "repair", folder, start=str(tmp_path / "start"), steps=1, device="cpu", options=options
    )
    *events, trained = finetune(request, lambda: False)
    assert isinstance(trained, Trained) and set(trained.after) == {"ap50", "vi"}
    looks = [event.validation for event in events if isinstance(event, TrainStep)]
    assert all(np.isfinite(look["loss"]) for look in looks)
    trained.save(tmp_path / "made")
    assert load_model(str(tmp_path / "made")).card["architecture"] == "attention-unet"

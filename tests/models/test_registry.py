"""Finding and loading models; what is wrong is said in one sentence."""

import json
import zipfile

import pytest
import torch

from napari_etch.models import ModelError, list_models, load_model, read_model, write_model
from napari_etch.models.weights_file import SHIPPED
from napari_etch.networks.etchnet import EtchNet

CARD = {"architecture": "etchnet", "parameters": {"widths": [4, 6, 8, 8], "margin": 112}}


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "mine"
    write_model(path, EtchNet((4, 6, 8, 8)).state_dict(), CARD)
    return path


def test_a_written_model_loads_with_its_card_and_hash(folder):
    model = load_model(str(folder))
    assert model.card["architecture"] == "etchnet" and len(model.weights_hash) == 12
    assert model.network.training is False and model.channels_out == 8


def test_an_etch_file_is_the_folder_in_one_file(folder, tmp_path):
    packed = tmp_path / "mine.etch"
    with zipfile.ZipFile(packed, "w") as archive:
        for item in folder.iterdir():
            archive.write(item, item.name)
    assert load_model(str(packed)).weights_hash == load_model(str(folder)).weights_hash


@pytest.mark.parametrize("name", ["generalist", "generalist-real", "wpunet", "repair", "fracture"])
def test_models_are_shipped_with_their_cards_and_small(name):
    info = {item.name: item for item in list_models()}[name]
    assert info.ready and not info.why_not
    stored = read_model(SHIPPED / name)
    assert len(stored.weights) < 15e6
    assert {"training", "data", "licence", "limits"} <= set(stored.card)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: (path / "model.json").unlink(), "not a complete model"),
        (lambda path: (path / "model.json").write_text("{"), "not a complete model"),
        (lambda path: (path / "model.json").write_text("{}"), "does not name an architecture"),
        (
            lambda path: (path / "model.json").write_text(json.dumps({"architecture": "sam"})),
            "update napari-etch",
        ),
        (
            lambda path: (path / "model.json").write_text(json.dumps({"architecture": "etchnet"})),
            "do not fit its card",
        ),
        (
            lambda path: (path / "model.json").write_text(
                json.dumps({"architecture": "etchnet", "parameters": "wide"})
            ),
            "do not fit its card",
        ),
    ],
)
def test_a_spoiled_model_is_one_sentence(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(str(folder))
    assert "\n" not in str(caught.value)


def test_an_unknown_name_says_what_there_is():
    known = "choose generalist, generalist-real, dinov2, wpunet, repair, fracture, or give the path"
    with pytest.raises(ModelError, match=known):
        load_model("segment-anything")


def test_a_repair_model_of_ones_own_is_not_for_the_segment_dock(tmp_path, monkeypatch):
    from napari_etch.models import registry
    from napari_etch.models.library import LibraryModel, Notes

    made = LibraryModel("mine", tmp_path, Notes("Mine"), "attention-unet", 1)
    monkeypatch.setattr(registry, "list_library", lambda: [made])
    assert {info.name: info.kind for info in list_models()}["mine"] == "repair"

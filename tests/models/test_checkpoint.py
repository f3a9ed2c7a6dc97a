from __future__ import annotations

import pytest
import timm
import torch
from networks.test_dinov2_published import NAME, published_state
from safetensors.torch import save_file

from napari_etch.models import ModelError, load_model
from napari_etch.models.checkpoint import read_state
from napari_etch.models.importing import import_model
from napari_etch.networks.dinov2_published import PublishedDecoder


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    vit = timm.create_model(NAME, num_classes=0, dynamic_img_size=True, depth=1, img_size=56)
    decoder = {f"decoder.{name}": value for name, value in PublishedDecoder().state_dict().items()}
    return published_state(vit) | decoder


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_an_old_checkpoint_becomes_a_model_of_the_library(state, tmp_path, monkeypatch, suffix):
    monkeypatch.setenv("ETCH_MODELS", str(tmp_path / "library"))
    path = tmp_path / f"final_segmentation_model{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file({name: value.contiguous() for name, value in state.items()}, path)
    own = import_model(path)
    model = load_model(own.name)
    assert model.card["architecture"] == "dinov2-published"
    with torch.no_grad():
        raw = model.network(torch.rand(1, 1, 224, 448))
    assert raw.shape == (1, 1, 224, 448)


def test_a_whole_pickled_model_is_never_read(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(ModelError, match=r"state_dict\(\)"):
        read_state(tmp_path / "whole.pth")


def test_other_files_are_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("ETCH_MODELS", str(tmp_path / "library"))
    torch.save({"a": torch.zeros(2)}, tmp_path / "a.pth")
    with pytest.raises(ModelError, match="no checkpoint of the published counter"):
        import_model(tmp_path / "a.pth")
    (tmp_path / "b.pth").write_bytes(b"nonsense")
    with pytest.raises(ModelError):
        import_model(tmp_path / "b.pth")
    torch.save([torch.zeros(2)], tmp_path / "c.pth")
    with pytest.raises(ModelError, match="no state dict"):
        import_model(tmp_path / "c.pth")


@pytest.mark.parametrize("content", [b"rubbish", b"", b"PK\x03\x04rubbish", b"\x80\x04K\x01."])
def test_rubbish_is_a_sentence(tmp_path, content):
    """Of *rubbish* torch says that a list has no such place."""
    (tmp_path / "old.pth").write_bytes(content)
    with pytest.raises(
        ModelError, match=r"old\.pth is damaged or no file of weights|whole pickled"
    ):
        read_state(tmp_path / "old.pth")

"""Old checkpoints of the published DINOv2 grain counter, as models of the library."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from napari_etch.models.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

#: Files that hold weights alone, not a model of ours.
SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
_BACKBONE = "vit_small_patch14_dinov2"


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict: safetensors, or torch's file with nothing but tensors in it.

    Raises
    ------
    ModelError
        When it is damaged, or a whole pickled model, which could run any code.
    """
    import pickle

    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how a file was packed that is refused anyhow
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is a whole pickled model, which can run any code when it is read: where it "
            "was made, write its weights with torch.save(torch.load(FILE, weights_only=False)"
            ".state_dict(), 'weights.pth'), and import that file."
        ) from error
    except Exception as error:  # torch raises anything on damaged files
        raise ModelError(f"{path} is damaged or no file of weights ({error}).") from error
    if not isinstance(state, dict) or not all(hasattr(item, "shape") for item in state.values()):
        raise ModelError(f"{path} holds no state dict: save the model's state_dict() alone.")
    return state


def convert_checkpoint(path: Path, out: Path) -> None:
    """Write a published checkpoint as a model's folder.

    Parameters
    ----------
    path : Path
        State dict of the published network (transformers' Dinov2Model and the decoder).
    out : Path

    Raises
    ------
    ModelError
        When it is another network, damaged or a whole pickled model.
    """
    from napari_etch.models.weights_file import write_model
    from napari_etch.networks.dinov2_published import convert

    state = read_state(path)
    try:
        tensors = convert(state)
    except ValueError as error:
        raise ModelError(f"{path} is no checkpoint of the published counter: {error}.") from error
    depth = 1 + max(int(name.split(".")[3]) for name in tensors if ".blocks." in name)
    grid = tensors["backbone.vit.pos_embed"].shape[1] - 1
    changes = {"depth": depth, "img_size": 14 * round(grid**0.5)}
    card = {
        "architecture": "dinov2-published",
        "title": path.stem,
        "parameters": {"backbone": _BACKBONE, "changes": changes},
        "training": {"from": f"a checkpoint of the published network, {path.name}"},
        "licence": "that of its weights; DINOv2's are Apache-2.0",
    }
    write_model(out, tensors, card)

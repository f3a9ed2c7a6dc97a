"""A model on disk: `model.safetensors` and `model.json` in a folder or one `.etch` file."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch.models.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "model.safetensors"
CARD = "model.json"
SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class StoredModel:
    """The two files of a model.

    Attributes
    ----------
    weights : bytes
        A safetensors file.
    card : dict
        Architecture, parameters, class table, model card.
    """

    weights: bytes
    card: dict[str, Any]

    @property
    def weights_hash(self) -> str:
        """First 12 hexadecimal digits of the weights' SHA-256."""
        return hashlib.sha256(self.weights).hexdigest()[:12]

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights as float32 (whole numbers as stored)."""
        from safetensors.torch import load

        return {
            name: value.float() if value.is_floating_point() else value
            for name, value in load(self.weights).items()
        }

    def load_into(self, network: nn.Module) -> None:
        """Give a network these weights; the batch counters of normalisation are not stored.

        Raises
        ------
        ValueError
            When a weight is missing or not expected.
        RuntimeError
            When a weight has another shape.
        """
        missing, unexpected = network.load_state_dict(self.tensors(), strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise ValueError(f"{[*missing, *unexpected][0]} is missing or not expected")


def read_model(path: Path) -> StoredModel:
    """Read a model's folder or `.etch` file.

    Raises
    ------
    ModelError
        When the path is missing, incomplete or unreadable.
    """
    if not path.exists():
        raise ModelError(f"There is no model at {path}: check the path.")
    try:
        if path.is_dir():
            weights, text = (path / WEIGHTS).read_bytes(), (path / CARD).read_text("utf-8")
        else:
            with zipfile.ZipFile(path) as archive:
                weights, text = archive.read(WEIGHTS), archive.read(CARD).decode("utf-8")
        card = json.loads(text)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is not a complete model ({error}): it must hold {WEIGHTS} and {CARD}."
        ) from error
    if not isinstance(card, dict) or "architecture" not in card:
        raise ModelError(f"{path / CARD} does not name an architecture: export the model again.")
    return StoredModel(weights, card)


def write_model(path: Path, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write a model's folder with float16 weights; each file is renamed into place."""
    import torch
    from safetensors.torch import save

    half = {
        name: value.detach().cpu().to(torch.float16 if value.is_floating_point() else value.dtype)
        for name, value in tensors.items()
    }
    path.mkdir(parents=True, exist_ok=True)
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    contents = {WEIGHTS: save({name: item.contiguous() for name, item in half.items()})}
    contents[CARD] = text.encode("utf-8")
    for name, content in contents.items():
        partial = path / f"{name}.part"
        partial.write_bytes(content)
        partial.replace(path / name)

"""A model on disk: `model.safetensors` and `model.json` in a folder or one `.etch` file."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch.models.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "model.safetensors"
CARD = "model.json"
#: Optional third file: what the model makes of the image it was fitted to.
THUMBNAIL = "thumbnail.png"
#: Version of what the files hold; a card without the entry is of version 1.
FORMAT = 1
#: What a packed file may unpack to, bytes: a model is small, an archive that is not is no model.
MOST_BYTES = {WEIGHTS: 2**32, CARD: 2**24, THUMBNAIL: 2**24}
SHIPPED = Path(__file__).parent / "weights"
#: Suffix of a model in one file.
SUFFIX = ".etch"


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
        """Return the weights as float32 (whole numbers as stored).

        Raises
        ------
        ValueError
            When the file is not a whole safetensors file.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            stored = load(self.weights)
        except SafetensorError as error:
            raise ValueError(f"{WEIGHTS} is damaged ({error})") from error
        return {
            name: value.float() if value.is_floating_point() else value
            for name, value in stored.items()
        }

    def load_into(self, network: nn.Module) -> None:
        """Give a network these weights; the batch counters of normalisation are not stored.

        Raises
        ------
        ValueError
            When a weight is missing or not expected, or the file is damaged.
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
        When the path is missing, incomplete or unreadable, or the model was written by a version
        that is newer than this one.
    """
    return StoredModel(_content(path, WEIGHTS), read_card(path))


def read_card(path: Path) -> dict[str, Any]:
    """Read only the card of a model's folder or `.etch` file.

    Raises
    ------
    ModelError
        As `read_model` does.
    """
    text = _content(path, CARD)
    try:
        card = json.loads(text.decode("utf-8"))
    except ValueError as error:
        raise ModelError(_incomplete(path, error)) from error
    if not isinstance(card, dict) or "architecture" not in card:
        raise ModelError(f"{path / CARD} does not name an architecture: export the model again.")
    version = card.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise ModelError(
            f"{path} has the model format {version!r}, and this version reads up to {FORMAT}: "
            "update napari-etch."
        )
    return card


def _content(path: Path, name: str) -> bytes:
    """Return one file of a model; only the names of this module are ever read."""
    if not path.exists():
        raise ModelError(f"There is no model at {path}: check the path.")
    try:
        if path.is_dir():
            return (path / name).read_bytes()
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(name).file_size
            if size > MOST_BYTES[name]:
                raise ValueError(f"{name} would take {size} bytes")
            return archive.read(name)
    # an archive that is encrypted is a RuntimeError, one packed in an unknown way the next
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelError(_incomplete(path, error)) from error


def _incomplete(path: Path, error: Exception) -> str:
    return f"{path} is not a complete model ({error}): it must hold {WEIGHTS} and {CARD}."


def write_model(path: Path, tensors: dict[str, Tensor], card: dict[str, Any]) -> None:
    """Write a model's folder with float16 weights; each file is renamed into place."""
    import torch
    from safetensors.torch import save

    half = {
        name: value.detach().cpu().to(torch.float16 if value.is_floating_point() else value.dtype)
        for name, value in tensors.items()
    }
    path.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, **card}, indent=1, ensure_ascii=False) + "\n"
    contents = {WEIGHTS: save({name: item.contiguous() for name, item in half.items()})}
    contents[CARD] = text.encode("utf-8")
    for name, content in contents.items():
        partial = path / f"{name}.part"
        partial.write_bytes(content)
        partial.replace(path / name)


def pack_model(folder: Path, file: Path, *, overwrite: bool = False) -> Path:
    """Write a model's folder as one `.etch` file, and return where it is.

    Parameters
    ----------
    folder : Path
    file : Path
        The suffix is added when it is missing.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    ModelError
        When the model is incomplete, or the file exists.
    """
    if file.suffix != SUFFIX:
        file = file.with_name(file.name + SUFFIX)
    if file.exists() and not overwrite:
        raise ModelError(f"{file} exists: choose another name, or say that it may be replaced.")
    stored = read_model(folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.part-{os.getpid()}")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(WEIGHTS, stored.weights)
            archive.writestr(CARD, json.dumps(stored.card, indent=1, ensure_ascii=False) + "\n")
            picture = read_thumbnail(folder)
            if picture:
                archive.writestr(THUMBNAIL, picture)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return file


def read_thumbnail(path: Path) -> bytes | None:
    """Return the picture (PNG) in a model's folder or `.etch` file, None where there is none."""
    try:
        if path.is_dir():
            return (path / THUMBNAIL).read_bytes()
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(THUMBNAIL).file_size > MOST_BYTES[THUMBNAIL]:
                return None
            return archive.read(THUMBNAIL)
    except (OSError, KeyError):
        return None

"""Tokens of frozen backbones on disk: what a transformer saw in an image, it need not see again."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    from napari_etch.networks.vit import Backbone

#: The oldest files go when there is more than this, bytes.
MOST_BYTES = 4 * 2**30


class TokenCache:
    """Tokens by the content of an image, the backbone's name and its weights.

    Parameters
    ----------
    backbone : Backbone
    name, weights_hash : str
        Of the backbone.
    folder : Path, optional
        Where the files are; in the user's cache folder when not given.
    most_bytes : int
        What all of them may take.

    Attributes
    ----------
    hits, misses : int
        Images whose tokens were there, and whose were computed.
    """

    def __init__(
        self,
        backbone: Backbone,
        name: str,
        weights_hash: str,
        folder: Path | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        from napari_etch.models.backbones import cache_folder

        self.backbone, self.most_bytes = backbone, most_bytes
        self.folder = cache_folder() / "tokens" if folder is None else folder
        self.about = f"{name} {weights_hash} {sorted(asdict(backbone.windows).items())}"
        self.hits = self.misses = 0

    def key(self, image: npt.NDArray[np.float32]) -> str:
        """Return the name under which an image's tokens are kept."""
        digest = hashlib.sha256(f"{self.about} {image.shape} {image.dtype}".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()[:32]

    def tokens(self, image: npt.NDArray[np.float32]) -> Tensor:
        """Return the tokens of an image.

        Parameters
        ----------
        image : float32 (y, x)
            Prepared; sides are multiples of the backbone's stride.

        Returns
        -------
        float16 tensor (channels, y / patch, x / patch)
        """
        path = self.folder / f"{self.key(image)}.safetensors"
        found = _read(path)
        if found is not None:
            self.hits += 1
            return found
        self.misses += 1
        found = self._compute(image)
        # A full disk or a folder that cannot be written costs time, not the training.
        with suppress(OSError):
            self._keep(path, found)
        return found

    def _compute(self, image: npt.NDArray[np.float32]) -> Tensor:
        import torch

        device = next(self.backbone.parameters()).device
        step = self.backbone.stride
        whole = torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device)
        with torch.inference_mode(), torch.autocast(device.type, dtype=torch.bfloat16):
            # Row by row of windows, so that a large image needs no memory of its size squared;
            # the margin is cut from the image itself, as the whole would have it.
            if image.shape[0] <= 4 * step:
                return self.backbone(whole)[0].half().cpu()
            rows = [self._rows(whole, top) for top in range(0, image.shape[0], step)]
        return torch.cat(rows, 1)

    def _rows(self, whole: Tensor, top: int) -> Tensor:
        """Return the tokens of one row of windows."""
        step, patch = self.backbone.stride, self.backbone.patch
        first, last = max(0, top - step), min(whole.shape[2], top + 2 * step)
        found = self.backbone(whole[:, :, first:last])[0]
        begin = (top - first) // patch
        return found[:, begin : begin + step // patch].half().cpu()

    def _keep(self, path: Path, tokens: Tensor) -> None:
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.stem}.{os.getpid()}.part")
        save_file({"tokens": tokens.contiguous()}, unfinished)
        unfinished.replace(path)
        self._make_room()

    def _make_room(self) -> None:
        """Delete what was not used for longest until the rest fits."""
        files = []
        for path in self.folder.glob("*.safetensors"):
            with suppress(OSError):
                state = path.stat()
                files.append((state.st_mtime_ns, state.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files)[:-1]:
            if total <= self.most_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def _read(path: Path) -> Tensor | None:
    """Return kept tokens and note that they were used; None where there are none, or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        found = load(path.read_bytes())["tokens"]
        os.utime(path)
    except (OSError, SafetensorError, KeyError):
        return None
    return found

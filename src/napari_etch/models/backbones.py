"""Vision transformers by name: the bundled compact one, and the public ones of DINOv2.

Public weights are downloaded on first use, checked against the checksum that the hub states,
and kept in the user's cache folder; nothing but safetensors is read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch.models.errors import ModelError

if TYPE_CHECKING:
    from napari_etch.networks.vit import Backbone

#: The bundled transformer.
COMPACT_NAME = "compact"
#: Environment variable that names another cache folder.
CACHE_VARIABLE = "ETCH_CACHE"
_BLOCK = 1 << 20
_TIMEOUT = 20

#: Told the bytes received and, where it is known, how many there will be.
Show = Callable[[int, int | None], None]


@dataclass(frozen=True)
class PublicBackbone:
    """A transformer that can be downloaded.

    Attributes
    ----------
    name : str
        In timm.
    megabytes : int
        Of its file, rounded.
    licence, source : str
    layers : tuple of int
        Blocks whose tokens are used.
    """

    name: str
    megabytes: int
    layers: tuple[int, ...]
    licence: str = "Apache-2.0"
    source: str = "DINOv2 (Oquab et al. 2023, Meta AI), as converted by timm"


PUBLIC = {
    item.name: item
    for item in (
        PublicBackbone("vit_small_patch14_dinov2", 88, (2, 5, 8, 11)),
        PublicBackbone("vit_small_patch14_reg4_dinov2", 88, (2, 5, 8, 11)),
        PublicBackbone("vit_base_patch14_dinov2", 346, (2, 5, 8, 11)),
        PublicBackbone("vit_base_patch14_reg4_dinov2", 346, (2, 5, 8, 11)),
        PublicBackbone("vit_large_patch14_dinov2", 1217, (5, 11, 17, 23)),
        PublicBackbone("vit_large_patch14_reg4_dinov2", 1217, (5, 11, 17, 23)),
    )
}
NAMES = (COMPACT_NAME, *PUBLIC)


def cache_folder() -> Path:
    """Return the folder of what can be made or fetched again."""
    stated = os.environ.get(CACHE_VARIABLE)
    if stated:
        return Path(stated).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("napari-etch", appauthor=False)


def weights_path(name: str) -> Path:
    """Return where the weights of a public backbone are kept."""
    return cache_folder() / "backbones" / f"{name}.safetensors"


def load_backbone(
    name: str, *, show: Show | None = None, tell: Callable[[str], None] | None = None
) -> tuple[Backbone, str]:
    """Return a frozen backbone and the hash of its weights.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    show : callable, optional
        Told how far a download is.
    tell : callable, optional
        Told, in a sentence, what is downloaded and under which licence.

    Returns
    -------
    backbone : Backbone
        In eval mode, on the CPU.
    weights_hash : str
        First 12 hexadecimal digits of the SHA-256 of the file.

    Raises
    ------
    ModelError
        When the name is unknown, the weights cannot be had, or they do not fit.
    """
    if name == COMPACT_NAME:
        return _compact()
    if name not in PUBLIC:
        raise ModelError(f"There is no backbone {name!r}: choose {', '.join(NAMES)}.")
    path = weights_path(name)
    if not path.exists():
        _download(PUBLIC[name], path, show, tell)
    return build_public(PUBLIC[name], path), file_hash(path)[:12]


def build_public(public: PublicBackbone, path: Path, **changes: Any) -> Backbone:
    """Return a public backbone with the weights of a file.

    Parameters
    ----------
    public : PublicBackbone
    path : Path
        Safetensors with timm's names.
    **changes
        For `timm.create_model`, such as another depth.

    Raises
    ------
    ModelError
        When the file is damaged or of another network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from napari_etch.networks.timm_door import open_timm
    from napari_etch.networks.vit import Backbone, Windows

    vit = open_timm().create_model(
        public.name, pretrained=False, num_classes=0, dynamic_img_size=True, **changes
    )
    try:
        vit.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"{path} does not hold the weights of {public.name} ({reason}): delete it, and it is "
            "downloaded again."
        ) from error
    # Two grains' worth of tokens are too few: the image is enlarged, so that a token is 7 px.
    windows = Windows(layers=public.layers, core=28, context=4, zoom=2)
    return Backbone(vit, windows).eval().requires_grad_(False)


def _compact() -> tuple[Backbone, str]:
    """Return the bundled backbone."""
    from napari_etch.models.weights_file import SHIPPED, read_model
    from napari_etch.networks.vit import Backbone, Windows, build_compact

    stored = read_model(SHIPPED / "dinov2")
    parameters = stored.card["parameters"]
    windows = {**parameters["windows"], "layers": tuple(parameters["windows"]["layers"])}
    vit = build_compact(**parameters["vit"])
    own = {
        name.removeprefix("backbone.vit."): value
        for name, value in stored.tensors().items()
        if name.startswith("backbone.vit.")
    }
    vit.load_state_dict(own)
    return Backbone(vit, Windows(**windows)).eval().requires_grad_(False), stored.weights_hash


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(
    public: PublicBackbone,
    path: Path,
    show: Show | None,
    tell: Callable[[str], None] | None,
) -> None:
    """Fetch the weights from the Hugging Face hub, which states their size and SHA-256."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    from napari_etch.networks.timm_door import open_timm

    hub = str(getattr(open_timm().get_pretrained_cfg(public.name), "hf_hub_id", ""))
    url = hf_hub_url(hub, "model.safetensors")
    if tell is not None:
        tell(
            f"Downloading {public.name}, about {public.megabytes} MB, from {hub}: {public.source}, "
            f"licence {public.licence}."
        )
    try:
        stated = get_hf_file_metadata(url, timeout=_TIMEOUT)
        fetch(stated.location or url, path, stated.etag, stated.size, show)
    except ModelError:
        raise
    except Exception as error:  # the hub's client raises its own, httpx's and the system's
        raise ModelError(
            f"{public.name} is not on this machine and could not be downloaded from {url} "
            f"({type(error).__name__}): connect once, or put the file at {path}, or use the "
            f"bundled backbone {COMPACT_NAME!r}, which needs no download."
        ) from error


def fetch(
    url: str, path: Path, sha256: str | None, size: int | None, show: Show | None = None
) -> None:
    """Download a file under a temporary name, check it, and rename it.

    Parameters
    ----------
    url : str
    path : Path
    sha256 : str or None
        What its SHA-256 must be, hexadecimal; not checked when it is none.
    size : int or None
        Bytes it must have.
    show : callable, optional
        Told how far it is.

    Raises
    ------
    ModelError
        When what came is not what was stated.
    OSError
        When it cannot be reached or written.
    """
    from urllib.request import urlopen

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    digest, received = hashlib.sha256(), 0
    try:
        with urlopen(url, timeout=_TIMEOUT) as answer, unfinished.open("wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                digest.update(block)
                received += len(block)
                if show is not None:
                    show(received, size)
        stated = sha256 if sha256 is not None and len(sha256) == 64 else None
        if (size is not None and received != size) or (stated and digest.hexdigest() != stated):
            raise ModelError(
                f"What came from {url} is damaged ({received} bytes, checksum "
                f"{digest.hexdigest()[:12]}): try again."
            )
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

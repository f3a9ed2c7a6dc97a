"""Public weights of encoders, downloaded only where the user chose such an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_etch.models.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor


def public_encoder(name: str) -> dict[str, Tensor]:
    """Return timm's public weights of an encoder, as `networks.timm_unet` names them.

    They come from the Hugging Face hub on first use and are kept in its cache.

    Parameters
    ----------
    name : str
        Such as ``vgg16`` or ``resnet18``.

    Raises
    ------
    ModelError
        When there are none, or the hub cannot be reached.
    """
    try:
        encoder = _pretrained(name)
    except Exception as error:  # the hub's client raises errors of several libraries
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"The public weights of {name} cannot be had ({reason}): connect to the internet once, "
            "or train the bundled network, which needs no download (leave the encoder out)."
        ) from error
    found: dict[str, Tensor] = encoder.state_dict()
    return found


def _pretrained(name: str) -> Any:
    from napari_etch.networks.timm_door import open_timm

    return open_timm().create_model(name, features_only=True, pretrained=True)

"""A frozen vision transformer and a small decoder, as a model: DINOv2's, or the compact one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.cutting import PLAIN
from napari_etch.models.errors import ModelError
from napari_etch.models.generalist import TARGET, Generalist

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.models.weights_file import StoredModel
    from napari_etch.networks.vit import Backbone

Maps = npt.NDArray[np.float32]


class DinoV2(Generalist):
    """Any micrograph to boundary probability and separation, from a transformer's tokens.

    It looks at an image as the generalist does: at the grain size that it knows best, found from
    the image, in four sizes and mirrorings.

    Parameters
    ----------
    stored : StoredModel
        Weights of the decoder, and of the transformer where it is the compact one; a card with
        "parameters": the transformer ("vit", or "backbone", the name of a public one), "windows"
        and "decoder".
    """

    name = "dinov2"
    title = "Vision transformer (DINOv2 family)"
    cutting = PLAIN  # its lean was set with it

    def __init__(self, stored: StoredModel) -> None:
        from napari_etch.networks.vit import Decoder, ViTNet

        self._describe(stored)
        parameters: dict[str, Any] = stored.card["parameters"]
        decoder = Decoder(**parameters["decoder"])
        if "backbone" in parameters:
            network = ViTNet(_public(parameters), decoder)
            stored.load_into(network.decoder)
        else:
            network = ViTNet(_own(parameters), decoder)
            stored.load_into(network)
        self.network, self.channels_out = network.eval(), network.channels_out
        self.stride, self.margin = network.stride, network.margin
        self.lean = float(parameters.get("lean", 0.0))
        self.reads_mask = parameters.get("target") == "mask"

    def read(self, raw: Maps) -> Maps:
        """Return float32 (2, y, x), named in `heads.MAPS`; a mask's complement stands for both."""
        if not self.reads_mask:
            return super().read(raw)
        from scipy.special import expit

        boundary = expit(raw[0])
        return np.stack([boundary, boundary])

    def known_grain_size(self, micrograph: Micrograph) -> float | None:
        """Return the intercept at which the image keeps its size, as masks are learnt."""
        return TARGET if self.reads_mask else None


class PublishedDinoV2(Generalist):
    """The published network: a micrograph to the probability of grain, its complement a boundary.

    It sees the image at its own size, 224 px at a time, and nothing is squashed or cut off.

    Parameters
    ----------
    stored : StoredModel
        As `models.importing` makes it of a published checkpoint.
    """

    name = "dinov2-published"
    title = "DINOv2 with the published decoder"
    cutting = PLAIN

    def __init__(self, stored: StoredModel) -> None:
        from napari_etch.networks.dinov2_published import PublishedDecoder, PublishedNet
        from napari_etch.networks.timm_door import open_timm
        from napari_etch.networks.vit import Backbone, Windows

        self._describe(stored)
        parameters: dict[str, Any] = stored.card["parameters"]
        vit: Any = open_timm().create_model(
            parameters["backbone"],
            pretrained=False,
            num_classes=0,
            dynamic_img_size=True,
            **parameters.get("changes", {}),
        )
        windows = Windows(layers=(len(vit.blocks) - 1,), core=16, context=0)
        network = PublishedNet(Backbone(vit, windows), PublishedDecoder())
        stored.load_into(network)
        self.network, self.channels_out = network.eval(), network.channels_out
        self.stride, self.margin = network.stride, network.margin

    def read(self, raw: Maps) -> Maps:
        """Return float32 (2, y, x): what is no grain, which stands for the separation too."""
        from scipy.special import expit

        boundary = expit(-raw[0]).astype(np.float32)
        return np.stack([boundary, boundary])

    def known_grain_size(self, micrograph: Micrograph) -> float | None:
        """Return the intercept at which the image keeps its size."""
        return TARGET


def _own(parameters: dict[str, Any]) -> Backbone:
    """Return the compact transformer of a card, without its weights."""
    from napari_etch.networks.vit import Backbone, Windows, build_compact

    windows = {**parameters["windows"], "layers": tuple(parameters["windows"]["layers"])}
    return Backbone(build_compact(**parameters["vit"]), Windows(**windows))


def _public(parameters: dict[str, Any]) -> Backbone:
    """Return the public transformer that a card names, the same weights that it was trained on."""
    from napari_etch.models.backbones import load_backbone

    backbone, weights_hash = load_backbone(parameters["backbone"])
    wanted = parameters.get("backbone_hash")
    if wanted and wanted != weights_hash:
        raise ModelError(
            f"This model was trained on other weights of {parameters['backbone']} ({wanted}) than "
            f"those on this machine ({weights_hash}): train it again."
        )
    return backbone

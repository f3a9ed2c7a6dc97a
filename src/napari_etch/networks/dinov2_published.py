"""The decoder of the published DINOv2 grain counter, for old checkpoints.

Four transposed convolutions (kernel 4, stride 2) on the last block's tokens, 384 - 256 - 128 - 64
- 1 channels, batch normalisation and ReLU after the first three: 2,230,593 parameters. The
published code cuts the middle 224 px out of its 256, though a token is 14 px and not 16: what it
draws at the border lies 14 px off. Here the answer is brought to the image's size instead.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.vit import Backbone

CHANNELS = (384, 256, 128, 64, 1)


class PublishedDecoder(nn.Sequential):
    """Tokens (b, 384, h, w) to the logit of "grain", (b, 1, 16 h, 16 w)."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(CHANNELS):
            layers.append(nn.ConvTranspose2d(before, after, 4, stride=2, padding=1))
            if after > 1:
                layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class PublishedNet(nn.Module):
    """Backbone and published decoder: an image to the logit of "grain".

    Parameters
    ----------
    backbone : Backbone
        One block's tokens, 384 channels.
    decoder : PublishedDecoder
    """

    channels_out = 1
    # A pixel of the answer sees the tokens up to three away, in their windows.
    TOKENS = 3

    def __init__(self, backbone: Backbone, decoder: PublishedDecoder) -> None:
        super().__init__()
        self.backbone, self.decoder = backbone.requires_grad_(False), decoder
        self.stride = backbone.stride
        self.margin = self.TOKENS * backbone.patch + backbone.stride + backbone.margin

    def forward(self, image: Tensor) -> Tensor:
        """Return the logit, (b, 1, h, w); sides are multiples of `stride`."""
        logit = self.decoder(self.backbone(image))
        return functional.interpolate(
            logit, size=image.shape[-2:], mode="bilinear", align_corners=False
        )


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a published checkpoint under the names of `PublishedNet`.

    Parameters
    ----------
    state : dict of Tensor
        State dict of the published model: the transformer as transformers' `Dinov2Model` names
        it, and the decoder, whatever their prefixes.

    Raises
    ------
    ValueError
        When a part is missing or there is one too many.
    """
    marks = [
        name for name in state if name.endswith("embeddings.patch_embeddings.projection.weight")
    ]
    if len(marks) != 1:
        raise ValueError("it holds no transformer as transformers' Dinov2Model names it")
    prefix = marks[0].removesuffix("embeddings.patch_embeddings.projection.weight")
    own = {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
    other = {name: value for name, value in state.items() if not name.startswith(prefix)}
    if not prefix:
        kept = ("embeddings.", "encoder.", "layernorm.")
        other = {name: value for name, value in state.items() if not name.startswith(kept)}
        own = {name: value for name, value in state.items() if name.startswith(kept)}
    found = {f"backbone.vit.{name}": value for name, value in _transformer(own).items()}
    return found | {f"decoder.{name}": value for name, value in _decoder(other).items()}


def _transformer(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return timm's names and shapes of a transformers Dinov2Model."""
    plain = {
        "embeddings.cls_token": "cls_token",
        "embeddings.position_embeddings": "pos_embed",
        "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
        "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
        "layernorm.weight": "norm.weight",
        "layernorm.bias": "norm.bias",
    }
    parts = {
        "norm1": "norm1",
        "norm2": "norm2",
        "attention.output.dense": "attn.proj",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    }
    found: dict[str, Tensor] = {}
    try:
        for theirs, ours in plain.items():
            found[ours] = state[theirs]
        depth = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("encoder."))
        for block in range(depth):
            theirs, ours = f"encoder.layer.{block}", f"blocks.{block}"
            for kind in ("weight", "bias"):
                for part, name in parts.items():
                    found[f"{ours}.{name}.{kind}"] = state[f"{theirs}.{part}.{kind}"]
                found[f"{ours}.attn.qkv.{kind}"] = torch.cat(
                    [
                        state[f"{theirs}.attention.attention.{part}.{kind}"]
                        for part in ("query", "key", "value")
                    ]
                )
            for number in (1, 2):
                scale = state[f"{theirs}.layer_scale{number}.lambda1"]
                found[f"{ours}.ls{number}.gamma"] = scale
    except (KeyError, ValueError) as error:
        raise ValueError(f"its transformer lacks {error}") from error
    return found


def _decoder(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the decoder's weights by place: its modules are told by what they hold."""
    modules: dict[str, dict[str, Tensor]] = {}
    for name, value in state.items():
        module, _, kind = name.rpartition(".")
        modules.setdefault(module, {})[kind] = value
    found: dict[str, Tensor] = {}
    for place, (before, after) in enumerate(itertools.pairwise(CHANNELS)):
        wanted = [
            module
            for module in modules.values()
            if "weight" in module and tuple(module["weight"].shape) == (before, after, 4, 4)
        ]
        norms = [
            module
            for module in modules.values()
            if "running_mean" in module and tuple(module["running_mean"].shape) == (after,)
        ]
        if len(wanted) != 1 or len(norms) != (after > 1):
            raise ValueError(f"it has no single transposed convolution {before} to {after}")
        for kind in ("weight", "bias"):
            found[f"{3 * place}.{kind}"] = wanted[0][kind]
        for norm in norms:
            for kind in ("weight", "bias", "running_mean", "running_var"):
                found[f"{3 * place + 1}.{kind}"] = norm[kind]
    return found

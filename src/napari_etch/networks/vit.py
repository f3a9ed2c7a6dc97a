"""A vision transformer as a frozen backbone for images of any size, and the decoder on top of it.

A transformer sees a whole image at once, which neither memory nor tiles allow. Here it sees windows
of a fixed number of tokens, each with some context around the part that is kept, on a grid that is
anchored to the image: a tile computes what the whole image would.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.blocks import two_convolutions


@dataclass(frozen=True)
class Windows:
    """How a transformer looks at an image.

    Attributes
    ----------
    layers : tuple of int
        Blocks, from 0, whose tokens are handed on.
    core, context : int
        Tokens along a side of the part of a window that is kept, and around it.
    zoom : int
        Factor by which the image is enlarged before the transformer sees it, for finer tokens.
    """

    layers: tuple[int, ...]
    core: int = 16
    context: int = 4
    zoom: int = 1

    @property
    def side(self) -> int:
        """Tokens along a side of the whole window."""
        return self.core + 2 * self.context


#: The compact transformer that is shipped: DINOv2's blocks, a third of its width.
COMPACT: dict[str, Any] = {
    "img_size": 192,
    "patch_size": 8,
    "in_chans": 1,
    "embed_dim": 128,
    "depth": 6,
    "num_heads": 4,
    "init_values": 1.0,
    "class_token": False,
}
COMPACT_WINDOWS = Windows(layers=(1, 3, 5))


def build_compact(**changes: Any) -> nn.Module:
    """Return the compact transformer with random weights; `changes` replace parts of `COMPACT`."""
    from napari_etch.networks.timm_door import open_timm

    vit: nn.Module = open_timm().models.vision_transformer.VisionTransformer(
        **{**COMPACT, **changes}, num_classes=0, global_pool="", dynamic_img_size=True
    )
    return vit


class Backbone(nn.Module):
    """Tokens of several blocks of a transformer, for images of any size.

    Parameters
    ----------
    vit : timm VisionTransformer
        With dynamic image size; its position grid is interpolated where a window has another
        number of tokens than it was trained with.
    windows : Windows

    Notes
    -----
    Input float32 (b, 1, h, w), grey, mean 0 and spread 1, sides multiples of `stride`; a network
    for colour is given the grey three times. Output (b, `channels`, h / patch, w / patch).
    """

    def __init__(self, vit: Any, windows: Windows) -> None:
        super().__init__()
        self.vit, self.windows = vit, windows
        own = int(vit.patch_embed.patch_size[0])
        if own % windows.zoom:
            raise ValueError(f"patches of {own} px cannot be zoomed {windows.zoom} times")
        self.patch = own // windows.zoom
        self.channels_in = int(vit.patch_embed.proj.in_channels)
        self.channels = int(vit.embed_dim) * len(windows.layers)
        self.stride = windows.core * self.patch
        self.margin = windows.context * self.patch

    def forward(self, image: Tensor) -> Tensor:
        """Return the tokens, each block's after the final normalisation."""
        # Plain numbers: a traced copy, which would hold for one size only, cannot be made.
        batch, height, width = int(image.shape[0]), int(image.shape[2]), int(image.shape[3])
        margin = self.margin
        mode = "reflect" if min(height, width) > margin else "replicate"
        padded = functional.pad(image, (margin,) * 4, mode=mode) if margin else image
        side = self.windows.side * self.patch
        cut = padded.unfold(2, side, self.stride).unfold(3, side, self.stride)
        rows, columns = height // self.stride, width // self.stride
        cut = cut.permute(0, 2, 3, 1, 4, 5).reshape(batch * rows * columns, -1, side, side)
        tokens = self.tokens(cut)
        keep = slice(self.windows.context, self.windows.context + self.windows.core)
        tokens = tokens[:, :, keep, keep].reshape(
            batch, rows, columns, self.channels, self.windows.core, self.windows.core
        )
        tokens = tokens.permute(0, 3, 1, 4, 2, 5)
        return tokens.reshape(
            batch, self.channels, rows * self.windows.core, columns * self.windows.core
        )

    def tokens(self, image: Tensor) -> Tensor:
        """Return the tokens of one window of any size, (b, channels, h / patch, w / patch)."""
        image = image.contiguous()
        if self.windows.zoom > 1:
            image = functional.interpolate(
                image, scale_factor=self.windows.zoom, mode="bilinear", align_corners=False
            )
        if self.channels_in > 1:
            image = image.expand(-1, self.channels_in, -1, -1)
        found = self.vit.forward_intermediates(
            image, indices=list(self.windows.layers), norm=True, intermediates_only=True
        )
        return torch.cat(found, 1)


class Decoder(nn.Module):
    """Tokens and the image itself to boundary, distance and affinities, all as logits.

    Tokens say what is where, but only every patch; a boundary is two pixels wide. So the image
    comes in beside them, through two levels of convolutions at half and quarter resolution, the
    upper part of `networks.etchnet.EtchNet`, whose deep levels the tokens replace.

    Parameters
    ----------
    channels_in : int
        Channels of the tokens.
    widths : tuple of int
        Channels at half and at quarter resolution.
    width : int
        Channels to which the tokens are brought.
    channels_out : int
        As in `EtchNet`.
    """

    def __init__(
        self,
        channels_in: int,
        widths: tuple[int, int] = (48, 96),
        width: int = 128,
        channels_out: int = 8,
    ) -> None:
        super().__init__()
        half, quarter = widths
        self.parameters_of = {
            "channels_in": channels_in,
            "widths": list(widths),
            "width": width,
            "channels_out": channels_out,
        }
        self.channels_out = channels_out
        self.fold = nn.PixelUnshuffle(2)
        self.down = nn.ModuleList(
            [two_convolutions(4, half, bias=False), two_convolutions(half, quarter, bias=False)]
        )
        self.bring = nn.Sequential(
            nn.Conv2d(channels_in, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.deep = two_convolutions(width, width, bias=False)
        self.lift = nn.ModuleList([nn.Conv2d(quarter, half, 1), nn.Conv2d(width, quarter, 1)])
        self.up = nn.ModuleList(
            [
                two_convolutions(half, half, bias=False),
                two_convolutions(quarter, quarter, bias=False),
            ]
        )
        self.head = nn.Sequential(
            nn.Conv2d(half, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 4 * channels_out, 1),
        )
        self.unfold = nn.PixelShuffle(2)

    def forward(self, tokens: Tensor, image: Tensor) -> Tensor:
        """Return the logits, (b, channels_out, h, w).

        Parameters
        ----------
        tokens : (b, channels_in, h / patch, w / patch)
        image : (b, 1, h, w), sides multiples of 4
        """
        half = self.down[0](self.fold(image))
        quarter = self.down[1](functional.max_pool2d(half, 2))
        deep = self.lift[1](self.deep(self.bring(tokens)))
        # to the size itself, not by a factor: a patch of 14 px is no whole number of quarters, and
        # this keeps the middle of a token over the middle of its patch
        deep = functional.interpolate(
            deep, size=quarter.shape[-2:], mode="bilinear", align_corners=False
        )
        quarter = self.up[1](deep + quarter)
        lifted = functional.interpolate(self.lift[0](quarter), scale_factor=2, mode="nearest")
        return self.unfold(self.head(self.up[0](lifted + half)))


class ViTNet(nn.Module):
    """Backbone and decoder: an image to logits, tile by tile.

    Parameters
    ----------
    backbone : Backbone
        Frozen.
    decoder : Decoder
    """

    # Measured with `networks.etchnet.receptive_radius` on the convolutions alone, 32 px, and
    # three tokens for the two convolutions on their grid and the interpolation.
    RADIUS, TOKENS = 32, 3

    def __init__(self, backbone: Backbone, decoder: Decoder) -> None:
        super().__init__()
        self.backbone, self.decoder = backbone.requires_grad_(False), decoder
        # cores are whole tokens, and quarters of the resolution must be whole pixels
        self.stride = math.lcm(backbone.stride, 4)
        # a pixel sees the windows of the tokens it sees, and the image around it
        reach = self.RADIUS + self.TOKENS * backbone.patch
        self.margin = reach + backbone.stride + backbone.margin
        self.channels_out = decoder.channels_out

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits, (b, channels_out, h, w); sides are multiples of `stride`."""
        return self.decoder(self.backbone(image), image)

    def describe(self) -> dict[str, Any]:
        """Return what a card needs to build the decoder and the windows again."""
        return {"windows": asdict(self.backbone.windows), "decoder": self.decoder.parameters_of}

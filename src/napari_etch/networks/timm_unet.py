"""A U-Net on an encoder of timm; the published VGG16 U-Net of fractography is one configuration.

Published (Tsopanidis et al. 2020, Keras): VGG16's convolutions, a 1024-channel centre, five stages
of nearest upsampling, the encoder's features beside it, and two convolutions, none of them with an
activation after it; a 3 x 3 head. Here the decoder's convolutions are followed by ReLU unless
`activations` is off, and the head is padded, so that the map has the size of the image.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: The published decoder's widths, the centre first.
PUBLISHED_WIDTHS = (1024, 1024, 512, 256, 128, 128)
#: Parameters of the published network with three classes.
PUBLISHED = {
    "encoder": "vgg16",
    "widths": PUBLISHED_WIDTHS,
    "classes": 3,
    "activations": False,
}


class TimmUNet(nn.Module):
    """Encoder-decoder from an image to a logit for each class.

    Parameters
    ----------
    encoder : str
        A network of timm that gives features at several strides, such as ``resnet18``.
    classes : int
        Number of classes, at least 2.
    widths : tuple of int
        Channels of the centre and of each stage of the decoder.
    activations : bool
        ReLU after the decoder's convolutions; False as published.

    Notes
    -----
    Input float32 (b, 1, h, w), sides multiples of `stride`; output (b, classes, h, w). The grey
    image is given to all three channels of the encoder. Weights of the encoder are random; see
    `models.encoders` for public ones.

    Raises
    ------
    ValueError
        When timm has no such encoder, or the decoder's widths do not fit its levels.
    """

    def __init__(
        self,
        encoder: str = "resnet18",
        classes: int = 2,
        widths: tuple[int, ...] = (128, 128, 96, 64, 48),
        activations: bool = True,
    ) -> None:
        from napari_etch.networks.timm_door import open_timm

        timm = open_timm()
        super().__init__()
        if classes < 2:
            raise ValueError(
                f"A network that tells classes apart needs two or more, not {classes}."
            )
        try:
            self.encoder: Any = timm.create_model(encoder, features_only=True, pretrained=False)
        except (RuntimeError, AttributeError, AssertionError, TypeError) as error:
            raise ValueError(f"timm has no encoder {encoder!r} that gives features") from error
        info: Any = self.encoder.feature_info
        channels, strides = list(info.channels()), list(info.reduction())
        if len(widths) != len(channels):
            raise ValueError(
                f"{encoder} has {len(channels)} levels: give a decoder {len(channels)} widths, "
                f"not {len(widths)}."
            )
        self.encoder_name, self.classes, self.channels_out = encoder, classes, classes
        self.widths, self.activations = tuple(widths), activations
        self.stride, self.shallowest = int(strides[-1]), int(strides[0])
        self.centre = self._convolution(channels[-1], widths[0])
        stages = []
        below = widths[0]
        for skip, width in zip(reversed(channels[:-1]), widths[1:], strict=True):
            stages.append(
                nn.Sequential(
                    self._convolution(below + skip, width), self._convolution(width, width)
                )
            )
            below = width
        self.stages = nn.ModuleList(stages)
        self.head = nn.Conv2d(below, classes, 3, padding=1)

    def _convolution(self, channels_in: int, channels_out: int) -> nn.Module:
        convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        if not self.activations:
            return convolution
        return nn.Sequential(convolution, nn.ReLU(inplace=True))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits, (b, classes, h, w)."""
        *skips, deep = self.encoder(image.expand(-1, 3, -1, -1).contiguous())
        deep = self.centre(deep)
        for stage in self.stages:
            skip = skips.pop()
            deep = functional.interpolate(deep, size=skip.shape[-2:], mode="nearest")
            deep = stage(torch.cat([deep, skip], 1))
        logits: Tensor = self.head(deep)
        if self.shallowest == 1:
            return logits
        return functional.interpolate(
            logits, scale_factor=self.shallowest, mode="bilinear", align_corners=False
        )

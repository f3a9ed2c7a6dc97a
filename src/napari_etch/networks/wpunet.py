"""WPU-Net: a U-Net that sees a section together with the boundary map of the section before.

Re-implemented from its description (Ma, Ban et al. 2019, "WPU-Net: boundary learning by using
weighted propagation in convolution network"): a U-Net (Ronneberger et al. 2015) whose first four
levels are all given the previous map, at their own resolution. As published, the map is reduced by
max-pooling, which wipes out a boundary that is the smaller value; here it is min-pooled, or
averaged where the coding is continuous.
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.blocks import two_convolutions

Pooling = Literal["min", "average", "published"]
POOLINGS: tuple[Pooling, ...] = ("min", "average", "published")
#: Channels at full, half, ... resolution, as published.
WIDTHS = (64, 128, 256, 512, 1024)


class WPUNet(nn.Module):
    """U-Net with multi-level fusion of the previous section's map.

    Parameters
    ----------
    widths : tuple of int
        Channels at full, half, quarter, ... resolution; two levels at least.
    channels_out : int
        2 as published: logits of interior and boundary. 8: the generalist's heads (`models.heads`).
    previous : bool
        Whether there is a previous map. Without it this is a plain U-Net of the image alone.
    fusion : bool
        Whether the levels below the first get the previous map too; the deepest never does.
    pooling : {"min", "average", "published"}
        How the previous map is halved from level to level.
    previous_scale : float
        Factor of the previous map. Coded from -6 to 1 it has several times the spread of the image
        in the first layers; 1 is as published.

    Notes
    -----
    Input float32 (b, 1 + previous, h, w), image first, sides multiples of `stride`; output
    (b, channels_out, h, w), logits.

    Raises
    ------
    ValueError
        When there are fewer than two widths, or the pooling is unknown.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = WIDTHS,
        channels_out: int = 2,
        *,
        previous: bool = True,
        fusion: bool = True,
        pooling: Pooling = "min",
        previous_scale: float = 1.0,
    ) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"a U-Net needs two widths at least, not {tuple(widths)}")
        if pooling not in POOLINGS:
            raise ValueError(f"pooling is {pooling!r}: choose {', '.join(POOLINGS)}")
        self.widths, self.channels_out = tuple(widths), channels_out
        self.previous, self.fusion, self.pooling = previous, previous and fusion, pooling
        self.channels_in, self.previous_scale = 1 + previous, previous_scale
        self.stride = 2 ** (len(widths) - 1)
        fused = [int(self.fusion)] * (len(widths) - 2) + [0]
        inputs = [self.channels_in, *(w + f for w, f in zip(widths, fused, strict=False))]
        self.down = nn.ModuleList(
            two_convolutions(i, o) for i, o in zip(inputs, widths, strict=True)
        )
        pairs = list(itertools.pairwise(widths))[::-1]
        self.lift = nn.ModuleList(
            nn.ConvTranspose2d(deep, shallow, 2, stride=2) for shallow, deep in pairs
        )
        self.up = nn.ModuleList(two_convolutions(2 * shallow, shallow) for shallow, _ in pairs)
        self.head = nn.Conv2d(widths[0], channels_out, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)

    @torch.no_grad()
    def calm_head(self, odds: float = -2.0) -> None:
        """Begin with hardly a boundary anywhere, whatever the drawn weights of the head.

        Xavier's are large for features that are all positive: with one seed the first 150 steps
        went into taking boundaries back.
        """
        self.head.weight.mul_(0.1)
        assert self.head.bias is not None
        self.head.bias.zero_()
        self.head.bias[1 if self.channels_out == 2 else 0] = odds

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits, (b, channels_out, h, w)."""
        if self.previous and self.previous_scale != 1:
            image = torch.cat([image[:, :1], self.previous_scale * image[:, 1:]], 1)
        last = image[:, 1:] if self.fusion else None
        deep = self.down[0](image)
        skips = []
        for level, block in enumerate(list(self.down)[1:], start=1):
            skips.append(deep)
            deep = functional.max_pool2d(deep, 2)
            if last is not None and level < len(self.widths) - 1:
                last = self._halved(last)
                deep = torch.cat([deep, last], 1)
            deep = block(deep)
        for lift, block in zip(self.lift, self.up, strict=True):
            deep = block(torch.cat([skips.pop(), lift(deep)], 1))
        return self.head(deep)

    def _halved(self, last: Tensor) -> Tensor:
        if self.pooling == "average":
            return functional.avg_pool2d(last, 2)
        if self.pooling == "min":
            return -functional.max_pool2d(-last, 2)
        return functional.max_pool2d(last, 2)

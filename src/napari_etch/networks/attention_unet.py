"""Attention U-Net, as published for boundary repair and as in its original paper.

Two gates on the skips can be chosen. "published" (the boundary-repair system): the upsampled
decoder tensor g and the skip s give a = sigmoid(W3 relu(W1 g + W2 s)), one mask a channel, and
a * s goes on. "oktay" (Oktay et al. 2018, "Attention U-Net: learning where to look for the
pancreas"): g comes from the coarser level before it is enlarged, s is brought to its grid by a
strided convolution, and one mask for all channels, enlarged again, multiplies s.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.blocks import two_convolutions

GATES = ("published", "oktay", "none")


class ChannelGate(nn.Module):
    """The published gate: one mask for each channel, from decoder and skip of equal size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.decoder = nn.Conv2d(width, width, 1)
        self.skip = nn.Conv2d(width, width, 1)
        self.mask = nn.Conv2d(width, width, 1)

    def forward(self, deep: Tensor, larger: Tensor, skip: Tensor) -> Tensor:
        """Return the gated skip, (b, width, h, w); `deep`, before enlarging, is not looked at."""
        mixed = functional.relu(self.decoder(larger) + self.skip(skip))
        return torch.sigmoid(self.mask(mixed)) * skip


class GridGate(nn.Module):
    """The gate of Oktay et al.: one mask for all channels, made on the coarser grid."""

    def __init__(self, width: int, deep: int) -> None:
        super().__init__()
        self.decoder = nn.Conv2d(deep, width, 1)
        self.skip = nn.Conv2d(width, width, 2, stride=2, bias=False)
        self.mask = nn.Conv2d(width, 1, 1)

    def forward(self, deep: Tensor, larger: Tensor, skip: Tensor) -> Tensor:
        """Return the gated skip, (b, width, h, w); `larger`, after enlarging, is not looked at."""
        mixed = functional.relu(self.decoder(deep) + self.skip(skip))
        mask = torch.sigmoid(self.mask(mixed))
        return functional.interpolate(mask, scale_factor=2.0, mode="nearest") * skip


class OpenGate(nn.Module):
    """No gate: a plain U-Net."""

    def forward(self, deep: Tensor, larger: Tensor, skip: Tensor) -> Tensor:
        """Return the skip as it is."""
        return skip


def _gate(kind: str, width: int, deep: int) -> nn.Module:
    if kind == "published":
        return ChannelGate(width)
    if kind == "oktay":
        return GridGate(width, deep)
    if kind == "none":
        return OpenGate()
    raise ValueError(f"gate is {kind!r}: choose one of {', '.join(GATES)}.")


class AttentionUNet(nn.Module):
    """U-Net whose skips pass a gate; the defaults are the published network (157.6 million).

    Parameters
    ----------
    widths : tuple of int
        Channels from the first level to the bridge.
    kernel : int
        Side of the convolutions, odd (published: 7; Oktay et al.: 3).
    gate : "published", "oktay" or "none"
    fold : int
        Each `fold` x `fold` pixels are first folded into channels and unfolded at the end: no
        convolution then runs at full resolution. 1 is the published form.
    channels_in, channels_out : int

    Notes
    -----
    Input float32 (b, channels_in, h, w), sides multiples of `stride`; output logits
    (b, channels_out, h, w).

    Raises
    ------
    ValueError
        When the kernel is even, the gate unknown or there are fewer than two widths.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (64, 128, 256, 512, 1024),
        kernel: int = 7,
        gate: str = "published",
        fold: int = 1,
        channels_in: int = 1,
        channels_out: int = 1,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0 or kernel < 1:
            raise ValueError(f"kernel is {kernel}: give an odd number of pixels.")
        if len(widths) < 2:
            raise ValueError(f"widths is {widths}: give at least two levels.")
        self.stride = fold * 2 ** (len(widths) - 1)
        self.channels_out = channels_out
        self.fold = nn.PixelUnshuffle(fold)
        first = (channels_in * fold**2, *widths[:-1])
        self.down = nn.ModuleList(
            two_convolutions(before, after, kernel)
            for before, after in zip(first, widths, strict=True)
        )
        steps = list(itertools.pairwise(widths))[::-1]
        self.lift = nn.ModuleList(nn.ConvTranspose2d(deep, width, 2, 2) for width, deep in steps)
        self.gates = nn.ModuleList(_gate(gate, width, deep) for width, deep in steps)
        self.up = nn.ModuleList(two_convolutions(2 * width, width, kernel) for width, _ in steps)
        self.head = nn.Conv2d(widths[0], channels_out * fold**2, 1)
        self.unfold = nn.PixelShuffle(fold)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits, (b, channels_out, h, w)."""
        deep = self.down[0](self.fold(image))
        skips = []
        for block in list(self.down)[1:]:
            skips.append(deep)
            deep = block(functional.max_pool2d(deep, 2))
        for lift, gate, block in zip(self.lift, self.gates, self.up, strict=True):
            larger = lift(deep)
            gated = gate(deep, larger, skips.pop())
            deep = block(torch.cat([larger, gated], 1))
        return self.unfold(self.head(deep))

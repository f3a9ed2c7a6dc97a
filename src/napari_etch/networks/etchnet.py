"""EtchNet: the generalist's encoder-decoder.

A U-Net (Ronneberger et al. 2015) that folds the image to half resolution by space-to-depth and
unfolds its answers by depth-to-space (Shi et al. 2016): every pixel is kept, but no convolution
runs at full resolution, where it would cost most and see least. Skips are added, not concatenated.
Batch normalisation and no global statistics: a tile computes what the whole image would.
"""

from __future__ import annotations

import itertools
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_etch.networks.blocks import two_convolutions


class EtchNet(nn.Module):
    """Encoder-decoder with heads for boundary, distance and affinities, all as logits.

    Parameters
    ----------
    widths : tuple of int
        Channels at half, quarter, ... resolution; the deepest level is the last.
    affinities : int
        Number of affinity channels.

    Notes
    -----
    Input float32 (b, 1, h, w), sides multiples of `stride`; output (b, 2 + affinities, h, w):
    the boundary's logit, the distance's (its sigmoid is 0 on the boundary and 1 at
    `virtual.maps.DISTANCE_CAP` px or more), and for each affinity the logit of "the pixel and its
    neighbour at this offset lie in the same grain".
    """

    def __init__(self, widths: tuple[int, ...] = (48, 96, 192, 256), affinities: int = 6) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.stride = 2 ** len(widths)
        self.channels_out = 2 + affinities
        self.fold = nn.PixelUnshuffle(2)
        self.down = nn.ModuleList(
            two_convolutions(first, second, bias=False)
            for first, second in zip((4, *widths), widths, strict=False)
        )
        self.lift = nn.ModuleList(
            nn.Conv2d(deep, shallow, 1) for shallow, deep in itertools.pairwise(widths)
        )
        self.up = nn.ModuleList(two_convolutions(width, width, bias=False) for width in widths[:-1])
        self.head = nn.Sequential(
            nn.Conv2d(widths[0], 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 4 * self.channels_out, 1),
        )
        self.unfold = nn.PixelShuffle(2)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits, (b, channels_out, h, w)."""
        deep = self.down[0](self.fold(image))
        skips = []
        for block in list(self.down)[1:]:
            skips.append(deep)
            deep = block(functional.max_pool2d(deep, 2))
        for lift, block in zip(reversed(self.lift), reversed(self.up), strict=True):
            larger = functional.interpolate(lift(deep), scale_factor=2, mode="nearest")
            deep = block(larger + skips.pop())
        return self.unfold(self.head(deep))


def receptive_radius(network: nn.Module, stride: int, limit: int = 256, channels: int = 1) -> int:
    """Return how far, in px, an input pixel can change the output, rounded up to `stride`.

    Of a network with several input channels that is measured with all of them moved at once.

    Measured: one pixel is moved and the reach of the change is read off, with every weight made
    positive so that nothing cancels, for each phase of the pixel within the stride.
    """
    probe = deepcopy(network).eval()
    with torch.no_grad():
        for parameter in probe.parameters():
            # Small enough that sums stay finite, equal so that no path is lost to rounding.
            parameter.fill_(1 / 64)
        for module in probe.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.zero_()
                module.running_var.fill_(1)
                if module.affine:
                    module.weight.fill_(1)
        probe = probe.double()
        poked = torch.zeros(stride, channels, 2 * limit, stride, dtype=torch.float64)
        still = probe(poked[:1])
        phase = torch.arange(stride)
        poked[phase, :, limit + phase, 0] = 1
        touched = (probe(poked) != still).any(1).any(-1)
    reach = 0
    for row in range(stride):
        rows = torch.nonzero(touched[row])[:, 0]
        reach = max(reach, limit + row - int(rows.min()), int(rows.max()) - limit - row)
    return -(-reach // stride) * stride

"""What several architectures are built of."""

from __future__ import annotations

from torch import nn


def two_convolutions(
    channels_in: int, channels_out: int, kernel: int = 3, *, bias: bool = True
) -> nn.Sequential:
    """Return two convolutions of one size, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers += [
            nn.Conv2d(channels, channels_out, kernel, padding=kernel // 2, bias=bias),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)

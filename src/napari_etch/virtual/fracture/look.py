"""How a scanning electron microscope shows a fracture surface.

Secondary electrons: the yield grows with the tilt, 1 / cos θ, and at edges, from which more of them
escape; what lies deep is dark because few come out of the hole; a detector at the side sees the
facets turned to it brighter. Ceramics charge: bright patches and streaks along the lines.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.fields import (
    Range,
    blur,
    column,
    normal,
    smooth_field,
    span,
    uniform,
)
from napari_etch.virtual.fracture.layout import Facets
from napari_etch.virtual.fracture.relief import slopes

# Slopes are steeper at a jump than any facet is: the detector sees no more than this.
STEEPEST = 1.6


def take_picture(generator: torch.Generator, height: Tensor, facets: Facets) -> Tensor:
    """Render heights as a micrograph.

    Parameters
    ----------
    generator : torch.Generator
    height : float32 (b, s, s), px
    facets : Facets

    Returns
    -------
    float32 (b, s, s) in [0, 1].
    """
    image = _yield(generator, height, facets)
    image = _debris(generator, image)
    image = _charging(generator, image)
    return _camera(generator, image)


def _yield(generator: torch.Generator, height: Tensor, facets: Facets) -> Tensor:
    batch, count = facets.mode.shape
    device, size = height.device, height.shape[-1]
    down, right = (item.clamp(-STEEPEST, STEEPEST) for item in slopes(height))
    steep = torch.sqrt(1 + down**2 + right**2)
    side = uniform(generator, batch, high=2 * math.pi)
    turned = -(column(torch.cos(side)) * down + column(torch.sin(side)) * right) / steep
    tilt, seen, edge, deep, tone = (
        column(item.draw(batch, generator))
        for item in (
            Range(0.05, 0.22),
            Range(0.25, 0.6),
            Range(0.1, 0.45),
            Range(0.08, 0.35),
            Range(0.02, 0.1),
        )
    )
    narrow = blur(height, uniform(generator, batch, low=1.0, high=2.2))
    wide = blur(height, uniform(generator, batch, low=6.0, high=12.0), radius=24)
    bright = functional.softplus(3 * (height - narrow).clamp(-4, 4) - 1) / 3
    own = facets.spread(torch.randn(batch, count, generator=generator, device=device))
    # No edge is bright all along: it is where it overhangs, and where nothing lies before it.
    free = torch.sigmoid(3 * smooth_field(generator, batch, size, span(generator, 8, 30)) - 0.5)
    image = 0.4 + tilt * (steep - 1) + seen * turned + tone * own
    image = image + 1.6 * edge * free * bright.clamp(max=1.6)
    return image - deep * torch.tanh((wide - height).clamp(min=0) / 8)


def _debris(generator: torch.Generator, image: Tensor) -> Tensor:
    """Add small bright chips with a dark side."""
    batch, size = len(image), image.shape[-1]
    rate = Range(2e-5, 6e-4, chance=0.6, log=True).draw(batch, generator)
    spots = (uniform(generator, batch, size, size) < column(rate)).float()
    sigma = uniform(generator, batch, low=0.7, high=1.8)
    chips = (blur(spots, sigma, radius=6) * column(2 * math.pi * sigma**2)).clamp(max=1)
    return image + 0.5 * chips - 0.25 * torch.roll(chips, (2, 2), (1, 2))


def _charging(generator: torch.Generator, image: Tensor) -> Tensor:
    batch, size = len(image), image.shape[-1]
    amount = column(Range(0.05, 0.4, chance=0.7).draw(batch, generator))
    patch = smooth_field(generator, batch, size, span(generator, 40, 150))
    image = image + 0.5 * amount * (patch - 0.4).clamp(min=0)
    image = image * (1 + 0.2 * amount * smooth_field(generator, batch, size, 120))
    streaks = column(Range(0.004, 0.02, chance=0.5).draw(batch, generator))
    return image + streaks * normal(generator, batch, size, 1)


def _camera(generator: torch.Generator, image: Tensor) -> Tensor:
    """Focus, noise, brightness and contrast as the operator set them, eight bits."""
    batch, size = len(image), image.shape[-1]
    image = blur(image, Range(0.35, 1.1).draw(batch, generator))
    spread = image.flatten(1).std(1).clamp(min=0.03)
    middle = image.flatten(1).mean(1)
    image = column(Range(0.32, 0.52).draw(batch, generator)) + (image - column(middle)) * column(
        Range(0.14, 0.25).draw(batch, generator) / spread
    )
    noise = column(Range(0.008, 0.05).draw(batch, generator))
    grain = normal(generator, batch, size, size)
    if span(generator, 0, 1) < 0.4:  # a slow amplifier: noise is drawn out a little
        grain = 1.3 * blur(grain, torch.full((batch,), 0.55, device=image.device))
    return (image + noise * grain * image.clamp(0.1, 1).sqrt()).clamp(0, 1)

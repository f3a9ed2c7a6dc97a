"""Which facet lies where on a fracture surface, and how each came to be.

Brittle ceramics and steels show large facets beside regions of small ones (a broad or bimodal grain
size). The crack runs along boundaries or through grains by neighbourhood: modes cluster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_etch.virtual.fields import Range, blur, smooth_field, span, uniform
from napari_etch.virtual.tessellation import BANDS, Structure, tessellate

#: Class numbers of the truth.
INTERGRANULAR, TRANSGRANULAR = 1, 2
# The Gaussian, px, in which an annotator would look at facets too small to be outlined.
LOOK = 5.0
# Share of intergranular facets among the small ones, of that among the large.
CRUSHED = 0.7


@dataclass(frozen=True)
class Layout:
    """What a batch of fracture surfaces may look like.

    Attributes
    ----------
    large, medium, small : Range
        Mean intercepts of the large facets and of those in regions of finer ones, px.
    broken, crushed : Range
        Share of the field that is taken by regions of medium and of small facets.
    intergranular : Range
        Share of the large facets that are intergranular.
    """

    large: Range = Range(60, 230, log=True)
    medium: Range = Range(26, 90, log=True)
    small: Range = Range(10, 42, log=True)
    broken: Range = Range(0.1, 0.8, chance=0.7)
    crushed: Range = Range(0.15, 0.85, chance=0.8)
    intergranular: Range = Range(0.15, 0.85)


@dataclass(frozen=True)
class Facets:
    """Facets of a batch.

    Attributes
    ----------
    labels : int64 (b, s, s), from 0, not consecutive
    mode : int64 (b, n), class of each facet
    is_small : bool (b, n)
    centre : float32 (b, n, 2), y and x of each facet's middle, px
    side : float32 (b, n), root of its area, px
    """

    labels: Tensor
    mode: Tensor
    is_small: Tensor
    centre: Tensor
    side: Tensor

    def spread(self, table: Tensor) -> Tensor:
        """Return a facet's value, (b, n), at each of its pixels, (b, s, s)."""
        return table.gather(1, self.labels.flatten(1)).reshape(self.labels.shape)


def lay_out(generator: torch.Generator, batch: int, size: int, layout: Layout) -> Facets:
    """Draw facets and their modes.

    Parameters
    ----------
    generator : torch.Generator
    batch, size : int
        Samples and their side, px.
    layout : Layout

    Returns
    -------
    Facets
    """
    labels = _tiles(generator, batch, size, layout.large, bimodal=0.4)
    is_small = torch.zeros_like(labels, dtype=torch.bool)
    for intercept, share in ((layout.medium, layout.broken), (layout.small, layout.crushed)):
        finer = _tiles(generator, batch, size, intercept)
        taken = _regions(generator, labels, share.draw(batch, generator))
        labels = torch.where(taken, int(labels.max()) + 1 + finer, labels)
        is_small |= taken & (intercept is layout.small)
    return _describe(generator, labels, is_small, layout)


def _tiles(
    generator: torch.Generator, batch: int, size: int, intercept: Range, bimodal: float = 0.2
) -> Tensor:
    """Return facets of about one size, int64 (b, s, s)."""
    structure = Structure(
        intercept=intercept,
        bimodal=bimodal,
        twinned=Range(0, 0, chance=0),
        joined=Range(0.05, 0.3, chance=0.5),
    )
    return tessellate(generator, batch, size, structure)[0] // BANDS


def _regions(generator: torch.Generator, labels: Tensor, share: Tensor) -> Tensor:
    """Return where facets are replaced by finer ones: a share of the field, in few regions."""
    batch, size = len(labels), labels.shape[-1]
    field = smooth_field(generator, batch, size, span(generator, 50, 140))
    height = _mean_of(labels, field, int(labels.max()) + 1)
    height = height + 0.35 * torch.randn(height.shape, generator=generator, device=field.device)
    # A facet is replaced where the field at its middle is among the lowest of a normal one.
    limit = math.sqrt(2) * torch.erfinv(2 * share.clamp(1e-3, 1 - 1e-3) - 1)
    return (height < limit[:, None]).gather(1, labels.flatten(1)).reshape(labels.shape)


def truth_map(generator: torch.Generator, facets: Facets) -> Tensor:
    """Return the class map as an annotator would draw it, uint8 (b, s, s), 0 where unsure.

    Nobody outlines facets of a few pixels: where small ones of both modes are mixed, the class is
    that of most of them nearby, or none.
    """
    through = facets.spread((facets.mode == TRANSGRANULAR).float())
    sigma = torch.full((len(through),), LOOK, device=through.device)
    share = blur(through, sigma, radius=12)
    is_small = facets.spread(facets.is_small.float()) > 0
    wanted = torch.where(is_small, share, 0.75 * through + 0.25 * share)
    classes = torch.zeros_like(through, dtype=torch.uint8)
    classes[wanted < 0.35] = INTERGRANULAR
    classes[wanted > 0.65] = TRANSGRANULAR
    return classes


def _describe(generator: torch.Generator, labels: Tensor, small: Tensor, layout: Layout) -> Facets:
    batch, size = len(labels), labels.shape[-1]
    count = int(labels.max()) + 1
    flat = labels.flatten(1)
    ones = torch.ones(flat.shape, device=labels.device)
    area = torch.zeros(batch, count, device=labels.device).scatter_add_(1, flat, ones)
    line = torch.arange(size, device=labels.device, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"))
    centre = torch.stack(
        [_mean_of(labels, axis.expand(batch, size, size), count) for axis in grid], -1
    )
    # Modes cluster: neighbours share the stress that decided.
    share = layout.intergranular.draw(batch, generator)
    field = smooth_field(generator, batch, size, span(generator, 25, 110))
    own = uniform(generator, batch, count)
    neighbourhood = 0.5 * (1 + torch.erf(_mean_of(labels, field, count) / math.sqrt(2)))
    loyal = uniform(generator, batch, count) < span(generator, 0.2, 0.85)
    is_small = _mean_of(labels, small.float(), count) > 0.5
    # Small facets between large ones are mostly torn through.
    share = torch.where(is_small, CRUSHED * share[:, None], share[:, None])
    along = torch.where(loyal, neighbourhood, own) < share
    mode = torch.where(along, INTERGRANULAR, TRANSGRANULAR)
    return Facets(labels, mode, is_small, centre, area.clamp(min=1).sqrt())


def _mean_of(labels: Tensor, picture: Tensor, count: int) -> Tensor:
    """Return the mean of a picture, (b, s, s), over each facet, float32 (b, count)."""
    flat = labels.flatten(1)
    start = torch.zeros(len(labels), count, device=labels.device)
    total = start.scatter_add(1, flat, picture.flatten(1))
    area = start.scatter_add(1, flat, torch.ones_like(picture.flatten(1)))
    return total / area.clamp(min=1)

"""Virtual grain structures: label maps with perfect truth.

Every kind is one family of quadratic distance functions, evaluated for all seeds and all pixels
of a batch by one matrix product: Voronoi, Laguerre (power diagram, log-normal sizes), anisotropic
(one stretch for the field, as in rolled metal), elliptic (one stretch for each grain), and
Johnson-Mehl (nucleation over time and equal growth rate, hyperbolic boundaries). A smooth warp of
the plane makes boundaries wavy or serrated, rounds of threshold dynamics (Merriman, Bence and
Osher 1992; Esedoglu and Otto 2015) relax them towards 120 degree junctions, and twins cut grains
into parallel bands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.fields import (
    Range,
    choice,
    nearest,
    normal,
    octaves,
    smooth_field,
    span,
    uniform,
)

KINDS = {
    "voronoi": 0.2,
    "laguerre": 0.3,
    "anisotropic": 0.12,
    "elliptic": 0.2,
    "johnson-mehl": 0.18,
}
MAX_SEEDS = 900
# Threshold dynamics counts grains in bytes.
MAX_RELAXED = 255
# Kinds whose grains reach further than an equiaxed grain of the same size.
STRETCHED = ("anisotropic", "elliptic")
# Below this many seeds, looking at all of them is as fast as picking those near each block.
FEW_SEEDS = 100
BLOCK = 32
# Bands of a twinned grain: the label is grain * BANDS + band.
BANDS = 8


@dataclass(frozen=True)
class Structure:
    """What a batch of grain structures may look like."""

    intercept: Range = Range(12, 105, log=True)  # mean intercept, px
    spread: Range = Range(0.1, 0.75)  # standard deviation of the log of the grains' radius
    stretch: Range = Range(1.3, 3.5)
    warp: Range = Range(0.02, 0.14, chance=0.75)  # amplitude / intercept
    serration: Range = Range(0.5, 1.6, chance=0.25)  # px
    relaxed: float = 0.45  # share of the batches that are curvature-smoothed
    bimodal: float = 0.2
    joined: Range = Range(0.1, 0.6, chance=0.2)  # share of cells that would join a neighbour
    twinned: Range = Range(0.1, 0.7, chance=0.3)  # share of the grains


def tessellate(
    generator: torch.Generator, batch: int, size: int, structure: Structure | None = None
) -> tuple[Tensor, Tensor]:
    """Draw grain structures.

    Parameters
    ----------
    generator : torch.Generator
        Source of all randomness; its device is where the work happens.
    batch, size : int
        Number of samples and their side in px.
    structure : Structure, optional
        Ranges of the parameters.

    Returns
    -------
    labels : int64 (batch, size, size)
        Grain numbers from 0; twins of one grain differ in ``label % BANDS``.
    intercept : float32 (batch,)
        Nominal mean intercept in px (twins not counted).
    """
    if size % 2:  # relaxing works at half the size
        labels, intercept = tessellate(generator, batch, size + 1, structure)
        return labels[:, :size, :size].contiguous(), intercept
    structure = structure or Structure()
    base = span(generator, structure.intercept.low, structure.intercept.high, log=True)
    # One batch shares a narrow range of sizes, so that the seeds' table is not mostly padding.
    intercept = base * uniform(generator, batch, low=0.85, high=1.18)
    kind = choice(generator, KINDS)
    grid, points = _warped_grid(generator, intercept, size, structure)
    seeds, used = _seeds(generator, intercept, size, structure)
    relaxed = seeds.shape[1] <= MAX_RELAXED and span(generator, 0, 1) < structure.relaxed
    if relaxed:
        coarse = functional.avg_pool2d(points, 2)
        labels = _relax(
            generator, _assign(generator, kind, coarse, seeds, used, intercept, structure), size
        )
    else:
        labels = _assign(generator, kind, points, seeds, used, intercept, structure)
    labels = _join(generator, labels, seeds, used, structure)
    return _twin(generator, labels, grid, seeds, intercept, structure), intercept


def _warped_grid(
    generator: torch.Generator, intercept: Tensor, size: int, structure: Structure
) -> tuple[Tensor, Tensor]:
    """Return the plain and the warped pixel coordinates, float32 (b, 2, size, size), y first."""
    batch = len(intercept)
    line = torch.arange(size, device=generator.device, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij")).expand(batch, 2, size, size)
    amplitude = (structure.warp.draw(batch, generator) * intercept)[:, None, None, None]
    cell = float(intercept.mean()) * span(generator, 0.35, 1.2)
    warp = octaves(generator, 2 * batch, size, max(4.0, cell), 2).reshape(batch, 2, size, size)
    points = grid + amplitude * warp
    rough = structure.serration.draw(batch, generator)
    if float(rough.max()) > 0:
        fine = smooth_field(generator, 2 * batch, size, span(generator, 2.5, 7))
        points = points + rough[:, None, None, None] * fine.reshape(batch, 2, size, size)
    return grid, points


def _seeds(
    generator: torch.Generator, intercept: Tensor, size: int, structure: Structure
) -> tuple[Tensor, Tensor]:
    """Scatter seeds over the field and a rim: float32 (b, n, 2) places, bool (b, n) in use."""
    batch = len(intercept)
    rim = 1.5 * float(intercept.max())
    side = size + 2 * rim
    # Equiaxed sections: mean area = (intercept / 0.89)^2.
    wanted = (side / (intercept / 0.89)) ** 2
    count = int(min(MAX_SEEDS, math.ceil(float(wanted.max()))))
    spots = uniform(generator, batch, count, 2)
    if span(generator, 0, 1) < 0.5:
        spots = _stratified(generator, batch, count, span(generator, 0.75, 1.0))
    spots = spots[:, torch.randperm(spots.shape[1], generator=generator, device=generator.device)]
    if span(generator, 0, 1) < structure.bimodal:
        # Fine grains gather where a smooth field is high: seeds are drawn towards its hills.
        field = smooth_field(generator, batch, 64, span(generator, 16, 40))
        where = (spots * 63).long()
        dense = field.flatten(1).gather(1, where[..., 0] * 64 + where[..., 1])
        keep = dense > uniform(generator, batch, spots.shape[1], low=-1.5, high=0.6)
        spots = torch.where(keep[..., None], spots, torch.full_like(spots, -10.0))
    used = torch.arange(spots.shape[1], device=spots.device)[None] < wanted[:, None].clamp(min=3)
    return spots * side - rim, used


def _stratified(generator: torch.Generator, batch: int, count: int, jitter: float) -> Tensor:
    """Return jittered grid points in the unit square: sizes more even than Poisson seeds give."""
    rows = max(1, math.isqrt(count))
    line = (torch.arange(rows, device=generator.device) + 0.5) / rows
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(1, -1, 2)
    offsets = uniform(generator, batch, rows * rows, 2, low=-0.5, high=0.5)
    return grid + jitter * offsets / rows


def _assign(
    generator: torch.Generator,
    kind: str,
    points: Tensor,
    seeds: Tensor,
    used: Tensor,
    intercept: Tensor,
    structure: Structure,
) -> Tensor:
    """Give each pixel to its nearest seed in the metric of `kind`; int64 (b, h, w)."""
    batch, count = used.shape
    height, width = points.shape[-2:]
    metric = _metric(generator, kind, batch, count, structure)
    unit = intercept[:, None, None]
    place = (points.flatten(2).transpose(1, 2) / unit).transpose(1, 2)  # in mean intercepts
    y, x = place[:, 0], place[:, 1]
    sy, sx = (seeds / unit).unbind(-1)
    a, b, c = metric.unbind(-1)
    constant = a * sy * sy + b * sy * sx + c * sx * sx
    spread = structure.spread.draw(batch, generator)[:, None]
    sizes = spread * normal(generator, batch, count)
    if kind == "laguerre":
        constant = constant - 0.35 * torch.exp(sizes).clamp(max=4)
    constant = torch.where(used, constant, torch.full_like(constant, 1e6))
    linear = [-2 * a * sy - b * sx, -2 * c * sx - b * sy, constant]
    if kind in STRETCHED:
        coefficients = torch.stack([a, b, c, *linear], -1)
        monomials = torch.stack([y * y, y * x, x * x, y, x, torch.ones_like(x)], 1)
    else:  # circles need one square term: a third less arithmetic
        coefficients = torch.stack([a, *linear], -1)
        monomials = torch.stack([y * y + x * x, y, x, torch.ones_like(x)], 1)
    born = None
    if kind == "johnson-mehl":
        born = 0.45 * spread * normal(generator, batch, count).abs()
    reach = 2.5 * (float(structure.stretch.high) ** 0.5 if kind in STRETCHED else 1.0)
    blocks = _blocks(place.reshape(batch, 2, height, width), seeds / unit, used, reach)
    if blocks is None:
        found = nearest(coefficients, monomials, born, root=born is not None)
        return found.reshape(batch, height, width)
    return _nearest_by_block(blocks, coefficients, monomials, born, height, width)


def _blocks(place: Tensor, seeds: Tensor, used: Tensor, reach: float) -> Tensor | None:
    """Return the seeds near each block of pixels, int64 (b, blocks, k); None when all are needed.

    `place` and `seeds` are in mean intercepts; a seed further than `reach` from a block's
    pixels cannot own any of them.
    """
    _batch, count = used.shape
    height, width = place.shape[-2:]
    if count < FEW_SEEDS or height % BLOCK or width % BLOCK:
        return None
    centre = functional.avg_pool2d(place, BLOCK).flatten(2).transpose(1, 2)
    far = torch.cdist(centre, seeds) + 1e3 * (~used[:, None])
    half = BLOCK / 2 * math.sqrt(2) * float((place[:, 0, 1] - place[:, 0, 0]).mean().abs())
    most = int((far < half + reach).sum(-1).max())
    if most > 0.7 * count:
        return None
    return far.topk(max(most, 1), largest=False).indices


def _nearest_by_block(
    blocks: Tensor,
    coefficients: Tensor,
    monomials: Tensor,
    born: Tensor | None,
    height: int,
    width: int,
) -> Tensor:
    """As `fields.nearest`, but each block looks only at its own seeds; int64 (b, h, w)."""
    batch, many, near = blocks.shape
    rows, columns = height // BLOCK, width // BLOCK
    flat = blocks.reshape(batch, -1)
    table = coefficients.gather(1, flat[..., None].expand(-1, -1, coefficients.shape[-1]))
    table = table.reshape(batch * many, near, -1)
    tiles = monomials.reshape(batch, -1, rows, BLOCK, columns, BLOCK)
    tiles = tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch * many, -1, BLOCK * BLOCK)
    late = None if born is None else born.gather(1, flat).reshape(batch * many, near)
    best = blocks.reshape(batch * many, near).gather(
        1, nearest(table, tiles, late, root=late is not None)
    )
    best = best.reshape(batch, rows, columns, BLOCK, BLOCK)
    return best.permute(0, 1, 3, 2, 4).reshape(batch, height, width)


def _join(
    generator: torch.Generator, labels: Tensor, seeds: Tensor, used: Tensor, structure: Structure
) -> Tensor:
    """Give some cells to the grain of their nearest seed: bent and branched grains.

    A cell joins only a seed that itself stays, so that every grain is in one piece.
    """
    share = structure.joined.draw(len(seeds), generator)
    if float(share.max()) == 0:
        return labels
    count = seeds.shape[1]
    places = torch.where(used[..., None], seeds, torch.full_like(seeds, -1e4))
    far = torch.cdist(places, places)
    far.diagonal(dim1=1, dim2=2).fill_(float("inf"))
    closest = far.argmin(-1)
    joins = uniform(generator, len(seeds), count) < share[:, None]
    joins &= ~joins.gather(1, closest)
    table = torch.where(joins, closest, torch.arange(count, device=seeds.device))
    return table.gather(1, labels.flatten(1)).reshape(labels.shape)


def _metric(
    generator: torch.Generator, kind: str, batch: int, count: int, structure: Structure
) -> Tensor:
    """Return the quadratic form a y^2 + b y x + c x^2 of each seed, float32 (b, n, 3)."""
    columns = {"anisotropic": 1, "elliptic": count}.get(kind, 0)
    if not columns:
        return torch.tensor([1.0, 0.0, 1.0], device=generator.device).expand(batch, count, 3)
    stretch = structure.stretch.draw(batch, generator)[:, None]
    if kind == "elliptic":
        stretch = 1 + (stretch - 1) * uniform(generator, batch, columns)
    angle = uniform(generator, batch, columns, high=math.pi)
    cos, sin = torch.cos(angle), torch.sin(angle)
    along, across = 1 / stretch, stretch
    a = along * sin**2 + across * cos**2
    c = along * cos**2 + across * sin**2
    b = 2 * (along - across) * sin * cos
    return torch.stack([a, b, c], -1).expand(batch, count, 3)


def _relax(generator: torch.Generator, labels: Tensor, size: int) -> Tensor:
    """Smooth boundaries by threshold dynamics on the half-size map and return full-size labels."""
    labels = labels.to(torch.uint8)
    for _ in range(int(span(generator, 1, 3.5))):
        sigma = span(generator, 1.2, 3.0)
        step = round(sigma)
        labels = _vote(labels, sigma, ((0, 0), (step, 0), (-step, 0), (0, step), (0, -step)))
    # The last smoothing also enlarges: each half-size pixel holds two by two full-size ones.
    rows = []
    for down in (-1, 1):
        pair = [
            _vote(labels, 1.2, ((0, 0), (down, 0), (0, right), (down, right)), (down, right))
            for right in (-1, 1)
        ]
        rows.append(torch.stack(pair, -1).flatten(-2))
    full = torch.stack(rows, -2).flatten(1, 2)
    return full[:, :size, :size].long()


def _vote(
    labels: Tensor,
    sigma: float,
    candidates: tuple[tuple[int, int], ...],
    quarter: tuple[int, int] = (0, 0),
) -> Tensor:
    """Give each pixel to the candidate grain with the largest Gaussian share around it.

    Only the grains at a few offsets can win: a boundary moves a pixel or two in one step, and
    counting their pixels in bytes is twenty times faster than blurring every grain's mask.

    Parameters
    ----------
    labels : uint8 (b, h, w)
    sigma : float
        Width of the Gaussian, px.
    candidates : offsets (dy, dx) whose grains take part
    quarter : (int, int)
        The Gaussian's centre is this many quarters of a pixel away.
    """
    height, width = labels.shape[-2:]
    reach = max(1, round(2.2 * sigma)) + 1
    padded = functional.pad(labels[:, None].float(), (reach,) * 4, mode="replicate")[:, 0]
    padded = padded.to(torch.uint8)

    def moved(dy: int, dx: int) -> Tensor:
        return padded[:, reach + dy : reach + dy + height, reach + dx : reach + dx + width]

    rivals = torch.stack([moved(*offset) for offset in candidates])
    votes = torch.zeros_like(rivals)
    offsets = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    far = [(dy - quarter[0] / 4) ** 2 + (dx - quarter[1] / 4) ** 2 for dy, dx in offsets]
    shares = [math.exp(-0.5 * square / sigma**2) for square in far]
    unit = 250 / sum(shares)  # all votes together stay within a byte
    for offset, share in zip(offsets, shares, strict=True):
        weight = int(unit * share + 0.5)
        if weight:
            votes.add_((rivals == moved(*offset)), alpha=weight)
    return rivals.gather(0, votes.max(0, keepdim=True).indices)[0]


def _twin(
    generator: torch.Generator,
    labels: Tensor,
    grid: Tensor,
    seeds: Tensor,
    intercept: Tensor,
    structure: Structure,
) -> Tensor:
    """Cut some grains into parallel bands; returns labels * BANDS + band."""
    batch, count = seeds.shape[:2]
    share = structure.twinned.draw(batch, generator)
    if float(share.max()) == 0:
        return labels * BANDS
    flat = labels.flatten(1)

    def per_pixel(table: Tensor) -> Tensor:
        return table.gather(1, flat).reshape(labels.shape)

    angle = uniform(generator, batch, count, high=math.pi)
    offset = seeds[..., 0] * torch.cos(angle) + seeds[..., 1] * torch.sin(angle)
    along = (
        grid[:, 0] * per_pixel(torch.cos(angle))
        + grid[:, 1] * per_pixel(torch.sin(angle))
        - per_pixel(offset)
    ) / intercept[:, None, None]
    twinned = uniform(generator, batch, count) < share[:, None]
    lines = 1 + torch.floor(3.2 * uniform(generator, batch, count) ** 1.5)
    edge = uniform(generator, batch, count, low=-0.45, high=0.3)
    # A band thinner than about four pixels cannot be seen, let alone drawn.
    thinnest = (4.0 / intercept)[:, None]
    band = torch.zeros_like(labels)
    for index in range(3):
        active = twinned & (lines > index)
        cut = torch.where(active, edge, torch.full_like(edge, 99.0))
        band += (along > per_pixel(cut)).long()
        edge = edge + torch.maximum(uniform(generator, batch, count, low=0.08, high=0.5), thinnest)
    return labels * BANDS + band

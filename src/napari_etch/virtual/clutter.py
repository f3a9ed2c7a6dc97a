"""What is in a micrograph but is no grain boundary: pits, particles, rings, scratches."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.fields import (
    blur,
    column,
    nearest,
    normal,
    octaves,
    smooth_field,
    span,
    uniform,
)
from napari_etch.virtual.styles import Optics

MAX_PARTICLES = 200


def add_pits(generator: torch.Generator, image: Tensor, strength: Tensor, optics: Optics) -> Tensor:
    """Add dark specks inside grains and dark holes where three grains meet."""
    batch, size = image.shape[0], image.shape[-1]
    if float(optics.pits.max()) > 0:
        dots = (uniform(generator, batch, size, size) < column(optics.pits)).float()
        dots = dots * uniform(generator, batch, size, size, low=0.2, high=1.0)
        sigma = uniform(generator, batch, low=0.5, high=1.8)
        spots = blur(dots, sigma, radius=5) * column(2 * math.pi * sigma**2)
        image = image - column(optics.pit_depth) * spots.clamp(max=1)
    if float(optics.junction_pits.max()) > 0:
        # Where the two-pixel lines of three grains meet, a 5 x 5 window holds the most line.
        crowd = functional.avg_pool2d((strength > 0).float()[:, None], 5, 1, 2)[:, 0]
        peak = (crowd > 0.58) & (
            uniform(generator, batch, size, size) < column(optics.junction_pits) * 0.15
        )
        sigma = uniform(generator, batch, low=0.8, high=2.5)
        holes = blur(peak.float(), sigma, radius=7) * column(2 * math.pi * sigma**2)
        image = image - 0.5 * holes.clamp(max=1)
    return image


def _nearest_disc(
    generator: torch.Generator, spots: Tensor, radius: Tensor, size: int, wobble: float
) -> tuple[Tensor, Tensor]:
    """Return the signed distance (px, negative inside) to the nearest wobbly disc and its index.

    `spots` float32 (b, n, 2), `radius` float32 (b, n); both results are (b, size, size).
    """
    batch = spots.shape[0]
    line = torch.arange(size, device=spots.device, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(line, line, indexing="ij")).expand(batch, 2, size, size)
    cell = max(4.0, float(radius.mean()) * span(generator, 0.6, 1.6))
    bend = smooth_field(generator, 2 * batch, size, cell).reshape(batch, 2, size, size)
    points = (grid + wobble * float(radius.mean()) * bend).flatten(2)
    y, x = points[:, 0], points[:, 1]
    monomials = torch.stack([y * y + x * x, y, x, torch.ones_like(x)], 1)
    sy, sx = spots.unbind(-1)
    table = torch.stack([torch.ones_like(sy), -2 * sy, -2 * sx, sy * sy + sx * sx], -1)
    # Every distance is shifted by the largest radius, so that it stays positive.
    index = nearest(table, monomials, radius.max() - radius, root=True)
    own = torch.stack([sy, sx, radius], 1).gather(2, index[:, None].expand(-1, 3, -1))
    signed = torch.hypot(y - own[:, 0], x - own[:, 1]) - own[:, 2]
    return signed.reshape(batch, size, size), index.reshape(batch, size, size)


def _spots(generator: torch.Generator, strength: Tensor, count: int, on_lines: Tensor) -> Tensor:
    """Return places for particles, a share (b,) of them on boundaries, float32 (b, count, 2)."""
    batch, size = strength.shape[0], strength.shape[-1]
    anywhere = uniform(generator, batch, count, 2) * size
    weights = (strength > 0).flatten(1).float() + 1e-6
    index = torch.multinomial(weights, count, replacement=True, generator=generator)
    lines = torch.stack([index // size, index % size], -1).float()
    lines = lines + 3 * normal(generator, batch, count, 2)
    use = uniform(generator, batch, count, 1) < column(on_lines)
    return torch.where(use, lines, anywhere)


def add_particles(
    generator: torch.Generator, image: Tensor, strength: Tensor, intercept: Tensor, optics: Optics
) -> Tensor:
    """Lay particles (precipitates, inclusions, organelles) on the surface."""
    grains = (0.89 * image.shape[-1] / intercept) ** 2
    rows = (optics.particles * grains).ceil().long().clamp(max=MAX_PARTICLES)
    if int(rows.max()) == 0:
        return image
    picked = torch.nonzero(rows > 0)[:, 0]
    count, size = int(rows.max()), image.shape[-1]
    batch = len(picked)
    spots = _spots(generator, strength[picked], count, optics.particles_on_lines[picked])
    spread = torch.exp(0.35 * normal(generator, batch, count)).clamp(0.4, 2.0)
    radius = (optics.particle_radius * intercept)[picked].clamp(min=2)[:, None] * spread
    unused = torch.arange(count, device=image.device)[None] >= rows[picked][:, None]
    spots = torch.where(unused[..., None], torch.full_like(spots, -500.0), spots)
    signed, index = _nearest_disc(generator, spots, radius, size, span(generator, 0.05, 0.3))
    width = optics.particle_rim_width[picked]
    inside = torch.sigmoid(-signed / 0.7)
    rim = torch.exp(-0.5 * (signed / column(width)).square())
    patch = image[picked]
    body = _particle_body(generator, patch, signed, index, radius, optics, picked)
    cover = column(uniform(generator, batch, low=0.5, high=1.0)) * inside
    patch = patch + cover * (body - patch) + column(optics.particle_rim[picked]) * rim
    result = image.clone()
    result[picked] = patch
    return result


def _particle_body(
    generator: torch.Generator,
    image: Tensor,
    signed: Tensor,
    index: Tensor,
    radius: Tensor,
    optics: Optics,
    picked: Tensor,
) -> Tensor:
    """Return the particles' inner brightness: flat, mottled, striped or shaded like balls."""
    batch, size = image.shape[0], image.shape[-1]
    flat = index.flatten(1)
    tone = optics.particle_tone[picked][:, None] + 0.12 * normal(generator, batch, radius.shape[1])
    body = 0.5 + tone.gather(1, flat).reshape(image.shape)
    mottle = octaves(generator, batch, size, span(generator, 2.5, 9), 2)
    body = body + column(optics.particle_texture[picked]) * mottle
    own = radius.gather(1, flat).reshape(image.shape)
    depth = (-signed / own).clamp(0, 1)  # 0 at the rim, 1 at the centre
    ball = uniform(generator, batch, low=-0.4, high=0.4)
    return body + column(ball) * (depth - 0.5)


def add_rings(generator: torch.Generator, image: Tensor, optics: Optics) -> Tensor:
    """Draw small closed curves (vesicles, corrosion rings, bubbles)."""
    rows = (optics.rings * (image.shape[-1] / 256) ** 2).round().long()
    if int(rows.max()) == 0:
        return image
    picked = torch.nonzero(rows > 0)[:, 0]
    batch, count, size = len(picked), int(rows.max()), image.shape[-1]
    spots = uniform(generator, batch, count, 2) * size
    radius = uniform(generator, batch, count, low=1.5, high=5.0)
    unused = torch.arange(count, device=image.device)[None] >= rows[picked][:, None]
    spots = torch.where(unused[..., None], torch.full_like(spots, -500.0), spots)
    signed, _ = _nearest_disc(generator, spots, radius, size, 0.2)
    rim = torch.exp(-0.5 * (signed / 0.8).square())
    depth = uniform(generator, batch, low=0.05, high=0.35)
    depth = depth * (1 - 2 * (uniform(generator, batch) < 0.15).float())
    result = image.clone()
    result[picked] = image[picked] - column(depth) * rim
    return result


def add_scratches(generator: torch.Generator, image: Tensor, optics: Optics) -> Tensor:
    """Draw long straight or slightly bent lines that cross grains, often in one direction."""
    rows = optics.scratches.round().long()
    if int(rows.max()) == 0:
        return image
    picked = torch.nonzero(rows > 0)[:, 0]
    batch, size = len(picked), image.shape[-1]
    line = torch.arange(size, device=image.device, dtype=torch.float32) - size / 2
    main = uniform(generator, batch, high=math.pi)
    total = torch.zeros(batch, size, size, device=image.device)
    bend = smooth_field(generator, batch, size, 0.8 * size) * 4
    for index in range(int(rows.max())):
        angle = main + 0.6 * normal(generator, batch) * (uniform(generator, batch) < 0.4)
        cos, sin = column(torch.cos(angle)), column(torch.sin(angle))
        offset = column(uniform(generator, batch, low=-0.6, high=0.6) * size)
        across = line[None, :, None] * cos + line[None, None] * sin - offset + bend
        along = line[None, None] * cos - line[None, :, None] * sin
        middle = column(uniform(generator, batch, low=-0.5, high=0.5) * size)
        reach = column(uniform(generator, batch, low=0.15, high=1.2) * size)
        width = column(uniform(generator, batch, low=0.4, high=1.3))
        profile = torch.exp(-0.5 * (across / width).square())
        profile = profile * torch.sigmoid((reach - (along - middle).abs()) / 4)
        used = column((rows[picked] > index).float())
        total = torch.maximum(total, used * profile)
    result = image.clone()
    result[picked] = image[picked] - column(optics.scratch_depth[picked]) * total
    return result

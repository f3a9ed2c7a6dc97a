"""Optics: render grain structures as micrographs, batched.

Each function adds one physical effect to the picture; `render` calls them in the order in which
light meets them: grain brightness, relief, grooves, things lying on the surface, illumination,
lens, sensor, file format.
"""

from __future__ import annotations

import math
from dataclasses import fields

import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.clutter import add_particles, add_pits, add_rings, add_scratches
from napari_etch.virtual.fields import (
    blur,
    column,
    normal,
    octaves,
    shifted,
    smooth_field,
    span,
    uniform,
)
from napari_etch.virtual.maps import boundary_strength
from napari_etch.virtual.styles import RETAKEN, Optics
from napari_etch.virtual.tessellation import BANDS

# Entries of the table that gives each pair of neighbours its groove strength.
PAIRS = 4093


def render(generator: torch.Generator, labels: Tensor, intercept: Tensor, optics: Optics) -> Tensor:
    """Render label maps as micrographs.

    Parameters
    ----------
    generator : torch.Generator
    labels : int64 (b, s, s), as `tessellate` returns them
    intercept : float32 (b,), px
    optics : Optics, as `draw_optics` returns them

    Returns
    -------
    float32 (b, s, s) in [0, 1].
    """
    strength = _groove_strength(generator, labels, optics)
    image = _grains(generator, labels, intercept, optics)
    image = _grooves(generator, image, _stray(generator, strength, optics), optics)
    image = add_pits(generator, image, strength, optics)
    image = add_rings(generator, image, optics)
    image = add_particles(generator, image, strength, intercept, optics)
    image = add_scratches(generator, image, optics)
    image = _illuminate(generator, image, optics)
    return _camera(generator, image, optics)


def retake(generator: torch.Generator, image: Tensor) -> Tensor:
    """Take real micrographs again: other light, focus, noise, brightness, file format.

    Parameters
    ----------
    generator : torch.Generator
    image : float32 (b, s, s) in [0, 1]

    Returns
    -------
    float32 (b, s, s) in [0, 1].
    """
    values = {
        field.name: getattr(RETAKEN, field.name).draw(len(image), generator)
        for field in fields(RETAKEN)
    }
    return _camera(generator, _illuminate(generator, image, Optics(values)), Optics(values))


def _groove_strength(generator: torch.Generator, labels: Tensor, optics: Optics) -> Tensor:
    """Return the groove depth factor on boundary pixels, float32 (b, s, s), 0 elsewhere."""
    batch, size = labels.shape[0], labels.shape[-1]
    table = 1 + optics.edge_spread[:, None] * normal(generator, batch, PAIRS) * 0.6
    hidden = uniform(generator, batch, PAIRS) < optics.faint_edges[:, None]
    faint = uniform(generator, batch, PAIRS, low=0.02, high=0.35)
    table = torch.where(hidden, faint, table.clamp(min=0.15))
    strength = boundary_strength(labels, table)
    if bool((labels % BANDS).any()):
        outer = boundary_strength(labels // BANDS, torch.ones_like(table))
        twin = (strength > 0) & (outer == 0)
        strength = torch.where(twin, strength * column(optics.twin_strength), strength)
    fade = smooth_field(generator, batch, size, span(generator, 10, 40))
    visible = torch.sigmoid(4 * (fade + 2.6 - 2.4 * column(optics.stretch_fade)))
    return torch.maximum(strength * visible, 1e-3 * (strength > 0))


def _stray(generator: torch.Generator, strength: Tensor, optics: Optics) -> Tensor:
    """Let lines stray from the true boundary, bead and gather particles, as carbide films do."""
    picked = torch.nonzero(optics.line_wander > 0)[:, 0]
    if len(picked) == 0:
        return strength
    batch, size = len(picked), strength.shape[-1]
    lines = strength[picked]
    film = uniform(generator, batch, size, size) < column(optics.line_film[picked]) * lines
    lines = shifted(generator, lines, optics.line_wander[picked], span(generator, 2.5, 7))
    bead = smooth_field(generator, batch, size, span(generator, 2, 5))
    lines = lines * (1 + column(optics.line_beads[picked]) * bead).clamp(0.1, 1.8)
    if bool(film.any()):
        sigma = uniform(generator, batch, low=0.9, high=2.2)
        grown = blur(film.float(), sigma, radius=6) * column(2 * math.pi * sigma**2)
        lines = torch.maximum(lines, 1.2 * grown.clamp(max=1.1))
    result = strength.clone()
    result[picked] = lines
    return result


def _grains(
    generator: torch.Generator, labels: Tensor, intercept: Tensor, optics: Optics
) -> Tensor:
    """Return the grains' own brightness, float32 (b, s, s), about 0.5."""
    batch, size = labels.shape[0], labels.shape[-1]
    entries = int(labels.max()) + 1
    flat = labels.flatten(1)

    def per_pixel(table: Tensor) -> Tensor:
        return table.gather(1, flat).reshape(labels.shape)

    # Twins alternate between two orientations: even bands carry the parent's brightness.
    parent = torch.arange(entries, device=labels.device) // BANDS * BANDS
    parent = parent + torch.arange(entries, device=labels.device) % 2
    tone = normal(generator, batch, entries)[:, parent.clamp(max=entries - 1)]
    phase = (uniform(generator, batch, entries) < 0.35).float()[:, parent.clamp(max=entries - 1)]
    level = optics.grain_contrast[:, None] * tone + optics.two_phase[:, None] * phase
    image = column(optics.tone) + per_pixel(level)

    line = torch.linspace(0, size - 1, size, device=labels.device)
    angle = uniform(generator, batch, entries, high=2 * math.pi)
    cos, sin = per_pixel(torch.cos(angle)), per_pixel(torch.sin(angle))
    across = line[None, :, None] * cos + line[None, None, :] * sin
    if float(optics.grain_slope.max()) > 0:
        # A slope that depends on the grain; the mean over the grain's own place is irrelevant.
        wave = torch.sin(across / (1.2 * column(intercept)) + per_pixel(angle * 7))
        image = image + column(optics.grain_slope) * wave * 0.5
    if float(optics.striation.max()) > 0:
        image = image + _striation(generator, across, per_pixel, batch, entries, optics)
    if float(optics.bands.max()) > 0:
        image = image - _bands(generator, across, per_pixel, entries, intercept, optics)
    if float(optics.texture.max()) > 0:
        cell = float(optics.texture_cell.mean())
        rough = octaves(generator, batch, size, cell, 2)
        amount = per_pixel(uniform(generator, batch, entries, low=0.3, high=1.5))
        image = image + column(optics.texture) * amount * rough
    image = image + _relief(generator, per_pixel, batch, entries, parent, intercept, optics)
    return _clouds(generator, image, intercept, optics)


def _striation(generator, across, per_pixel, batch, entries, optics: Optics) -> Tensor:  # type: ignore[no-untyped-def]
    """Return parallel lines inside some grains: lamellae, slip lines, grinding marks."""
    size = across.shape[-1]
    period = optics.striation_period[:, None] * uniform(
        generator, batch, entries, low=0.6, high=1.6
    )
    bend = smooth_field(generator, batch, size, 30) * 0.5
    phase = 2 * math.pi * across / per_pixel(period) + bend
    sharp = 1 + 5 * uniform(generator, batch, low=0, high=1)
    lines = torch.exp(column(sharp) * (torch.cos(phase) - 1)) - 0.3
    lines = lines * (0.5 + 0.5 * torch.tanh(smooth_field(generator, batch, size, 12)))
    share = uniform(generator, batch, 1, low=0.2, high=1.0)
    amount = (uniform(generator, batch, entries) < share) * uniform(generator, batch, entries)
    return -column(optics.striation) * per_pixel(amount) * lines


def _bands(generator, across, per_pixel, entries, intercept, optics: Optics) -> Tensor:  # type: ignore[no-untyped-def]
    """Return one or two soft straight lines in some grains: deformation bands, steps."""
    batch, size = across.shape[0], across.shape[-1]
    period = intercept[:, None] * uniform(generator, batch, entries, low=0.9, high=2.5)
    turns = across / per_pixel(period) + per_pixel(uniform(generator, batch, entries))
    off = (turns - turns.round()) * per_pixel(period)  # px from the nearest line
    width = (intercept * uniform(generator, batch, low=0.015, high=0.07)).clamp(min=0.9)
    line = torch.exp(-0.5 * (off / column(width)).square())
    fade = torch.sigmoid(3 * (smooth_field(generator, batch, size, span(generator, 15, 50)) + 0.7))
    amount = uniform(generator, batch, entries, low=0.4, high=1.0)
    amount = amount * (uniform(generator, batch, entries) < optics.bands[:, None])
    return column(optics.band_depth) * per_pixel(amount) * line * fade


def _relief(generator, per_pixel, batch, entries, parent, intercept, optics: Optics) -> Tensor:  # type: ignore[no-untyped-def]
    """Return one-sided shading of height steps between grains, lit along a random direction.

    A narrow part (the step's own slope) and a wide one that glows far into the grain, as edges do
    under an electron beam.
    """
    if float(torch.maximum(optics.relief, optics.glow).max()) == 0:
        return torch.zeros((), device=parent.device)
    height = per_pixel(uniform(generator, batch, entries)[:, parent.clamp(max=entries - 1)])
    soft = blur(height, uniform(generator, batch, low=0.8, high=2.5), radius=7)
    shade = column(optics.relief) * _slope(generator, soft)
    if float(optics.glow.max()) > 0:
        reach = intercept * uniform(generator, batch, low=0.06, high=0.2)
        shade = shade + column(optics.glow) * _slope(generator, blur(soft, reach, radius=24))
    return shade


def _clouds(generator: torch.Generator, image: Tensor, intercept: Tensor, optics: Optics) -> Tensor:
    """Add shading that has nothing to do with grains but is about as large as they are."""
    batch, size = image.shape[0], image.shape[-1]
    if float(optics.blotch.max()) > 0:
        cell = float(intercept.mean()) * span(generator, 0.3, 1.2)
        image = image + column(optics.blotch) * octaves(generator, batch, size, max(4, cell), 2)
    if float(optics.streak.max()) > 0:
        cell = float(intercept.mean()) * span(generator, 0.2, 0.8)
        band = smooth_field(generator, batch, size, max(4, cell))[:, :1]
        upright = uniform(generator, batch, 1, 1) < 0.7
        fade = smooth_field(generator, batch, size, 0.6 * size)
        along = torch.where(upright, band, band.transpose(1, 2)) * (0.6 + 0.4 * fade)
        image = image + column(optics.streak) * along
    return image


def _slope(generator: torch.Generator, height: Tensor) -> Tensor:
    """Return the directional derivative of `height` along a random direction for each sample."""
    angle = uniform(generator, height.shape[0], high=2 * math.pi)
    padded = functional.pad(height[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    down = 0.5 * (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1])
    right = 0.5 * (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2])
    return down * column(torch.sin(angle)) + right * column(torch.cos(angle))


def _grooves(generator: torch.Generator, image: Tensor, strength: Tensor, optics: Optics) -> Tensor:
    """Cut the grooves: thin lines, places where they swell, light from one side, bright rims."""
    batch, size = image.shape[0], image.shape[-1]
    thin = _line(strength, optics.groove_width)
    groove = thin
    if float(optics.groove_swell.max()) > 0:
        wide_width = optics.groove_width + optics.groove_swell
        wide = _line(strength, wide_width) * 1.15
        where = smooth_field(generator, batch, size, span(generator, 8, 30))
        where = torch.sigmoid(6 * (where - 1.1)) * (optics.groove_swell > 0)[:, None, None]
        groove = torch.maximum(thin, where * wide)
    polarity = 1 - 2 * (optics.groove_bright > 0).float()
    depth = optics.groove_depth * polarity
    image = image - column(depth) * groove.clamp(max=1.5)
    if float(optics.halo.max()) > 0:
        rim = (_line(strength, optics.groove_width * 2.2) - groove).clamp(min=0)
        image = image + column(depth * optics.halo) * rim
    if float(optics.one_sided.abs().max()) > 0:
        amount = optics.one_sided * optics.groove_depth
        image = image + column(amount) * _slope(generator, groove) * 2
    return image


def _line(strength: Tensor, sigma: Tensor) -> Tensor:
    """Blur two-pixel lines of the given strength to Gaussian profiles of about that height."""
    # A line two px wide keeps erf(1 / (sigma sqrt 2)) of its height under a Gaussian blur.
    peak = torch.erf(1 / (sigma * math.sqrt(2))).clamp(min=0.05)
    return blur(strength, sigma) / column(peak)


def _illuminate(generator: torch.Generator, image: Tensor, optics: Optics) -> Tensor:
    batch, size = image.shape[0], image.shape[-1]
    if float(optics.stain.max()) > 0:
        spots = smooth_field(generator, batch, size, span(generator, 20, 80))
        image = image - column(optics.stain) * torch.sigmoid(5 * (spots - 0.6))
    if float(optics.illumination.max()) > 0:
        light = smooth_field(generator, batch, size, span(generator, 0.5, 2.0) * size)
        image = image * (1 + column(optics.illumination) * light)
    return image


def _camera(generator: torch.Generator, image: Tensor, optics: Optics) -> Tensor:
    """Lens blur, sensor noise, coarse pixels, gamma, negative, compression; clipped to [0, 1]."""
    batch, size = image.shape[0], image.shape[-1]
    image = blur(image, optics.blur, radius=4)
    if float(optics.correlated_noise.max()) > 0:
        grainy = smooth_field(generator, batch, size, span(generator, 1.6, 4))
        image = image + column(optics.correlated_noise) * grainy
    # Shot noise: the standard deviation grows with the root of the brightness.
    shot = (0.3 + 0.7 * 2 * image.clamp(0, 1)).sqrt()
    image = image + column(optics.noise) * shot * normal(generator, batch, size, size)
    image = image + column(optics.line_noise) * normal(generator, batch, size, 1)
    image = _pixelate(image, optics.pixelate)
    image = image.clamp(0, 1) ** column(optics.gamma)
    image = torch.where(column(optics.negative) > 0, 1 - image, image)
    return _jpeg(image, optics.jpeg).clamp(0, 1)


def _pixelate(image: Tensor, factor: Tensor) -> Tensor:
    """Sample some pictures down by their factor and enlarge them again."""
    size = image.shape[-1]
    rows = []
    for picture, by in zip(image, factor.tolist(), strict=True):
        if by > 1:
            small = max(8, round(size / by))
            picture = functional.interpolate(picture[None, None], size=(small, small), mode="area")
            picture = functional.interpolate(picture, size=(size, size), mode="bicubic")[0, 0]
        rows.append(picture)
    return torch.stack(rows)


# The luminance table of the JPEG standard (ITU-T T.81, annex K).
_JPEG_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def _jpeg(image: Tensor, coarseness: Tensor) -> Tensor:
    """Quantise 8 x 8 cosine blocks as JPEG does, for the samples whose coarseness is positive."""
    chosen = coarseness > 0
    if not bool(chosen.any()):
        return image
    size = image.shape[-1]
    side = math.ceil(size / 8) * 8
    picked = functional.pad(image[chosen][:, None], (0, side - size, 0, side - size), "replicate")
    blocks = picked.unfold(2, 8, 8).unfold(3, 8, 8)[:, 0]
    order = torch.arange(8, device=image.device, dtype=torch.float32)
    basis = torch.cos(math.pi / 8 * (order[None] + 0.5) * order[:, None]) / 2
    basis[0] /= math.sqrt(2)
    table = torch.tensor(_JPEG_TABLE, device=image.device, dtype=torch.float32) / 255 * 0.4
    table = table * coarseness[chosen][:, None, None, None, None]
    coefficients = basis @ blocks @ basis.T
    blocks = basis.T @ (torch.round(coefficients / table) * table) @ basis
    picture = blocks.permute(0, 1, 3, 2, 4).reshape(-1, side, side)[:, :size, :size]
    result = image.clone()
    result[chosen] = picture
    return result

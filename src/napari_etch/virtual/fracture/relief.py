"""The height of a fracture surface: tilted facets and what the crack left on them.

Intergranular facets are grain faces: smooth, slightly curved, now and then with a growth step.
Transgranular ones show how the crack ran: river lines that fan out from where it came from,
cleavage steps, arrest lines across its way (striations), ridges of hackle, and dimples where it
tore.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_etch.virtual.fields import octaves, smooth_field, span, uniform
from napari_etch.virtual.fracture.layout import TRANSGRANULAR, Facets

#: What may cover a transgranular facet, by weight.
MARKS = {"rivers": 0.4, "steps": 0.24, "hackle": 0.2, "arrest": 0.11, "dimples": 0.05}
# Entries of the tables that give each line of a facet its own depth and length.
LINES = 8191


@dataclass(frozen=True)
class Relief:
    """Heights of a batch, px: the whole, and only the marks on transgranular facets, (b, s, s)."""

    height: Tensor
    marks: Tensor


@dataclass(frozen=True)
class _Frame:
    """Place of each pixel in its facet, (b, s, s): off its middle, along and across the crack."""

    dy: Tensor
    dx: Tensor
    along: Tensor
    across: Tensor
    side: Tensor


def raise_relief(generator: torch.Generator, facets: Facets) -> Relief:
    """Return the heights of facets.

    Parameters
    ----------
    generator : torch.Generator
    facets : Facets
    """
    batch, count = facets.mode.shape
    frame = _frame(generator, facets)
    tilt = span(generator, 0.3, 0.8)
    slope = tilt * torch.randn(2, batch, count, generator=generator, device=frame.dy.device)
    bend = 0.35 * torch.randn(batch, count, generator=generator, device=frame.dy.device)
    size = facets.labels.shape[-1]
    height = facets.spread(slope[0]) * frame.dy + facets.spread(slope[1]) * frame.dx
    height = height + facets.spread(bend) * (frame.along**2 + 0.3 * frame.across**2) / frame.side
    jump = span(generator, 0.03, 0.12) * facets.side.clamp(max=60)
    offset = jump * torch.randn(batch, count, generator=generator, device=frame.dy.device)
    height = height + facets.spread(offset)
    height = height + 6 * smooth_field(generator, batch, size, span(generator, 60, 160))
    height = height + _faces(generator, facets, frame)
    marks = _marks(generator, facets, frame)
    return Relief(height + marks, marks)


def _frame(generator: torch.Generator, facets: Facets) -> _Frame:
    batch, count = facets.mode.shape
    size = facets.labels.shape[-1]
    line = torch.arange(size, device=facets.labels.device, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    dy = y - facets.spread(facets.centre[..., 0])
    dx = x - facets.spread(facets.centre[..., 1])
    side = facets.spread(facets.side).clamp(min=4)
    # Cracks of neighbouring facets run about the same way.
    main = uniform(generator, batch, 1, high=2 * math.pi)
    way = main + 0.9 * torch.randn(batch, count, generator=generator, device=line.device)
    cos, sin = facets.spread(torch.cos(way)), facets.spread(torch.sin(way))
    along, across = dy * sin + dx * cos, dy * cos - dx * sin
    # Lines fan out from an origin behind the facet; far away they are parallel.
    back = facets.spread(0.6 + 4 * uniform(generator, batch, count).square()) * side
    fan = torch.atan2(across, (along + back).clamp(min=1.0))
    fanned = facets.spread((uniform(generator, batch, count) < 0.7).float())
    across = torch.where(fanned > 0, fan * back, across)
    warp = octaves(generator, 2 * batch, size, span(generator, 25, 90), 2)
    warp = warp.reshape(2, batch, size, size) * (0.03 * side).clamp(0.4, 4.0)
    return _Frame(dy, dx, along + warp[0], across + warp[1], side)


def _faces(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Return what grain faces bear: fine grain, and on a few of them a line or two."""
    batch, count = facets.mode.shape
    size = facets.labels.shape[-1]
    fine = span(generator, 0.0, 0.03) * smooth_field(
        generator, batch, size, span(generator, 1.5, 4)
    )
    few = facets.spread((uniform(generator, batch, count) < span(generator, 0.1, 0.4)).float())
    place = facets.spread(uniform(generator, batch, count, low=-0.4, high=0.4)) * frame.side
    depth = facets.spread(uniform(generator, batch, count, low=-0.06, high=0.06)) * frame.side
    step = depth.clamp(-3, 3) * torch.sigmoid((frame.across - place) / 0.7)
    return fine + few * step


def _marks(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Return the marks of the crack on transgranular facets, px; 0 on the others."""
    batch, count = facets.mode.shape
    kinds = torch.multinomial(
        torch.tensor(list(MARKS.values())).expand(batch, -1),
        count,
        replacement=True,
        generator=generator,
    ).to(facets.labels.device)
    # Facets of a specimen are alike: half of them bear the same kind.
    same = uniform(generator, batch, count) < 0.5
    kinds = torch.where(same, kinds[:, :1], kinds)
    kind = facets.spread(kinds)
    makers = {
        "rivers": _rivers,
        "steps": _steps,
        "hackle": _hackle,
        "arrest": _arrest,
        "dimples": _dimples,
    }
    marks = torch.zeros_like(frame.side)
    for number, name in enumerate(MARKS):
        marks = torch.where(kind == number, makers[name](generator, facets, frame), marks)
    strength = facets.spread(uniform(generator, batch, count, low=0.45, high=1.5))
    # Small crushed facets are torn besides whatever they bear.
    torn = span(generator, 0.3, 1.0) * octaves(
        generator, batch, facets.labels.shape[-1], span(generator, 4, 10), 2
    )
    marks = strength * marks + torn * facets.spread(facets.is_small.float())
    return marks * (facets.spread(facets.mode) == TRANSGRANULAR)


def _spacing(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Return the distance of the lines on each facet, px (b, s, s): 3 to 20 over a facet."""
    batch, count = facets.mode.shape
    lines = facets.spread(3 * torch.exp(1.9 * uniform(generator, batch, count)))
    return (frame.side / lines).clamp(2.6, 22.0)


def _line_table(
    generator: torch.Generator, facets: Facets, number: Tensor, low: float, high: float
) -> Tensor:
    """Return a value for each line of each facet, log-uniform, at its pixels."""
    table = torch.exp(uniform(generator, LINES, low=math.log(low), high=math.log(high)))
    return table[(number.long() * 131 + facets.labels * 7919) % LINES]


def _rivers(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Ridges along the crack's way that begin somewhere and grow; deep ones are rare."""
    spacing = _spacing(generator, facets, frame)
    at = frame.across / spacing
    number = at.floor()
    off = (at - number - 0.5) * spacing
    depth = _line_table(generator, facets, number, 0.12, 1.3)
    start = _line_table(generator, facets, number + 57, 0.05, 1.4)
    grown = torch.sigmoid(10 * (frame.along / frame.side + 0.75 - start))
    width = span(generator, 0.5, 1.1)
    ridge = torch.exp(-0.5 * (off / width) ** 2)
    terrace = torch.sigmoid(off / 0.6) - 0.5
    return grown * depth * (1.1 * ridge + 1.3 * terrace)


def _steps(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Cleavage: tilted terraces with sharp risers between them."""
    spacing = 1.5 * _spacing(generator, facets, frame)
    at = frame.across / spacing
    number = at.floor()
    depth = _line_table(generator, facets, number, 0.06, 0.4)
    return depth * spacing * (at - number)


def _hackle(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Rough ridges of all sizes, drawn out along the crack's way."""
    batch, size = len(frame.side), frame.side.shape[-1]
    cell = span(generator, 5, 16)
    rough = octaves(generator, batch, size, cell, 3)
    bands = torch.sin(2 * math.pi * frame.across / _spacing(generator, facets, frame) + 2.5 * rough)
    return 0.9 * (1 - rough.abs()) * (cell / 8) + 0.8 * bands.abs()


def _arrest(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Lines across the crack's way, as it halted or met the reflected wave."""
    spacing = _spacing(generator, facets, frame)
    at = (frame.along + 0.6 * frame.across**2 / frame.side) / spacing
    saw = at - at.floor()
    return spacing * 0.16 * torch.minimum(saw / 0.75, (1 - saw) / 0.25)


def _dimples(generator: torch.Generator, facets: Facets, frame: _Frame) -> Tensor:
    """Cups with sharp rims: the distance to the nearest of many points (Worley 1996)."""
    batch, size = len(frame.side), frame.side.shape[-1]
    cell = span(generator, 7, 18)
    rows = math.ceil(size / cell) + 2
    jitter = uniform(generator, 2, batch, rows, rows, high=0.95)
    line = torch.arange(size, device=frame.side.device) / cell + 1
    near = torch.full_like(frame.side, 4.0)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            row, column = line.long() + down, line.long() + right
            picked = jitter[:, :, row][..., column]
            dy = line[:, None] - row[:, None] - picked[0]
            dx = line[None] - column[None] - picked[1]
            near = torch.minimum(near, dy.square() + dx.square())
    return 0.55 * cell * near.clamp(max=1.2)


def slopes(height: Tensor) -> tuple[Tensor, Tensor]:
    """Return the slopes down and right of heights (b, s, s), by differences of neighbours."""
    padded = torch.nn.functional.pad(height[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    right = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    return down, right

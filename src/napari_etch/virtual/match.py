"""Measure a micrograph's style: which virtual optics look like it.

Real to virtual and back: many virtual micrographs are rendered with optics and grain sizes drawn
from all styles, each is described by statistics of its grey values at several scales, and those
nearest to the description of the real micrograph are kept (rejection sampling, approximate Bayesian
computation: Beaumont, Zhang and Balding 2002). A second round draws around the first round's
survivors. What is kept is a posterior of groove width, polarity, contrast, noise and the rest, to
render more like it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_etch.virtual.fields import Range
from napari_etch.virtual.sample import Look, render_batch
from napari_etch.virtual.styles import Optics, Style, draw_optics
from napari_etch.virtual.tessellation import Structure

# Side of a patch that is described, px, and standard deviations of the scales it is looked at.
PATCH = 160
SCALES = (0.6, 1.0, 1.7, 2.8, 4.6, 7.5)
# Drawn in the first round, in the second, and kept.
FIRST, SECOND, KEPT = 192, 128, 24
BATCH = 16
# Not looked for: cells have no twins, and nearly every etched metal looks like some tissue.
NOT_METAL = ("membrane",)
# How far a parameter strays from its survivor when it is drawn again: factor e^(±JITTER).
JITTER = 0.2


@dataclass(frozen=True, eq=False)
class MatchedStyle:
    """Virtual optics that look like a micrograph.

    Attributes
    ----------
    values : dict of float32 (k,)
        Every optical parameter (`styles.Style`) of each survivor.
    names : list of str
        The style that each survivor came from.
    intercept : float32 (k,)
        Mean intercept of each survivor, px.
    distance : float32 (k,)
        How far its description is from the micrograph's, in standard deviations a feature.
    """

    values: dict[str, Tensor]
    names: list[str]
    intercept: Tensor
    distance: Tensor

    @property
    def middle(self) -> float:
        """Median of the survivors' mean intercepts, px."""
        return float(self.intercept.median())

    def look(self, generator: torch.Generator, intercept: Tensor) -> tuple[Optics, list[str]]:
        """Draw optics near the survivors, one a sample; a `virtual.sample.Look`."""
        device = generator.device
        rows = torch.randint(len(self.names), (len(intercept),), generator=generator, device=device)
        values = {}
        for name, column in self.values.items():
            spread = torch.randn(len(rows), generator=generator, device=device)
            values[name] = column.to(device)[rows] * torch.exp(JITTER * spread)
        values["groove_bright"] = self.values["groove_bright"].to(device)[rows]
        values["negative"] = self.values["negative"].to(device)[rows]
        return Optics(values), [self.names[row] for row in rows.tolist()]

    def structure(self) -> Structure:
        """Return the ranges of the grain structures at the survivors' grain sizes."""
        low, high = np.quantile(self.intercept.numpy(), (0.15, 0.85))
        return Structure(intercept=Range(0.85 * low, 1.15 * high, log=True))

    def summary(self) -> dict[str, float]:
        """Return the medians of what a user may want to know; lengths in px."""
        shown = ("groove_width", "groove_depth", "grain_contrast", "noise", "blur", "illumination")
        said = {name: float(self.values[name].median()) for name in shown}
        said["bright_grooves"] = float((self.values["groove_bright"] > 0).float().mean())
        said["intercept"] = self.middle
        return {name: round(value, 4) for name, value in said.items()}


def describe(patches: Tensor) -> Tensor:
    """Describe patches by statistics of their grey values at several scales.

    Parameters
    ----------
    patches : float32 (b, h, w), any brightness

    Returns
    -------
    float32 (b, f)
        Quantiles of the grey values; at each scale the spread, quantiles and correlations of the
        Laplacian of Gaussian, of both principal curvatures and of the gradient.
    """
    flat = patches.flatten(1)
    centred = patches - flat.mean(1)[:, None, None]
    centred = centred / (flat.std(1)[:, None, None] + 1e-6)
    levels = torch.tensor([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
    found = [torch.quantile(centred.flatten(1), levels, dim=1).T]
    before, last = None, centred.new_ones(())
    for sigma in SCALES:
        smooth = _smooth(centred, sigma)
        dy, dx, along, curved = _curvatures(smooth, sigma)
        gradient = torch.hypot(dy, dx)
        trace = along + curved
        size = trace.flatten(1).std(1, keepdim=True) + 1e-6
        found += [torch.log(size), torch.log(gradient.flatten(1).std(1, keepdim=True) + 1e-6)]
        found.append(torch.log(smooth.flatten(1).std(1, keepdim=True) + 1e-6))
        inner = torch.tensor([0.02, 0.1, 0.5, 0.9, 0.98])
        found.append(torch.quantile((trace / size[..., None]).flatten(1), inner, dim=1).T)
        for part in (along, curved, gradient):
            ends = torch.quantile((part / size[..., None]).flatten(1), inner[[0, 2, 4]], dim=1).T
            found.append(ends)
        if before is not None:
            found.append((before * trace).flatten(1).mean(1, keepdim=True) / (size * last))
        before, last = trace, size
    return torch.cat(found, 1)


def _smooth(images: Tensor, sigma: float) -> Tensor:
    """Return Gaussian-smoothed images, mirrored at the rim."""
    radius = max(1, round(3 * sigma))
    line = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    line = line / line.sum()
    padded = functional.pad(images[:, None], (radius,) * 4, mode="reflect")
    return functional.conv2d(
        functional.conv2d(padded, line[None, None, None]), line[None, None, :, None]
    )[:, 0]


def _curvatures(images: Tensor, sigma: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the gradient and the smaller and larger principal curvature, scale-normalised."""
    centre = images[:, 1:-1, 1:-1]
    dy = (images[:, 2:, 1:-1] - images[:, :-2, 1:-1]) * sigma / 2
    dx = (images[:, 1:-1, 2:] - images[:, 1:-1, :-2]) * sigma / 2
    yy = (images[:, 2:, 1:-1] + images[:, :-2, 1:-1] - 2 * centre) * sigma**2
    xx = (images[:, 1:-1, 2:] + images[:, 1:-1, :-2] - 2 * centre) * sigma**2
    corner = images[:, 2:, 2:] + images[:, :-2, :-2] - images[:, 2:, :-2] - images[:, :-2, 2:]
    xy = corner * sigma**2 / 4
    half, root = (xx + yy) / 2, torch.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    return dy, dx, half - root, half + root


def patches_of(image: np.ndarray, count: int, generator: torch.Generator) -> Tensor:
    """Return random patches, float32 (count, s, s), of a micrograph (y, x)."""
    size = min(PATCH, *image.shape)
    cut = []
    for _ in range(count):
        top, left = (
            int(torch.randint(length - size + 1, (1,), generator=generator))
            for length in image.shape
        )
        cut.append(np.asarray(image[top : top + size, left : left + size], np.float32))
    return torch.from_numpy(np.stack(cut))


def match_style(
    images: list[np.ndarray],
    *,
    generator: torch.Generator,
    intercept: Range = Range(10.0, 90.0, log=True),
    rounds: int = 2,
) -> MatchedStyle:
    """Find virtual optics and grain sizes that look like micrographs of one specimen.

    Parameters
    ----------
    images : list of float32 (y, x)
        Even illumination; any brightness; at least 32 px a side.
    generator : torch.Generator
        On the CPU.
    intercept : Range
        Mean intercepts to try, px.
    rounds : int
        1, or 2 for a second round around the first one's survivors.
    """
    each = max(4, 24 // len(images))
    real = torch.cat([describe(patches_of(image, each, generator)) for image in images])
    aim = real.median(0).values
    size = min(PATCH, *(min(image.shape) for image in images))
    structure = Structure(intercept=intercept)
    drawn = _draw(FIRST, size, structure, None, generator)
    best = _nearest(drawn, aim)
    if rounds > 1:
        again = _draw(SECOND, size, best.structure(), best.look, generator)
        best = _nearest(_joined(drawn, again), aim)
    return best


def _any_metal(generator: torch.Generator, intercept: Tensor) -> tuple[Optics, list[str]]:
    return draw_optics(generator, intercept, without=NOT_METAL)


@dataclass
class _Drawn:
    values: dict[str, Tensor]
    names: list[str]
    intercept: Tensor
    features: Tensor


def _draw(
    count: int, size: int, structure: Structure, look: Look | None, generator: torch.Generator
) -> _Drawn:
    """Render and describe virtual micrographs."""
    look = look or _any_metal
    batches = [
        render_batch(BATCH, size, generator=generator, structure=structure, look=look)
        for _ in range(-(-count // BATCH))
    ]
    values = {
        item.name: torch.cat([batch.optics.values[item.name] for batch in batches])
        for item in fields(Style)
    }
    names = [name for batch in batches for name in batch.styles]
    features = torch.cat([describe(batch.image) for batch in batches])
    return _Drawn(values, names, torch.cat([batch.intercept for batch in batches]), features)


def _joined(first: _Drawn, second: _Drawn) -> _Drawn:
    values = {name: torch.cat([first.values[name], second.values[name]]) for name in first.values}
    return _Drawn(
        values,
        first.names + second.names,
        torch.cat([first.intercept, second.intercept]),
        torch.cat([first.features, second.features]),
    )


def _nearest(drawn: _Drawn, aim: Tensor) -> MatchedStyle:
    """Keep the virtual micrographs whose description is nearest to the real one's."""
    middle = drawn.features.median(0).values
    spread = 1.4826 * (drawn.features - middle).abs().median(0).values + 1e-3
    off = ((drawn.features - aim) / spread).clamp(-4, 4)
    distance = off.square().mean(1).sqrt()
    kept = distance.argsort()[:KEPT]
    return MatchedStyle(
        {name: column[kept] for name, column in drawn.values.items()},
        [drawn.names[index] for index in kept.tolist()],
        drawn.intercept[kept],
        distance[kept],
    )

"""Measure a micrograph's style: which virtual optics look like it.

Real to virtual and back: virtual micrographs with optics and grain sizes drawn from all styles
(`drawn`) are described by statistics of their grey values at several scales, and those nearest to
the description of the real micrograph are kept (rejection sampling, approximate Bayesian
computation: Beaumont, Zhang and Balding 2002). What is kept is a posterior of groove width,
polarity, contrast, noise and the rest, to render more like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_etch.virtual.description import describe, patches_of
from napari_etch.virtual.drawn import SEEN, Drawn, shipped
from napari_etch.virtual.fields import Range
from napari_etch.virtual.styles import Optics
from napari_etch.virtual.tessellation import Structure

# How many of the nearest are kept, and the weight of the ridge in the regression of grain sizes.
KEPT = 24
RIDGE = 1.0
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


def look_of(
    images: Sequence[npt.NDArray[np.float32]],
    generator: torch.Generator,
    masks: Sequence[npt.NDArray[np.bool_]] | None = None,
) -> Tensor:
    """Describe micrographs (y, x) of one specimen: medians over random patches, float32 (f,).

    Illumination should be even; any brightness. Patches lie where the masks are True.
    """
    each = max(4, 48 // len(images))
    found = [
        describe(patches_of(image, each, generator, masks[index] if masks else None))
        for index, image in enumerate(images)
    ]
    return torch.cat(found).median(0).values


def match_style(look: Tensor, intercept: Range = SEEN, drawn: Drawn | None = None) -> MatchedStyle:
    """Find virtual optics and grain sizes that look like micrographs of one specimen.

    Parameters
    ----------
    look : float32 (f,)
        The specimen's, from `look_of`.
    intercept : Range
        Mean intercepts to try, px.
    drawn : Drawn, optional
        What to compare with; the shipped table when not given.
    """
    drawn = (drawn or shipped()).within(intercept)
    distance = _offsets(drawn, look).square().mean(1).sqrt()
    kept = distance.argsort()[:KEPT]
    best = drawn.taken(kept)
    return MatchedStyle(best.values, best.names, best.intercept, distance[kept])


def match_intercept(look: Tensor, drawn: Drawn | None = None) -> float:
    """Return the mean intercept in px of what looks so; `look` is float32 (f,), from `look_of`.

    The logarithm of the nearest ones' intercepts, by local linear regression on the description
    (the adjustment of Beaumont, Zhang and Balding 2002), over the whole table, the nearest counting
    most: fewer do better on virtual micrographs and no better on real ones.
    """
    drawn = drawn or shipped()
    off = _offsets(drawn, look)
    distance = off.square().mean(1).sqrt()
    weight = (1 - (distance / distance.max().clamp(min=1e-6)).square()).clamp(min=1e-6)
    weight = weight / weight.sum()
    sizes = torch.log(drawn.intercept)
    middle, centre = (weight * sizes).sum(), (weight[:, None] * off).sum(0)
    apart = off - centre
    square = apart.T @ (weight[:, None] * apart) + RIDGE * torch.eye(apart.shape[1])
    slope = torch.linalg.solve(square, apart.T @ (weight * (sizes - middle)))
    found = middle - centre @ slope
    return float(torch.exp(found.clamp(float(sizes.min()), float(sizes.max()))))


def _offsets(drawn: Drawn, look: Tensor) -> Tensor:
    """Return how far each one's description is from a look, in robust standard deviations."""
    middle = drawn.features.median(0).values
    spread = 1.4826 * (drawn.features - middle).abs().median(0).values + 1e-3
    return ((drawn.features - look) / spread).clamp(-4, 4)

"""Boundary maps of a section as a network would have left them: what a next section is told.

A network that learns with the true map of the section before trusts every line of it, and fails
when it is fed its own. So the truth is worn: boundaries are lost, fade and have gaps, lines that
are none appear, all of it lies a little beside its place, and nothing is quite sure.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_etch.virtual.fields import blur, column, shifted, smooth_field, span, uniform
from napari_etch.virtual.maps import boundary_strength

# Entries of the table that gives each pair of neighbours its strength.
_PAIRS = 4093


def worn_boundaries(generator: torch.Generator, labels: Tensor, others: Tensor) -> Tensor:
    """Return boundary probabilities that resemble a network's, with its faults.

    Parameters
    ----------
    generator : torch.Generator
    labels : int64 (b, s, s)
        True grains of the section.
    others : int64 (b, s, s)
        Grains of anything else; some of their boundaries become false lines.

    Returns
    -------
    float32 (b, s, s) in [0, 1].
    """
    batch, size = labels.shape[0], labels.shape[-1]
    lost = uniform(generator, batch, 1, high=0.3)
    lines = boundary_strength(labels, _drawn(generator, batch, 1 - lost))
    fade = smooth_field(generator, batch, size, span(generator, 5, 30))
    sharp = uniform(generator, batch, low=0.8, high=3.5)
    lines = lines * torch.sigmoid(5 * (fade + column(sharp)))
    false_share = uniform(generator, batch, 1, high=0.2) * (uniform(generator, batch, 1) < 0.5)
    false = boundary_strength(others, _drawn(generator, batch, false_share))
    false = false * (smooth_field(generator, batch, size, span(generator, 8, 25)) > 0)
    lines = torch.maximum(lines, column(uniform(generator, batch, low=0.2)) * false)
    lines = shifted(
        generator, lines, uniform(generator, batch, high=1.2), span(generator, 4.0, 20.0)
    )
    lines = _moved(generator, lines)
    lines = 1.4 * blur(lines, uniform(generator, batch, low=0.4, high=1.3), radius=4)
    haze = smooth_field(generator, batch, size, span(generator, 2, 12)).abs()
    lines = lines + column(uniform(generator, batch, high=0.06)) * haze
    return lines.clamp(0, 1) * column(uniform(generator, batch, low=0.6, high=1.0))


def _drawn(generator: torch.Generator, batch: int, share: Tensor) -> Tensor:
    """Return a strength for each pair of grains, 0 but for a share of them, float32 (b, n)."""
    strength = uniform(generator, batch, _PAIRS, low=0.4, high=1.0)
    return strength * (uniform(generator, batch, _PAIRS) < share)


def _moved(generator: torch.Generator, lines: Tensor) -> Tensor:
    """Move half of the maps as a whole, by up to 2 px."""
    result = lines.clone()
    for index in range(len(lines)):
        if float(uniform(generator)) < 0.5:
            dy, dx = torch.randint(-2, 3, (2,), generator=generator).tolist()
            result[index] = torch.roll(lines[index], (dy, dx), (0, 1))
    return result

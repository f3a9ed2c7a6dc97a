"""What a section is told of the one before while WPU-Net learns: worn truth, or its own answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from napari_etch.models.previous_map import DEPTH, INTERIOR, Coding, code_previous
from napari_etch.training.sections import SectionBatch
from napari_etch.virtual.previous import worn_boundaries


@dataclass(frozen=True)
class Schooling:
    """How often a sample is told what.

    Attributes
    ----------
    own : float
        Share of the steps at which the network is fed its own answer on the section before, once
        all of `until` steps are done; before, it grows from 0.
    nothing, wrong, unsure : float
        Shares of the samples that are told nothing, the map of another place, or a map that is
        weakened as a gated one is.
    quiet : int
        At first half of the samples are told nothing, so that the image is learnt to be read
        before the map is copied; from this step on it is the share above.
    """

    own: float = 0.6
    until: int = 600
    nothing: float = 0.1
    wrong: float = 0.06
    unsure: float = 0.1
    quiet: int = 150

    def told_nothing(self, step: int) -> float:
        """Return the share that is told nothing at a step."""
        early = max(0.0, 1 - step / max(1, self.quiet))
        return self.nothing + early * max(0.0, 0.5 - self.nothing)


def as_told(previous: Tensor, coding: Coding = "probability") -> Tensor:
    """Return boundary probabilities (b, 1, s, s) as the network takes them."""
    if coding == "probability":
        return INTERIOR - DEPTH * previous
    maps = [code_previous(each[0].numpy(), coding) for each in previous.cpu()]
    return torch.from_numpy(np.stack(maps))[:, None].to(previous.device)


def previous_maps(
    batch: SectionBatch,
    network: nn.Module,
    schooling: Schooling,
    step: int,
    generator: torch.Generator,
    coding: Coding = "probability",
) -> Tensor:
    """Return the boundary probability of the section before that the network will be told.

    Parameters
    ----------
    batch : SectionBatch
    network : nn.Module
        The averaged network, in eval mode: it stands for the one that is used in the end.
    schooling : Schooling
    step : int
    generator : torch.Generator
    coding : str
        How the network takes it.

    Returns
    -------
    float32 (b, 1, s, s) in [0, 1], detached.
    """
    share = schooling.own * min(1.0, step / max(1, schooling.until))
    if float(torch.rand((), generator=generator)) < share:
        known = _own(batch, network, generator, coding)
    else:
        known = _worn(batch.labels[1], generator)
    count = len(known)
    chance = torch.rand(count, generator=generator)
    weight = torch.ones(count)
    nothing = schooling.told_nothing(step)
    weight[chance < nothing] = 0
    wrong = (chance >= nothing) & (chance < nothing + schooling.wrong)
    known = torch.where(wrong[:, None, None], known.roll(1, 0).flip(-1), known)
    unsure = torch.rand(count, generator=generator) < schooling.unsure
    weight = torch.where(unsure, weight * torch.rand(count, generator=generator), weight)
    weight = weight * batch.preceded
    return (known * weight[:, None, None])[:, None].detach()


def _worn(labels: Tensor, generator: torch.Generator) -> Tensor:
    return worn_boundaries(generator, labels, labels.roll(1, 0).flip(-2))


@torch.no_grad()
def _own(
    batch: SectionBatch, network: nn.Module, generator: torch.Generator, coding: Coding
) -> Tensor:
    """Return what the network says of the section before, itself told something or nothing."""
    if float(torch.rand((), generator=generator)) < 0.5:
        told = _worn(batch.labels[0], generator)[:, None]
    else:
        told = predicted(network, batch.images[0], torch.zeros_like(batch.images[0]), coding)
    return predicted(network, batch.images[1], told, coding)[:, 0].cpu()


def predicted(network: nn.Module, images: Tensor, previous: Tensor, coding: Coding) -> Tensor:
    """Return the boundary probability, float32 (b, 1, s, s), of images and previous maps."""
    device = next(network.parameters()).device
    seen = torch.cat([images.to(device), as_told(previous.to(device), coding)], 1)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        logits = network(seen)
    return boundary_of(logits.float())


def boundary_of(logits: Tensor) -> Tensor:
    """Return the boundary probability, (b, 1, s, s): of two channels by softmax, else the first."""
    if logits.shape[1] == 2:
        return torch.softmax(logits, 1)[:, 1:]
    return torch.sigmoid(logits[:, :1])

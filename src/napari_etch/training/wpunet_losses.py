"""The losses that WPU-Net can be trained with, by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_etch.models.previous_map import Coding
from napari_etch.training.boundary_weights import abw_loss, cbw_loss
from napari_etch.training.losses import generalist_loss, targets_of
from napari_etch.training.previous import as_told
from napari_etch.training.sections import SectionBatch

LOSSES = ("grains", "abw", "cbw")


def section_loss(
    network: nn.Module,
    batch: SectionBatch,
    previous: Tensor | None,
    loss: str = "grains",
    coding: Coding = "probability",
    device: str = "cpu",
) -> tuple[Tensor, dict[str, float]]:
    """Return the loss on the last section of each sample, given the boundaries before it.

    Parameters
    ----------
    network : nn.Module
    batch : SectionBatch
    previous : float32 (b, 1, s, s), optional
        Boundary probability of the section before; None for a plain U-Net.
    loss : {"grains", "abw", "cbw"}
    coding : str
        Of `models.previous_map`.
    device : str
    """
    image = batch.images[-1].to(device)
    if previous is not None:
        image = torch.cat([image, as_told(previous, coding).to(device)], 1)
    with torch.autocast(image.device.type, dtype=torch.bfloat16):
        logits = network(image.contiguous(memory_format=torch.channels_last))
    logits = logits.float()
    if loss == "grains":
        return generalist_loss(logits, targets_of(batch.labels[-1].to(device)))
    if batch.lines is None:
        raise ValueError(f"the loss {loss!r} needs stacks with targets")
    wide, boundary, interior = batch.lines.to(device).unbind(1)
    total = abw_loss(logits, wide, boundary, interior) if loss == "abw" else cbw_loss(logits, wide)
    return total, {loss: float(total.detach())}

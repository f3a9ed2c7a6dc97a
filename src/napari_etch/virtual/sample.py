"""Virtual micrographs with truth: the one place that joins structure, optics and targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_etch.virtual.fields import Range
from napari_etch.virtual.maps import boundary_mask
from napari_etch.virtual.optics import render
from napari_etch.virtual.styles import UNTWINNED, Optics, draw_optics
from napari_etch.virtual.tessellation import BANDS, Structure, tessellate

# From a generator and the samples' mean intercepts to their optics and the names of their styles.
Look = Callable[[torch.Generator, Tensor], tuple[Optics, list[str]]]


@dataclass(frozen=True)
class Batch:
    """Virtual micrographs and their truth.

    Attributes
    ----------
    image : float32 (b, s, s) in [0, 1]
    labels : int64 (b, s, s), grain numbers from 0, not consecutive
    boundary : bool (b, s, s), lines two px wide
    intercept : float32 (b,), nominal mean intercept in px
    styles : the style of each sample
    optics : the drawn parameters of each sample
    """

    image: Tensor
    labels: Tensor
    boundary: Tensor
    intercept: Tensor
    styles: list[str]
    optics: Optics


def render_batch(
    batch: int,
    size: int = 256,
    *,
    generator: torch.Generator,
    style: str | None = None,
    structure: Structure | None = None,
    look: Look | None = None,
) -> Batch:
    """Render a batch of virtual micrographs on the generator's device.

    Parameters
    ----------
    batch, size : int
        Number of samples and their side in px (at least 32).
    generator : torch.Generator
        Seed it for reproducible samples; its device does the work.
    style : str, optional
        A key of `virtual.styles.STYLES`; drawn by weight for each sample when not given.
    structure : Structure, optional
        Ranges of the grain structure.
    look : Look, optional
        Draws the optics in place of a style; see `virtual.match`.

    Raises
    ------
    ValueError
        If the size is below 32 or the style is unknown.
    """
    if size < 32:
        raise ValueError(f"A virtual micrograph needs at least 32 px a side, not {size}.")
    labels, intercept = tessellate(generator, batch, size, structure)
    optics, styles = (
        draw_optics(generator, intercept, style) if look is None else look(generator, intercept)
    )
    plain = torch.tensor([name in UNTWINNED for name in styles], device=labels.device)
    labels = torch.where(plain[:, None, None], labels // BANDS * BANDS, labels)
    image = render(generator, labels, intercept, optics)
    return Batch(image, labels, boundary_mask(labels), intercept, styles, optics)


def sample_micrograph(
    seed: int = 0, size: int = 512, style: str = "optical"
) -> tuple[np.ndarray, np.ndarray]:
    """Return one virtual micrograph, uint8 (size, size), and its grain map, int32 from 1."""
    from skimage.measure import label

    generator = torch.Generator().manual_seed(seed)
    structure = Structure(intercept=Range(45.0, 45.1))
    batch = render_batch(1, size, generator=generator, style=style, structure=structure)
    grains = label(batch.labels[0].numpy(), background=-1, connectivity=1)
    image = (255 * batch.image[0].numpy()).round().astype(np.uint8)
    return image, grains.astype(np.int32)

"""Virtual fracture surfaces with truth: the one place that joins layout, relief and look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_etch.virtual.fracture.layout import Layout, lay_out, truth_map
from napari_etch.virtual.fracture.look import take_picture
from napari_etch.virtual.fracture.relief import raise_relief

#: Tints of the classes over the picture in a contact sheet.
TINTS = ((0, 0, 0), (64, 128, 255), (64, 224, 96))


@dataclass(frozen=True)
class Surface:
    """Virtual fracture surfaces and their truth.

    Attributes
    ----------
    image : float32 (b, s, s) in [0, 1]
    classes : uint8 (b, s, s): 0 where no annotator would be sure, 1 intergranular, 2 transgranular
    facets : int64 (b, s, s), numbers from 0, not consecutive
    """

    image: Tensor
    classes: Tensor
    facets: Tensor


def render_surfaces(
    batch: int, size: int, *, generator: torch.Generator, layout: Layout | None = None
) -> Surface:
    """Render virtual fracture surfaces.

    Parameters
    ----------
    batch, size : int
        Number of samples and their side in px.
    generator : torch.Generator
        Source of all randomness; its device is where the work happens.
    layout : Layout, optional
        Ranges of the facets' sizes and modes.

    Raises
    ------
    ValueError
        If the size is below 64.
    """
    if size < 64:
        raise ValueError(f"A virtual fracture surface needs at least 64 px a side, not {size}.")
    facets = lay_out(generator, batch, size, layout or Layout())
    relief = raise_relief(generator, facets)
    image = take_picture(generator, relief.height, facets)
    return Surface(image, truth_map(generator, facets), facets.labels)


def surface_sheet(
    seed: int = 0, size: int = 320, rows: int = 2, columns: int = 4, *, tinted: bool = False
) -> np.ndarray:
    """Return a contact sheet, uint8 (rows * size, columns * size, 3); `tinted` shows the truth."""
    generator = torch.Generator().manual_seed(seed)
    lines = []
    for _ in range(rows):
        parts = []
        for _ in range(columns):
            surface = render_surfaces(1, size, generator=generator)
            picture = (255 * surface.image[0]).round().numpy()[..., None].repeat(3, 2)
            if tinted:
                classes = surface.classes[0].numpy()
                over = 0.65 * picture + 0.35 * np.array(TINTS)[classes]
                picture = np.where((classes > 0)[..., None], over, picture)
            parts.append(picture.astype(np.uint8))
        lines.append(np.concatenate(parts, 1))
    return np.concatenate(lines, 0)

"""A contact sheet of virtual micrographs, to be judged by eye beside real ones."""

from __future__ import annotations

import numpy as np
import torch

from napari_etch.virtual.sample import render_batch
from napari_etch.virtual.styles import STYLES


def contact_sheet(seed: int = 0, size: int = 256, columns: int = 6) -> np.ndarray:
    """Return one row of samples a style, uint8 (rows * size, columns * size)."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for style in STYLES:
        parts = [
            render_batch(1, size, generator=generator, style=style).image[0] for _ in range(columns)
        ]
        rows.append(torch.cat(parts, 1))
    return (255 * torch.cat(rows, 0)).round().to(torch.uint8).numpy()

"""Rendered micrographs: in range, seeded, of every style, honest about what is no boundary."""

import numpy as np
import pytest
import torch

from napari_etch.virtual import STYLES, contact_sheet, render_batch, sample_micrograph
from napari_etch.virtual.styles import draw_optics


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_style_renders_in_range(style):
    batch = render_batch(2, 96, generator=torch.Generator().manual_seed(1), style=style)
    assert batch.image.shape == (2, 96, 96) and batch.image.dtype == torch.float32
    assert torch.isfinite(batch.image).all()
    assert 0 <= float(batch.image.min()) < float(batch.image.max()) <= 1
    assert batch.styles == [style, style]


def test_same_seed_gives_the_same_picture():
    first, second = (
        render_batch(2, 64, generator=torch.Generator().manual_seed(9)).image for _ in range(2)
    )
    assert torch.equal(first, second)


def test_ferrite_grooves_are_darker_than_grains():
    batch = render_batch(4, 128, generator=torch.Generator().manual_seed(2), style="ferrite")
    assert batch.image[batch.boundary].mean() < batch.image[~batch.boundary].mean() - 0.05


def test_unknown_style_and_tiny_size_are_refused():
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match="no virtual style 'marble'"):
        draw_optics(generator, torch.ones(1), "marble")
    with pytest.raises(ValueError, match="at least 32 px"):
        render_batch(1, 8, generator=generator)


def test_sample_micrograph_has_connected_grains_from_one():
    image, grains = sample_micrograph(seed=4, size=128)
    assert image.dtype == np.uint8 and grains.dtype == np.int32
    assert image.shape == grains.shape == (128, 128)
    assert grains.min() == 1 and len(np.unique(grains)) == grains.max() > 4


def test_contact_sheet_has_a_row_for_each_style():
    assert contact_sheet(size=64, columns=2).shape == (64 * len(STYLES), 128)

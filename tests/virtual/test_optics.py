"""Optics: lines that stray stay near their boundary, bands stay inside their grain."""

import dataclasses

import pytest
import torch

from napari_etch.virtual import optics as optics_module
from napari_etch.virtual.maps import boundary_distance, boundary_mask
from napari_etch.virtual.sample import render_batch
from napari_etch.virtual.styles import STYLES, UNTWINNED, Optics, Style, draw_optics
from napari_etch.virtual.tessellation import BANDS


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def halves(batch=2, size=64):
    labels = torch.zeros(batch, size, size, dtype=torch.int64)
    labels[:, :, size // 2 :] = BANDS
    return labels


def plain_optics(batch, **values):
    names = [field.name for field in dataclasses.fields(Style)]
    table = {name: torch.zeros(batch) for name in names}
    return Optics(
        table | {name: torch.full((batch,), float(value)) for name, value in values.items()}
    )


def test_lines_stray_from_their_boundary_but_not_far():
    strength = boundary_mask(halves()).float()
    lines = optics_module._stray(seeded(), strength, plain_optics(2, line_wander=2.0))
    assert not torch.equal(lines, strength)
    off = boundary_distance(strength > 0)[lines > 0.3]
    assert 0.5 < float(off.max()) <= 8  # four standard deviations of the straying


def test_lines_without_wander_stay_as_they_are():
    strength = boundary_mask(halves()).float()
    assert optics_module._stray(seeded(), strength, plain_optics(2)) is strength


def test_bands_are_in_some_grains_only_and_end_at_their_boundary():
    labels = halves(batch=8)
    unit = torch.full((8,), 20.0)
    plain = optics_module._grains(seeded(1), labels, unit, plain_optics(8))
    drawn = optics_module._grains(
        seeded(1), labels, unit, plain_optics(8, bands=0.5, band_depth=0.2)
    )
    parts = [
        bool(part.any())
        for picture in (drawn - plain).abs() > 0.02
        for part in (picture[:, :32], picture[:, 32:])
    ]
    assert any(parts)
    assert not all(parts)


@pytest.mark.parametrize("style", UNTWINNED)
def test_styles_of_metals_without_twins_have_none(style):
    for seed in range(4):
        labels = render_batch(2, 64, generator=seeded(seed), style=style).labels
        assert int((labels % BANDS).max()) == 0


def test_every_style_draws_every_parameter():
    for style in STYLES:
        drawn, _ = draw_optics(seeded(), torch.full((3,), 30.0), style)
        assert set(drawn.values) == {field.name for field in dataclasses.fields(Style)}

"""Virtual fracture surfaces: seeded, in range, and what the truth says is to be seen."""

import numpy as np
import pytest
import torch

from napari_etch.virtual.fracture import render_surfaces, surface_sheet
from napari_etch.virtual.fracture.layout import INTERGRANULAR, TRANSGRANULAR, Layout, lay_out
from napari_etch.virtual.fracture.relief import MARKS, raise_relief


@pytest.fixture(scope="module")
def surface():
    return render_surfaces(4, 160, generator=torch.Generator().manual_seed(3))


def test_pictures_are_in_range_and_have_truth(surface):
    assert surface.image.shape == surface.classes.shape == surface.facets.shape == (4, 160, 160)
    assert torch.isfinite(surface.image).all()
    assert 0 <= float(surface.image.min()) < float(surface.image.max()) <= 1
    assert surface.classes.dtype == torch.uint8
    assert set(surface.classes.unique().tolist()) <= {0, INTERGRANULAR, TRANSGRANULAR}
    assert float((surface.classes > 0).float().mean()) > 0.8
    assert all(len(facets.unique()) > 2 for facets in surface.facets)


def test_the_same_seed_gives_the_same_surface(surface):
    again = render_surfaces(4, 160, generator=torch.Generator().manual_seed(3))
    assert torch.equal(again.image, surface.image) and torch.equal(again.classes, surface.classes)
    other = render_surfaces(4, 160, generator=torch.Generator().manual_seed(4))
    assert not torch.equal(other.image, surface.image)


def test_only_transgranular_facets_bear_marks():
    generator = torch.Generator().manual_seed(0)
    facets = lay_out(generator, 3, 128, Layout())
    marks = raise_relief(generator, facets).marks
    through = facets.spread(facets.mode) == TRANSGRANULAR
    assert float(marks[~through].abs().max()) == 0
    assert float(marks[through].std()) > 0.2


def test_transgranular_facets_are_the_rougher_ones():
    # what a person sees: energy of small-scale differences inside facets
    generator = torch.Generator().manual_seed(8)
    rougher = 0
    for _ in range(6):
        surface = render_surfaces(2, 160, generator=generator, layout=Layout())
        fine = (surface.image[:, 2:] - surface.image[:, :-2]).abs()[..., :]
        classes = surface.classes[:, 1:-1]
        same = surface.facets[:, 2:] == surface.facets[:, :-2]
        inter, trans = (
            fine[(classes == mode) & same].median() for mode in (INTERGRANULAR, TRANSGRANULAR)
        )
        rougher += bool(trans > inter)
    assert rougher >= 5


def test_layout_rules_the_share_of_modes():
    from napari_etch.virtual.fields import Range

    generator = torch.Generator().manual_seed(1)
    plain = Layout(intergranular=Range(0.999, 1.0), crushed=Range(0, 0, chance=0))
    classes = render_surfaces(2, 96, generator=generator, layout=plain).classes
    assert float((classes == INTERGRANULAR).float().mean()) > 0.97


def test_tiny_surfaces_are_refused():
    with pytest.raises(ValueError, match="at least 64 px"):
        render_surfaces(1, 32, generator=torch.Generator())


def test_contact_sheet_shows_the_truth_when_asked():
    plain, tinted = (surface_sheet(1, 64, 1, 2, tinted=each) for each in (False, True))
    assert plain.shape == tinted.shape == (64, 128, 3) and plain.dtype == np.uint8
    assert (plain[..., 0] == plain[..., 2]).all() and (tinted[..., 0] != tinted[..., 2]).any()


def test_every_mark_has_a_maker():
    assert abs(sum(MARKS.values()) - 1) < 1e-9

"""A micrograph's style and grain size are found among virtual micrographs that are shipped."""

import numpy as np
import pytest
import torch

from napari_etch.virtual import render_batch
from napari_etch.virtual.corners import Corners
from napari_etch.virtual.description import PATCH, describe, patches_of
from napari_etch.virtual.drawn import BATCH, COUNT, SEED, draw, save, shipped
from napari_etch.virtual.fields import Range
from napari_etch.virtual.match import look_of, match_intercept, match_style
from napari_etch.virtual.tessellation import Structure


def rendered(style, intercept, size=320):
    structure = Structure(intercept=Range(intercept, intercept + 0.1), twinned=Range(0, 0))
    generator = torch.Generator().manual_seed(5)
    batch = render_batch(1, size, generator=generator, style=style, structure=structure)
    return batch.image[0].numpy()


def look(image, mask=None):
    generator = torch.Generator().manual_seed(0)
    return look_of([image], generator, None if mask is None else [mask])


def test_the_shipped_table_is_what_the_optics_and_the_description_give_now():
    """When this fails, run ``python -m napari_etch.virtual.drawn``."""
    table = shipped()
    fresh = draw(2 * BATCH, torch.Generator().manual_seed(SEED))
    assert len(table.names) == COUNT
    assert fresh.names == table.names[: 2 * BATCH]
    assert torch.allclose(fresh.intercept, table.intercept[: 2 * BATCH], rtol=1e-2)
    # float16, and sums that depend on the processor
    off = (fresh.features - table.features[: 2 * BATCH]).abs().median(1).values
    assert float(off.max()) < 0.02


def test_a_table_that_is_written_is_read_as_it_was(tmp_path, monkeypatch):
    from napari_etch.virtual import drawn

    fresh = draw(BATCH, torch.Generator().manual_seed(1))
    save(fresh, tmp_path / "drawn.safetensors")
    monkeypatch.setattr(drawn, "SHIPPED", tmp_path / "drawn.safetensors")
    read = drawn.shipped.__wrapped__()
    assert read.names == fresh.names
    assert torch.allclose(read.features, fresh.features, rtol=1e-2, atol=1e-2)
    assert torch.allclose(read.values["noise"], fresh.values["noise"], rtol=1e-2)


@pytest.mark.parametrize("style", ["ferrite", "sem"])
def test_the_nearest_ones_are_of_the_same_kind(style):
    found = match_style(look(rendered(style, 28)), Range(18, 42, log=True))
    assert found.names.count(style) >= 8
    assert (found.intercept >= 18).all() and (found.intercept <= 42).all()


@pytest.mark.parametrize("intercept", [15, 28, 50])
def test_grain_size_is_found_to_within_a_third(intercept):
    found = match_intercept(look(rendered("ferrite", intercept)))
    assert intercept / 1.35 < found < intercept * 1.35


def test_a_description_does_not_depend_on_brightness_or_contrast():
    patches = torch.from_numpy(rendered("optical", 28, PATCH))[None]
    first, second = describe(patches), describe(40 * patches - 7)
    assert torch.allclose(first, second, atol=0.02)


def test_what_is_masked_is_not_described():
    image = rendered("ferrite", 28)
    barred, mask = image.copy(), np.ones(image.shape, bool)
    barred[250:], mask[250:] = 1.0, False
    barred[::2, :60], mask[:, :60] = 0.0, False
    clean, seen = match_intercept(look(image)), match_intercept(look(barred, mask))
    assert 0.75 < seen / clean < 1.33


def test_a_micrograph_smaller_than_a_patch_is_mirrored():
    image = rendered("ferrite", 28, 64)
    patches = patches_of(image, 2, torch.Generator().manual_seed(0))
    assert patches.shape == (2, PATCH, PATCH)
    assert np.array_equal(patches[0, :64, :64].numpy(), image)
    assert np.array_equal(patches[0, 64:128, :64].numpy(), image[::-1])


def test_windows_lie_inside_the_mask_where_there_is_room():
    mask = np.zeros((80, 90), bool)
    mask[20:60, 30:80] = True
    random = np.random.default_rng(0)
    corners = Corners(mask.shape, 30, mask)
    found = [corners.draw(lambda below: int(random.integers(below))) for _ in range(50)]
    shares = [mask[top : top + 30, left : left + 30].mean() for top, left in found]
    assert np.median(shares) >= 0.98 and min(shares) > 0.8
    assert len(set(found)) > 10

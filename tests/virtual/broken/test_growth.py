import numpy as np
import pytest

from napari_etch.virtual.broken.growth import GAP, _first_grain, _nucleate, johnson_mehl_section


def drawn_step_by_step(grains, size, growth, plane):
    """Draw the discs of each step onto what is still empty, the earliest born first."""
    rows, columns = np.indices((size, size))
    owner = np.full((size, size), -1)
    step = 0
    while (owner < 0).any():
        step += 1
        for index, (row, column, depth, born) in enumerate(grains):
            radius = (step - born) * growth / 2
            away = abs(depth - plane)
            if born >= step or radius < max(away, 0.5):
                continue
            disc = int(np.sqrt(radius**2 - away**2))
            inside = (rows - row) ** 2 + (columns - column) ** 2 <= disc**2 + disc
            owner[inside & (owner < 0)] = index
    return owner


@pytest.mark.parametrize("growth", [1, 2, 3])
def test_grains_are_those_of_discs_drawn_first_come_step_by_step(growth):
    grains = _nucleate(90, 3, growth, np.random.default_rng(growth), 60)
    expected = drawn_step_by_step(grains, 90, growth, 29)
    np.testing.assert_array_equal(_first_grain(grains, 90, growth, 29), expected)
    assert len(np.unique(expected)) > 3


def test_a_grain_is_born_only_where_there_is_room_beside_all_earlier_ones():
    growth = 2
    grains = _nucleate(200, 15, growth, np.random.default_rng(0), 299)
    assert len(grains) > 20
    for index, grain in enumerate(grains):
        earlier = grains[:index]
        radius = (grain[3] - earlier[:, 3]) * growth / 2
        apart = ((earlier[:, :3] - grain[:3]) ** 2).sum(axis=1)
        assert (apart >= radius**2 + GAP**2).all()


def test_grains_fill_the_section_with_consecutive_numbers():
    section = johnson_mehl_section(128, 15, 2, np.random.default_rng(1))
    assert section.dtype == np.int32 and section.shape == (128, 128)
    np.testing.assert_array_equal(np.unique(section), np.arange(1, section.max() + 1))


def test_strips_of_a_large_section_join_without_a_seam(monkeypatch):
    whole = johnson_mehl_section(150, 15, 2, np.random.default_rng(2))
    monkeypatch.setattr("napari_etch.virtual.broken.growth._MOST_BOUNDS", 1)
    np.testing.assert_array_equal(johnson_mehl_section(150, 15, 2, np.random.default_rng(2)), whole)

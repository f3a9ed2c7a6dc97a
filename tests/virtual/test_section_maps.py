from __future__ import annotations

import numpy as np
import pytest

from napari_etch.virtual.section_maps import (
    Faults,
    bent,
    in_each_section,
    jolted,
    leaning_volume,
    paired,
    section_maps,
    worsened,
)


def volume(**options) -> np.ndarray:
    chosen = {"intercept": 16, "spacing": 3.0, "rng": np.random.default_rng(3)} | options
    return leaning_volume(5, 64, **chosen)


def test_the_same_seed_gives_the_same_stack_and_another_one_another():
    one, same, other = section_maps(7002), section_maps(7002), section_maps(7003)
    np.testing.assert_array_equal(one.maps, same.maps)
    np.testing.assert_array_equal(one.true, same.true)
    assert one.about == same.about != other.about
    assert one.maps.shape == one.true.shape and one.maps.dtype == one.true.dtype == np.int32


def test_leaning_grains_move_left_by_so_many_px():
    part = volume(lean=4, spacing=0.01)
    assert np.mean(part[1][:, :-4] == part[0][:, 4:]) > 0.99


def test_stretched_grains_are_higher_than_wide():
    part = volume(stretch=3)
    across = np.mean(part[:, :, 1:] != part[:, :, :-1])
    along = np.mean(part[:, 1:] != part[:, :-1])
    assert across > 1.8 * along


def test_a_section_that_is_numbered_by_itself_keeps_its_outlines():
    true = volume()
    maps = in_each_section(true)
    for part, whole in zip(maps, true, strict=True):
        np.testing.assert_array_equal(part[1:] != part[:-1], whole[1:] != whole[:-1])
        assert set(np.unique(part)) == set(range(1, part.max() + 1))


def test_faults_join_and_cut_grains():
    rng = np.random.default_rng(0)
    section = in_each_section(volume(intercept=8))[0]
    count = section.max()
    assert worsened(section, Faults(0, 0, 0), rng).max() == count
    assert worsened(section, Faults(0.3, 0, 0), rng).max() < 0.7 * count
    assert worsened(section, Faults(0, 0.5, 0), rng).max() > 1.3 * count
    moved = worsened(section, Faults(0, 0, 1.0), rng)
    assert 0.02 < np.mean((moved[1:] != moved[:-1]) != (section[1:] != section[:-1])) < 0.4
    assert Faults().times(2).cut == pytest.approx(0.1)


def test_paired_grains_are_fewer_and_hang_together():
    import cc3d

    true = volume()
    both = paired(true, np.random.default_rng(0))
    kept = np.unique(both)
    assert 0.3 * len(np.unique(true)) < len(kept) < 0.8 * len(np.unique(true))
    assert cc3d.connected_components(both.astype(np.uint32), connectivity=6).max() == len(kept)


def test_bent_and_jolted_stacks_hold_the_same_grains():
    true = volume()
    rng = np.random.default_rng(0)
    assert set(np.unique(bent(true, 2.0, rng))) <= set(np.unique(true))
    shaken = jolted(true, 3.0, rng)
    assert set(np.unique(shaken)) <= set(np.unique(true)) and (shaken != true).any()

"""Preferences: what napari keeps for the plugin reaches the dock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from npe2 import PluginManifest

import napari_etch
from napari_etch._widgets.preferences import Preferences, load_preferences, tile_edge

MANIFEST = Path(napari_etch.__file__).parent / "napari.yaml"


def test_without_preferences_the_defaults_hold(plugin_settings: Any) -> None:
    assert load_preferences() == Preferences()


def test_the_manifest_has_the_same_defaults_as_the_code(plugin_settings: Any, npe2pm: Any) -> None:
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    assert load_preferences() == Preferences()


def test_what_the_user_prefers_is_used(plugin_settings: Any, npe2pm: Any) -> None:
    from napari.settings import get_plugin_settings

    npe2pm.register(PluginManifest.from_file(MANIFEST))
    chosen = get_plugin_settings("napari-etch").segment
    chosen.device, chosen.model, chosen.tile_memory_mb = "cpu", "mine", 512
    assert load_preferences() == Preferences("mine", "cpu", 512)


@pytest.mark.parametrize("memory", [0, -1])
def test_no_limit_lets_the_engine_choose_the_tile(memory: int) -> None:
    assert tile_edge(memory) is None


def test_a_tile_grows_with_its_memory_and_stays_a_multiple_of_the_step() -> None:
    edges = [tile_edge(memory) or 0 for memory in (1, 100, 1000, 4000)]
    assert edges == sorted(edges)
    assert edges[0] == 128
    assert all(edge % 64 == 0 for edge in edges)

"""Preferences of the plugin: shown by napari 0.9 and later under Preferences, defaults before."""

from __future__ import annotations

import logging
from dataclasses import dataclass

log = logging.getLogger("napari_etch")

#: Key of the configuration in napari.yaml.
SECTION = "segment"
#: The generalist's network holds 228 bytes of activations for a pixel of a tile, by the count of
#: `inference.memory`; as much again for what the allocator keeps and convolutions scratch.
BYTES_PER_TILE_PIXEL = 456
TILE_STEP = 64
SMALLEST_TILE = 128


@dataclass(frozen=True)
class Preferences:
    """Defaults of the Segment dock.

    Attributes
    ----------
    model : str
        Model that is chosen when the dock opens.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    tile_memory_mb : int
        Memory a tile may take in MB; 0 lets the engine choose.
    """

    model: str = "generalist"
    device: str = "auto"
    tile_memory_mb: int = 0


def load_preferences() -> Preferences:
    """Return the user's preferences, or the defaults where napari keeps none."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9
        return Preferences()
    try:
        chosen = getattr(get_plugin_settings("napari-etch"), SECTION)
    except (KeyError, AttributeError):  # a plugin that napari does not know, as in a notebook
        log.debug("napari has no preferences of napari-etch; using the defaults")
        return Preferences()
    return Preferences(
        model=chosen.model, device=chosen.device, tile_memory_mb=chosen.tile_memory_mb
    )


def tile_edge(memory_mb: int) -> int | None:
    """Return the edge in pixels of the largest tile that fits a memory, None for "choose".

    Parameters
    ----------
    memory_mb : int
        Memory in MB; 0 or less means that the engine chooses.

    Returns
    -------
    int or None
        A multiple of 64, at least 128.
    """
    if memory_mb <= 0:
        return None
    edge = int((memory_mb * 1_000_000 / BYTES_PER_TILE_PIXEL) ** 0.5)
    return max(SMALLEST_TILE, edge // TILE_STEP * TILE_STEP)

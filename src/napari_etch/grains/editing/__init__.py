"""Corrections of a grain map: a gesture in, the changed window out."""

from __future__ import annotations

from napari_etch.grains.editing.change import Change
from napari_etch.grains.editing.edges import boundaries, boundaries_of
from napari_etch.grains.editing.editor import GrainEditor
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.tiling import first_violation, is_tiling

__all__ = [
    "Change",
    "EditError",
    "GrainEditor",
    "boundaries",
    "boundaries_of",
    "first_violation",
    "is_tiling",
]

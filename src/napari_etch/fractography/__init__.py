"""Fracture surfaces: maps of fracture modes, area fractions with intervals, modes of facets.

Names are loaded on first use, so that importing the room loads neither torch nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "FractureMap": "mapping",
    "map_fracture": "mapping",
    "map_from_outlines": "outlining",
    "OutlineError": "outlining",
    "OutlineMapper": "outlining",
    "prepare_outlining": "outlining",
    "ClassArea": "areas",
    "class_areas": "areas",
    "facet_modes": "facets",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

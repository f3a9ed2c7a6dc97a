"""Virtual fracture surfaces: facets, what the crack left on them, and how an SEM shows it.

Names are loaded on first use, so that importing the room does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Surface": "surface",
    "render_surfaces": "surface",
    "surface_sheet": "surface",
    "Layout": "layout",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

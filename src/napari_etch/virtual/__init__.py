"""Virtual microstructures: tessellations and the optics that render them as micrographs.

Names are loaded on first use, so that importing the room does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "Batch": "sample",
    "render_batch": "sample",
    "sample_micrograph": "sample",
    "contact_sheet": "gallery",
    "Structure": "tessellation",
    "tessellate": "tessellation",
    "STYLES": "styles",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

"""Label-free learning of grain boundaries from the user's own micrographs (R2V).

`fit` is loaded on first use, so that importing the room does not load torch.
"""

from __future__ import annotations

from typing import Any

from napari_etch.training.labelfree.events import (
    FitError,
    FitNotice,
    FitPreview,
    FitStep,
    Fitted,
)

__all__ = ["FitError", "FitNotice", "FitPreview", "FitStep", "Fitted", "fit"]


def __getattr__(name: str) -> Any:
    if name != "fit":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_etch.training.labelfree.fitting import fit

    return fit

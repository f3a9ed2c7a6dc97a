"""Label-free learning of grain boundaries from the user's own micrographs (R2V)."""

from napari_etch.training.labelfree.events import (
    FitError,
    FitNotice,
    FitPreview,
    FitStep,
    Fitted,
)

__all__ = ["FitError", "FitNotice", "FitPreview", "FitStep", "Fitted"]

"""Grain size and shape from grain maps."""

from napari_etch.measure.astm import (
    PlanimetricResult,
    astm_grain_number_from_area,
    astm_grain_number_from_density,
    astm_grain_number_from_intercept,
    astm_planimetric,
    density_from_astm_grain_number,
)
from napari_etch.measure.intercepts import mean_intercept_px
from napari_etch.measure.shape import grain_table, grains_at_edge
from napari_etch.measure.summary import SizeSummary, summarise_sizes

__all__ = [
    "PlanimetricResult",
    "SizeSummary",
    "astm_grain_number_from_area",
    "astm_grain_number_from_density",
    "astm_grain_number_from_intercept",
    "astm_planimetric",
    "density_from_astm_grain_number",
    "grain_table",
    "grains_at_edge",
    "mean_intercept_px",
    "summarise_sizes",
]

"""Grain size and shape from grain maps."""

from napari_etch.measure.astm import (
    PlanimetricResult,
    astm_grain_number_from_area,
    astm_grain_number_from_density,
    astm_grain_number_from_intercept,
    astm_planimetric,
    density_from_astm_grain_number,
    iso643_grain_number_from_density,
)
from napari_etch.measure.counting import PatternCount, count_pattern
from napari_etch.measure.direction import Anisotropy, anisotropy
from napari_etch.measure.distribution import Distribution, distribution
from napari_etch.measure.duplex import Duplex, duplex
from napari_etch.measure.extremes import LargestGrain, largest_grain
from napari_etch.measure.field import FieldMeasurement, measure_field
from napari_etch.measure.fields import Measurement, MethodResult, combine_fields
from napari_etch.measure.fractions import AreaFraction, area_fraction
from napari_etch.measure.intercepts import mean_intercept_px
from napari_etch.measure.methods import METHODS, Method
from napari_etch.measure.parting_lines import without_parting_lines
from napari_etch.measure.patterns import (
    Circle,
    Pattern,
    StraightLine,
    abrams_pattern,
    combined_pattern,
    heyn_pattern,
    hilliard_pattern,
)
from napari_etch.measure.planimetric import (
    count_circle,
    count_triple_points,
    interior_grains,
    jeffries_multiplier,
)
from napari_etch.measure.shape import grain_table, grains_at_edge
from napari_etch.measure.statistics import Mean, fields_needed, mean_of_fields
from napari_etch.measure.summary import SizeSummary, summarise_sizes
from napari_etch.measure.topology import Topology, topology_of

__all__ = [
    "METHODS",
    "Anisotropy",
    "AreaFraction",
    "Circle",
    "Distribution",
    "Duplex",
    "FieldMeasurement",
    "LargestGrain",
    "Mean",
    "Measurement",
    "Method",
    "MethodResult",
    "Pattern",
    "PatternCount",
    "PlanimetricResult",
    "SizeSummary",
    "StraightLine",
    "Topology",
    "abrams_pattern",
    "anisotropy",
    "area_fraction",
    "astm_grain_number_from_area",
    "astm_grain_number_from_density",
    "astm_grain_number_from_intercept",
    "astm_planimetric",
    "combine_fields",
    "combined_pattern",
    "count_circle",
    "count_pattern",
    "count_triple_points",
    "density_from_astm_grain_number",
    "distribution",
    "duplex",
    "fields_needed",
    "grain_table",
    "grains_at_edge",
    "heyn_pattern",
    "hilliard_pattern",
    "interior_grains",
    "iso643_grain_number_from_density",
    "jeffries_multiplier",
    "largest_grain",
    "mean_intercept_px",
    "mean_of_fields",
    "measure_field",
    "summarise_sizes",
    "topology_of",
    "without_parting_lines",
]

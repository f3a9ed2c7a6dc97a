"""What a measurement leaves behind: one object from which every kind of file is made."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.measure.astm import UM2_PER_MM2, astm_grain_number_from_density
from napari_etch.measure.direction import Anisotropy
from napari_etch.measure.field import FieldMeasurement
from napari_etch.measure.fields import Measurement, MethodResult
from napari_etch.measure.fractions import AreaFraction
from napari_etch.measure.independent import SECTIONS
from napari_etch.measure.network import Network
from napari_etch.measure.segmentation_range import SegmentationRange
from napari_etch.measure.statistics import fields_needed

if TYPE_CHECKING:
    import pandas as pd

# Report G to 0.1: no method is better than that (E112); files hold more digits.
G_DIGITS = 1
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, eq=False)
class FieldSource:
    """Where a field comes from.

    Attributes
    ----------
    name : str
        Of the field.
    grains : str
        File or layer of the grain map.
    image : str
        File or layer of the micrograph; empty when it is not known.
    model, weights_hash : str
        What made the grain map; empty when that is not known.
    granularity : float or None
        At which it was cut.
    corrected : bool or None
        Whether it was corrected by hand since; None when that is not known.
    pixel_size_from : str
        Where the pixel size was read.
    picture, overlay : ndarray of uint8, (y, x, 3), or None
        The micrograph, and the same with its boundaries.
    """

    name: str
    grains: str = ""
    image: str = ""
    model: str = ""
    weights_hash: str = ""
    granularity: float | None = None
    corrected: bool | None = None
    pixel_size_from: str = ""
    picture: np.ndarray | None = None
    overlay: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Report:
    """A measurement with everything that a filed report says.

    Attributes
    ----------
    measurement : Measurement
    sources : tuple of FieldSource
        One a field.
    table : pandas.DataFrame
        A row a grain, with the name of its field in the first column.
    networks : tuple of Network
        One a field, or none at all.
    uncertainty : SegmentationRange or None
        How far G moves with the granularity.
    fractions : dict of str to AreaFraction
        Area fractions by the name of the class.
    remarks : tuple of str
        What was found beside the measurement itself.
    made : str
        Date and time, ISO 8601.
    """

    measurement: Measurement
    sources: tuple[FieldSource, ...]
    table: pd.DataFrame
    networks: tuple[Network, ...] = ()
    uncertainty: SegmentationRange | None = None
    fractions: dict[str, AreaFraction] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    made: str = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0).isoformat())

    @property
    def all_remarks(self) -> tuple[str, ...]:
        """Remarks of the report and of the measurement."""
        return (*self.remarks, *self.measurement.remarks)


def range_text(found: SegmentationRange | None) -> str:
    """Return between which limits the planimetric G lies, as a clause; empty when unknown."""
    if found is None or "saltykov" not in found.ranges:
        return ""
    low, high = found.ranges["saltykov"]
    first, last = found.granularities[0], found.granularities[-1]
    return (
        f"the boundary map cut at granularity {first:g} to {last:g} gives a planimetric G of "
        f"{low:.2f} to {high:.2f}"
    )


def four_digits(value: float) -> str:
    """Return a measured value with four digits, all of which are written: 108.0, 1.669 × 10⁷."""
    mantissa, _, exponent = f"{value:#.4g}".partition("e")
    if not exponent:
        return mantissa.rstrip(".")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}"


def mean_intercept_um(result: MethodResult) -> float | None:
    """Return the mean intercept that intersections per mm stand for; None of other methods."""
    return 1000 / result.mean.value if result.method.scale == "intercepts" else None


def mean_area_um2(result: MethodResult) -> float | None:
    """Return the mean area of a grain in the section by a method that counts grains or areas."""
    if result.method.scale == "intercepts":
        return None
    return result.mean.value if result.method.scale == "area" else UM2_PER_MM2 / result.mean.value


def measured_text(result: MethodResult) -> str:
    """Return what a method measured, with its unit; of intersections the mean intercept, too."""
    said = f"{four_digits(result.mean.value)} {result.method.unit}"
    intercept = mean_intercept_um(result)
    return said if intercept is None else f"{said}, mean intercept {four_digits(intercept)} µm"


def interval_text(result: MethodResult) -> str:
    """Return ``9.6 … 10.2``, or why there is no interval."""
    if result.g_low is None and result.g_high is None:
        return "one stack has none" if result.mean.source == SECTIONS else "too few counts"
    ends = [
        "–∞" if end is None and at == 0 else "∞" if end is None else f"{end:.{G_DIGITS}f}"
        for at, end in enumerate((result.g_low, result.g_high))
    ]
    return f"{ends[0]} … {ends[1]}"


def index_text(found: Anisotropy) -> str:
    """Return the anisotropy index; where no line along the elongation meets a boundary, ∞."""
    return f"{found.index:.2f}" if math.isfinite(found.index) else "∞"


def more_fields_text(result: MethodResult) -> str:
    """Return how many fields are still needed."""
    if result.more_fields is None:
        return "not known"
    return "none" if result.more_fields == 0 else str(result.more_fields)


def headline(measurement: Measurement) -> str:
    """Return the one line a summary shows: planimetric G with its interval and counts.

    Parameters
    ----------
    measurement : Measurement
    """
    result = measurement.result("saltykov")
    count = sum(each.grain_count for each in measurement.fields)
    where = _where(measurement)
    if result is None:
        return f"{count} grains in {where}"
    size = f"ASTM G {result.grain_number:.1f}"
    if result.mean.half_width is not None:
        size += f" (95 %: {interval_text(result)})"
    elif result.mean.source == SECTIONS:
        size += " (no interval: its sections are one field in depth)"
    return f"{count} grains in {where}, {size}"


def _where(measurement: Measurement) -> str:
    """Return in how many fields, and in how many sections of how many stacks."""
    stacks = [each for each in measurement.independent if each.is_stack]
    single = len(measurement.independent) - len(stacks)
    parts = [f"{single} field{'s' * (single != 1)}"] if single else []
    if stacks:
        sections = sum(len(each.fields) for each in stacks)
        parts.append(f"{sections} sections of {len(stacks)} stack{'s' * (len(stacks) != 1)}")
    return " and ".join(parts)


def as_dict(report: Report) -> dict[str, Any]:
    """Return everything that ``measure.json`` holds, before it is made plain JSON.

    Parameters
    ----------
    report : Report
    """
    from napari_etch import __version__

    measurement = report.measurement
    return {
        "napari_etch": __version__,
        "made": report.made,
        "pixel_size_um": measurement.pixel_size_um,
        "fields": [
            _field_dict(each, source)
            for each, source in zip(measurement.fields, report.sources, strict=True)
        ],
        "independent_fields": len(measurement.independent),
        "methods": {each.method.key: _result_dict(each) for each in measurement.results},
        "largest_grain": {
            "standard": "ASTM E930",
            **asdict(measurement.largest),
            "remark": measurement.largest.remark,
        },
        "duplex": {
            "standard": "ASTM E1181",
            "recalled_from_memory": True,
            **asdict(measurement.duplex),
        },
        "anisotropy": (
            None
            if measurement.anisotropy is None
            else {
                **asdict(measurement.anisotropy),
                "unit_of_boundary_per_area": "mm/mm²",
                "unit_of_boundary_per_volume": "mm²/mm³",
            }
        ),
        "distribution": (
            None if measurement.distribution is None else asdict(measurement.distribution)
        ),
        "network": [_network_dict(each, measurement.pixel_size_um) for each in report.networks],
        "area_fractions": {
            name: {
                "standard": "ASTM E562",
                **asdict(each),
                "relative_accuracy_percent": each.point_fraction.relative_accuracy,
                "more_fields_for_10_percent": fields_needed(each.point_fraction),
            }
            for name, each in report.fractions.items()
        },
        "segmentation": None if report.uncertainty is None else asdict(report.uncertainty),
        "remarks": report.all_remarks,
    }


def _field_dict(measured: FieldMeasurement, source: FieldSource) -> dict[str, Any]:
    return {
        "name": measured.name,
        "stack": measured.stack or None,
        "grains_from": source.grains,
        "image": source.image or None,
        "model": source.model or None,
        "weights_hash": source.weights_hash or None,
        "granularity": source.granularity,
        "corrected_by_hand": source.corrected,
        "pixel_size_um": measured.pixel_size_um,
        "pixel_size_from": source.pixel_size_from,
        "height_px": measured.shape[0],
        "width_px": measured.shape[1],
        "area_mm2": measured.area_mm2,
        "grains": measured.grain_count,
        "whole_grains": measured.interior_count,
        "planimetric_g": astm_grain_number_from_density(measured.values["saltykov"]),
        "counts": measured.counts,
        "counts_by_placement": {
            key: count.by_placement.tolist()
            for key, count in measured.patterns.items()
            if count.pattern.placements > 1
        },
        "measured": measured.values,
    }


def _result_dict(result: MethodResult) -> dict[str, Any]:
    return {
        "title": result.method.title,
        "standard": result.method.standard,
        "rule": result.method.note,
        "recalled_from_memory": result.method.recalled,
        "unit": result.method.unit,
        "mean": result.mean.value,
        "mean_intercept_um": mean_intercept_um(result),
        "mean_area_um2": mean_area_um2(result),
        "half_width_95": result.mean.half_width,
        "interval_from": None if result.mean.half_width is None else result.mean.source or None,
        "values": result.mean.n,
        "relative_accuracy_percent": result.mean.relative_accuracy,
        "G": result.grain_number,
        "G_low": result.g_low,
        "G_high": result.g_high,
        "fields": result.fields,
        "more_fields_for_10_percent": result.more_fields,
    }


def _network_dict(network: Network, pixel_size_um: float) -> dict[str, Any]:
    angles = network.angles_deg
    return {
        "triple_points": network.triple_points,
        "dihedral_angles": int(angles.size),
        "dihedral_deviation_deg": float(angles.std()) if angles.size else None,
        "boundary_mm_per_mm2": network.boundary_per_area(pixel_size_um),
    }

"""Several fields of one specimen, taken together: every method's G with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.astm import astm_grain_number_from_density
from napari_etch.measure.direction import Anisotropy, Direction, course_of
from napari_etch.measure.distribution import Distribution, distribution
from napari_etch.measure.extremes import Duplex, LargestGrain, duplex, largest_grain
from napari_etch.measure.field import FieldMeasurement
from napari_etch.measure.methods import METHODS, Method
from napari_etch.measure.statistics import GOAL_PERCENT, Mean, fields_needed, mean_of_fields

LEAST_FIELDS = 3
# Pixel sizes that differ by less than this are one: they are typed to a few digits.
_SAME_PIXEL = 1e-3


@dataclass(frozen=True)
class MethodResult:
    """Grain size by one method over all fields.

    Attributes
    ----------
    method : Method
    mean : Mean
        The measured quantity, averaged over the fields.
    grain_number : float
        G of the mean.
    g_low, g_high : float or None
        G of the ends of the 95 % interval; an end without bound is None.
    more_fields : int or None
        Fields still needed for 10 % relative accuracy; None from a single field.
    fields : int
        Fields that gave a value.
    """

    method: Method
    mean: Mean
    grain_number: float
    g_low: float | None
    g_high: float | None
    more_fields: int | None
    fields: int


@dataclass(frozen=True, eq=False)
class Measurement:
    """Everything that was measured on the fields of a specimen.

    Attributes
    ----------
    fields : tuple of FieldMeasurement
    results : tuple of MethodResult
        In the order of `METHODS`, those that could be used.
    largest : LargestGrain
        Over all fields (ASTM E930).
    duplex : Duplex
        By the grains of all fields (ASTM E1181).
    anisotropy : Anisotropy or None
        P_L of each direction, averaged over the fields.
    distribution : Distribution or None
        Of the diameters of the grains that no border cuts.
    remarks : tuple of str
        What a reader must know before the numbers are used.
    """

    fields: tuple[FieldMeasurement, ...]
    results: tuple[MethodResult, ...]
    largest: LargestGrain
    duplex: Duplex
    anisotropy: Anisotropy | None
    distribution: Distribution | None
    remarks: tuple[str, ...]

    @property
    def pixel_size_um(self) -> float:
        """Edge of a pixel of all fields, µm."""
        return self.fields[0].pixel_size_um

    def result(self, key: str) -> MethodResult | None:
        """Return the result of a method; None when it could not be used."""
        return next((each for each in self.results if each.method.key == key), None)


def combine_fields(fields: Sequence[FieldMeasurement]) -> Measurement:
    """Take the fields of a specimen together.

    Parameters
    ----------
    fields : sequence of FieldMeasurement
        All with one pixel size.

    Returns
    -------
    Measurement
        What was measured is averaged over the fields and converted to G once, for the mean of G is
        not the G of the mean.

    Raises
    ------
    ValueError
        Without a field, or when their pixel sizes differ.
    """
    if not fields:
        raise ValueError("there is no field to measure: choose at least one grain map")
    _check_one_pixel_size(fields)
    results = tuple(result for each in METHODS if (result := _result(each, fields)) is not None)
    whole = sum(each.counts["saltykov"] for each in fields)
    mean_area = 1e6 * sum(each.area_mm2 for each in fields) / whole
    areas = np.concatenate([each.areas_um2 for each in fields])
    inner = [each.areas_um2[~each.at_border] for each in fields]
    return Measurement(
        fields=tuple(fields),
        results=results,
        largest=_largest(fields, mean_area),
        duplex=duplex(areas, mean_area_um2=mean_area),
        anisotropy=_mean_anisotropy(fields),
        distribution=distribution(inner) if any(part.size for part in inner) else None,
        remarks=_remarks(fields),
    )


def _check_one_pixel_size(fields: Sequence[FieldMeasurement]) -> None:
    first = fields[0]
    for other in fields[1:]:
        if abs(other.pixel_size_um / first.pixel_size_um - 1) > _SAME_PIXEL:
            raise ValueError(
                f"{first.name} has {first.pixel_size_um:g} µm a pixel and {other.name} "
                f"{other.pixel_size_um:g}: measure fields of one magnification together"
            )


def _result(method: Method, fields: Sequence[FieldMeasurement]) -> MethodResult | None:
    used = [each for each in fields if method.key in each.values]
    if not used:
        return None
    if len(used) == 1:
        mean = used[0].alone[method.key]
    else:
        mean = mean_of_fields([each.values[method.key] for each in used])
    low, high = _ends(method, mean)
    return MethodResult(
        method,
        mean,
        method.grain_number(mean.value),
        low,
        high,
        fields_needed(mean, GOAL_PERCENT),
        len(used),
    )


def _ends(method: Method, mean: Mean) -> tuple[float | None, float | None]:
    if mean.half_width is None:
        return None, None
    ends = [
        method.grain_number(end) if end > 0 else None
        for end in (mean.value - mean.half_width, mean.value + mean.half_width)
    ]
    return (ends[1], ends[0]) if method.scale == "area" else (ends[0], ends[1])


def _largest(fields: Sequence[FieldMeasurement], mean_area: float) -> LargestGrain:
    found = [
        largest_grain(each.labels, each.areas_um2, each.at_border, mean_area) for each in fields
    ]
    return max(found, key=lambda each: each.area_um2)


def _mean_anisotropy(fields: Sequence[FieldMeasurement]) -> Anisotropy | None:
    known = [each.anisotropy for each in fields if each.anisotropy is not None]
    if not known:
        return None
    if len(known) == 1:
        return known[0]
    angles = [each.angle_deg for each in known[0].directions]
    rates = np.mean([[each.per_mm for each in part.directions] for part in known], axis=0)
    return course_of(
        tuple(
            Direction(angle, float(rate), 1000 / rate if rate else float("inf"))
            for angle, rate in zip(angles, rates.tolist(), strict=True)
        )
    )


def _remarks(fields: Sequence[FieldMeasurement]) -> tuple[str, ...]:
    said = [remark for each in fields for remark in each.remarks]
    said += [
        f"{two.name} shows the same grains as {one.name}, so they are one field counted twice, and "
        "the intervals are too small: leave one out"
        for at, two in enumerate(fields)
        if (one := next((each for each in fields[:at] if _is_same(each, two)), None)) is not None
    ]
    if len(fields) < LEAST_FIELDS:
        count = "one field is" if len(fields) == 1 else f"{len(fields)} fields are"
        said.insert(
            0,
            f"{count} fewer than the {LEAST_FIELDS} that E112 asks for"
            + (
                ": the intervals come from the differences inside it and do not "
                "tell how the specimen varies"
                if len(fields) == 1
                else ""
            ),
        )
    return tuple(said)


def _is_same(one: FieldMeasurement, two: FieldMeasurement) -> bool:
    """Return whether two fields are copies of one grain map, whatever the files are called."""
    return (
        one.shape == two.shape
        and np.array_equal(one.labels, two.labels)
        and np.array_equal(one.areas_um2, two.areas_um2)
        and one.counts == two.counts
    )


def grain_number_of(fields: Sequence[FieldMeasurement]) -> float:
    """Return G of the planimetric mean over fields, the number that a summary shows.

    Raises
    ------
    ValueError
        Without a field.
    """
    return astm_grain_number_from_density(
        mean_of_fields([each.values["saltykov"] for each in fields]).value
    )

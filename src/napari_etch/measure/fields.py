"""Several fields of one specimen, taken together: every method's G with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from napari_etch.measure.direction import Anisotropy, Direction, course_of
from napari_etch.measure.distribution import Distribution, distribution
from napari_etch.measure.duplex import Duplex, duplex
from napari_etch.measure.extremes import LargestGrain, largest_grain
from napari_etch.measure.field import FieldMeasurement
from napari_etch.measure.independent import (
    IndependentField,
    independent_fields,
    stack_remarks,
)
from napari_etch.measure.methods import METHODS, Method
from napari_etch.measure.statistics import GOAL_PERCENT, Mean, fields_needed, mean_of_fields
from napari_etch.measure.topology import PARTS_APART_G, Topology

LEAST_FIELDS = 3
# Pixel sizes that differ by less than this are one: they are typed to a few digits.
SAME_FIELD = 1e-3


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
        Fields that gave a value; the sections of a stack are one.
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

    @cached_property
    def independent(self) -> tuple[IndependentField, ...]:
        """The fields with the sections of each stack taken together."""
        return independent_fields(self.fields)

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
        All with one pixel size; a section says of which `stack` it is.

    Returns
    -------
    Measurement
        What was measured is averaged over the fields and converted to G once, for the mean of G is
        not the G of the mean. The sections of a stack are averaged first, and count as one field.

    Raises
    ------
    ValueError
        Without a field, or when their pixel sizes differ.
    """
    if not fields:
        raise ValueError("there is no field to measure: choose at least one grain map")
    _check_one_pixel_size(fields)
    independent = independent_fields(fields)
    whole = sum(each.counts["saltykov"] for each in fields)
    mean_area = 1e6 * sum(each.area_mm2 for each in fields) / whole
    areas = np.concatenate([each.areas_um2 for each in fields])
    cut = np.concatenate([each.at_border for each in fields])
    inner = [each.areas_um2[~each.at_border] for each in fields]
    classes = duplex(areas, _topology(fields, independent), mean_area_um2=mean_area, cut=cut)
    return Measurement(
        fields=tuple(fields),
        results=_results(independent),
        # how rare such grains are is asked of all fields: one of them may hold little else
        largest=replace(_largest(fields, mean_area), coarse_share=classes.coarse_share),
        duplex=classes,
        anisotropy=_mean_anisotropy(fields),
        distribution=distribution(inner, _singles(fields))
        if any(part.size for part in inner)
        else None,
        remarks=_remarks(independent),
    )


def grain_numbers(fields: Sequence[FieldMeasurement]) -> dict[str, float]:
    """Return G by the key of each method, of fields taken together as `combine_fields` does.

    Raises
    ------
    ValueError
        When their pixel sizes differ.
    """
    _check_one_pixel_size(fields)
    return {each.method.key: each.grain_number for each in _results(independent_fields(fields))}


def _results(independent: Sequence[IndependentField]) -> tuple[MethodResult, ...]:
    return tuple(result for each in METHODS if (result := _result(each, independent)) is not None)


def _check_one_pixel_size(fields: Sequence[FieldMeasurement]) -> None:
    first = fields[0]
    for other in fields[1:]:
        if abs(other.pixel_size_um / first.pixel_size_um - 1) > SAME_FIELD:
            raise ValueError(
                f"{first.name} has {first.pixel_size_um:g} µm a pixel and {other.name} "
                f"{other.pixel_size_um:g}: measure fields of one magnification together"
            )


def _singles(fields: Sequence[FieldMeasurement]) -> list[int]:
    """Return which fields are no sections of a stack: only these are compared with each other."""
    stacks = [each.stack for each in fields]
    return [at for at, stack in enumerate(stacks) if not stack or stacks.count(stack) == 1]


def _result(method: Method, independent: Sequence[IndependentField]) -> MethodResult | None:
    used = [mean for each in independent if (mean := each.mean(method)) is not None]
    if not used:
        return None
    mean = used[0] if len(used) == 1 else mean_of_fields([each.value for each in used])
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
        replace(
            largest_grain(each.labels, each.areas_um2, each.at_border, mean_area), field=each.name
        )
        for each in fields
    ]
    return max(found, key=lambda each: each.area_um2)


def _topology(
    fields: Sequence[FieldMeasurement], independent: Sequence[IndependentField]
) -> list[Topology]:
    """Return how coarse and fine grains lie in the fields, and whether some fields are coarser."""
    found = [each.topology for each in fields if each.topology is not None]
    planimetric = METHODS[0]
    sizes = [
        (
            planimetric.grain_number(mean.value),
            each.name,
            sum(part.area_mm2 for part in each.fields),
        )
        for each in independent
        if (mean := each.mean(planimetric)) is not None
    ]
    coarse, fine = min(sizes), max(sizes)
    if fine[0] - coarse[0] >= PARTS_APART_G:
        share = coarse[2] / (coarse[2] + fine[2])
        names = f"{coarse[1]} and {fine[1]}"
        found.append(Topology("cross-section", names, coarse[0], fine[0], share))
    return found


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


def _remarks(independent: Sequence[IndependentField]) -> tuple[str, ...]:
    said = stack_remarks(independent)
    if len(independent) < LEAST_FIELDS:
        said.append(_too_few(independent))
    said += [remark for each in independent for remark in each.remarks()]
    said += [
        f"{two.name} shows the same grains as {one.name}, so they are one field counted twice, and "
        "the intervals are too small: leave one out"
        for at, two in enumerate(independent)
        if (one := next((each for each in independent[:at] if two.shows_the_same_as(each)), None))
        is not None
    ]
    return tuple(said)


def _too_few(independent: Sequence[IndependentField]) -> str:
    alone = len(independent) == 1
    count = "one field is" if alone else f"{len(independent)} fields are"
    said = f"{count} fewer than the {LEAST_FIELDS} that E112 asks for"
    if alone and not independent[0].is_stack:
        said += (
            ": the intervals come from the differences inside it and do not tell how the specimen "
            "varies"
        )
    return said

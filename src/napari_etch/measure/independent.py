"""Which fields speak for themselves: the sections of a stack are one field, seen in depth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_etch.measure.field import FieldMeasurement
from napari_etch.measure.methods import Method
from napari_etch.measure.statistics import Mean

#: What `Mean.source` says of a mean that has no interval, for it is from one stack.
SECTIONS = "sections of one stack"
_MOST_NAMES = 6


@dataclass(frozen=True, eq=False)
class IndependentField:
    """A field, or the sections of a stack, which go through the same grains.

    Attributes
    ----------
    name : str
        Of the field or of the stack.
    fields : tuple of FieldMeasurement
        One, or its sections.
    """

    name: str
    fields: tuple[FieldMeasurement, ...]

    @property
    def is_stack(self) -> bool:
        """Whether it has several sections."""
        return len(self.fields) > 1

    def mean(self, method: Method) -> Mean | None:
        """Return what a method measured in it; None where it could not be used.

        How far sections differ says how a few grains vary with depth, and the next section shows
        them again: the interval of independent fields would come out far too small.
        """
        used = [each for each in self.fields if method.key in each.values]
        if not used:
            return None
        if not self.is_stack:
            return used[0].alone[method.key]
        values = [each.values[method.key] for each in used]
        return Mean(float(np.mean(values)), None, len(values), SECTIONS)

    def shows_the_same_as(self, other: IndependentField) -> bool:
        """Return whether it is a copy of another one, whatever the files are called."""
        return len(self.fields) == len(other.fields) and all(
            _is_same(one, two) for one, two in zip(self.fields, other.fields, strict=True)
        )

    def remarks(self) -> list[str]:
        """Return the remarks on it; what is so of many sections is said once."""
        kinds: dict[str, list[str]] = {}
        for each in self.fields:
            for remark in each.remarks:
                kinds.setdefault(_kind(remark.removeprefix(f"{each.name}: ")), []).append(remark)
        return [
            said[0] if len(said) == 1 else f"{said[0]}; so it is in {_more(len(said) - 1)}"
            for said in kinds.values()
        ]


def independent_fields(fields: Sequence[FieldMeasurement]) -> tuple[IndependentField, ...]:
    """Return fields with the sections of each stack taken together, in their order."""
    groups: dict[tuple[str, int], list[FieldMeasurement]] = {}
    for at, each in enumerate(fields):
        groups.setdefault((each.stack, -1) if each.stack else ("", at), []).append(each)
    return tuple(
        IndependentField(each[0].stack if len(each) > 1 else each[0].name, tuple(each))
        for each in groups.values()
    )


def stack_remarks(independent: Sequence[IndependentField]) -> list[str]:
    """Return the sentence about stacks among fields; none where there is no stack."""
    stacks = [each for each in independent if each.is_stack]
    if not stacks:
        return []
    if len(stacks) > 1:
        names = ", ".join(each.name for each in stacks[:_MOST_NAMES])
        more = len(stacks) - _MOST_NAMES
        return [
            f"the sections of a stack are one field in depth, not independent fields: {names}"
            f"{f' and {more} more' if more > 0 else ''} count as one field each in the intervals"
        ]
    (stack,) = stacks
    count = len(stack.fields)
    said = f"the {count} sections of {stack.name} are one field in depth, not {count} independent "
    if len(independent) == 1:
        return [f"{said}fields: their mean has no interval"]
    return [f"{said}fields: they count as one field in the intervals"]


def _more(count: int) -> str:
    return "1 more section" if count == 1 else f"{count} more sections"


def _kind(remark: str) -> str:
    """Return what a remark is about: without numbers, and without what stands in brackets."""
    return re.sub(r"[\d.]+", "", remark.split("(")[0])


def _is_same(one: FieldMeasurement, two: FieldMeasurement) -> bool:
    """Return whether two fields are copies of one grain map."""
    return (
        one.shape == two.shape
        and np.array_equal(one.labels, two.labels)
        and np.array_equal(one.areas_um2, two.areas_um2)
        and one.counts == two.counts
    )

"""A change with other numbers for the grains that it leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from napari_etch.grains.editing.change import Change, local, union
from napari_etch.grains.editing.field import Field

__all__ = ["renumber"]


def renumber(field: Field, change: Change, numbers: Mapping[int, int]) -> Change:
    """See `GrainEditor.renumber`."""
    there = [field.index.box(label) for label in numbers if label in field.index]
    window = union([change.window, *there])
    after = np.array(field.grains[window])
    after[local(change.window, window)] = change.after
    was = after.copy()
    for label, number in numbers.items():
        after[was == label] = number
    gone = [label for label in change.created if label not in numbers.values()]
    come = sorted(set(numbers.values()) - set(numbers))
    message = change.message
    for label, number in zip(gone, come, strict=False):
        message = re.sub(rf"\b{label}\b", str(number), message)
    return field.change(window, after, message)

"""Which maps are of one field: two of them are no two fields of a specimen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from napari.layers import Labels

from napari_etch._widgets.fracture_layers import is_untouched_map
from napari_etch._widgets.layers import source_id_of

#: Maps of one image that share more than this part of the smaller one show the same field.
_SHARED = 0.5


def show_one_field(one: Labels, other: Labels) -> bool:
    """Return whether two maps were made from one image and lie over the same part of it."""
    source = source_id_of(one)
    if not source or source != source_id_of(other) or one.ndim != other.ndim:
        return False
    boxes = np.array([_box(one), _box(other)])
    shared = np.clip(boxes[:, 1].min(0) - boxes[:, 0].max(0), 0, None)
    least = (boxes[:, 1] - boxes[:, 0]).prod(axis=1).min()
    return bool(shared.prod() > _SHARED * least)


def one_of_each_field(maps: Sequence[Labels], counted: Sequence[Labels]) -> list[Labels]:
    """Return the maps to count at first: of each field one, the corrected or the newest.

    Parameters
    ----------
    maps : sequence of Labels
        The newest first.
    counted : sequence of Labels
        Those of them that were counted so far.
    """
    new = [each for each in maps if each not in counted]
    found: list[Labels] = []
    for each in sorted(maps, key=is_untouched_map):
        # who ticked two of one field knows it; another map that comes is no reason to untick one
        settled = each in counted and not _any_shows(new, each)
        if settled or not _any_shows(found, each):
            found.append(each)
    return [each for each in maps if each in found]


def of_one_field(new: Sequence[Labels], maps: Sequence[Labels]) -> list[Labels]:
    """Return the first of some new maps, and of all maps those that show its field."""
    return [each for each in maps if each is new[0] or show_one_field(new[0], each)] if new else []


def with_newer_maps(
    ticked: Sequence[Labels], new: Sequence[Labels], maps: Sequence[Labels]
) -> list[Labels]:
    """Return what is ticked when new maps come: a newer one of a ticked field takes its place."""
    newer = [each for each in new if _any_shows(ticked, each)]
    return one_of_each_field([m for m in maps if m in ticked or m in newer], ticked)


def same_field_remarks(
    layers: Sequence[Labels], *, unless: Callable[[Labels, Labels], bool] | None = None
) -> list[str]:
    """Return, of each map whose field another one shows already, what a reader should know.

    Parameters
    ----------
    layers : sequence of Labels
    unless : callable, optional
        Of two maps, whether somebody else says so.
    """
    said = []
    for at, two in enumerate(layers):
        one = next((each for each in layers[:at] if show_one_field(each, two)), None)
        if one is not None and not (unless is not None and unless(one, two)):
            said.append(
                f"“{two.name}” and “{one.name}” are maps of one image, so they are one field "
                "counted twice, and the intervals are too small: leave one out"
            )
    return said


def _any_shows(maps: Sequence[Labels], field: Labels) -> bool:
    return any(show_one_field(each, field) for each in maps)


def _box(layer: Labels) -> np.ndarray:
    shape = np.shape(layer.data)
    corners = [layer.data_to_world(np.array(at) - 0.5) for at in ((0,) * len(shape), shape)]
    return np.sort(np.array(corners, float)[:, -len(shape) :], axis=0)

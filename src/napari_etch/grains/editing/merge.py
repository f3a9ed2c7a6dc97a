"""Merge grains: by number, along a stroke, or by the boundary between them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, grow
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.strokes import runs, sampled

__all__ = ["merge", "merge_along", "neighbours", "remove_boundary"]

_NICK = 2.0  # px: a grain whose corner a stroke clips by so little was not meant


def merge(field: Field, labels: Iterable[int]) -> Change:
    """See `GrainEditor.merge`."""
    wanted = list(dict.fromkeys(int(label) for label in labels))
    if len(wanted) < 2:
        raise EditError("A merge needs at least two grains.")
    field.refuse_unknown(wanted)
    field.refuse_locked(wanted)
    stay = max(wanted, key=lambda label: (field.index.count(label), -label))
    apart = _unreached(field, wanted, stay)
    if apart:
        raise EditError(
            f"Grains {stay} and {apart[0]} share no boundary: merge grains that lie side by side."
        )
    gone = [label for label in wanted if label != stay]
    window = field.window_of(gone)
    after = np.array(field.grains[window])
    after[np.isin(after, gone)] = stay
    if len(gone) == 1:
        return field.change(window, after, f"Merged grain {gone[0]} into {stay}.")
    return field.change(window, after, f"Merged {len(wanted)} grains into {stay}.")


def _unreached(field: Field, labels: list[int], start: int) -> list[int]:
    """Return the labels that cannot be reached from `start` over shared boundaries."""
    left, waiting = set(labels) - {start}, [start]
    while waiting and left:
        found = left.intersection(neighbours(field, waiting.pop()))
        left -= found
        waiting += found
    return sorted(left)


def merge_along(field: Field, path: npt.ArrayLike) -> Change:
    """See `GrainEditor.merge_along`."""
    parts = runs(field.grains, sampled(path))
    meant = [
        run.label for i, run in enumerate(parts) if i in (0, len(parts) - 1) or run.length > _NICK
    ]
    labels = list(dict.fromkeys(meant))
    if len(labels) < 2:
        raise EditError("The stroke stays in one grain: draw it through the grains to merge.")
    field.refuse_locked(labels)
    if _unreached(field, labels, labels[0]):  # a grain that was merely nicked holds them together
        labels = list(dict.fromkeys(run.label for run in parts))
    return merge(field, labels)


def remove_boundary(field: Field, point: npt.ArrayLike, *, reach: float) -> Change:
    """See `GrainEditor.remove_boundary`."""
    pair = boundary_at(field, point, reach=reach)
    if pair is None:
        raise EditError(f"No boundary within {reach:.0f} px: click on the boundary to remove.")
    return merge(field, pair)


def boundary_at(field: Field, point: npt.ArrayLike, *, reach: float) -> tuple[int, int] | None:
    """Return the two grains beside the boundary nearest to a point; None beyond `reach` px."""
    y, x = field.pixel_at(point)
    exact = np.asarray(point, float)
    window = grow((slice(y, y + 1), slice(x, x + 1)), int(np.ceil(reach)) + 1, field.grains.shape)
    part = field.grains[window]
    corner = window[0].start, window[1].start
    best, pair = float(reach), None
    for one, two, step in (
        (part[:-1], part[1:], (0.5, 0.0)),
        (part[:, :-1], part[:, 1:], (0.0, 0.5)),
    ):
        rows, columns = np.nonzero((one != two) & (one != 0) & (two != 0))
        if rows.size == 0:
            continue
        middle = np.stack([rows, columns], 1) + np.array(corner) + step
        away = np.hypot(*(middle - exact).T)
        i = int(np.argmin(away))
        if away[i] <= best:
            best = float(away[i])
            pair = int(one[rows[i], columns[i]]), int(two[rows[i], columns[i]])
    return pair


def neighbours(field: Field, label: int) -> dict[int, int]:
    """See `GrainEditor.neighbours`."""
    field.refuse_unknown([label])
    part = field.grains[field.window_of([label], margin=1)]
    grain = part == label
    beside = np.concatenate(
        [
            part[1:][grain[:-1] & ~grain[1:]],
            part[:-1][grain[1:] & ~grain[:-1]],
            part[:, 1:][grain[:, :-1] & ~grain[:, 1:]],
            part[:, :-1][grain[:, 1:] & ~grain[:, :-1]],
        ]
    )
    labels, lengths = np.unique(beside[beside != 0], return_counts=True)
    return dict(zip(labels.tolist(), lengths.tolist(), strict=True))

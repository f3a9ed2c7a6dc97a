"""Split grains along a stroke, snapped to the boundary map or as drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.across import cut_across
from napari_etch.grains.editing.change import Change, Mask, local
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.loop import is_loop, loop
from napari_etch.grains.editing.pieces import SLIVER, number_pieces, pieces_of, split_message
from napari_etch.grains.editing.strokes import Pixels, Run, length_of, runs, sampled, stroke_pixels
from napari_etch.grains.editing.tiling import settle
from napari_etch.grains.editing.wire import REACH, prolonged, wire

__all__ = ["cut_lines", "split_along", "split_off"]

_SPECK = 4  # px: what a stroke as drawn may cut off at least
# A hand that follows an existing boundary cuts slivers off beside it; with snapping, pieces that
# are nowhere deeper than this many px are no grains.
_SLIVER_DEPTH = 2.3
_NUB = 6.0  # px: a stroke that starts or ends so little inside a grain only overshot its neighbour
_NUB_SHARE = 0.25  # … or so little in proportion to its longest run


def split_along(field: Field, path: npt.ArrayLike, *, snap: bool, reach: float = REACH) -> Change:
    """See `GrainEditor.split_along`."""
    chosen = _grains_to_cut(field, path)
    field.refuse_locked(chosen)
    window = field.window_of(chosen)
    after = np.array(field.grains[window])
    made: dict[int, list[int]] = {}
    for label, parts in chosen.items():
        pieces, _ = _cut(field, label, parts, snap, reach)
        if pieces is None:
            continue
        taken = sum(len(new) for new in made.values())
        made[label] = field.index.new_labels(taken + int(pieces.max()) - 1)[taken:]
        part = after[local(field.index.box(label), window)]
        number_pieces(part, pieces, label, made[label])
    if not made:
        raise EditError(_nothing_cut(list(chosen)))
    return field.change(window, after, split_message(made))


def split_off(field: Field, label: int, part: Mask) -> Change:
    """See `GrainEditor.split_off`."""
    field.refuse_unknown([label])
    field.refuse_locked([label])
    box = field.index.box(label)
    grain = field.grains[box] == label
    if part.shape != grain.shape:
        raise EditError(f"The part {part.shape} must have its grain's box {grain.shape}.")
    off = part & grain
    if 2 * off.sum() > grain.sum():
        off = grain & ~off  # the largest piece keeps the number
    if not off.any():
        raise EditError(f"The part does not part grain {label}: give some of its pixels, not all.")
    after = np.array(field.grains[box])
    [new] = field.index.new_labels(1)
    after[off] = new
    window, settled = settle(field, box, after)
    return field.change(window, settled, split_message({label: [new]}))


def cut_lines(
    field: Field, path: npt.ArrayLike, *, snap: bool, reach: float = REACH
) -> npt.NDArray[np.float64]:
    """Return the line (n, 2) that a split would cut along, the cuts of several grains in a row."""
    chosen = _grains_to_cut(field, path)
    lines = [_cut(field, label, parts, snap, reach)[1] for label, parts in chosen.items()]
    return np.concatenate(lines).astype(float)


def _grains_to_cut(field: Field, path: npt.ArrayLike) -> dict[int, list[Run]]:
    """Return the runs of a stroke that are meant as cuts, by grain.

    A run from outline to outline is. A stroke's first or last run may be an overshoot: it counts
    when more of that cut was drawn than is missing, or when it is the stroke's longest.
    """
    parts = runs(field.grains, sampled(path))
    if not parts:
        raise EditError("The stroke touches no grain: draw it through the grain to split.")
    longest = max(parts, key=lambda run: run.length)
    chosen: dict[int, list[Run]] = {}
    for run in parts:
        if run is longest or _is_meant(field, run, longest.length):
            chosen.setdefault(run.label, []).append(run)
    return chosen


def _is_meant(field: Field, run: Run, longest: float) -> bool:
    if run.enters and run.leaves:
        return run.length >= 1
    points, before, behind = prolonged(field, run)
    missing = length_of(points) - run.length if before or behind else 0.0
    return run.length >= max(_NUB, missing, _NUB_SHARE * longest)


def _cut(
    field: Field, label: int, parts: list[Run], snap: bool, reach: float
) -> tuple[npt.NDArray[np.int32] | None, Pixels]:
    """Return the pieces of one grain in its box, None when nothing is parted, and the line."""
    box = field.index.box(label)
    corner = np.array([box[0].start, box[1].start])
    grain = field.grains[box] == label
    mapped = snap and field.boundary is not None
    line = np.zeros((0, 2), np.intp)
    for snapped in (True, False) if mapped else (False,):
        # A wire that parts nothing gives way to the stroke as drawn.
        line = np.concatenate([_line(field, run, snapped, reach) for run in parts])
        cut = np.zeros(grain.shape, bool)
        cut[tuple((line - corner).T)] = True
        least, depth = (SLIVER, _SLIVER_DEPTH) if mapped else (_SPECK, 0.0)
        pieces = pieces_of(grain, cut & grain, least=least, depth=depth)
        if pieces.max() > 1:
            inside = snapped and len(parts) == 1 and not (parts[0].enters or parts[0].leaves)
            inside = inside and not is_loop(parts[0])
            across = cut_across(field, parts[0], line) if inside else None
            return across or (pieces, line)
    return None, line


def _line(field: Field, run: Run, snapped: bool, reach: float) -> Pixels:
    """Return the pixels of the cut in one grain."""
    if is_loop(run):
        return loop(field, run, snap=snapped, reach=reach)
    if snapped:
        path = wire(field, run, reach=reach)
        if path is not None:
            return path
    points, _, _ = prolonged(field, run)
    return stroke_pixels(points, field.frame)


def _nothing_cut(labels: list[int]) -> str:
    if len(labels) == 1:
        return (
            f"The stroke does not part grain {labels[0]}: "
            "draw it from one side of the grain to the other."
        )
    return "The stroke parts no grain: draw it from one side of a grain to the other."

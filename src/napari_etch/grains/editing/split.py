"""Split grains: along a stroke, snapped to the boundary map or as drawn, or between clicks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, Mask, Window, grow, local, union
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import Field
from napari_etch.grains.editing.strokes import Pixels, Run, length_of, runs, sampled, stroke_pixels
from napari_etch.grains.editing.tiling import SLIVER, flood_from_neighbours
from napari_etch.grains.editing.wire import REACH, prolonged, wire

__all__ = ["cut_lines", "pieces_of", "split_along", "split_seeds"]

_SPECK = 4  # px: what a stroke as drawn may cut off; a snapped one leaves no sliver
_NUB = 6.0  # px: a stroke that starts or ends so little inside a grain only overshot its neighbour
_NUB_SHARE = 0.25  # … or so little in proportion to its longest run
_SEED = 1.5  # px around a click that surely belong to its piece
_SEED_SMOOTHING = 1.0  # px, of the boundary map that is flooded from clicks


def split_along(field: Field, path: npt.ArrayLike, *, snap: bool, reach: float = REACH) -> Change:
    """See `GrainEditor.split_along`."""
    chosen = _grains_to_cut(field, path)
    field.refuse_locked(chosen)
    window = field.window_of(chosen)
    after = np.array(field.grains[window])
    made: dict[int, list[int]] = {}
    for label, parts in chosen.items():
        made[label] = _cut_grain(field, label, parts, (window, after), snap, reach, made)
    made = {label: new for label, new in made.items() if new}
    if not made:
        raise EditError(_nothing_cut(list(chosen)))
    return field.change(window, after, _split_message(made))


def cut_lines(
    field: Field, path: npt.ArrayLike, *, snap: bool, reach: float = REACH
) -> npt.NDArray[np.float64]:
    """Return the line (n, 2) that a split would cut along, the cuts of several grains in a row."""
    chosen = _grains_to_cut(field, path)
    lines = [_line(field, run, snap, reach) for parts in chosen.values() for run in parts]
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


def _cut_grain(
    field: Field,
    label: int,
    parts: list[Run],
    target: tuple[Window, Labels],
    snap: bool,
    reach: float,
    made: dict[int, list[int]],
) -> list[int]:
    """Cut one grain in place; return the new labels, none when the cuts part nothing."""
    window, after = target
    box = field.index.box(label)
    part = after[local(box, window)]
    grain = part == label
    ways = [(True, SLIVER), (False, _SPECK)] if snap else [(False, _SPECK)]
    for snapped, least in ways:  # a wire that parts nothing gives way to the stroke as drawn
        cut = np.zeros(grain.shape, bool)
        for run in parts:
            pixels = _line(field, run, snapped, reach) - (box[0].start, box[1].start)
            cut[tuple(pixels.T)] = True
        pieces = pieces_of(grain, cut & grain, least)
        n = int(pieces.max())
        if n > 1:
            taken = sum(len(new) for new in made.values())
            new = field.index.new_labels(taken + n - 1)[taken:]
            _number(part, pieces, label, new)
            return new
    return []


def _line(field: Field, run: Run, snap: bool, reach: float) -> Pixels:
    """Return the pixels of the cut in one grain."""
    if snap and field.boundary is not None:
        path = wire(field, run, reach=reach)
        if path is not None:
            return path
    points, _, _ = prolonged(field, run)
    return stroke_pixels(points, field.frame)


def pieces_of(grain: Mask, cut: Mask, least: int) -> npt.NDArray[np.int32]:
    """Return what a cut leaves of a grain: pieces 1 … n of at least `least` px that fill it."""
    from scipy import ndimage as ndi

    pieces, n = ndi.label(grain & ~cut)
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)
    keep = sizes >= least
    keep[0] = False
    if not keep.any():
        return np.asarray(grain, np.int32)
    table = np.zeros(n + 1, np.int32)
    table[keep] = np.arange(1, keep.sum() + 1)
    pieces = table[pieces]
    flood_from_neighbours(pieces, grain & (pieces == 0))
    return pieces


def _number(part: Labels, pieces: npt.NDArray[np.integer], label: int, new: Iterable[int]) -> None:
    """Write the pieces of a grain into `part`: the largest keeps its number."""
    order = np.argsort(-np.bincount(pieces.ravel())[1:], kind="stable") + 1
    table = np.zeros(order.size + 1, part.dtype)
    table[order[0]] = label
    table[order[1:]] = list(new)
    np.copyto(part, table[pieces], where=pieces > 0)


def _nothing_cut(labels: list[int]) -> str:
    if len(labels) == 1:
        return (
            f"The stroke does not part grain {labels[0]}: "
            "draw it from one side of the grain to the other."
        )
    return "The stroke parts no grain: draw it from one side of a grain to the other."


def _split_message(made: dict[int, list[int]]) -> str:
    if len(made) == 1:
        ((label, new),) = made.items()
        return f"Split grain {label} into {', '.join(map(str, [label, *new[:-1]]))} and {new[-1]}."
    total = len(made) + sum(len(new) for new in made.values())
    return f"Split {len(made)} grains into {total}."


def split_seeds(field: Field, points: npt.ArrayLike) -> Change:
    """See `GrainEditor.split_seeds`."""
    pixels, label = _seeds(field, points)
    box = field.index.box(label)
    part = np.array(field.grains[box])
    grain = part == label
    markers = np.zeros(part.shape, np.int32)
    rows, columns = np.ogrid[: part.shape[0], : part.shape[1]]
    for number, (y, x) in enumerate(pixels, 1):
        near = (rows + box[0].start - y) ** 2 + (columns + box[1].start - x) ** 2 <= _SEED**2
        markers[near & grain & (markers == 0)] = number
        markers[y - box[0].start, x - box[1].start] = number
    pieces = _one_piece_each(_flood(field, box, grain, markers), grain, pixels, box)
    new = field.index.new_labels(len(pixels) - 1)
    _number(part, pieces, label, new)
    return field.change(box, part, _split_message({label: new}))


def _seeds(field: Field, points: npt.ArrayLike) -> tuple[list[tuple[int, int]], int]:
    given = np.asarray(points, float)
    if given.ndim != 2 or given.shape[1:] != (2,) or given.shape[0] < 2:
        raise EditError("A split by clicks needs at least two of them in one grain.")
    pixels = list(dict.fromkeys(field.pixel_at(point) for point in given))
    labels = {int(field.grains[pixel]) for pixel in pixels}
    if len(pixels) < 2 or len(labels) > 1:
        raise EditError("Click at two or more different places in one and the same grain.")
    (label,) = labels
    field.refuse_unknown([label])
    field.refuse_locked([label])
    return pixels, label


def _flood(
    field: Field, box: Window, grain: Mask, markers: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    from scipy import ndimage as ndi
    from skimage.segmentation import watershed

    outer = grow(union([box]), 4, field.grains.shape)
    boundary = field.boundary_in(outer)
    surface = np.zeros(grain.shape, np.float32)
    if boundary is not None:
        surface = ndi.gaussian_filter(boundary, _SEED_SMOOTHING)[local(box, outer)]
    return np.asarray(watershed(surface, markers, mask=grain, connectivity=1), np.int32)


def _one_piece_each(
    pieces: npt.NDArray[np.int32], grain: Mask, pixels: list[tuple[int, int]], box: Window
) -> npt.NDArray[np.int32]:
    """Keep of each number the piece that holds its click; the rest goes to what adjoins it."""
    from scipy import ndimage as ndi

    for number, (y, x) in enumerate(pixels, 1):
        parts, n = ndi.label(pieces == number)
        if n > 1:
            pieces[(parts > 0) & (parts != parts[y - box[0].start, x - box[1].start])] = 0
    flood_from_neighbours(pieces, grain & (pieces == 0))
    return pieces

"""What lies around the specimen in a picture: page, field stop, and the rim of a mosaic.

A page around a figure, the dark around a round field of view, the corners of a picture that was
rotated and the steps at the rim of stitched fields are of one grey level, and reach the frame. So
may a saturated grain or a pore. What tells them apart is the outline: whole rows or columns, a
circle, the sides of a rectangle, or steps along the rows and columns, to the pixel. The mount,
which has noise and any outline, is told by how wide and empty it is (`mount`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.box import window_of
from napari_etch.micrograph.margins import Margins, find_margins, same_within
from napari_etch.micrograph.mount import find_mount
from napari_etch.micrograph.round_field import inside_circle, inside_rectangle, picture_within

Mask = npt.NDArray[np.bool_]

# Steps of a mosaic are at least so thick, px, lie so far along the frame, as a share of it, and
# are so long either way.
_THICK, _LONG, _LEAST = 8, 0.02, 0.01
# So much of the picture is hardly worth leaving out, and so much in it may be letters.
_LEAST_AREA, _HOLES = 0.005, 0.3
_MOST = 0.5  # of the picture; more is a saturated one
_LARGE = 1_000_000  # px; a look at a few of them saves seconds
# A specimen is never so flat; a picture of a grain map or of orientations is.
_FLAT = 0.7
# So much of their outline has to go straight on for so many px.
_MOSTLY, _STRAIGHT, _LEFT = 0.85, 16, 0.95
# Just beyond it the level differs by a share of the picture's range, or it is a part of a smooth
# grain: by so much, and where its sides are those of JPEG's blocks, which are made flat, by more.
_BEYOND, _DIFFERS, _BLOCKS_DIFFER = 3, 0.05, 0.25
_BLOCK, _OF_BLOCKS = 8, 0.4


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Pixels around the specimen.

    Attributes
    ----------
    outside : bool (y, x)
        True = no specimen.
    words : str
        What it is, such as "the blank margin (20 px at the top)".
    """

    outside: Mask
    words: str

    def said(self, *, past: bool = False) -> str:
        """Return that it is, or was, left out, and how much of the picture that is."""
        many = " and " in self.words or self.words in (_TILTED, _STEPPED)
        verb = ("were" if many else "was") if past else ("are" if many else "is")
        share = 100 * float(self.outside.mean())
        return f"{self.words} {verb} left out, {share:.2g} % of the image"

    @property
    def has_mount(self) -> bool:
        """Whether the mount beside the specimen is a part of it."""
        return MOUNT in self.words

    def within(self, rows: slice, columns: slice) -> Surroundings | None:
        """Return what lies in a part of the picture; None when that is nothing."""
        outside = self.outside[rows, columns]
        return Surroundings(outside, self.words) if outside.any() else None


def find_surroundings(
    grey: npt.NDArray[np.generic], known: Mask | None = None, *, mount: bool = True
) -> Surroundings | None:
    """Return what lies around the specimen.

    Parameters
    ----------
    grey : numpy.ndarray
        ``(y, x)``, any real type.
    known : bool (y, x), optional
        What is known to be no specimen, such as a scale bar; it is not found once more.
    mount : bool, optional
        False: what is wide and empty may well be specimen.

    Returns
    -------
    Surroundings or None
        None when the specimen fills the picture, and when the picture is blank as a whole.
    """
    if known is not None:
        window = window_of(~known) or (slice(0, 0), slice(0, 0))
        if known[window].shape != known.shape:  # a rim without values, as after a shift
            found = find_surroundings(grey[window], known[window], mount=mount)
            outside = np.zeros(grey.shape, bool)
            outside[window] = found is not None and found.outside
            return found and Surroundings(outside, found.words)
    if min(grey.shape) < 4 * _THICK:
        return None
    margins = find_margins(grey)
    rows = slice(margins.top, grey.shape[0] - margins.bottom)
    columns = slice(margins.left, grey.shape[1] - margins.right)
    if rows.stop - rows.start < 4 * _THICK or columns.stop - columns.start < 4 * _THICK:
        return None
    outside = np.ones(grey.shape, bool)
    inside = grey[rows, columns]
    known_inside = None if known is None else known[rows, columns]
    outside[rows, columns], what = _around(inside, known_inside)
    ground = bool(margins) and not what and _is_ground(grey, margins, inside)
    beside = find_mount(inside, known_inside) if mount and not what and not ground else None
    if beside is not None:
        outside[rows, columns], what = beside, MOUNT
    words = [what] if what else []
    if margins and not ground and what not in (_ROUND, _TILTED):
        words.insert(0, _margin_words(margins))
    return Surroundings(outside, " and ".join(words)) if words else None


def _margin_words(margins: Margins) -> str:
    return f"the blank margin ({margins.words()})"


def _is_ground(
    grey: npt.NDArray[np.generic], margins: Margins, inner: npt.NDArray[np.generic]
) -> bool:
    """Return whether most of a picture is what its margin is: particles on a blank ground."""
    sides = [
        (margins.top, grey[0]),
        (margins.bottom, grey[-1]),
        (margins.left, grey[:, 0]),
        (margins.right, grey[:, -1]),
    ]
    levels = {float(np.median(line)) for width, line in sides if width}
    allowed = same_within(grey) or 0.0
    away = (np.abs(inner.astype(np.float32, copy=False) - np.float32(x)) for x in levels)
    return any(bool((each <= allowed).mean() > _MOST) for each in away)


def _around(grey: npt.NDArray[np.generic], known: Mask | None) -> tuple[Mask, str]:
    """Return what is around the specimen of a picture without margins, and what that is."""
    allowed = same_within(grey)
    if allowed:
        seen = picture_within(grey, allowed, known)
        for shape, what in ((inside_circle, _ROUND), (inside_rectangle, _TILTED)):
            inside = None if seen is None else shape(seen)
            if inside is not None:
                return ~inside, what
        if _flatness(grey) <= _MOST + (1 - _MOST) * _FLAT:  # else what is left is flat, too
            stepped = _steps(grey, allowed, known)
            if 0 < stepped.mean() <= _MOST and _flatness(grey, ~stepped) <= _FLAT:
                return stepped, _STEPPED
    return np.zeros(grey.shape, bool), ""


_ROUND = "what lies around the round field of view"
_TILTED = "the blank corners around the tilted picture"
_STEPPED = "the blank parts at the rim"
MOUNT = "the mount or background beside the specimen"


def _steps(grey: npt.NDArray[np.generic], allowed: float, known: Mask | None) -> Mask:
    """Return what is blank at the rim and has sides along rows and columns alone."""
    from scipy.ndimage import binary_fill_holes, find_objects, label

    found = np.zeros(grey.shape, bool)
    for level in _levels_at_frame(grey, allowed):
        if grey.size > _LARGE and not _may_be_blank(grey, level, allowed):
            continue
        blank = np.abs(grey.astype(np.float32, copy=False) - np.float32(level)) <= allowed
        if known is not None:
            blank &= ~known
        parts, _ = label(blank)
        windows = find_objects(parts)
        for number in _at_frame(parts):
            window = windows[number - 1]
            if all(_is_large(*each) for each in zip(window, grey.shape, strict=True)):
                bare = parts[window] == number
                part = binary_fill_holes(bare)  # a letter in it
                much = bare.sum() >= max(_LEAST_AREA * grey.size, part.sum() / (1 + _HOLES))
                if (
                    much
                    and _is_stepped(part, window, grey.shape)
                    and _stands_out(part, window, grey, level)
                ):
                    found[window] |= part
    return found


def _may_be_blank(grey: npt.NDArray[np.generic], level: float, allowed: float) -> bool:
    """Return whether a few of the pixels leave it possible that a part at the frame is blank."""
    from scipy.ndimage import label

    few = grey[:: _THICK // 2, :: _THICK // 2].astype(np.float32)
    parts, _ = label(np.abs(few - np.float32(level)) <= allowed)
    at_frame = np.bincount(parts.ravel())[_at_frame(parts)]
    return bool((at_frame > _LEAST_AREA / 4 * few.size).any())


def _flatness(grey: npt.NDArray[np.generic], inside: Mask | None = None) -> float:
    """Return how many pixels, as a share of a part, equal the ones beside them."""
    equal = grey[:, 1:] == grey[:, :-1]
    return float((equal if inside is None else equal[inside[:, 1:] & inside[:, :-1]]).mean())


def _levels_at_frame(grey: npt.NDArray[np.generic], allowed: float) -> Iterator[float]:
    """Yield the grey levels of long runs of equal px along the frame, each once."""
    seen: list[float] = []
    for line in (grey[0], grey[-1], grey[:, 0], grey[:, -1]):
        values = line.astype(np.float32)
        # a run with NaN in it has no level, and no other would differ from it
        values = values[np.isfinite(values)]
        if not values.size:
            continue
        steps = np.flatnonzero(np.abs(np.diff(values)) > allowed)
        starts = np.concatenate([[0], steps + 1])
        stops = np.concatenate([steps + 1, [len(values)]])
        for start, stop in zip(starts, stops, strict=True):
            run = values[start:stop]
            if len(run) < max(_THICK, _LONG * len(values)) or run.max() - run.min() > 2 * allowed:
                continue
            level = float(np.median(run))
            if all(abs(level - other) > allowed for other in seen):
                seen.append(level)
                yield level


def _at_frame(parts: npt.NDArray[np.integer]) -> list[int]:
    """Return the numbers of the parts that touch the frame."""
    rim = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    return [int(number) for number in np.unique(rim) if number]


def _is_large(span: slice, side: int) -> bool:
    return bool(span.stop - span.start >= max(_THICK, _LEAST * side))


def _stands_out(
    part: Mask, window: tuple[slice, ...], grey: npt.NDArray[np.generic], level: float
) -> bool:
    """Return whether a part's level differs from the picture's along most of its outline."""
    from scipy.ndimage import binary_dilation

    around = tuple(
        slice(max(0, span.start - _BEYOND), min(side, span.stop + _BEYOND))
        for span, side in zip(window, grey.shape, strict=True)
    )
    beyond = [(s.start - a.start, a.stop - s.stop) for s, a in zip(window, around, strict=True)]
    here = np.pad(part, beyond)
    square = np.ones((3, 3), bool)
    nearer = binary_dilation(here, square, _BEYOND - 1)
    beside = grey[around][binary_dilation(nearer, square) & ~nearer].astype(np.float32)
    few = grey[:: _THICK // 2, :: _THICK // 2].astype(np.float32)
    low, high = np.nanpercentile(few, (1, 99))
    least = _BLOCKS_DIFFER if _of_blocks(part, window) else _DIFFERS
    differs = np.abs(beside[np.isfinite(beside)] - np.float32(level))
    return not differs.size or bool(np.median(differs) > least * (float(high) - float(low)))


def _of_blocks(part: Mask, window: tuple[slice, ...]) -> bool:
    """Return whether much of a part's outline lies between the blocks of a JPEG."""
    rows, columns = np.nonzero(part[1:] != part[:-1])[0], np.nonzero(part[:, 1:] != part[:, :-1])[1]
    places = np.concatenate([rows + 1 + window[0].start, columns + 1 + window[1].start])
    return bool(places.size) and bool((places % _BLOCK == 0).mean() >= _OF_BLOCKS)


def _is_stepped(part: Mask, window: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Return whether nearly all of a part's outline within the frame runs along rows and columns.

    A grain's sides slant: there a row or a column holds a few px of them at a time.
    """
    from scipy.ndimage import binary_opening

    beyond = [
        (_THICK * (span.start == 0), _THICK * (span.stop == side))
        for span, side in zip(window, shape, strict=True)
    ]
    # beyond the frame it goes on, elsewhere it ends
    wide = np.pad(np.pad(part, beyond, mode="edge"), 1)
    rubbed = np.asarray(binary_opening(wide, np.ones((_THICK, _THICK), bool)))  # ringing of JPEG
    if rubbed.sum() < _LEFT * wide.sum():
        return False
    total = straight = 0
    for turned in (rubbed, rubbed.T):
        edges = np.pad(turned[1:] != turned[:-1], ((0, 0), (1, 1))).astype(np.int8)
        steps = np.diff(edges, axis=1)
        runs = np.nonzero(steps < 0)[1] - np.nonzero(steps > 0)[1]
        total += int(runs.sum())
        straight += int(runs[runs >= _STRAIGHT].sum())
    return straight >= _MOSTLY * total

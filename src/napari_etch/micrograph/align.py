"""Where the sections of a stack lie over each other: found by phase correlation, moved by whole px.

Every section is compared with the last sound one before it. What moves all grains alike is taken
for misalignment, so a stack whose grains all lean to one side is straightened by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.around import KnownSurroundings
from napari_etch.micrograph.box import Box
from napari_etch.micrograph.errors import MicrographError
from napari_etch.micrograph.scale_bar import KnownBar

if TYPE_CHECKING:
    from napari_etch.micrograph.image import Micrograph

Picture = npt.NDArray[np.float32]
Pixel = TypeVar("Pixel", bound=np.generic)

# Furthest that a section is moved against the one before, as a share of its shorter side.
MOST_SHIFT = 0.25
# A shift must make two sections more alike by this (difference of correlation coefficients).
_LEAST_GAIN = 0.02
# A section is damaged when it is less like the one before than this share of what the next one is.
_DAMAGED = 0.6
# Outlines are as wide as grains may stray from section to section, px.
_OUTLINE_SIGMA = 2.0
_AROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))
_MOST_CLIMB = 6


@dataclass(frozen=True)
class SectionShift:
    """Where a section of a stack belongs.

    Attributes
    ----------
    section : int
        Its place in the stack, from 0.
    y, x : int
        Px by which it is moved so that it lies on the first sound one.
    step_y, step_x : int
        The part of that which is against the sound section before it.
    likeness : float
        Correlation coefficient with that section after moving, -1 to 1.
    skipped : str
        "blank" or "damaged" where nothing could be compared; it is moved as the one before it.
    """

    section: int
    y: int
    x: int
    step_y: int = 0
    step_x: int = 0
    likeness: float = 1.0
    skipped: str = ""


@dataclass(frozen=True, eq=False)
class MovedSections(Sequence[npt.NDArray[Any]]):
    """A stack whose sections are moved when they are asked for.

    Attributes
    ----------
    sections : sequence of ndarray, shape (y, x)
    shifts : tuple of SectionShift
        One for each.
    """

    sections: Sequence[npt.NDArray[Any]]
    shifts: tuple[SectionShift, ...]

    def __len__(self) -> int:
        return len(self.sections)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        at = range(len(self))[int(index)]
        return moved(self.sections[at], self.shifts[at].y, self.shifts[at].x)

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        return (self[index] for index in range(len(self)))


def find_shifts(pictures: Iterable[Picture]) -> tuple[SectionShift, ...]:
    """Tell for each section of a stack how far it must be moved.

    Phase correlation (Kuglin and Hines 1975) of windowed pictures; a shift counts only if the two
    pictures are more alike with it.

    Parameters
    ----------
    pictures : iterable of ndarray of float32, shape (y, x)
        Of equal size, such as `outline_picture` or `detail_picture` make them. Three are held.

    Returns
    -------
    tuple of SectionShift
        One for each section, in order.
    """
    aligner = Aligner()
    for index, picture in enumerate(pictures):
        aligner.add(index, picture)
    return aligner.shifts()


def outline_picture(grains: npt.NDArray[np.integer]) -> Picture:
    """Return the blurred outlines of a grain map, float32 (y, x): what of two sections is alike."""
    from scipy.ndimage import gaussian_filter

    edge = np.zeros(grains.shape, np.float32)
    down, right = grains[1:] != grains[:-1], grains[:, 1:] != grains[:, :-1]
    edge[1:] += down
    edge[:, 1:] += right
    return np.asarray(gaussian_filter(edge, _OUTLINE_SIGMA), np.float32)


def detail_picture(grey: npt.NDArray[np.floating]) -> Picture:
    """Return the edges of a micrograph, as strong where it was etched faintly, float32 (y, x).

    The brightness of grains differs from section to section, and lines may be dark or bright: what
    stays is where there are edges.
    """
    from scipy.ndimage import gaussian_filter

    if min(grey.shape) < 2:  # a line of pixels has no slope across it, and nothing to align by
        return np.zeros(grey.shape, np.float32)
    smooth = gaussian_filter(np.nan_to_num(grey).astype(np.float32), 2.0)
    slope = np.hypot(*np.gradient(smooth))
    usual = np.sqrt(gaussian_filter(slope**2, 16.0) + 1e-6)
    return np.asarray(gaussian_filter(slope / usual, 1.5), np.float32)


def aligned(micrograph: Micrograph) -> tuple[Micrograph, tuple[SectionShift, ...]]:
    """Move the sections of a stack over each other.

    Parameters
    ----------
    micrograph : Micrograph
        A stack.

    Returns
    -------
    Micrograph
        Of the same size, float32; NaN, which is no specimen, where nothing of a section lies. The
        one that was given where no section is moved.
    tuple of SectionShift

    Raises
    ------
    MicrographError
        When it is no stack, or has an information bar, which would move with its section.
    """
    if not micrograph.is_stack:
        raise MicrographError(f"{micrograph.name} is one image: only a stack has sections to align")
    if micrograph.info_bar_row is not None:
        raise MicrographError(
            f"{micrograph.name} has an information bar from row {micrograph.info_bar_row} down, "
            "which would move with the sections: cut it off before you align them"
        )
    shifts = find_shifts(detail_picture(_specimen(part)) for part in micrograph.sections())
    return moved_by(micrograph, [(each.y, each.x) for each in shifts]), shifts


def _specimen(section: Micrograph) -> npt.NDArray[np.float32]:
    """Return the grey values of a section; a scale bar, which stands still, is blotted out."""
    grey = section.grey()
    for bar in section.scale_bars:
        if bar is not None:
            grey[bar.box.slices] = grey[section.mask].mean()
    return grey


def moved_by(micrograph: Micrograph, shifts: Sequence[tuple[int, int]]) -> Micrograph:
    """Return a stack with its sections moved by (y, x) px each; see `aligned`."""
    if not any(y or x for y, x in shifts):
        return micrograph
    # Of all pixels only a float can say that there is no specimen.
    data = np.empty(micrograph.data.shape, np.float32)
    for place, part, (y, x) in zip(data, micrograph.data, shifts, strict=True):
        place[...] = moved(part.astype(np.float32), y, x, fill=np.nan)
    bars = tuple(
        KnownBar(bar and bar.within(Box(-y, micrograph.height - y, -x, micrograph.width - x)))
        for bar, (y, x) in zip(micrograph.scale_bars, shifts, strict=False)
    )
    around = tuple(
        KnownSurroundings(found and replace(found, outside=moved(found.outside, y, x)))
        for found, (y, x) in zip((each.found for each in micrograph.around), shifts, strict=False)
    )
    return replace(micrograph, data=data, bars=bars, around=around)


def alignment_words(shifts: Sequence[SectionShift]) -> str:
    """Return in words what an alignment did."""
    count = sum(bool(each.y or each.x) for each in shifts)
    furthest = max((max(abs(each.y), abs(each.x)) for each in shifts), default=0)
    words = f"{count} of {len(shifts)} sections were moved, {furthest} px at most"
    skipped = [f"{each.section} ({each.skipped})" for each in shifts if each.skipped]
    return f"{words}; left out: {', '.join(skipped)}" if skipped else words


def moved(section: npt.NDArray[Pixel], y: int, x: int, fill: Any = 0) -> npt.NDArray[Pixel]:
    """Return a section moved by whole px, of the same size; what comes in is `fill`.

    Parameters
    ----------
    section : ndarray, shape (y, x) or (y, x, c)
    y, x : int
    fill : number
    """
    if y == 0 and x == 0:
        return section
    result = np.full_like(section, fill)
    height, width = section.shape[:2]
    here = section[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    result[max(0, y) : max(0, height + y), max(0, x) : max(0, width + x)] = here
    return result


@dataclass(frozen=True, eq=False)
class _Seen:
    """A section that can be compared: its picture, its transform and where it belongs."""

    picture: Picture
    transform: np.ndarray
    y: int = 0
    x: int = 0


@dataclass(frozen=True, eq=False)
class _Doubt:
    """A section that is little like the one before; the next one tells whether it is damaged."""

    index: int
    seen: _Seen
    step: tuple[int, int]
    likeness: float


@dataclass(eq=False)
class Aligner:
    """Compares sections one by one; see `find_shifts`."""

    last: _Seen | None = None
    doubt: _Doubt | None = None
    usual: list[float] = field(default_factory=list)
    placed: dict[int, SectionShift] = field(default_factory=dict)
    skipped: dict[int, tuple[str, float]] = field(default_factory=dict)

    def add(self, index: int, picture: Picture) -> None:
        """Compare the next section."""
        if picture.size == 0 or float(np.ptp(picture)) == 0:
            self.skipped[index] = "blank", 0.0
            return
        seen = _Seen(picture, _transform(picture))
        if self.last is None:
            self.last = seen
            self.placed[index] = SectionShift(index, 0, 0)
            return
        if self.doubt is not None and self._judge(index, seen):
            return
        step, likeness = _compare(self.last, seen)
        if len(self.usual) >= 2 and likeness < _DAMAGED * float(np.median(self.usual)):
            self.doubt = _Doubt(index, seen, step, likeness)
            return
        self._accept(index, seen, step, likeness)

    def _judge(self, index: int, seen: _Seen) -> bool:
        """Take or leave the doubtful section; return whether the new one was placed with it."""
        assert self.last is not None and self.doubt is not None
        doubt, self.doubt = self.doubt, None
        step, likeness = _compare(self.last, seen)
        if max(doubt.likeness, _compare(doubt.seen, seen)[1]) < _DAMAGED * likeness:
            self.skipped[doubt.index] = "damaged", doubt.likeness
            self._accept(index, seen, step, likeness)
            return True
        self._accept(doubt.index, doubt.seen, doubt.step, doubt.likeness)
        return False

    def _accept(self, index: int, seen: _Seen, step: tuple[int, int], likeness: float) -> None:
        assert self.last is not None
        y, x = self.last.y + step[0], self.last.x + step[1]
        self.usual.append(likeness)
        self.last = _Seen(seen.picture, seen.transform, y, x)
        self.placed[index] = SectionShift(index, y, x, *step, likeness=likeness)

    def shifts(self) -> tuple[SectionShift, ...]:
        """Return where the sections so far belong."""
        if self.doubt is not None:  # the last section of all: nothing follows to judge it by
            doubt, self.doubt = self.doubt, None
            self._accept(doubt.index, doubt.seen, doubt.step, doubt.likeness)
        found: list[SectionShift] = []
        y = x = 0
        for index in range(len(self.placed) + len(self.skipped)):
            if index in self.placed:
                found.append(self.placed[index])
                y, x = found[-1].y, found[-1].x
            else:
                why, likeness = self.skipped[index]
                found.append(SectionShift(index, y, x, likeness=likeness, skipped=why))
        return tuple(found)


def _transform(picture: Picture) -> np.ndarray:
    from scipy.fft import fft2

    rows, columns = (np.hanning(n + 2)[1:-1].astype(np.float32) for n in picture.shape)
    level = np.float32(picture.mean())
    return np.asarray(fft2((picture - level) * rows[:, None] * columns[None]))


def _compare(one: _Seen, two: _Seen) -> tuple[tuple[int, int], float]:
    """Return how far `two` must be moved against `one`, and how alike they are then."""
    from skimage.registration import phase_cross_correlation

    stay = _likeness(one.picture, two.picture, 0, 0)
    most = MOST_SHIFT * min(one.picture.shape)
    best, alike = (0, 0), stay
    # The phase alone is sharp but easily lost in noise, the plain correlation is neither.
    for way in ("phase", None):
        found, *_ = phase_cross_correlation(
            one.transform, two.transform, space="fourier", normalization=way
        )
        y, x = (round(float(each)) for each in found)
        if max(abs(y), abs(x)) <= most and (y, x) != best:
            place, value = _climbed(one.picture, two.picture, y, x)
            if value > alike:
                best, alike = place, value
    return (best, alike) if alike > stay + _LEAST_GAIN else ((0, 0), stay)


def _climbed(one: Picture, two: Picture, y: int, x: int) -> tuple[tuple[int, int], float]:
    """Go from a shift to the best one around it: a peak is as wide as the outlines."""
    best, alike = (y, x), _likeness(one, two, y, x)
    for step in (2, 1):
        for _ in range(_MOST_CLIMB):
            around = [(best[0] + dy * step, best[1] + dx * step) for dy, dx in _AROUND]
            values = [_likeness(one, two, *place) for place in around]
            top = int(np.argmax(values))
            if values[top] <= alike:
                break
            best, alike = around[top], values[top]
    return best, alike


def _likeness(one: Picture, two: Picture, y: int, x: int) -> float:
    """Return the correlation coefficient of what both show when `two` is moved."""
    height, width = one.shape
    here = one[max(0, y) : max(0, height + y), max(0, x) : max(0, width + x)]
    there = two[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    here, there = here - here.mean(), there - there.mean()
    size = float(np.sqrt((here**2).sum() * (there**2).sum()))
    return float((here * there).sum()) / size if size else 0.0

"""Regions as annotation files hold them, and the maps that they are painted into."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.polygons import Mask, Part, Ring, Window, crosses_itself, fill_ring
from napari_etch.labels.published import paint_published
from napari_etch.labels.report import LabelsError, Notes

#: What a region is called that is a grain, or that nothing is to be learnt from.
GRAIN, IGNORE = "grain", "ignore"
KINDS = ("auto", "grains", "classes", "boundary")
CONVENTIONS = ("project", "published")
#: What other programs call a region that is one of many things of one sort.
_GRAIN_WORDS = frozenset({GRAIN, "grains", "particle", "cell", "object", "instance", ""})


@dataclass(frozen=True, eq=False)
class Region:
    """A region of an image.

    Attributes
    ----------
    what : str
        How the report calls it, such as ``region 3``.
    word : str
        What the file says that it is; empty when it says nothing.
    rings : tuple of ndarray, shape (n, 2)
        Outlines as x and y; each is filled by the even-odd rule, and together they are the region.
    mask : (window, mask) or None
        Its pixels, in place of rings.
    number : int or None
        Grain number; regions of one number are one grain.
    """

    what: str
    word: str = ""
    rings: tuple[Ring, ...] = ()
    mask: Part | None = None
    number: int | None = None


@dataclass(frozen=True, eq=False)
class ImageRegions:
    """The regions of an image, in painter's order: later ones lie on top.

    Attributes
    ----------
    file_name : str
        Of the image, as the annotation file has it.
    regions : sequence of Region
    shape : (rows, columns) or None
        None where the file does not say.
    about : dict
        Further fields of `Annotated`.
    """

    file_name: str
    regions: Sequence[Region]
    shape: tuple[int, int] | None = None
    about: dict[str, Any] = field(default_factory=dict)


def paint(
    found: ImageRegions,
    name: str,
    shape: tuple[int, int],
    table: ClassTable,
    notes: Notes,
    *,
    kind: str = "auto",
    convention: str = "project",
) -> Annotated:
    """Paint the regions of an image.

    Parameters
    ----------
    found : ImageRegions
    name : str
    shape : tuple of int
    table : ClassTable
    notes : Notes
        Is told what was skipped and changed.
    kind : str
        ``grains``: every region is a grain; ``classes``: none is; ``auto``: its word decides.
    convention : str
        ``published``: overlaps as the published fractography code adds them.
    """
    given = frozenset(each.number for each in found.regions if each.number is not None)
    canvas = _Canvas(name, shape, table, notes, kind, given)
    pixels = [(region, canvas.target(region), canvas.pixels(region)) for region in found.regions]
    known = [(region, goal, part) for region, goal, part in pixels if goal and part is not None]
    for region, goal, part in known:
        assert goal is not None and part is not None
        if goal != "class" or convention == "project":
            canvas.put(region, goal, part)
    if convention == "published":
        drawn = [
            (table.find(region.word), region.rings, region.mask)
            for region, goal, _part in known
            if goal == "class"
        ]
        canvas.classes = paint_published(drawn, shape, table) if drawn else None
    notes.regions += len(known)
    canvas.report_overlaps()
    return Annotated(
        name,
        shape,
        grains=canvas.grains,
        classes=canvas.classes,
        ignore=canvas.ignore,
        **found.about,
    )


class _Canvas:
    """The maps of an image while they are painted; `given` are the numbers that regions have."""

    def __init__(
        self,
        name: str,
        shape: tuple[int, int],
        table: ClassTable,
        notes: Notes,
        kind: str,
        given: frozenset[int],
    ) -> None:
        self.name, self.shape, self.table, self.notes, self.kind = name, shape, table, notes, kind
        self.grains: npt.NDArray[np.int32] | None = None
        self.classes: npt.NDArray[np.uint8] | None = None
        self.ignore: npt.NDArray[np.bool_] | None = None
        self._free = (number for number in itertools.count(1) if number not in given)
        self._covered = {"grains": 0, "classes": 0}
        self._numbers: dict[int, str] = {}

    def target(self, region: Region) -> str | None:
        """Return which map a region belongs to; None, with a remark, when to none."""
        word = region.word.strip().casefold()
        if word == IGNORE:
            return "ignore"
        if self.kind == "grains":
            return "grain"
        if self.table.find(word) is not None:
            return "class"
        if self.kind != "classes" and word in _GRAIN_WORDS:
            return "grain"
        known = ", ".join(entry.name for entry in self.table.classes)
        why = f"class {region.word!r} is not in the class table ({known})"
        if not word:
            why = "it has no class"
        self.notes.skip(self.name, region.what, why)
        return None

    def pixels(self, region: Region) -> Part | None:
        """Return the pixels of a region; None, with a remark, when there are none."""
        if region.mask is not None:
            part = _within(region.mask, self.shape)
            if part[1].any():
                return part
            self.notes.skip(self.name, region.what, "it is empty")
            return None
        rings = [ring for ring in region.rings if self._is_sound(ring)]
        if not rings:
            self.notes.skip(self.name, region.what, "it is empty: it has fewer than three points")
            return None
        height, width = self.shape
        low = np.min([ring.min(axis=0) for ring in rings], axis=0)
        high = np.max([ring.max(axis=0) for ring in rings], axis=0)
        if (high <= 0).any() or low[0] >= width or low[1] >= height:
            self.notes.skip(
                self.name, region.what, f"it lies outside the image ({width} × {height})"
            )
            return None
        if (low < -1).any() or high[0] > width + 1 or high[1] > height + 1:
            self.notes.change(self.name, region.what, "what lies outside the image was cut off")
        if any(crosses_itself(ring) for ring in rings):
            self.notes.change(
                self.name, region.what, "its outline crosses itself; it was filled even-odd"
            )
        part = _union([fill_ring(ring, self.shape) for ring in rings])
        if not part[1].any():
            self.notes.skip(self.name, region.what, "it is empty: no pixel's middle lies inside")
            return None
        return part

    @staticmethod
    def _is_sound(ring: Ring) -> bool:
        return len(ring) >= 3 and bool(np.isfinite(ring).all())

    def put(self, region: Region, goal: str, part: Part) -> None:
        """Paint a region over what is there."""
        window, mask = part
        if goal == "ignore":
            if self.ignore is None:
                self.ignore = np.zeros(self.shape, bool)
            self.ignore[window] |= mask
        elif goal == "class":
            if self.classes is None:
                self.classes = np.zeros(self.shape, np.uint8)
            value = self.table.find(region.word)
            self._paint(self.classes, window, mask, int(value or 0), "classes")
        else:
            if self.grains is None:
                self.grains = np.zeros(self.shape, np.int32)
            # a region without a number is a grain of its own, wherever the numbered ones stand
            number = next(self._free) if region.number is None else region.number
            self._numbers.setdefault(number, region.what)
            self._paint(self.grains, window, mask, number, "grains")

    def _paint(self, target: Any, window: Window, mask: Mask, value: int, what: str) -> None:
        under = target[window][mask]
        self._covered[what] += int(np.count_nonzero((under != 0) & (under != value)))
        target[window][mask] = value

    def report_overlaps(self) -> None:
        """Say how much lay under later regions, and which grains vanished."""
        for what, count in self._covered.items():
            if count:
                self.notes.change(
                    self.name,
                    f"overlapping {what}",
                    f"later regions cover {count} px of earlier ones",
                )
        if self.grains is None or not self._covered["grains"]:
            return
        there = set(np.unique(self.grains).tolist())
        for number, region in self._numbers.items():
            if number not in there:
                self.notes.skip(self.name, region, "later regions cover it entirely")


def _within(part: Part, shape: tuple[int, int]) -> Part:
    """Return the part of a mask that lies in the image."""
    (rows, columns), mask = part
    bottom, right = min(rows.stop, shape[0]), min(columns.stop, shape[1])
    if (bottom, right) == (rows.stop, columns.stop):
        return part
    window = slice(min(rows.start, bottom), bottom), slice(min(columns.start, right), right)
    return window, mask[: bottom - window[0].start, : right - window[1].start]


def _union(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    rows = slice(min(p[0][0].start for p in parts), max(p[0][0].stop for p in parts))
    columns = slice(min(p[0][1].start for p in parts), max(p[0][1].stop for p in parts))
    whole = np.zeros((rows.stop - rows.start, columns.stop - columns.start), bool)
    for (one, two), mask in parts:
        whole[
            one.start - rows.start : one.stop - rows.start,
            two.start - columns.start : two.stop - columns.start,
        ] |= mask
    return (rows, columns), whole


def checked_kind(kind: str, convention: str) -> None:
    """Refuse an unknown kind or convention.

    Raises
    ------
    LabelsError
    """
    if kind not in KINDS:
        raise LabelsError(f"Regions are {kind!r}: choose {', '.join(KINDS)}.")
    if convention not in CONVENTIONS:
        raise LabelsError(f"The convention is {convention!r}: choose {', '.join(CONVENTIONS)}.")

"""What is doubtful in a grain map: boundaries that may be false, and where one may be missing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_etch.corrections.candidates import Cut, Missing
from napari_etch.corrections.opinion import Opinion, ask_nobody, even_strength, learn
from napari_etch.corrections.traces import mean_intercept, traces
from napari_etch.grains.cutting import PLAIN, least_area
from napari_etch.grains.editing import Change, EditError, GrainEditor
from napari_etch.grains.editing.change import Mask, Window, grow, union
from napari_etch.grains.editing.edges import BOUNDARY_DTYPE

__all__ = ["Doubts"]

_BESIDE = 6.0  # px at scale 1 from a boundary to where its grains' grey values are read
_NEAR = 2  # px around a line that was dismissed that count as the same line
_SIGHT = 16  # px at scale 1 around grains that the flooding sees
# Px of a window that are flooded after an edit. A larger grain is looked at with the whole map,
# or napari would stand still after each stroke in it.
_MOST_PIXELS = 1 << 20


class Doubts:
    """How sure each boundary is, and where one may be missing.

    Making it reads the whole map; from then on it follows the edits window by window.

    Parameters
    ----------
    editor : GrainEditor
        Of the map, with the boundary map; the micrograph, if there is one, gives a second opinion.
    dismissed : iterable of ndarray of int, shape (n, 2), optional
        Lines at which no boundary is missing, as `line` has given them.

    Attributes
    ----------
    table : structured ndarray
        One row for each boundary, as `boundaries` returns, its confidence being the probability
        that it is right. A row with twice the same label is a place inside that grain where a
        boundary may be missing; its confidence is the probability that none is.
    """

    def __init__(
        self, editor: GrainEditor, dismissed: Iterable[npt.NDArray[np.int64]] = ()
    ) -> None:
        self._editor = editor
        grains = editor.grains
        intercept = mean_intercept(grains)
        self._scale = PLAIN.scale(intercept)
        self._beside = max(2, round(_BESIDE * self._scale))
        self._least = least_area(intercept)
        self._half = np.zeros(grains.shape, bool)
        self._dismissed = np.zeros(grains.shape, bool)
        for line in dismissed:
            self._mark(line)
        table = traces(grains, editor.boundary, editor.image, beside=self._beside)
        everywhere = (slice(0, grains.shape[0]), slice(0, grains.shape[1]))
        cut = self._cut(everywhere, None)
        if cut is None:
            self._opinion = ask_nobody(even_strength(table))
        else:
            self._opinion = learn(cut.edges, cut.area, table)
        self.table = np.concatenate(
            [_rows(table, self._opinion, editor), self._places(cut, everywhere, None)]
        )

    def of(self, labels: Iterable[int]) -> npt.NDArray[np.void]:
        """Measure the boundaries and places of some grains anew; those that are gone have none."""
        editor = self._editor
        present = [label for label in labels if editor.area(label)]
        if not present:
            return np.zeros(0, BOUNDARY_DTYPE)
        box = union(editor.bounding_box(label) for label in present)
        wanted = np.array(present, np.int64)
        table = traces(
            editor.grains,
            editor.boundary,
            editor.image,
            beside=self._beside,
            window=grow(box, 1, editor.grains.shape),
            only=lambda pairs: np.isin(pairs.low, wanted) | np.isin(pairs.high, wanted),
        )
        return np.concatenate([_rows(table, self._opinion, editor), self.places(present)])

    def places(self, labels: Iterable[int]) -> npt.NDArray[np.void]:
        """Look anew where boundaries may be missing in some grains."""
        editor = self._editor
        present = [label for label in labels if editor.area(label)]
        if not present:
            return np.zeros(0, BOUNDARY_DTYPE)
        box = union(editor.bounding_box(label) for label in present)
        sight = max(self._beside + 1, round(_SIGHT * self._scale))
        window = grow(box, sight, editor.grains.shape)
        if _pixels(window) > _MOST_PIXELS:
            if len(present) == 1:
                return np.zeros(0, BOUNDARY_DTYPE)
            return np.concatenate([self.places([label]) for label in present])
        return self._places(self._cut(window, present), window, present)

    def half(self, label: int) -> Mask:
        """Return the half that a grain may have to lose, in its bounding box."""
        box = self._editor.bounding_box(label)
        return np.asarray(self._half[box] & (self._editor.grains[box] == label))

    def split(self, label: int) -> Change:
        """Return the change that adds the boundary that may be missing in a grain.

        Raises
        ------
        EditError
            When the grain is accepted, or no such place is known.
        """
        part = self.half(label)
        if not part.any():
            raise EditError(f"No boundary seems to be missing in grain {label}.")
        return self._editor.split_off(label, part)

    def line(self, label: int) -> npt.NDArray[np.int64]:
        """Return the pixels, int64 (n, 2), along which a boundary may be missing in a grain."""
        box = self._editor.bounding_box(label)
        return _rim(self.half(label), self._editor.grains[box] == label, box)

    def line_between(self, pair: tuple[int, int]) -> npt.NDArray[np.int64]:
        """Return the pixels, int64 (n, 2), of one grain along its boundary with another."""
        window = grow(self._editor.bounding_box(pair[0]), 1, self._editor.grains.shape)
        part = self._editor.grains[window]
        return _rim(part == pair[0], np.isin(part, pair), window)

    def dismiss(self, line: npt.NDArray[np.int64]) -> None:
        """Say that no boundary belongs along a line; look for the next place with `places`."""
        self._mark(line)

    def dismiss_only(self, lines: Iterable[npt.NDArray[np.int64]]) -> None:
        """Say that boundaries may be missing everywhere but along these lines."""
        self._dismissed[...] = False
        for line in lines:
            self._mark(line)

    def _mark(self, line: npt.NDArray[np.int64]) -> None:
        """Remember a line, and what lies beside it."""
        height, width = self._editor.grains.shape
        for down in range(-_NEAR, _NEAR + 1):
            for right in range(-_NEAR, _NEAR + 1):
                y, x = line[:, 0] + down, line[:, 1] + right
                inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
                self._dismissed[y[inside], x[inside]] = True

    def _cut(self, window: Window, labels: list[int] | None) -> Cut | None:
        """Cut grains in a window into pieces; all of them, or some that lie wholly in it."""
        editor = self._editor
        if editor.boundary is None:
            return None
        part = np.asarray(editor.grains[window])
        if labels is not None:
            part = np.where(np.isin(part, labels), part, 0)
        boundary = np.nan_to_num(np.asarray(editor.boundary[window], np.float32), nan=0.0)
        image = None if editor.image is None else editor.image[window]
        return Cut(
            part,
            np.ascontiguousarray(np.clip(boundary, 0, 1)),
            image,
            scale=self._scale,
            beside=self._beside,
        )

    def _places(
        self, cut: Cut | None, window: Window, labels: list[int] | None
    ) -> npt.NDArray[np.void]:
        if cut is None or cut.edges.size == 0:
            return np.zeros(0, BOUNDARY_DTYPE)
        found = cut.missing(self._opinion, least=self._least, dismissed=self._dismissed[window])
        part = self._half[window]
        ours = slice(None) if labels is None else np.isin(self._editor.grains[window], labels)
        part[ours] = found.half[ours]
        return _place_rows(found, window)


def _rim(half: Mask, grain: Mask, window: Window) -> npt.NDArray[np.int64]:
    """Return the pixels of a half of a grain that touch the other one, in pixels of the map."""
    from scipy import ndimage as ndi

    line = half & ndi.binary_dilation(grain & ~half, np.ones((3, 3), bool))
    return np.argwhere(line) + np.array([window[0].start, window[1].start])


def _pixels(window: Window) -> int:
    return (window[0].stop - window[0].start) * (window[1].stop - window[1].start)


def _rows(
    table: npt.NDArray[np.void], opinion: Opinion, editor: GrainEditor
) -> npt.NDArray[np.void]:
    result = np.zeros(table.size, BOUNDARY_DTYPE)
    for name in ("label_a", "label_b", "length", "y", "x"):
        result[name] = table[name]

    def area(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.fromiter(map(editor.area, labels.tolist()), float, labels.size)

    result["confidence"] = opinion.trust(table, area)
    return result


def _place_rows(found: Missing, window: Window) -> npt.NDArray[np.void]:
    result = np.zeros(found.labels.size, BOUNDARY_DTYPE)
    result["label_a"] = result["label_b"] = found.labels
    result["length"] = found.lines["length"]
    result["y"] = found.lines["y"] + window[0].start
    result["x"] = found.lines["x"] + window[1].start
    result["confidence"] = 1 - found.confidence
    return result

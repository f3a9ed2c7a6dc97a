"""How early does the review come to the errors? A simulated reviewer walks through real maps.

    python benchmarks/review_order.py --data DATA [--sets steel sem] [--table]

The generalist's map of every development image is reviewed as in the dock, least sure first. A
boundary is *false* when less than half of it lies within the scorer's tolerance of a true line; a
true boundary is *missing* when most of it, and at least twice the tolerance, lies further than that
from every found one. The reviewer joins false boundaries, accepts places where a missing one runs
along the line that is shown, and gets no further than 30 % as many looks as there are boundaries.
*boundaries alone* is what as many looks find among boundaries in the order of their mean strength.

`--table` gives the share of the false boundaries that other figures of doubt find in the first
30 %, one column each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy import Case, cases, run
from corrections import Truth, read_truth

from napari_etch.corrections import Doubts, Review
from napari_etch.corrections.traces import mean_intercept, traces
from napari_etch.grains.editing import GrainEditor, boundaries
from napari_etch.grains.editing.edges import made_by
from napari_etch.grains.editing.pixel_pairs import Groups, PixelPairs, pairs_in

FIRST = 0.3  # looks, as part of the number of boundaries
COVERED = 0.5  # part of a boundary that decides whether it is false, or missing


@dataclass(frozen=True)
class Lines:
    """True boundaries: where, between which true grains, and how far every pixel is from one."""

    groups: list[PixelPairs]
    distance: np.ndarray
    tolerance: float


def true_lines(truth: Truth, tolerance: float) -> Lines:
    """Return the boundaries between true grains, and the distance from what was drawn."""
    from scipy import ndimage as ndi

    found = pairs_in(np.where(truth.filled > 0, truth.filled, 0), everywhere(truth.filled))
    order = np.lexsort((found.high, found.low))
    found = found.where(order)
    ends = np.flatnonzero(np.diff(found.low * (truth.count + 1) + found.high)) + 1
    groups = [found.where(part) for part in np.split(np.arange(found.y.size), ends)]
    drawn = (truth.labels == 0) & ~truth.unscored
    drawn |= touching(truth.filled)
    return Lines(groups, ndi.distance_transform_edt(~drawn), tolerance)


def everywhere(map_: np.ndarray) -> tuple[slice, slice]:
    return slice(0, map_.shape[0]), slice(0, map_.shape[1])


def touching(grains: np.ndarray) -> np.ndarray:
    """Return the pixels at a boundary."""
    from skimage.segmentation import find_boundaries

    return find_boundaries(grains, connectivity=1, mode="thick")


def is_false(grains: np.ndarray, lines: Lines) -> dict[tuple[int, int], bool]:
    """Return for every found boundary whether it is false."""
    pairs = pairs_in(grains, everywhere(grains))
    groups = Groups(pairs)
    near = lines.distance[pairs.y, pairs.x] <= lines.tolerance
    keys = np.zeros(groups.count, [(n, t) for n, t in FIELDS])
    groups.describe(keys)
    false = groups.mean(near.astype(float)) < COVERED
    names = zip(keys["label_a"].tolist(), keys["label_b"].tolist(), strict=True)
    return dict(zip(names, false.tolist(), strict=True))


FIELDS = (("label_a", "i8"), ("label_b", "i8"), ("length", "f4"), ("y", "i4"), ("x", "i4"))


def missing(grains: np.ndarray, lines: Lines) -> dict[int, PixelPairs]:
    """Return the true boundaries that were not found, by number."""
    from scipy import ndimage as ndi

    away = ndi.distance_transform_edt(~touching(grains))
    found = {}
    for number, line in enumerate(lines.groups):
        free = (away[line.y, line.x] > lines.tolerance) & (grains[line.y, line.x] > 0)
        if free.sum() > max(COVERED * line.y.size, 2 * lines.tolerance):
            found[number] = line.where(free)
    return found


class Reviewer:
    """Knows the truth, looks at one thing after the other, and corrects what is wrong."""

    def __init__(self, editor: GrainEditor, lines: Lines) -> None:
        self.editor, self.lines = editor, lines
        self.doubts = Doubts(editor)
        self.review = Review(self.doubts.table)
        self.false = is_false(editor.grains, lines)
        self.boundaries = len(self.false)
        self.missing = missing(editor.grains, lines)
        self.errors = sum(self.false.values()), len(self.missing)
        self.found = [0, 0]

    def walk(self, looks: int) -> None:
        """Look at so many things."""
        for _ in range(looks):
            pair = self.review.next()
            if pair is None:
                return
            if pair[0] == pair[1]:
                self.judge_place(pair[0])
            else:
                self.judge_boundary(pair)

    def judge_boundary(self, pair: tuple[int, int]) -> None:
        """Join two grains when the boundary between them is false."""
        if not self.false.get(pair, False):
            self.review.keep(pair)
            return
        self.found[0] += 1
        line = self.doubts.line_between(pair)
        change = self.editor.merge(pair)
        self.editor.apply(change)
        self.doubts.dismiss(line)
        self.review.remove(pair)
        self.follow({*change.removed, *change.touched})

    def judge_place(self, label: int) -> None:
        """Add the boundary when true ones run along it."""
        here = self.along(label)
        if not here:
            self.doubts.dismiss(self.doubts.line(label))
            self.review.dismiss(label, self.doubts.places([label]))
            return
        for number in here:
            del self.missing[number]
        self.found[1] += len(here)
        change = self.doubts.split(label)
        self.editor.apply(change)
        self.review.remove((label, label))
        self.follow({*change.touched, *change.created})
        for pair in made_by(change, self.editor.grains):
            self.review.take_drawn(pair)

    def follow(self, labels: set[int]) -> None:
        """Let the review see an edit."""
        self.review.replace_edges(labels, self.doubts.of(labels))
        self.false.update(is_false(self.editor.grains, self.lines))

    def along(self, label: int) -> list[int]:
        """Return the missing boundaries that run along the line shown in a grain."""
        from scipy import ndimage as ndi

        box = self.editor.bounding_box(label)
        grain, half = self.editor.grains[box] == label, self.doubts.half(label)
        line = np.zeros(self.editor.grains.shape, bool)
        line[box] = half & ndi.binary_dilation(grain & ~half)
        near = ndi.distance_transform_edt(~line) <= self.lines.tolerance + 1
        return [
            number
            for number, missed in self.missing.items()
            if near[missed.y, missed.x].mean() >= COVERED
        ]


def maps(data: Path, sets: list[str], model: object) -> Iterator[tuple[Case, GrainEditor, Lines]]:
    """Yield every image with its map, ready for the review, and the true lines."""
    for case in cases(data):
        if sets and not any(part in case.title for part in sets):
            continue
        prediction, partition, _ = run(model, case.image, case.name)
        image = case.image.astype(np.float32) / np.iinfo(case.image.dtype).max
        image = image[..., :3].mean(axis=-1) if image.ndim == 3 else image
        boundary = prediction.fields["boundary"]
        editor = GrainEditor(partition.grains.copy(), boundary=boundary, image=image)
        yield case, editor, true_lines(read_truth(case.truth), case.tolerance)


def report(title: str, editor: GrainEditor, lines: Lines) -> str:
    """Walk through one map; return its row."""
    first = first_part(FIGURES["mean"](editor))
    alone = np.array(list(is_false(editor.grains, lines).values()))[first].sum()
    reviewer = Reviewer(editor, lines)
    false, gone = reviewer.errors
    guess = reviewer.review.errors_left()
    reviewer.walk(int(np.ceil(FIRST * reviewer.boundaries)))
    shares = [f"{done}/{there}" for done, there in zip(reviewer.found, (false, gone), strict=True)]
    most = max(1, false + gone)
    return (
        f"| {title} | {reviewer.boundaries} | {shares[0]} | {shares[1]} "
        f"| {100 * sum(reviewer.found) / most:.0f} % | {100 * alone / most:.0f} % "
        f"| {guess:.0f} / {false + gone} |"
    )


def first_part(sure: np.ndarray) -> np.ndarray:
    """Return the numbers of the least sure, as many as a reviewer looks at."""
    return np.argsort(sure, kind="stable")[: int(np.ceil(FIRST * sure.size))]


Figure = Callable[[GrainEditor], np.ndarray]


def _traced(editor: GrainEditor) -> np.ndarray:
    beside = max(2, round(6 * np.clip(mean_intercept(editor.grains) / 40, 0.7, 4)))
    return traces(editor.grains, editor.boundary, editor.image, beside=beside)


def _both(editor: GrainEditor) -> np.ndarray:
    table = Doubts(editor).table
    return table["confidence"][table["label_a"] != table["label_b"]]


def _weakest(editor: GrainEditor) -> np.ndarray:
    """Return the tenth percentile of the boundary map along each boundary."""
    pairs = pairs_in(editor.grains, everywhere(editor.grains))
    level = np.maximum(
        editor.boundary[pairs.y, pairs.x],
        editor.boundary[pairs.y + pairs.down, pairs.x + ~pairs.down],
    )
    order = np.lexsort((level, pairs.high, pairs.low))
    key = (pairs.low * (int(editor.grains.max()) + 1) + pairs.high)[order]
    parts = np.split(level[order], np.flatnonzero(np.diff(key)) + 1)
    return np.array([part[round(0.1 * (part.size - 1))] for part in parts])


#: Figures by which boundaries can be ordered, the least sure lowest.
FIGURES: dict[str, Figure] = {
    "mean": lambda editor: boundaries(editor.grains, editor.boundary)["confidence"],
    "weakest tenth": _weakest,
    "ridge": lambda editor: np.abs(_traced(editor)["ridge"]),
    "step": lambda editor: _traced(editor)["step"],
    "length": lambda editor: _traced(editor)["length"],
    "both opinions": _both,
}


def compare(title: str, editor: GrainEditor, lines: Lines) -> str:
    """Return the share of the false boundaries in the first part of each order."""
    false = np.array(list(is_false(editor.grains, lines).values()))
    cells = []
    for figure in FIGURES.values():
        found = false[first_part(figure(editor))].sum()
        cells.append(f"{100 * found / max(1, false.sum()):.0f}")
    return f"| {title} | {false.sum()}/{false.size} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=[], help="parts of the titles to do")
    parser.add_argument("--model", default="generalist")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    from napari_etch.models import load_model

    if given.table:
        print("| image | false | " + " | ".join(FIGURES) + " |\n|---|--:|" + "--:|" * len(FIGURES))
    else:
        print(
            "| image | boundaries | false, found of all | missing, found of all | errors found "
            "| boundaries alone | estimated / true errors |\n|---|--:|--:|--:|--:|--:|--:|"
        )
    for case, editor, lines in maps(given.data, given.sets, load_model(given.model)):
        row = compare if given.table else report
        print(row(case.title, editor, lines), flush=True)


if __name__ == "__main__":
    main()

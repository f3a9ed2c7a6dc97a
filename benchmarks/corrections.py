"""A simulated corrector: how many gestures repair the generalist's grain maps of real micrographs?

    python benchmarks/corrections.py --data DATA [--sets steel sem] [--hand 1.5]

The corrector knows the truth. It makes the one gesture that raises AP50 most, as a person would
draw it: strokes have a corner every 12 px, each off by a random error (standard deviation `--hand`,
px), and end too short or too long by as much. It prefers a click or a stroke; only where neither
helps a grain does it draw that grain's whole outline. It stops at AP50 ≥ 0.98, or when no single
gesture raises AP50. Each map is repaired twice, with strokes snapped to the boundary map and as
drawn; *px off* is the mean distance of the new boundaries from the true ones.
How early the review comes to the errors is measured by `review_order.py`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from accuracy import Case, cases, run

from napari_etch.evaluation import evaluate_grains
from napari_etch.grains.editing import Change, EditError, GrainEditor
from napari_etch.grains.editing.change import Window, local, union

GOAL = 0.98
LEAST_AREA = 30
SHORTEST = 5  # px of true boundary that are worth a stroke
NEARER = 0.1  # IoU: what a gesture must gain when it does not raise AP50
CORNER = 12.0  # px between the corners of a hand-drawn stroke
# The cheapest gesture first, where several raise AP50 by the same.
KINDS = ("merge", "split", "redraw", "outline")


@dataclass(frozen=True)
class Truth:
    """True grains: numbered 1 … n where scored, their areas, what is not scored, and a tiling."""

    labels: np.ndarray
    areas: np.ndarray
    unscored: np.ndarray
    filled: np.ndarray

    @property
    def count(self) -> int:
        """Number of true grains."""
        return self.areas.size - 1


def read_truth(raw: np.ndarray) -> Truth:
    """Return the truth as the scores see it."""
    from scipy import ndimage as ndi
    from skimage.measure import label

    labels = raw
    if raw.dtype == np.uint8 and np.unique(raw).size <= 2:
        labels = label(raw == 0, connectivity=1)
    small = (np.bincount(labels.ravel()) < LEAST_AREA)[labels] & (labels > 0)
    scored = np.where(small, 0, labels)
    values, index = np.unique(scored, return_inverse=True)
    dense = index.reshape(labels.shape) + (0 if values[0] == 0 else 1)
    nearest = ndi.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    full = np.where(small, -1, dense)[tuple(nearest)]
    return Truth(dense, np.bincount(dense.ravel()), small, full)


@dataclass(frozen=True)
class Overlap:
    """What one found grain covers: the true grain it matches, or 0, and whether it counts.

    `quality` is its best IoU with any true grain.
    """

    match: int
    quality: float
    counts: bool
    shares: dict[int, int]
    area: int


@dataclass
class Ledger:
    """Matches between found and true grains, kept up to date gesture by gesture."""

    editor: GrainEditor
    truth: Truth
    found: dict[int, Overlap] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = self.overlaps(
            self.editor.grains, (slice(None), slice(None)), set(self.editor.labels().tolist())
        )

    def overlaps(self, part: np.ndarray, window: Window, labels: set[int]) -> dict[int, Overlap]:
        """Return the overlap of each of these grains, which lie wholly in the window."""
        true, unscored = self.truth.labels[window].ravel(), self.truth.unscored[window].ravel()
        names, index = np.unique(part.ravel(), return_inverse=True)
        index = index.ravel()
        n = self.truth.count + 1
        pairs, sizes = np.unique(index.astype(np.int64) * n + true, return_counts=True)
        left_out = np.bincount(index, unscored, names.size)
        shares: dict[int, dict[int, int]] = {}
        for pair, size in zip(pairs.tolist(), sizes.tolist(), strict=True):
            shares.setdefault(pair // n, {})[pair % n] = size
        return {
            int(name): self._overlap(shares[i], left_out[i])
            for i, name in enumerate(names.tolist())
            if name in labels
        }

    def _overlap(self, shares: dict[int, int], left_out: float) -> Overlap:
        area = sum(shares.values())
        shares = {t: size for t, size in shares.items() if t}
        scored = sum(shares.values())
        ious = {t: n / (scored + int(self.truth.areas[t]) - n) for t, n in shares.items()}
        quality = max(ious.values(), default=0.0)
        match = next((t for t, iou in ious.items() if iou > 0.5), 0)
        counts = 2 * left_out <= area
        return Overlap(match if counts else 0, quality, counts, shares, area)

    def after(self, change: Change) -> dict[int, Overlap]:
        """Return the overlaps of the grains that a change touches, as it would leave them."""
        old = [*change.removed, *change.touched]
        window = union([change.window, *(self.editor.bounding_box(label) for label in old)])
        part = self.editor.grains[window].copy()
        part[local(change.window, window)] = change.after
        return self.overlaps(part, window, {*change.touched, *change.created})

    def ap50(self) -> float:
        """Return AP50."""
        hits = sum(o.match > 0 for o in self.found.values())
        return hits / (sum(o.counts for o in self.found.values()) + self.truth.count - hits)

    def gain(self, change: Change) -> float:
        """Return by how much a change raises AP50; 0 when it does not help.

        A change that leaves AP50 as it is, but brings a found grain clearly nearer to a true one,
        counts as a very small gain: some errors take two gestures.
        """
        gone = [self.found[label] for label in (*change.removed, *change.touched)]
        new = list(self.after(change).values())
        now = sum(o.match > 0 for o in self.found.values())
        hits = now + sum(o.match > 0 for o in new) - sum(o.match > 0 for o in gone)
        n = sum(o.counts for o in self.found.values())
        then = n + sum(o.counts for o in new) - sum(o.counts for o in gone)
        raised = hits / (then + self.truth.count - hits) - now / (n + self.truth.count - now)
        nearer = sum(o.quality for o in new) - sum(o.quality for o in gone)
        if raised < -1e-9 or (raised < 1e-9 and nearer < NEARER):
            return 0.0
        return max(raised, 0.0) + 1e-5 * nearer

    def apply(self, change: Change) -> None:
        """Apply a change and note what it did."""
        new = self.after(change)
        self.editor.apply(change)
        for label in change.removed:
            del self.found[label]
        self.found.update(new)

    def missed(self) -> list[int]:
        """Return the true grains that no found grain matches."""
        matched = {o.match for o in self.found.values()}
        return [t for t in range(1, self.truth.count + 1) if t not in matched]

    def false(self) -> list[int]:
        """Return the found grains that match no true grain."""
        return [label for label, o in self.found.items() if o.counts and not o.match]


@dataclass(frozen=True)
class Hand:
    """Draws along true lines, with a hand's error."""

    error: float
    random: np.random.Generator

    def draw(self, line: np.ndarray, *, closed: bool = False) -> np.ndarray:
        """Return a stroke along a line (n, 2)."""
        along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        corners = max(2, int(np.ceil(along[-1] / CORNER)) + 1)
        ends = (0.0, 0.0) if closed else self.random.normal(0, self.error, 2)
        at = np.linspace(min(ends[0], along[-1] / 3), along[-1] - ends[1], corners)
        stroke = np.stack([np.interp(at, along, line[:, 0]), np.interp(at, along, line[:, 1])], 1)
        for end, step in ((0, 1), (-1, -2)):  # interp does not go beyond the ends of the line
            over = -ends[0] if end == 0 else -ends[1]
            heading = stroke[end] - stroke[step]
            if over > 0 and np.hypot(*heading) > 0:
                stroke[end] += over * heading / np.hypot(*heading)
        return stroke + self.random.normal(0, self.error, stroke.shape)


@dataclass(frozen=True)
class Gesture:
    """A candidate: its kind, how it is made, what it would change now, and what it was made for."""

    kind: str
    make: Callable[[], Change]
    change: Change
    concerned: frozenset[int]


def outline(truth: Truth, t: int) -> np.ndarray:
    """Return the closed outline (n, 2) of a true grain, between its pixels and others."""
    from skimage.measure import find_contours

    rows, columns = np.nonzero(truth.filled == t)
    top, left = rows.min() - 1, columns.min() - 1
    mask = np.zeros((rows.max() - top + 2, columns.max() - left + 2))
    mask[rows - top, columns - left] = 1
    longest = max(find_contours(mask, 0.5), key=len)
    return longest + np.array([top, left])


def runs_inside(line: np.ndarray, grains: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (label, part of the line) where both sides of an outline lie in one found grain."""
    low, high = np.floor(line).astype(int), np.ceil(line).astype(int)
    limit = np.array(grains.shape) - 1
    inside = ((low >= 0) & (high <= limit)).all(axis=1)
    low, high = np.clip(low, 0, limit), np.clip(high, 0, limit)
    one, two = grains[tuple(low.T)], grains[tuple(high.T)]
    labels = np.where(inside & (one == two), one, 0)
    if (labels == labels[0]).all():
        if labels[0]:
            yield int(labels[0]), line
        return
    turn = int(np.flatnonzero(np.diff(labels))[0]) + 1  # begin where the label changes
    labels, line = np.roll(labels[:-1], -turn), np.roll(line[:-1], -turn, axis=0)
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    for a, b in zip(starts, [*starts[1:], labels.size], strict=True):
        if labels[a] and b - a >= SHORTEST:
            yield int(labels[a]), line[a:b]


def attempt(kind: str, concerned: set[int], make: Callable[[], Change]) -> Iterator[Gesture]:
    try:
        yield Gesture(kind, make, make(), frozenset(concerned))
    except EditError:
        return


def for_missed(ledger: Ledger, t: int, hand: Hand, snap: bool) -> Iterator[Gesture]:
    """Yield the gestures that may bring out a true grain."""
    editor = ledger.editor
    over = {label: o.shares[t] for label, o in ledger.found.items() if t in o.shares}
    around = set(over)
    inside = [label for label, n in over.items() if 2 * n > ledger.found[label].area]
    if len(inside) > 1:
        yield from attempt("merge", around, lambda: editor.merge(inside))
    line = outline(ledger.truth, t)
    for label, part in runs_inside(line, editor.grains):
        stroke = hand.draw(part)
        yield from attempt("split", around, lambda s=stroke: editor.split_along(s, snap=snap))
        if len(over) > 1 or 2 * over.get(label, 0) <= ledger.found[label].area:
            yield from attempt("redraw", around, lambda s=stroke: editor.redraw(s, snap=snap))
    whole = hand.draw(line, closed=True)
    yield from attempt("outline", around, lambda: editor.add(whole))


def for_false(ledger: Ledger, label: int) -> Iterator[Gesture]:
    """Yield the gestures that may do away with a false grain: join it to a neighbour."""
    editor = ledger.editor
    beside = editor.neighbours(label)
    around = {label, *beside}
    for other in beside:
        yield from attempt("merge", around, lambda o=other: editor.merge([label, o]))


def best_of(ledger: Ledger, gestures: Iterator[Gesture]) -> tuple[float, Gesture] | None:
    """Return the gesture that raises AP50 most; a whole outline only when no other does."""
    rated = [(ledger.gain(g.change), g) for g in gestures]
    rated = [(gain, g) for gain, g in rated if gain > 0]
    short = [pair for pair in rated if pair[1].kind != "outline"]
    if not rated:
        return None
    return max(short or rated, key=_rank)


def _rank(option: tuple[float, Gesture]) -> tuple[float, int, float]:
    gain, gesture = option
    return round(gain, 4), -KINDS.index(gesture.kind), gain


Known = dict[tuple[str, int], tuple[float, Gesture] | None]


def correct(ledger: Ledger, hand: Hand, *, snap: bool) -> tuple[Counter[str], float]:
    """Repair the map; return the gestures of each kind, and how far off the cuts are, px."""
    made: Counter[str] = Counter()
    away = true_line_distance(ledger.truth)
    off: list[float] = []
    known: Known = {}
    while ledger.ap50() < GOAL:
        wanted = [("missed", t) for t in ledger.missed()] + [("false", p) for p in ledger.false()]
        for kind, number in wanted:
            if (kind, number) not in known:
                missed = kind == "missed"
                gestures = (
                    for_missed(ledger, number, hand, snap) if missed else for_false(ledger, number)
                )
                known[kind, number] = best_of(ledger, gestures)
        options = [(option, key) for key in wanted if (option := known[key]) is not None]
        if not options:
            break
        (_, best), key = max(options, key=lambda option: _rank(option[0]))
        change = again(ledger, best)
        if change is None:
            del known[key]
            continue
        ledger.apply(change)
        made[best.kind] += 1
        if best.kind in ("split", "redraw"):
            off += away[change.window][new_boundary(change)].tolist()
        known = still_known(known, ledger, {*change.removed, *change.touched, *change.created})
    return made, float(np.mean(off)) if off else float("nan")


def true_line_distance(truth: Truth) -> np.ndarray:
    """Return the distance of each pixel from the nearest true boundary, px."""
    from scipy import ndimage as ndi
    from skimage.segmentation import find_boundaries

    lines = find_boundaries(truth.filled, connectivity=1, mode="thick")
    return ndi.distance_transform_edt(~lines)


def new_boundary(change: Change) -> np.ndarray:
    """Return the pixels at a boundary that was not there before the change."""
    from skimage.segmentation import find_boundaries

    before, after = (
        find_boundaries(part, connectivity=1, mode="thick")
        for part in (change.before, change.after)
    )
    return after & ~before


def again(ledger: Ledger, gesture: Gesture) -> Change | None:
    """Make a gesture anew, since the map may have changed; None when it no longer helps."""
    try:
        change = gesture.make()
    except EditError:
        return None
    return change if ledger.gain(change) > 0 else None


def still_known(known: Known, ledger: Ledger, changed: set[int]) -> Known:
    """Return what was found out about places where nothing has changed."""
    true = {t for label in changed if label in ledger.found for t in ledger.found[label].shares}
    stale = {"missed": true, "false": changed}
    return {
        (kind, number): option
        for (kind, number), option in known.items()
        if number not in stale[kind] and (option is None or not option[1].concerned & changed)
    }


def report(case: Case, given: argparse.Namespace, model: object) -> str:
    """Repair one image both ways; return its row of the table."""
    prediction, partition, _ = run(model, case.image, case.name)
    boundary, truth = prediction.fields["boundary"], read_truth(case.truth)
    cells = []
    for snap in (True, False):
        grains = partition.grains.copy()
        ledger = Ledger(GrainEditor(grains, boundary=boundary), truth)
        start = ledger.ap50()
        made, off = correct(ledger, Hand(given.hand, np.random.default_rng(0)), snap=snap)
        end = evaluate_grains(grains, case.truth, tolerance_px=case.tolerance)
        kinds = ", ".join(f"{made[kind]} {kind}" for kind in KINDS if made[kind])
        per_hundred = 100 * made.total() / truth.count
        cells += [f"{per_hundred:.0f} ({kinds})", f"{end.ap50:.3f}", f"{off:.1f}"]
    return f"| {case.title} | {truth.count} | {start:.3f} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=[], help="parts of the titles to do")
    parser.add_argument("--hand", type=float, default=1.5)
    parser.add_argument("--model", default="generalist")
    given = parser.parse_args()
    from napari_etch.models import load_model

    model = load_model(given.model)
    print(
        "| image | true grains | AP50 before | gestures per 100, snapped | AP50 | px off "
        "| as drawn | AP50 | px off |\n"
        "|---|--:|--:|---|--:|--:|---|--:|--:|"
    )
    for case in cases(given.data):
        if not given.sets or any(part in case.title for part in given.sets):
            print(report(case, given, model), flush=True)


if __name__ == "__main__":
    main()

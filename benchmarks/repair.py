"""Score the repair of broken boundaries beside its rivals, on fresh pairs and on real maps.

python benchmarks/repair.py --preset published --count 500
python benchmarks/repair.py --preset realistic --count 200 --published MODEL [--ours MODEL]
python benchmarks/repair.py --data DATA --scorer score.py

A grain (of at least 30 px) is *broken* when its interior runs together with another's in the
broken map, *closed again* when the repaired map has a grain that overlaps it by more than 0.75
(intersection over union), and *cut* when it was not broken and a second grain of the repaired map
takes more than a tenth of it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

LEAST, MATCH, CUT = 30, 0.75, 0.1
TOLERANCE = 2.0
# Not a seed that training draws from.
SEED = 77_000_000
# How far linking looks, px, and how much it may turn, degrees.
REACH, TURN = 40, 50
Mask = np.ndarray


# -- the rivals: from broken lines to lines ------------------------------------------------------


def nothing(lines: Mask) -> Mask:
    """Leave the map as it is."""
    return lines


def closing(lines: Mask, radius: int) -> Mask:
    """Morphological closing with a disc."""
    from skimage.morphology import isotropic_closing

    padded = np.pad(lines, radius)
    return isotropic_closing(padded, radius)[radius:-radius, radius:-radius]


def linking(lines: Mask) -> Mask:
    """Link each free end to what lies ahead of it, along a minimum-cost path.

    Ends go first to other ends that face them, nearest first; an end that is left goes straight on
    to the next line within reach.
    """
    from napari_etch.grains.free_ends import free_ends, line_thickness

    thickness = line_thickness(lines)
    ends = free_ends(lines, thickness)
    if not len(ends):
        return lines
    headings = np.array([_heading(lines, end) for end in ends])
    result, done = lines.copy(), set()
    for a, b in _facing(ends, headings):
        if a not in done and b not in done:
            done |= {a, b}
            _draw(result, _path(lines, ends[a], ends[b]), thickness)
    for index, (end, heading) in enumerate(zip(ends, headings, strict=True)):
        if index in done:
            continue
        target = _ahead(lines, end, heading, thickness)
        if target is not None:
            _draw(result, _path(lines, end, target), thickness)
    return result


def _heading(lines: Mask, end: np.ndarray, reach: int = 9) -> np.ndarray:
    """Return the unit vector in which a line would go on beyond its end."""
    from scipy.ndimage import label

    top, left = np.maximum(end - reach, 0)
    window = lines[top : end[0] + reach + 1, left : end[1] + reach + 1]
    pieces, _ = label(window, np.ones((3, 3)))
    own = np.argwhere(pieces == pieces[end[0] - top, end[1] - left]) + np.array((top, left))
    away = end - own.mean(0)
    return away / max(1e-6, float(np.hypot(*away)))


def _facing(ends: np.ndarray, headings: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs of ends within reach that head for each other, nearest first."""
    from scipy.spatial import KDTree

    found = []
    limit = np.cos(np.radians(TURN))
    for a, b in KDTree(ends).query_pairs(REACH):
        between = (ends[b] - ends[a]).astype(float)
        far = float(np.hypot(*between))
        between /= max(far, 1e-6)
        if headings[a] @ between > limit and headings[b] @ -between > limit:
            found.append((far, a, b))
    return [(a, b) for _, a, b in sorted(found)]


def _ahead(lines: Mask, end: np.ndarray, heading: np.ndarray, thickness: float) -> Any:
    """Return the first line pixel straight ahead within reach; None when there is none."""
    for step in np.arange(thickness + 2, REACH, 0.5):
        spot = np.rint(end + step * heading).astype(int)
        if (spot < 0).any() or (spot >= lines.shape).any():
            return np.clip(spot, 0, np.array(lines.shape) - 1)
        if lines[tuple(spot)]:
            return spot
    return None


def _path(lines: Mask, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    from skimage.graph import route_through_array

    low = np.maximum(np.minimum(start, stop) - 5, 0)
    high = np.maximum(start, stop) + 6
    cost = np.where(lines[low[0] : high[0], low[1] : high[1]], 0.2, 1.0)
    path, _ = route_through_array(cost, start - low, stop - low, geometric=True)
    return np.array(path) + low


def _draw(lines: Mask, path: np.ndarray, thickness: float) -> None:
    from napari_etch.virtual.broken.realistic import stamp

    stamp(lines, path, thickness)


def network(model: Any) -> Callable[[Mask], Mask]:
    """Return the plain thresholded answer of a repair network, as the published system gives it."""

    def close(lines: Mask) -> Mask:
        from napari_etch.inference import Prediction, predict
        from napari_etch.micrograph import Micrograph

        picture = Micrograph(lines.astype(np.float32), "pair")
        *_, found = predict(model, picture, device="cpu")
        assert isinstance(found, Prediction)
        return found.boundary >= 0.5

    return close


def ours(lines: Mask, model: Any = None) -> Mask:
    """Repair as the package does, with its network or another."""
    from napari_etch.repairing import repair

    picture = lines.astype(np.float32)
    *_, found = repair(picture, kind="map", polarity="bright", device="cpu", model=model)
    return found.boundary >= 0.5


# -- scores --------------------------------------------------------------------------------------


@dataclass
class Tally:
    """Sums over pairs."""

    iou: float = 0.0
    f1: float = 0.0
    pairs: int = 0
    broken: int = 0
    closed: int = 0
    intact: int = 0
    cut: int = 0
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        """Add the sums of other pairs."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def interiors(lines: Mask) -> np.ndarray:
    """Number what the lines enclose; each line pixel belongs to the nearest interior."""
    from napari_etch.grains.lines import enclosed_grains

    return enclosed_grains(lines)


def score_pair(broken: Mask, complete: Mask, found: Mask) -> Tally:
    """Return the scores of one repaired map."""
    from scipy.ndimage import distance_transform_edt, label

    lines = (found & complete).sum() / max(1, (found | complete).sum())
    rest = (~found & ~complete).sum() / max(1, (~found | ~complete).sum())
    precision = float((distance_transform_edt(~complete)[found] <= TOLERANCE).mean())
    recall = float((distance_transform_edt(~found)[complete] <= TOLERANCE).mean())
    truth, count = label(~complete)
    areas = np.bincount(truth.ravel())
    large = 1 + np.flatnonzero(areas[1:] >= LEAST)
    table = _joint(truth, label(~broken)[0])
    after = _joint(interiors(complete), interiors(found))
    tally = Tally((lines + rest) / 2, 2 * precision * recall / (precision + recall), 1)
    whole = np.zeros(count + 1, bool)
    whole[large] = True
    sizes, found_sizes = after.sum(1), after.sum(0)
    for grain in large:
        home = int(table[grain, 1:].argmax()) + 1
        others = table[:, home][whole].sum() - table[grain, home]
        is_broken = others >= LEAST
        row = after[grain, 1:]
        if is_broken:
            iou = row / np.maximum(1, sizes[grain] + found_sizes[1:] - row)
            tally.broken += 1
            tally.closed += int(iou.max() > MATCH)
        else:
            tally.intact += 1
            second = np.sort(row)[-2] if len(row) > 1 else 0
            tally.cut += int(second > CUT * sizes[grain])
    return tally


def _joint(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how many pixels each pair of numbers shares."""
    shape = int(first.max()) + 1, int(second.max()) + 1
    pairs = first.ravel() * shape[1] + second.ravel()
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)


def _methods(published: str | None, other: str | None) -> dict[str, Callable[[Mask], Mask]]:
    methods: dict[str, Callable[[Mask], Mask]] = {
        "broken, as it is": nothing,
        "closing, disc of 3 px": partial(closing, radius=3),
        "closing, disc of 8 px": partial(closing, radius=8),
        "linking of ends": linking,
        "repair": ours,
    }
    from napari_etch.models import load_model

    if published:
        methods["published network"] = network(load_model(published))
    if other:
        methods["repair, other weights"] = partial(ours, model=load_model(other))
    return methods


def _score_one(
    index: int, preset: str, size: int, published: str | None, other: str | None
) -> dict[str, Tally]:
    import torch

    from napari_etch.virtual.broken import PRESETS

    torch.set_num_threads(1)
    micro, label = PRESETS[preset](size, np.random.default_rng([SEED, index]))
    broken, complete = micro == 0, label == 0
    tallies = {}
    for name, method in _methods(published, other).items():
        start = time.perf_counter()
        found = method(broken)
        seconds = time.perf_counter() - start
        tallies[name] = score_pair(broken, complete, found)
        tallies[name].seconds = seconds
    return tallies


def on_pairs(
    preset: str, count: int, size: int, published: str | None, other: str | None, workers: int
) -> None:
    """Print a table of scores on fresh pairs."""
    total: dict[str, Tally] = {}
    task = partial(_score_one, preset=preset, size=size, published=published, other=other)
    with get_context("spawn").Pool(workers) as pool:
        for tallies in pool.imap_unordered(task, range(count)):
            for name, tally in tallies.items():
                total.setdefault(name, Tally()).add(tally)
    print(f"\n{count} fresh pairs of the preset {preset}, {size} px\n")
    print("| method | mean IoU | boundary F1 (2 px) | broken grains closed | intact cut | s |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, tally in total.items():
        print(
            f"| {name} | {tally.iou / tally.pairs:.4f} | {tally.f1 / tally.pairs:.4f} | "
            f"{100 * tally.closed / max(1, tally.broken):.1f} % of {tally.broken} | "
            f"{100 * tally.cut / max(1, tally.intact):.2f} % of {tally.intact} | "
            f"{tally.seconds / tally.pairs:.2f} |"
        )


# -- real maps -----------------------------------------------------------------------------------


def on_real(data: Path, scorer: Path) -> None:
    """Print AP50 (and VI) of the generalist's maps, thresholded at 0.5, before and after."""
    import accuracy

    from napari_etch.models import load_model
    from napari_etch.repairing import repair

    ruler, model = accuracy.load_scorer(scorer), load_model("generalist")
    print("\nAP50 (VI): the generalist's map thresholded at 0.5, its interiors as grains; the same")
    print("map repaired; and the generalist's own cut, which sees the whole map\n")
    print("| image | thresholded | ends linked | repaired | bridges | generalist's own |")
    print("|---|--:|--:|--:|--:|--:|")
    for case in accuracy.cases(data):
        prediction, partition, _ = accuracy.run(model, case.image, case.name, close_gaps=False)
        lines = prediction.boundary >= 0.5
        *_, found = repair(lines.astype(np.float32), kind="map", polarity="bright", device="cpu")
        cells = []
        for grains in (interiors(lines), interiors(linking(lines)), found.grains, partition.grains):
            score = ruler.score_grains(
                grains.astype(np.int32), case.truth, tolerance=case.tolerance
            )
            cells.append(f"{score['ap50']:.3f} ({score['vi']:.2f})")
        cells.insert(3, str(len(found.bridges)))
        print(f"| {case.title} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=("published", "realistic"), default="published")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--published", help="model folder of the published network")
    parser.add_argument("--ours", help="model folder of a network of ours that is not shipped")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of development sets")
    parser.add_argument("--scorer", type=Path)
    given = parser.parse_args()
    if given.data is not None:
        on_real(given.data, given.scorer)
        return
    on_pairs(given.preset, given.count, given.size, given.published, given.ours, given.workers)


if __name__ == "__main__":
    main()

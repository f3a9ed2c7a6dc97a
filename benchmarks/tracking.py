"""Grains through sections: all sections at once beside the published ways, and how long it takes.

``python benchmarks/tracking.py --data DATA``
    3D scores on virtual stacks and on ``DATA/volume-em``, from true 2D grains and from worse ones.
``--segment 10``
    The same from grains that the generalist finds in the first 10 sections.
``--speed 296 1024``
    Time and memory of a stack of that size.
``--calibrate``
    The weights of `napari_etch.grains.tracking.costs`, fitted on other virtual stacks.

Scores are over the voxels that truth claims, in bits: VI = H(found | true), which grows when true
grains are cut, plus H(true | found), which grows when they are joined. "worse" are true grain maps
of which 3 % of the boundaries between two grains are lost, 5 % of the grains are cut in two and
the outlines wander by a pixel, anew in each section.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from napari_etch.evaluation import _information, _rand
from napari_etch.grains.tracking import METHODS, build_graph, link
from napari_etch.grains.tracking.costs import FEATURES, link_features
from napari_etch.virtual.serial import grain_volume, serial_sections

STACKS = [("laguerre", 30, 4.0), ("laguerre", 30, 10.0), ("grown", 30, 4.0), ("grown", 24, 8.0)]
JOINED, CUT, WANDER = 0.03, 0.05, 1.0


def independent(labels: np.ndarray) -> np.ndarray:
    """2D grains of a true volume: the connected pieces of each section, numbered anew in each."""
    import cc3d

    return np.stack(
        [cc3d.connected_components(part.astype(np.uint32), connectivity=4) for part in labels]
    ).astype(np.int32)


def worse(section: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A grain map with lost boundaries, cut grains and wandering outlines."""
    y, x = np.indices(section.shape).astype(float)
    waves = [ndi.gaussian_filter(rng.standard_normal(section.shape), 4) for _ in range(2)]
    places = [at + WANDER * wave / wave.std() for at, wave in zip((y, x), waves, strict=True)]
    moved = ndi.map_coordinates(section, places, order=0, mode="nearest")
    count = int(moved.max())
    for label, box in enumerate(ndi.find_objects(moved), 1):
        if box is not None and rng.uniform() < CUT:
            part = moved[box]
            angle, middle = rng.uniform(0, np.pi), [n / 2 for n in part.shape]
            rows, columns = np.indices(part.shape)
            side = (rows - middle[0]) * np.sin(angle) + (columns - middle[1]) * np.cos(angle)
            count += 1
            part[(part == label) & (side > 0)] = count
    table = np.arange(count + 1)
    pairs = np.unique(
        np.sort(np.stack([moved[:, 1:].ravel(), moved[:, :-1].ravel()], 1), axis=1), axis=0
    )
    pairs = pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs[:, 0] > 0)]
    for one, two in pairs[rng.uniform(size=len(pairs)) < JOINED]:
        table[table == table[two]] = table[one]
    return independent(table[moved][None])[0]


def scores(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """3D VI with its parts, and ARI, over the voxels that truth claims."""
    from scipy.sparse import coo_array

    at = true > 0
    pairs = (found[at], true[at])
    table = coo_array((np.ones(pairs[0].size, np.int64), pairs)).tocsr().tocoo()
    sums = [np.asarray(table.sum(axis=axis), float).ravel() for axis in (1, 0)]
    return _information(table.data, *sums) | _rand(table.data, *sums)


def compare(name: str, maps: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Print a row for each way of tracking."""
    graph = build_graph(maps)
    vi = {}
    rows = [(method, False) for method in METHODS] + [("overlap", True), ("global", True)]
    for method, absorb in rows:
        tracks = link(graph, method=method, absorb_single=absorb)
        got = scores(tracks.volume(maps), true)
        called = method + (" + single" if absorb else "")
        vi[called] = got["vi"]
        print(
            f"{name:32s} {called:18s} {got['vi']:7.3f} {got['vi_split']:7.3f} "
            f"{got['vi_merge']:7.3f} {got['ari']:7.3f} {len(tracks.grains):6d} "
            f"{len(np.unique(true)) - 1:6d} {len(tracks.skipped):4d}",
            flush=True,
        )
    return vi


def virtual_stacks(first_seed: int, count: int = 16, size: int = 192) -> Iterator[tuple]:
    for at, (kind, intercept, spacing) in enumerate(STACKS):
        rng = np.random.default_rng(first_seed + at)
        true = grain_volume(
            (count, size, size), intercept=intercept, spacing=spacing, kind=kind, rng=rng
        )
        yield f"{kind} {intercept} px, every {spacing:g}", true, rng


def elongated_stacks(first_seed: int, count: int = 14, size: int = 160) -> Iterator[tuple]:
    """Grains stretched along rows, that lean so many px a section."""
    for spacing, stretch, lean in ((4.0, 3, 2), (8.0, 3, 0), (3.0, 2, 4)):
        rng = np.random.default_rng(first_seed + 10 * stretch + lean)
        wide = (count, size, stretch * (size + count * lean))
        volume = grain_volume(wide, intercept=36, spacing=spacing, rng=rng)
        parts = [
            part[:, at * lean * stretch :: stretch][:, :size] for at, part in enumerate(volume)
        ]
        yield f"elongated {stretch}:1, leaning {lean}", np.stack(parts), rng


def compare_all(data: Path | None, seed: int) -> None:
    header = ("stack", "way", "VI", "split", "merge", "ARI", "grains", "true", "skip")
    print("{:32s} {:18s} {:>7s} {:>7s} {:>7s} {:>7s} {:>6s} {:>6s} {:>4s}".format(*header))
    stacks = [*virtual_stacks(seed), *elongated_stacks(seed)]
    if data is not None:
        import tifffile

        volume = tifffile.imread(data / "volume-em" / "labels.tif")
        stacks.append(("volume-em", volume, np.random.default_rng(seed)))
    for name, true, rng in stacks:
        maps = independent(true)
        compare(f"{name}, true", maps, true)
        compare(f"{name}, worse", np.stack([worse(part, rng) for part in maps]), true)


def compare_segmented(data: Path | None, sections: int, seed: int) -> None:
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.models import load_model
    from napari_etch.segmentation import Segmentation, segment

    virtual = serial_sections(sections, 192, seed=seed, kind="grown", style="optical")
    print("virtual sections:", ", ".join(virtual.conditions))
    stacks = [("virtual optical", virtual.images, virtual.labels)]
    if data is not None:
        import tifffile

        folder = data / "volume-em"
        image = tifffile.imread(folder / "image.tif")[:sections]
        stacks.append(("volume-em", image, tifffile.imread(folder / "labels.tif")[:sections]))
    model = load_model("generalist")
    for name, images, true in stacks:
        maps = np.zeros(true.shape, np.int32)
        for index, image in enumerate(images):
            if image.max() == image.min():
                continue  # a missing section
            done = list(segment(model, micrograph_from_array(image), device="cpu", quality="fast"))
            maps[index] = next(each for each in done if isinstance(each, Segmentation)).grains
        compare(f"{name}, segmented", maps, true)


def speed(sections: int, size: int, seed: int) -> None:
    """Sections are drawn one by one, so that the memory measured is the tracking's own."""
    rng = np.random.default_rng(seed)
    some = grain_volume((8, size, size), intercept=45, spacing=6, rng=rng)
    order = [*range(8), *range(6, 0, -1)]  # back and forth through eight sections
    spent = [0.0]

    def stack() -> Iterator[np.ndarray]:
        for index in range(sections):
            yield some[order[index % len(order)]]

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    graph = build_graph(stack())
    spent.append(time.process_time() - began)
    tracks = link(graph)
    spent.append(time.process_time() - began)
    for index, section in enumerate(stack()):
        tracks.relabel(index, section)
    spent.append(time.process_time() - began)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{sections} sections of {size}²: {graph.count} grains of sections, {len(graph.overlap)} "
        f"links, {len(tracks.grains)} grains; processor time: graph {spent[1]:.1f} s, linking "
        f"{spent[2] - spent[1]:.1f} s, relabelling {spent[3] - spent[2]:.1f} s, all "
        f"{spent[3] / sections:.3f} s a section; memory grew by {(after - before) / 1024:.0f} MB"
    )


def calibrate(seed: int) -> None:
    """Fit the log-odds that two overlapping 2D grains are one, by logistic regression."""
    columns, answers = [], []
    stacks = itertools.chain.from_iterable(
        [*virtual_stacks(seed + each), *elongated_stacks(seed + each)] for each in (1000, 2000)
    )
    for _, true, rng in stacks:
        maps = independent(true)
        for stack in (maps, np.stack([worse(part, rng) for part in maps])):
            graph = build_graph(stack)
            owner = majority(stack, true)
            columns.append(link_features(graph))
            answers.append(owner[graph.links[:, 0]] == owner[graph.links[:, 1]])
            touching = owner[graph.touching[:, 0]] == owner[graph.touching[:, 1]]
            share = max(touching.mean(), 1e-4)
            print(f"touching and one: {share:.3f}, log-odds {np.log(share / (1 - share)):.2f}")
    features, answer = np.concatenate(columns), np.concatenate(answers).astype(float)
    weights = np.zeros(features.shape[1])
    for _ in range(30):  # Newton's method
        chance = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (answer - chance) - 1e-3 * weights
        curve = features.T @ (features * (chance * (1 - chance))[:, None])
        weights += np.linalg.solve(curve + 1e-3 * np.eye(weights.size), slope)
    right = ((features @ weights > 0) == answer).mean()
    print(f"{answer.size} links, {answer.mean():.3f} of them one grain, {right:.4f} told right")
    for name, weight in zip(FEATURES, weights, strict=True):
        print(f"{weight:8.3f}  {name}")


def majority(maps: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The true grain that most pixels of each node are of, in the order of the nodes."""
    from napari_etch.grains.tracking.sections import describe

    owners = []
    for part, claimed in zip(maps, true, strict=True):
        dense = describe(part)
        table = np.zeros((dense.count + 1, int(true.max()) + 1), np.int32)
        np.add.at(table, (dense.dense.ravel(), claimed.ravel()), 1)
        owners.append(table[1:].argmax(axis=1))
    return np.concatenate(owners)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the development data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--segment", type=int, metavar="SECTIONS")
    parser.add_argument("--speed", type=int, nargs=2, metavar=("SECTIONS", "SIZE"))
    parser.add_argument("--calibrate", action="store_true")
    options = parser.parse_args()
    if options.calibrate:
        calibrate(options.seed)
    elif options.speed:
        speed(*options.speed, options.seed)
    elif options.segment:
        compare_segmented(options.data, options.segment, options.seed)
    else:
        compare_all(options.data, options.seed)


if __name__ == "__main__":
    main()

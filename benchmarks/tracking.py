"""Grains through sections: all sections at once beside the published ways, and how long it takes.

``python benchmarks/tracking.py --data DATA``
    3D scores on virtual stacks and on ``DATA/volume-em``, from true 2D grains and from worse ones.
``--segment 10``
    The same from grains that the generalist finds in the first 10 sections.
``--speed 296 1024``
    Time and memory of a stack of that size.
What the costs were fitted on is in ``tracking_costs.py``.

Scores are over the voxels that truth claims, in bits: VI = H(found | true), which grows when true
grains are cut, plus H(true | found), which grows when they are joined. "worse" are true grain maps
of which 3 % of the boundaries between two grains are lost, 5 % of the grains are cut in two and
the outlines wander by a pixel, anew in each section.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tracking_stacks import elongated_stacks, majority, scores, virtual_stacks

from napari_etch.grains.tracking import METHODS, PAIRS, SectionGraph, build_graph, link
from napari_etch.grains.tracking.pairs import score_pairs
from napari_etch.models.pairs import load_pair_classifier
from napari_etch.virtual.section_maps import Faults, in_each_section, worsened
from napari_etch.virtual.serial import grain_volume, serial_sections


def compare(name: str, maps: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Print a row for each way of tracking; "best" is what no tracking of these maps can beat."""
    graph = build_graph(maps)
    sure = np.zeros(graph.overlap.size)
    for links, values in score_pairs(maps, graph, load_pair_classifier()):
        sure[links] = values
    vi = {}
    rows = [(method, False) for method in (*METHODS, PAIRS)] + [("global", True), ("best", False)]
    for method, absorb in rows:
        if method == "best":
            nodes = majority(maps, true)
            got, count = scores(drawn(graph, maps, nodes), true), len(np.unique(nodes))
        else:
            tracks = link(graph, method=method, absorb_single=absorb, scores=sure)
            got, count = scores(tracks.volume(maps), true), len(tracks.grains)
        called = method + (" + single" if absorb else "")
        vi[called] = got["vi"]
        print(
            f"{name:32s} {called:18s} {got['vi']:7.3f} {got['vi_split']:7.3f} "
            f"{got['vi_merge']:7.3f} {got['ari']:7.3f} {count:6d} "
            f"{len(np.unique(true)) - 1:6d} {len(graph.skipped):4d}",
            flush=True,
        )
    return vi


def drawn(graph: SectionGraph, maps: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """The stack with a number for each node."""
    volume = np.zeros(maps.shape, np.int64)
    for index, part in enumerate(maps):
        first, end = np.searchsorted(graph.section, [index, index + 1])
        table = np.zeros(int(part.max()) + 1, np.int64)
        table[graph.label[first:end]] = nodes[first:end] + nodes.size  # some are below 0
        volume[index] = table[part]
    return volume


def compare_all(data: Path | None, seed: int) -> None:
    header = ("stack", "way", "VI", "split", "merge", "ARI", "grains", "true", "skip")
    print("{:32s} {:18s} {:>7s} {:>7s} {:>7s} {:>7s} {:>6s} {:>6s} {:>4s}".format(*header))
    stacks = [*virtual_stacks(seed), *elongated_stacks(seed)]
    if data is not None:
        import tifffile

        volume = tifffile.imread(data / "volume-em" / "labels.tif")
        stacks.append(("volume-em", volume, np.random.default_rng(seed)))
    for name, true, rng in stacks:
        maps = in_each_section(true)
        compare(f"{name}, true", maps, true)
        faults = np.stack([worsened(part, Faults(), rng) for part in maps])
        compare(f"{name}, worse", faults, true)


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
        *_, done = segment(model, micrograph_from_array(images), device="cpu", quality="fast")
        assert isinstance(done, Segmentation)
        missing = images.max(axis=(1, 2)) == images.min(axis=(1, 2))
        compare(f"{name}, segmented", np.where(missing[:, None, None], 0, done.grains), true)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the development data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--segment", type=int, metavar="SECTIONS")
    parser.add_argument("--speed", type=int, nargs=2, metavar=("SECTIONS", "SIZE"))
    options = parser.parse_args()
    if options.speed:
        speed(*options.speed, options.seed)
    elif options.segment:
        compare_segmented(options.data, options.segment, options.seed)
    else:
        compare_all(options.data, options.seed)


if __name__ == "__main__":
    main()

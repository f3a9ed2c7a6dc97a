"""How long a correction takes on a large map, beside the same edit done on the whole array.

    python benchmarks/edit_latency.py [--size 8192] [--grains 40000] [--edits 200]

Times are from the gesture to the moment when the new pixels are in the array and the index knows
them: after that a viewer only has to upload the changed window. Each edit is taken back, so that
all see the same map. *Whole array* makes the same edit the way a script would: with masks and
`scipy.ndimage.label` over the full map.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage as ndi

from napari_etch.grains.editing import EditError, GrainEditor, boundaries

TARGET_MEDIAN_MS = 50.0
TARGET_P95_MS = 120.0
PATCH = 1024


def draw(size: int, grains: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a polycrystal of square patches, int32, and a boundary map, float32, `size` a side."""
    rng = np.random.default_rng(seed)
    per_patch = max(2, round(grains * PATCH**2 / size**2))
    labels, boundary = np.empty((size, size), np.int32), np.empty((size, size), np.float32)
    count = 0
    for top in range(0, size, PATCH):
        for left in range(0, size, PATCH):
            window = slice(top, top + PATCH), slice(left, left + PATCH)
            part = _voronoi(labels[window].shape, per_patch, rng)
            line = ndi.grey_dilation(part, 3) != part
            boundary[window] = ndi.gaussian_filter(line.astype(np.float32), 1.0)
            labels[window] = part + count
            count += int(part.max())
    return labels, boundary


def _voronoi(shape: tuple[int, ...], n: int, rng: np.random.Generator) -> np.ndarray:
    from scipy.spatial import cKDTree

    sites = rng.uniform(0, shape, (n, 2))
    points = np.indices(shape).reshape(2, -1).T
    nearest = cKDTree(sites).query(points)[1].reshape(shape)
    import cc3d

    return cc3d.connected_components(nearest.astype(np.int32) + 1, connectivity=4).astype(np.int32)


def gestures(editor: GrainEditor, edits: int, seed: int = 1) -> dict[str, list[Callable]]:
    """Return for each kind of edit the calls to time."""
    rng = np.random.default_rng(seed)
    table = boundaries(editor.grains, None)
    table = table[table["length"] >= 12]
    picked = table[rng.choice(table.size, edits, replace=False)]
    calls: dict[str, list[Callable]] = {"split": [], "merge": [], "redraw": []}
    for row in picked:
        a, b = int(row["label_a"]), int(row["label_b"])
        box = editor.bounding_box(a)
        y, x = ((s.start + s.stop) / 2 for s in box)
        tall = (box[0].stop - box[0].start) / 2
        stroke = [(y - tall, x + rng.uniform(-4, 4)), (y, x), (y + tall, x + rng.uniform(-4, 4))]
        near = np.array([row["y"], row["x"]], float)
        along = _along(editor.grains, a, b, near)
        calls["split"].append(lambda stroke=stroke: editor.split_along(stroke))
        calls["merge"].append(lambda a=a, b=b: editor.merge([a, b]))
        calls["redraw"].append(lambda along=along: editor.redraw(along))
    return calls


def _along(grains: np.ndarray, a: int, b: int, near: np.ndarray) -> np.ndarray:
    """Return a stroke that bulges from the boundary of two grains into the first."""
    top, left = np.maximum(near.astype(int) - 20, 0)
    part = grains[top : top + 40, left : left + 40]
    rows, columns = np.nonzero(ndi.binary_dilation(part == b) & (part == a))
    corner = np.array([top, left])
    points = np.stack([rows, columns], 1) + corner
    centre = np.argwhere(part == a).mean(axis=0) + corner
    spread = points - points.mean(axis=0)
    order = np.argsort(spread @ np.linalg.svd(spread, full_matrices=False)[2][0])
    ends = points[order[[1, -2]]]
    return np.array([ends[0], 0.5 * (points.mean(axis=0) + centre), ends[1]])


def whole_array(editor: GrainEditor, change: object) -> float:
    """Make a change's edit with masks over the whole map, as a script would; return seconds."""
    grains = editor.grains
    start = time.perf_counter()
    label = change.touched[0]  # type: ignore[attr-defined]
    mask = grains == label
    for other in (*change.removed, *change.created):  # type: ignore[attr-defined]
        mask |= grains == other
    pieces, _ = ndi.label(mask)
    new = np.where(pieces > 0, grains.max() + 1, grains)
    del new
    return time.perf_counter() - start


def main() -> int:
    """Print the table; end with 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--grains", type=int, default=40_000)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--whole", type=int, default=3, help="edits done on the whole array")
    given = parser.parse_args()
    grains, boundary = draw(given.size, given.grains)
    start = time.perf_counter()
    editor = GrainEditor(grains, boundary=boundary)
    built = time.perf_counter() - start
    start = time.perf_counter()
    found = boundaries(grains, boundary).size
    listed = time.perf_counter() - start
    print(
        f"{given.size}², {editor.count} grains; index built once in {built:.2f} s, "
        f"{found} boundaries listed once in {listed:.2f} s\n"
    )
    print("| edit | median ms | p95 ms | worst ms | whole array, median ms | done |")
    print("|---|--:|--:|--:|--:|--:|")
    missed = False
    for name, calls in gestures(editor, given.edits).items():
        times, whole, refused = [], [], 0
        for call in calls:
            start = time.perf_counter()
            try:
                change = call()
            except EditError:
                refused += 1
                continue
            indices, values = change.pixels
            editor.grains[indices] = values
            editor.noted(change.window)
            times.append(1e3 * (time.perf_counter() - start))
            if len(whole) < given.whole:
                whole.append(1e3 * whole_array(editor, change))
            editor.revert(change)
        median, p95 = np.percentile(times, (50, 95))
        missed |= median > TARGET_MEDIAN_MS or p95 > TARGET_P95_MS
        print(
            f"| {name} | {median:.1f} | {p95:.1f} | {max(times):.1f} | {np.median(whole):.0f} "
            f"| {len(times)}/{len(times) + refused} |",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())

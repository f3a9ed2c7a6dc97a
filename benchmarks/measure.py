"""The table of grains beside scikit-image's on the same map, and its time over the map's size.

``python benchmarks/measure.py --size 4096 --grains 10000``

Both measure the same columns of the same map in one process, and the ratio of their times is what
counts; on a machine that is busy with other work the processor time says more than the wall time.
Columns that are defined alike must agree to 1e-6. Ends with 1 when they do not, or when the ratio
is below 15. Then the table alone on maps of other sizes and other numbers of grains: the time per
pixel should stay. ``--quick`` skips the slow columns of scikit-image (Feret, convexity).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage as ndi

from napari_etch.measure import grain_table

TARGET_RATIO = 15.0
TOLERANCE = 1e-6
ALIKE = {
    "area_px": "area",
    "ecd_px": "equivalent_diameter_area",
    "perimeter_px": "perimeter_crofton",
    "centroid_y_px": "centroid-0",
    "centroid_x_px": "centroid-1",
}
# Asked of scikit-image for the same columns of ours, but defined otherwise: feret_diameter_max is
# taken between the middles of pixel sides, solidity from the pixels of the filled hull.
ASKED = (
    *("label", "area", "equivalent_diameter_area", "perimeter_crofton", "centroid"),
    *("axis_major_length", "axis_minor_length", "orientation"),
)
SLOW = ("feret_diameter_max", "solidity")


def tessellation(size: int, grains: int, seed: int = 0) -> np.ndarray:
    """A Voronoi map, int32 (size, size)."""
    rng = np.random.default_rng(seed)
    sites = np.zeros((size, size), np.int32)
    places = rng.choice(sites.size, grains, replace=False)
    sites.flat[places] = np.arange(1, grains + 1)
    nearest = ndi.distance_transform_edt(sites == 0, return_distances=False, return_indices=True)
    return sites[tuple(nearest)]


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def worst_difference(ours: Any, theirs: dict[str, np.ndarray]) -> dict[str, float]:
    found = {}
    for name, other in ALIKE.items():
        mine, his = ours[name].to_numpy(float), np.asarray(theirs[other], float)
        found[name] = float(np.max(np.abs(mine - his) / np.maximum(np.abs(his), 1)))
    # theirs takes a pixel for a point, ours for a square, which adds 1/12 to each second moment
    axes = [(theirs[f"axis_{name}_length"] / 4) ** 2 + 1 / 12 for name in ("major", "minor")]
    ratio = np.sqrt(axes[0] / axes[1])
    found["aspect_ratio"] = float(np.max(np.abs(ours["aspect_ratio"] / ratio - 1)))
    angle = np.degrees(theirs["orientation"]) + 90  # theirs from the rows' axis, ours from x
    turned = (ours["orientation_deg"] - angle + 90) % 180 - 90
    clear = ours["aspect_ratio"] > 1.001  # a round grain has no direction
    found["orientation_deg"] = float(np.max(np.abs(turned[clear]))) / 180
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--grains", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    from skimage.measure import regionprops_table

    grains = tessellation(options.size, options.grains)
    asked = ASKED if options.quick else (*ASKED, *SLOW)
    grain_table(grains[:256, :256])  # imports
    ours, wall, cpu = timed(lambda: grain_table(grains))
    print(f"ours   {wall:8.2f} s   {cpu:8.2f} s of processor   {len(ours)} grains")
    theirs, their_wall, their_cpu = timed(lambda: regionprops_table(grains, properties=asked))
    print(f"theirs {their_wall:8.2f} s   {their_cpu:8.2f} s of processor")
    ratio = their_cpu / cpu
    print(f"ratio  {their_wall / wall:8.1f}     {ratio:8.1f}")
    failed = ratio < TARGET_RATIO
    for name, off in worst_difference(ours, theirs).items():
        failed |= off > TOLERANCE
        print(f"{name:18} {off:.1e}{'  FAIL' if off > TOLERANCE else ''}")
    print("\nsize   grains     ns a pixel")
    for size, count in ((1024, 625), (2048, 2500), (4096, 100), (4096, 10_000), (4096, 100_000)):
        part = tessellation(size, count)
        spent = min(timed(lambda part=part: grain_table(part))[2] for _ in range(2))
        print(f"{size:5} {count:8} {1e9 * spent / size**2:10.1f}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

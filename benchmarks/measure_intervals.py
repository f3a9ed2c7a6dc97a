"""Bias of each method on simulated grains, and how often its interval holds the truth.

``python benchmarks/measure_intervals.py --fields 60``

The fields are windows of 500 × 500 px cut out of Poisson-Voronoi planes with 800 grains per mm² at
1 µm a pixel, about 200 grains each, every one measured alone. The true intercepts are those of
Poisson-Voronoi grains, P_L = 4 / π · √N_A.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy import ndimage as ndi

from napari_etch.measure import METHODS, measure_field

WINDOW, PLANE, GRAINS = 500, 1000, 800
PER_MM2 = GRAINS / (PLANE / 1000) ** 2
TRUE = {
    "density": PER_MM2,
    "iso": PER_MM2,
    "area": 1e6 / PER_MM2,
    "intercepts": 4 / math.pi * math.sqrt(PER_MM2),
}
# By how much G changes when the measured quantity doubles.
STEP = {"density": 1, "iso": 1, "area": -1, "intercepts": 2}


def window(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sites = np.zeros((PLANE, PLANE), np.int32)
    sites.flat[rng.choice(sites.size, GRAINS, replace=False)] = np.arange(1, GRAINS + 1)
    around = np.pad(sites, 150, mode="wrap")
    nearest = ndi.distance_transform_edt(around == 0, return_distances=False, return_indices=True)
    return around[tuple(nearest)][150 : 150 + WINDOW, 150 : 150 + WINDOW]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=60)
    parser.add_argument("--placements", default="several", help="of circles: several or single")
    options = parser.parse_args()
    shares: dict[str, list[float]] = {each.key: [] for each in METHODS}
    held: dict[str, list[bool]] = {each.key: [] for each in METHODS}
    for seed in range(options.fields):
        field = measure_field(window(seed), 1.0, directions=False, placements=options.placements)
        for each in METHODS:
            if each.key not in field.values:
                continue
            true, mean = TRUE[each.scale], field.alone[each.key]
            shares[each.key].append(mean.value / true)
            if mean.half_width is not None:
                held[each.key].append(abs(mean.value - true) <= mean.half_width)
    print(f"{'method':26} bias of G        spread   interval holds")
    for each in METHODS:
        g = STEP[each.scale] * np.log2(shares[each.key])
        error = g.std() / math.sqrt(g.size)
        share = np.mean(held[each.key]) if held[each.key] else math.nan
        print(
            f"{each.key:26} {g.mean():+.3f} ± {error:.3f}   {g.std():.2f}     "
            f"{share:.2f} of {len(held[each.key])}"
        )


if __name__ == "__main__":
    main()

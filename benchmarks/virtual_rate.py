"""How many virtual micrographs a second, beside a plain Voronoi rendering with scipy.

    python benchmarks/virtual_rate.py [--threads 2] [--device cpu] [--size 256]

The rival draws the same number of seeds, finds each pixel's nearest with a k-d tree, darkens the
boundaries, blurs and adds noise: the least that a generator of training data does.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch


def ours(batches: int, size: int, device: str, seed: int) -> float:
    """Return samples a second over so many batches of eight."""
    from napari_etch.virtual import render_batch

    generator = torch.Generator(device).manual_seed(seed)
    start = time.perf_counter()
    for _ in range(batches):
        image = render_batch(8, size, generator=generator).image
    image.sum().item()  # waits for a GPU to finish
    return 8 * batches / (time.perf_counter() - start)


def rival(samples: int, size: int, seed: int) -> float:
    """Return samples a second of the plain Voronoi rendering."""
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree
    from skimage.segmentation import find_boundaries

    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), -1)
    start = time.perf_counter()
    for _ in range(samples):
        intercept = np.exp(random.uniform(np.log(12), np.log(105)))
        count = max(3, int((size / (intercept / 0.89)) ** 2))
        labels = cKDTree(random.uniform(0, size, (count, 2))).query(grid)[1]
        image = random.normal(0.6, 0.1, count)[labels] - 0.4 * find_boundaries(labels)
        gaussian_filter(image, 0.8) + random.normal(0, 0.03, labels.shape)
    return samples / (time.perf_counter() - start)


def main() -> None:
    """Print the table: three interleaved pairs and their median ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batches", type=int, default=30)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    ours(2, given.size, given.device, 99)
    rates = []
    print("| pair | napari-etch, samples/s | plain Voronoi, samples/s | ratio |\n|--:|--:|--:|--:|")
    for pair in range(3):
        first = ours(given.batches, given.size, given.device, pair)
        second = rival(40, given.size, pair)
        rates.append((first, second, first / second))
        print(f"| {pair + 1} | {first:.1f} | {second:.1f} | {first / second:.2f} |", flush=True)
    middle = np.median(np.array(rates), axis=0)
    print(f"| median | {middle[0]:.1f} | {middle[1]:.1f} | {middle[2]:.2f} |")


if __name__ == "__main__":
    main()

"""Are the boundary probabilities honest? Reliability on fresh virtual micrographs.

    python benchmarks/calibration.py [--images 48] [--seed 990001]

True boundaries are two px wide. The seed is not one that training draws from.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch


def reliability(images: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for ten bins of probability: pixels, mean probability, share that is boundary."""
    from napari_etch.models import load_model
    from napari_etch.models.heads import read_heads
    from napari_etch.training.feed import standardise
    from napari_etch.virtual import Structure, render_batch
    from napari_etch.virtual.fields import Range

    network = load_model("generalist").network
    generator = torch.Generator().manual_seed(seed)
    random = np.random.default_rng(seed)
    structure = Structure(intercept=Range(24, 37, log=True))
    pixels, total, hits = np.zeros(10), np.zeros(10), np.zeros(10)
    for _ in range(images // 4):
        batch = render_batch(4, 256, generator=generator, structure=structure)
        seen = [standardise(255 * image, random) for image in batch.image.numpy()]
        with torch.inference_mode():
            raw = network(torch.from_numpy(np.stack(seen))[:, None]).numpy()
        for logits, line in zip(raw, batch.boundary.numpy(), strict=True):
            probability = read_heads(logits)[0].ravel()
            bins = np.minimum((10 * probability).astype(int), 9)
            pixels += np.bincount(bins, minlength=10)
            total += np.bincount(bins, probability, minlength=10)
            hits += np.bincount(bins, line.ravel(), minlength=10)
    return pixels, total / np.maximum(pixels, 1), hits / np.maximum(pixels, 1)


def main() -> None:
    """Print the table and the expected calibration error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--seed", type=int, default=990001)
    given = parser.parse_args()
    pixels, stated, found = reliability(given.images, given.seed)
    print("| stated | found | share of pixels |\n|--:|--:|--:|")
    for share, one, two in zip(pixels / pixels.sum(), stated, found, strict=True):
        print(f"| {one:.3f} | {two:.3f} | {share:.3f} |")
    error = (pixels / pixels.sum() * np.abs(stated - found)).sum()
    print(f"\nExpected calibration error: {error:.4f}")


if __name__ == "__main__":
    main()

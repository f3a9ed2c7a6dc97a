"""The mount beside a specimen: is it found, and what would it do to the grains?

    python benchmarks/mounts.py [--data DATA] [--images 200] [--segmented 12]

Resin of several levels, noises and outlines is put over 12 to 70 % of the bundled steel, of virtual
micrographs and of development images. Printed: how often it is found, how much of it is left out,
how much of the specimen with it; then mean intercept and grains of the steel, with and without.
False alarms are counted by benchmarks/surroundings.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from surroundings import measured, virtual

SEED = 990_004
DEVELOPMENT = {
    "etched SEM": "sem-etched/labelled/070_image.png",
    "nickel": "nickel-ebsd/image.png",
    "precipitates, FESEM": "precipitates/fesem_image.png",
}
# Levels as shares of the picture's own range (2 to 98 %).
LEVELS = {"black": -0.2, "dark": 0.1, "middling": 0.45, "bright": 1.1}


def mounted(grey: np.ndarray, rng: np.random.Generator) -> tuple[str, np.ndarray, np.ndarray]:
    """Return the kind of a mount, the picture with it, uint8 (y, x), and where it is."""
    from scipy.ndimage import gaussian_filter

    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(float)
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.6:  # mostly along a side
        angle = np.round(angle / (np.pi / 2)) * np.pi / 2 + rng.normal(0, 0.08)
    depth = np.cos(angle) * columns + np.sin(angle) * rows
    if rng.random() < 0.2:  # a round specimen
        along = -np.sin(angle) * columns + np.cos(angle) * rows - grey.shape[1] / 2
        depth += along**2 / (grey.shape[1] * rng.uniform(2, 6))
    waves = gaussian_filter(rng.normal(0, 1, grey.shape), rng.uniform(10, 40))
    depth += waves / waves.std() * rng.choice([0, 2, 6, 12])
    share = np.quantile(depth, rng.uniform(0.12, 0.7)) - depth
    share = 1 / (1 + np.exp(-np.clip(share / rng.uniform(0.5, 2.5), -50, 50)))
    kind = str(rng.choice(list(LEVELS)))
    low, high = np.percentile(grey, (2, 98))
    level = max(0.0, low + LEVELS[kind] * (high - low))
    resin = level + rng.normal(0, rng.uniform(1, 9), grey.shape)
    blotches = gaussian_filter(rng.normal(0, 1, grey.shape), rng.uniform(3, 15))
    resin += blotches / blotches.std() * rng.choice([0, 2, 5])
    picture = np.clip(grey * (1 - share) + resin * share, 0, 255)
    return kind, picture.astype(np.uint8), share > 0.5


def found_in(title: str, images: Iterator[np.ndarray], rng: np.random.Generator) -> None:
    """Print a line for each kind of mount."""
    from napari_etch.micrograph.mount import find_mount

    results: dict[str, list[tuple[float, float] | None]] = {kind: [] for kind in LEVELS}
    for image in images:
        kind, picture, where = mounted(image.astype(float), rng)
        found = find_mount(picture)
        shares = None if found is None else (found[where].mean(), found[~where].mean())
        results[kind].append(shares)
    for kind, every in results.items():
        some = np.array([each for each in every if each is not None])
        cells = ["", ""]
        if len(some):
            cells = [f"{100 * np.median(some[:, 0]):.1f} %", f"{100 * some[:, 1].max():.1f} %"]
        print(f"| {title}, {kind} | {len(some)} of {len(every)} | {' | '.join(cells)} |")


def main() -> None:
    """Print the tables."""
    from PIL import Image

    from napari_etch.models import load_model
    from napari_etch.samples import sample_steel

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, default=200, help="virtual ones")
    parser.add_argument("--segmented", type=int, default=12)
    given = parser.parse_args()
    rng = np.random.default_rng(SEED)
    steel = sample_steel().data
    print("| mount beside | found | of it left out | specimen lost, at most |\n|---|--:|--:|--:|")
    found_in("steel", (steel for _ in range(60)), rng)
    found_in("virtual", islice(virtual(given.images), given.images), rng)
    for title, name in DEVELOPMENT.items() if given.data else ():
        image = np.asarray(Image.open(given.data / name).convert("L"))
        found_in(title, (image for _ in range(40)), rng)
    model = load_model("generalist")
    print(
        "\n| steel with a mount | share | left out: intercept, grains | kept |\n|---|--:|---|---|"
    )
    for _ in range(given.segmented):
        kind, picture, where = mounted(steel.astype(float), rng)
        cells = [measured(model, picture, keep) for keep in (False, True)]
        print(f"| {kind} | {100 * where.mean():.0f} % | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

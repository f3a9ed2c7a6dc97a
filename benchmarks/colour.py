"""Grains that differ in colour: what luminance alone finds, and what is found with colour drawn in.

    python benchmarks/colour.py [--images 8] [--quality best] [--sheet FILE.png]

Virtual structures get a colour a grain, of several kinds, or none (a lamp's tint, colour fringes of
a lens, stains, colour maps), noise in each channel and JPEG. AP50 and VI in bits, means of each
kind; the same pictures, once turned to luminance before they are given to the model.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from napari_etch.evaluation import evaluate_grains

Table = Callable[[np.random.Generator, int], np.ndarray]
SIDE, INTERCEPTS = 384, (22, 70)
# Colours of 0 to 255 between which a grain's own lies.
ANODISED = [(205, 60, 140), (150, 70, 170), (70, 90, 190), (110, 160, 220), (200, 210, 170)]
ANODISED += [(235, 190, 90), (225, 130, 70), (205, 60, 140)]
TINTED = [(235, 225, 205), (215, 175, 120), (150, 95, 55), (110, 70, 120), (70, 95, 165)]
TINTED += [(120, 160, 200)]
# Interference colours of the first order, after the chart of Michel-Lévy.
FIRST_ORDER = [(20, 20, 22), (95, 97, 100), (170, 172, 168), (225, 222, 200), (235, 215, 130)]
FIRST_ORDER += [(225, 165, 70), (205, 90, 80)]


def between(colours: list[tuple[int, int, int]], spread: float) -> Table:
    """Return colours anywhere along a row of them, of a brightness that varies by `spread`."""

    def table(rng: np.random.Generator, count: int) -> np.ndarray:
        places = rng.uniform(0, len(colours) - 1, count)
        channels = np.transpose(colours) / 255.0
        found = [np.interp(places, np.arange(len(colours)), channel) for channel in channels]
        return np.stack(found, axis=1) * rng.uniform(1 - spread, 1 + spread, (count, 1))

    return table


def orientations(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return inverse pole figure colours of cubic crystals that lie anyhow."""
    axis = rng.normal(size=(count, 3))
    low, middle, high = np.sort(np.abs(axis), axis=1).T
    found = np.stack([high - middle, np.sqrt(2) * (middle - low), np.sqrt(3) * low], axis=1)
    return (found / found.max(axis=1, keepdims=True)) ** 0.7


def equally_bright(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return any hues, all of one luminance."""
    hue = rng.random((count, 1)) + np.array([0, 1 / 3, 2 / 3])
    found = 0.75 + 0.25 * np.cos(2 * np.pi * hue)
    return found * 0.5 / (found @ np.array([0.299, 0.587, 0.114]))[:, None]


# The colours of the grains, and how deep grooves, texture and uneven light of the structure show.
COLOURED: dict[str, tuple[Table, float]] = {
    "orientation map": (orientations, 0.0),
    "equally bright": (equally_bright, 0.3),
    "anodised, polarised light": (between(ANODISED, 0.15), 0.35),
    "tint-etched": (between(TINTED, 0.1), 0.6),
    "thin section, crossed polarisers": (between(FIRST_ORDER, 0.0), 0.4),
}
PLAIN = ("lamp's tint", "colour fringes", "stains", "colour map")
MAPS = ("viridis", "magma", "jet", "hot")


def structure(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an optical micrograph, float (y, x) about [0, 1], and the number of each grain."""
    import torch

    from napari_etch.virtual import Structure, render_batch
    from napari_etch.virtual.fields import Range

    intercept = float(np.exp(np.random.default_rng(seed).uniform(*np.log(INTERCEPTS))))
    batch = render_batch(
        1,
        SIDE,
        generator=torch.Generator().manual_seed(seed),
        style="optical",
        structure=Structure(intercept=Range(intercept, intercept + 0.1)),
    )
    return batch.image[0].numpy(), batch.labels[0].numpy()


def coloured(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of coloured grains, uint8 (y, x, 3), and its grain map."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    grey, labels = structure(seed)
    numbers, place = np.unique(labels, return_inverse=True)
    table, depth = COLOURED[kind]
    picture = table(rng, len(numbers))[place.reshape(labels.shape)]
    if depth:
        sigma = rng.uniform(0.6, 1.4)
        picture = gaussian_filter(picture, (sigma, sigma, 0))
        picture = picture * (1 + depth * (grey / np.median(grey) - 1))[..., None]
        return compressed(noisy(picture, rng.uniform(0.005, 0.03), rng), rng), split(labels)
    wrong = rng.random(labels.shape) < 0.004  # pixels that were indexed wrongly
    picture[wrong] = rng.random((int(wrong.sum()), 3))
    return in_8_bits(noisy(picture, 0.02, rng)), split(labels)


def plain(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture whose colour says nothing, uint8 (y, x, 3), and its grain map."""
    import matplotlib
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    grey, labels = structure(seed)
    picture = grey[..., None] * np.array([1, 0.9, 0.72])
    if kind == "colour fringes":
        moved = (np.roll(picture[..., at], 2 - 2 * at, axis=1) for at in range(3))
        picture = np.stack(list(moved), axis=-1)
    elif kind == "stains":
        cloud = gaussian_filter(rng.normal(size=grey.shape), 25)
        cloud = np.clip(cloud / cloud.std() - 0.5, 0, 1)[..., None]
        picture = picture * (1 - cloud * np.array([0.05, 0.25, 0.5]))
    elif kind == "colour map":
        picture = matplotlib.colormaps[MAPS[seed % len(MAPS)]](grey)[..., :3]
    return compressed(noisy(picture, 0.015, rng), rng), split(labels)


def noisy(picture: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Return a picture with white noise in each channel."""
    return picture + rng.normal(0, sigma, picture.shape)


def in_8_bits(picture: np.ndarray) -> np.ndarray:
    """Return a picture in [0, 1] as uint8."""
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def compressed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture in [0, 1] as uint8, stored as JPEG before."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(in_8_bits(picture)).save(held, "JPEG", quality=int(rng.integers(75, 95)))
    return np.asarray(Image.open(held))


def split(labels: np.ndarray) -> np.ndarray:
    """Return a grain map, int32 from 1, in which every grain is in one piece."""
    from skimage.measure import label

    return label(labels, background=-1, connectivity=1).astype(np.int32)


def pictures(kind: str, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pictures of a kind and their grain maps."""
    make = coloured if kind in COLOURED else plain
    first = 910_000 + 1000 * [*COLOURED, *PLAIN].index(kind)
    for seed in range(first, first + count):
        yield make(kind, seed)


def scores(model: object, picture: np.ndarray, truth: np.ndarray, quality: str) -> np.ndarray:
    """Return AP50 and VI of what the model finds."""
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.segmentation import Segmentation, segment

    micrograph = micrograph_from_array(picture, "picture")
    *_, found = segment(model, micrograph, quality=quality)
    assert isinstance(found, Segmentation)
    measured = evaluate_grains(found.grains, truth).as_dict()
    return np.array([measured["ap50"], measured["vi"]])


def main() -> None:
    """Print the table, or save a contact sheet."""
    from napari_etch.micrograph.luminance import luminance
    from napari_etch.models import load_model

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--quality", default="best")
    parser.add_argument("--sheet", type=Path, help="save a picture of each kind and end")
    given = parser.parse_args()
    kinds = [*COLOURED, *PLAIN]
    if given.sheet:
        from PIL import Image

        rows = [np.concatenate([p for p, _ in pictures(kind, 4)], axis=1) for kind in kinds]
        Image.fromarray(np.concatenate(rows)).save(given.sheet)
        return
    model = load_model("generalist")
    print("| picture | luminance alone: AP50, VI | with colour drawn in |\n|---|---|---|")
    for kind in kinds:
        found = []
        for picture, truth in pictures(kind, given.images):
            alone = luminance(picture)
            found.append([scores(model, each, truth, given.quality) for each in (alone, picture)])
        means = np.mean(found, axis=0)
        cells = " | ".join(f"{ap50:.3f}, {vi:.2f}" for ap50, vi in means)
        print(f"| {kind} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

"""Take every development image again, otherwise: how much do size, light, focus and noise cost?

    python benchmarks/robustness.py --data DATA --scorer score.py [--only half double] [--model M]

Each image with grain truth is changed, segmented, and its grains are brought back to the pixels of
the truth, so that all columns are scored alike. AP50, and below it the mean intercept that the
model found, in pixels of the picture it was given.
"""

from __future__ import annotations

import argparse
import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import accuracy
import numpy as np

from napari_etch.models import prepare

Change = Callable[[np.ndarray], np.ndarray]
SEED = 20261129


def resized(factor: float) -> Change:
    """Return a change of size; smaller pictures are smoothed before."""

    def change(image: np.ndarray) -> np.ndarray:
        from skimage.transform import rescale

        colour = None if image.ndim == 2 else 2
        found = rescale(image, factor, order=3, preserve_range=True, channel_axis=colour)
        return np.rint(np.clip(found, 0, 255)).astype(np.uint8)

    return change


def _grey_levels(change: Change) -> Change:
    """Apply a change of grey values in [0, 1] and write 8 bits again."""

    def changed(image: np.ndarray) -> np.ndarray:
        return np.rint(255 * np.clip(change(image / 255.0), 0, 1)).astype(np.uint8)

    return changed


def _of_all_channels(plane: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a plane (y, x) so that it goes with grey or coloured values."""
    return plane if values.ndim == 2 else plane[..., None]


def uneven(values: np.ndarray) -> np.ndarray:
    """Light that falls from one corner to the other, to a fifth."""
    y, x = (np.linspace(0, 1, side) for side in values.shape[:2])
    light = 1.0 - 0.4 * (y[:, None] + x[None, :])
    return values * _of_all_channels(light, values)


def blurred(values: np.ndarray) -> np.ndarray:
    """Out of focus by a Gaussian of 2 px."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, (2.0, 2.0, 0)[: values.ndim])


def noisy(values: np.ndarray) -> np.ndarray:
    """White noise, its deviation a tenth of the range."""
    return values + np.random.default_rng(SEED).normal(0, 0.1, values.shape)


def scratched(values: np.ndarray) -> np.ndarray:
    """Twelve dark scratches from frame to frame, a pixel or two wide, anyhow."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(7)
    height, width = values.shape[:2]
    lines = np.zeros((height, width))
    for _ in range(12):
        turn = rng.uniform(0, np.pi)
        y, x = rng.integers(height), rng.integers(width)
        along = np.linspace(-1, 1, 4 * (height + width)) * (height + width)
        rows, columns = (
            (y + along * np.sin(turn)).astype(int),
            (x + along * np.cos(turn)).astype(int),
        )
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        lines[rows[inside], columns[inside]] = 1
    lines = gaussian_filter(lines, 0.7)
    lines *= 0.6 / lines.max()
    return values * (1 - _of_all_channels(lines, values))


def scanned(values: np.ndarray) -> np.ndarray:
    """Every row brighter or darker at random, with a deviation of 6 % of the range."""
    offsets = np.random.default_rng(SEED).normal(0, 0.06, len(values))
    return values + _of_all_channels(offsets[:, None], values)


def streaked(values: np.ndarray) -> np.ndarray:
    """Upright streaks some 150 px long, their deviation 6 % of the range."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(3).normal(size=values.shape[:2]), (60, 1.2))
    noise *= 0.06 / noise.std()
    return values + _of_all_channels(noise, values)


def mosaic(values: np.ndarray) -> np.ndarray:
    """Two rows of three fields side by side, each of its own exposure and darker at its corners."""
    values, rng = values.copy(), np.random.default_rng(3)
    rows, columns = (
        np.linspace(0, side, count + 1).astype(int)
        for side, count in zip(values.shape[:2], (2, 3), strict=True)
    )
    for top, bottom in itertools.pairwise(rows):
        for left, right in itertools.pairwise(columns):
            y, x = np.mgrid[-1 : 1 : (bottom - top) * 1j, -1 : 1 : (right - left) * 1j]
            light = (1 + rng.normal(0, 0.08)) * (1 - 0.15 * (x * x + y * y) / 2)
            values[top:bottom, left:right] *= _of_all_channels(light, values)
    return values


def with_lost_lines(values: np.ndarray) -> np.ndarray:
    """Twelve rows all white."""
    values = values.copy()
    values[np.random.default_rng(3).integers(0, len(values), 12)] = 1
    return values


def with_dead_pixels(values: np.ndarray) -> np.ndarray:
    """One pixel in a hundred black, one white."""
    random = np.random.default_rng(3).random(values.shape[:2])
    values = values.copy()
    values[random < 0.01] = 0
    values[random > 0.99] = 1
    return values


def jpeg(image: np.ndarray) -> np.ndarray:
    """Compressed as JPEG at quality 20."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(image).save(held, "JPEG", quality=20)
    return np.asarray(Image.open(held))


CHANGES: dict[str, Change] = {
    "as it is": lambda image: image,
    "quarter size": resized(0.25),
    "half size": resized(0.5),
    "double size": resized(2.0),
    "four times": resized(4.0),
    "inverted": lambda image: 255 - image,
    "gamma 0.5": _grey_levels(lambda values: values**0.5),
    "gamma 2": _grey_levels(lambda values: values**2),
    "a fifth of the contrast": _grey_levels(lambda values: 0.4 + 0.2 * values),
    "uneven light": _grey_levels(uneven),
    "blur 2 px": _grey_levels(blurred),
    "scratches": _grey_levels(scratched),
    "scan lines": _grey_levels(scanned),
    "streaks": _grey_levels(streaked),
    "mosaic": _grey_levels(mosaic),
    "lost lines": _grey_levels(with_lost_lines),
    "dead pixels": _grey_levels(with_dead_pixels),
    "noise 10 %": _grey_levels(noisy),
    "JPEG 20": jpeg,
}


def eight_bits(image: np.ndarray) -> np.ndarray:
    """Return an image in 8 bits over its range."""
    if image.dtype == np.uint8:
        return image
    low, high = float(image.min()), float(image.max())
    return np.rint(255 * (image - low) / max(high - low, 1e-9)).astype(np.uint8)


def brought_back(grains: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a grain map at another size, each pixel from the nearest one."""
    y, x = (
        np.minimum((np.arange(side) + 0.5) * old / side, old - 1).astype(int)
        for side, old in zip(shape, grains.shape, strict=True)
    )
    return grains[np.ix_(y, x)]


def rows(given: argparse.Namespace, names: list[str]) -> Iterator[tuple[str, str, dict]]:
    """Yield the set, the title, and by change AP50, VI and intercept of each image."""
    from napari_etch.models import load_model

    scorer, model = accuracy.load_scorer(given.scorer), load_model(given.model)
    for case in accuracy.cases(given.data):
        if case.name == "labels_twins_merged":
            continue
        image = eight_bits(case.image)
        found = {}
        for name in names:
            options = {"fill_scratches": False} if given.keep_scratches else {}
            prediction, partition, _ = accuracy.run(
                model, CHANGES[name](image), case.name, quality=given.quality, **options
            )
            grains = brought_back(partition.grains, case.truth.shape)
            scores = scorer.score_grains(grains, case.truth, tolerance=case.tolerance)
            size = prediction.parameters.get("grain_size_px", 0.0)
            found[name] = scores["ap50"], scores["vi"], size
        yield case.averaged_as, case.title, found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--model", default="generalist")
    parser.add_argument("--quality", default="best")
    parser.add_argument("--keep-scratches", action="store_true", help="do not fill them in")
    parser.add_argument(
        "--unmended", action="store_true", help="leave scan lines, streaks, seams and dead pixels"
    )
    parser.add_argument("--only", nargs="*", choices=CHANGES, help="these changes alone")
    given = parser.parse_args()
    if given.unmended:
        prepare.mended = lambda image, mask: prepare.Prepared(image, ())
    names = ["as it is", *(name for name in CHANGES if name in given.only)] if given.only else None
    names = names or list(CHANGES)
    print("| image | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    groups: dict[str, list[dict]] = {}
    for group, title, found in rows(given, names):
        groups.setdefault(group, []).append(found)
        cells = (f"{ap50:.3f}, {vi:.2f} ({size:.0f} px)" for ap50, vi, size in found.values())
        print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    for column, what in ((0, "AP50"), (1, "VI")):
        means = [
            np.mean(
                [np.mean([found[name][column] for found in every]) for every in groups.values()]
            )
            for name in names
        ]
        print(f"| {what}, mean of sets | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


if __name__ == "__main__":
    main()

"""What is blank around a specimen: is it found, and what would it do to the grains?

    python benchmarks/surroundings.py [--data DATA] [--images 480]

The bundled steel is put on a page, behind a round stop, tilted, and into a mosaic. Of each: how
much of what is blank is left out, how much of the specimen with it, and mean intercept and number
of grains with and without that. Then false alarms: on virtual micrographs, as they are and with
three times the contrast (much is black or white then), and on the development data.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SEED = 990_003
_NO_MICROGRAPH = ("boundary", "masks", "classes", "precipitates.png", "labels")


def pictures(steel: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield a title, a picture (y, x) and where it is specimen, of each kind."""
    from scipy.ndimage import rotate

    rng = np.random.default_rng(SEED)
    height, width = steel.shape
    whole = np.ones(steel.shape, bool)
    yield "as it is", steel, whole
    yield (
        "on a white page",
        np.pad(steel, 60, constant_values=255),
        np.pad(whole, 60),
    )
    rows, columns = np.ogrid[:height, :width]
    off = np.hypot(rows - height / 2, columns - width / 2)
    share = np.clip((290 - off) / 6, 0, 1)
    for title, level, noise in (
        ("round, black around it", 0, 0),
        ("round, white", 255, 0),
        ("round, black with noise", 3, 2),
    ):
        around = level + rng.normal(0, noise, steel.shape) * (1 - share)
        seen = steel * share + around * (1 - share)
        yield title, np.rint(np.clip(seen, 0, 255)).astype(np.uint8), off < 287
    for angle in (3, 12, 30):
        turned = rotate(steel, angle, order=1)
        yield f"tilted by {angle}°", turned, rotate(whole.astype(np.uint8), angle, order=0) > 0
    mosaic, inside = (np.zeros((height + 130, width + 280), each) for each in (np.uint8, bool))
    for y, x in ((0, 0), (130, 280)):
        mosaic[y : y + height, x : x + width] = steel
        inside[y : y + height, x : x + width] = True
    yield "two fields of a mosaic", mosaic, inside


def measured(model: object, picture: np.ndarray, keep: bool) -> str:
    """Return mean intercept and number of grains, as the generalist has them."""
    from napari_etch.micrograph import micrograph_from_array
    from napari_etch.segmentation import Segmentation, segment

    micrograph = micrograph_from_array(picture, "picture", keep_info_bar=keep)
    *_, found = segment(model, micrograph)
    assert isinstance(found, Segmentation)
    return f"{found.parameters['grain_size_px']:.0f} px, {int(found.grains.max())}"


def virtual(count: int) -> Iterator[np.ndarray]:
    """Yield virtual micrographs of all styles, uint8, in [0, 255]."""
    import torch

    from napari_etch.virtual import render_batch

    generator = torch.Generator().manual_seed(SEED)
    for _ in range(count // 8):
        for image in render_batch(8, 320, generator=generator).image.numpy():
            yield np.rint(255 * image).astype(np.uint8)


def real(data: Path) -> Iterator[np.ndarray]:
    """Yield the images of the development data."""
    from PIL import Image

    for file in sorted(data.rglob("*.png")):
        if not any(word in str(file) for word in _NO_MICROGRAPH):
            yield np.asarray(Image.open(file).convert("L"))


def false_alarms(title: str, images: Iterator[np.ndarray]) -> None:
    """Print in how many images something is found, and how much of them at most."""
    from napari_etch.micrograph.surroundings import find_surroundings

    shares = []
    for image in images:
        found = find_surroundings(image)
        shares.append(0.0 if found is None else float(found.outside.mean()))
    some = sum(share > 0 for share in shares)
    print(f"| {title} | {some} of {len(shares)} | {100 * max(shares):.1f} % |")


def main() -> None:
    """Print the tables."""
    from napari_etch.micrograph.surroundings import find_surroundings
    from napari_etch.models import load_model
    from napari_etch.samples import sample_steel

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, default=480)
    given = parser.parse_args()
    model = load_model("generalist")
    print("| steel | blank left out | specimen left out | intercept, grains | if it is kept |")
    print("|---|--:|--:|---|---|")
    for title, picture, inside in pictures(sample_steel().data):
        found = find_surroundings(picture)
        outside = np.zeros(inside.shape, bool) if found is None else found.outside
        blank = 100 * outside[~inside].mean() if (~inside).any() else 100.0
        lost = 100 * outside[inside].mean()
        results = [measured(model, picture, keep) for keep in (False, True)]
        print(f"| {title} | {blank:.1f} % | {lost:.2f} % | {' | '.join(results)} |", flush=True)
    print("\n| nothing around them | found in | share at most |\n|---|--:|--:|")
    false_alarms("virtual", virtual(given.images))
    hard = (np.clip(3.0 * image - 255, 0, 255).astype(np.uint8) for image in virtual(given.images))
    false_alarms("three times the contrast", hard)
    if given.data:
        false_alarms("development sets", real(given.data))


if __name__ == "__main__":
    main()

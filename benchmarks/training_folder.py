"""Lay out the development sets that may be trained on as a training folder.

python benchmarks/training_folder.py --data DATA --out FOLDER [--without sem-etched-090 …]

For the second variant of the generalist, which also sees real micrographs: steel-optical, the two
labelled sem-etched frames, nickel-ebsd and every tenth slice of volume-em. What is left out by
`--without` stays unseen, to measure on (sem-etched-090 for the shipped one). Sets marked
evaluate-only, and those without human or orientation truth, are never in it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

import tifffile
from skimage.io import imread, imsave

sys.path.insert(0, str(Path(__file__).parent))
from accuracy import volume_cases

EVERY = 10  # slices of the volume; neighbours differ little
PAIRS = {
    "steel-optical": ("steel-optical/image.png", "steel-optical/labels.tif"),
    "sem-etched-070": ("sem-etched/labelled/070_image.png", "sem-etched/labelled/070_labels.tif"),
    "sem-etched-090": ("sem-etched/labelled/090_image.png", "sem-etched/labelled/090_labels.tif"),
    "nickel-ebsd": ("nickel-ebsd/image.png", "nickel-ebsd/labels.tif"),
}
VOLUME = "volume-em"


def lay_out(
    data: Path, out: Path, without: Collection[str] = (), first: int = 0, every: int = EVERY
) -> int:
    """Write `images/` and `labels/` and return how many pairs there are."""
    images, labels = out / "images", out / "labels"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(exist_ok=True)
    pairs = {name: files for name, files in PAIRS.items() if name not in without}
    for name, (image, truth) in pairs.items():
        imsave(images / f"{name}.png", imread(data / image), check_contrast=False)
        tifffile.imwrite(labels / f"{name}.tif", tifffile.imread(data / truth))
    slices = [] if VOLUME in without else list(volume_cases(data))[first::every]
    for case in slices:
        name = f"{VOLUME}-{case.name}"
        imsave(images / f"{name}.png", case.image, check_contrast=False)
        tifffile.imwrite(labels / f"{name}.tif", case.truth)
    return len(pairs) + len(slices)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--without", nargs="+", default=(), choices=[*PAIRS, VOLUME])
    parser.add_argument("--first", type=int, default=0, help="first slice of the volume")
    parser.add_argument("--every", type=int, default=EVERY, help="slices from one to the next")
    given = parser.parse_args()
    count = lay_out(given.data, given.out, given.without, given.first, given.every)
    print(f"{count} pairs in {given.out}")


if __name__ == "__main__":
    main()

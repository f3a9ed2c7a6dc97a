"""Lay out the development sets that may be trained on as a training folder.

python benchmarks/training_folder.py --data DATA --out FOLDER

For the second variant of the generalist, which also sees real micrographs: steel-optical, one of
the two labelled sem-etched frames (the other stays unseen, to measure on), nickel-ebsd and every
tenth slice of volume-em. Sets marked evaluate-only, and those without human or orientation truth,
are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile
from skimage.io import imread, imsave
from skimage.measure import label

EVERY = 10  # slices of the volume; neighbours differ little


def lay_out(data: Path, out: Path) -> int:
    """Write `images/` and `labels/` and return how many pairs there are."""
    images, labels = out / "images", out / "labels"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(exist_ok=True)
    pairs = {
        "steel-optical": ("steel-optical/image.png", "steel-optical/labels.tif"),
        "sem-etched-070": (
            "sem-etched/labelled/070_image.png",
            "sem-etched/labelled/070_labels.tif",
        ),
        "nickel-ebsd": ("nickel-ebsd/image.png", "nickel-ebsd/labels.tif"),
    }
    for name, (image, truth) in pairs.items():
        imsave(images / f"{name}.png", imread(data / image), check_contrast=False)
        tifffile.imwrite(labels / f"{name}.tif", tifffile.imread(data / truth))
    volume = tifffile.imread(data / "volume-em" / "image.tif")
    truth = tifffile.imread(data / "volume-em" / "labels.tif")
    slices = range(0, len(volume), EVERY)
    for index in slices:
        name = f"volume-em-{index:02d}"
        imsave(images / f"{name}.png", volume[index], check_contrast=False)
        # One object may be cut twice by a slice; each piece is a grain of its own there.
        pieces = label(truth[index], connectivity=1, background=0).astype(np.int32)
        tifffile.imwrite(labels / f"{name}.tif", pieces)
    return len(pairs) + len(slices)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    print(f"{lay_out(given.data, given.out)} pairs in {given.out}")


if __name__ == "__main__":
    main()

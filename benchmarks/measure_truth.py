"""Grain size from the generalist's map beside that from the hand-drawn one, by every method.

``python benchmarks/measure_truth.py DATA --model generalist``

DATA is the folder of development data. For each set: G of the drawn map, G of the model's map,
their difference, and how far G of the model's map moves over the plausible range of granularity.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from napari_etch.measure import combine_fields, measure_field
from napari_etch.measure.segmentation_range import segmentation_range
from napari_etch.micrograph import read_micrograph
from napari_etch.models import load_model
from napari_etch.segmentation import segment_sections

# name, micrograph, drawn lines, µm a pixel (sem-etched states none, so its G is relative), goal
SETS = (
    ("steel-optical", "steel-optical/image.png", "steel-optical/boundary.png", 50 / 222, 0.15),
    (
        "sem-etched 070",
        *(f"sem-etched/labelled/070_{x}.png" for x in ("image", "boundary")),
        1,
        0.25,
    ),
    (
        "sem-etched 090",
        *(f"sem-etched/labelled/090_{x}.png" for x in ("image", "boundary")),
        1,
        0.25,
    ),
)
SPECK_PX = 20  # where drawn lines cross


def drawn_grains(path: Path) -> np.ndarray:
    """Return the grains between drawn lines, without gaps."""
    from skimage.io import imread
    from skimage.measure import label

    labels = label(imread(path) == 0, connectivity=1).astype(np.int32)
    labels[(np.bincount(labels.ravel()) < SPECK_PX)[labels]] = 0
    nearest = ndi.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="generalist")
    parser.add_argument("--placements", default="several", help="of circles: several or single")
    options = parser.parse_args()
    model = load_model(options.model)
    for name, image, lines, pixel_size, goal in SETS:
        laid = {"placements": options.placements}
        drawn = measure_field(drawn_grains(options.data / lines), pixel_size, **laid)
        truth = combine_fields([drawn])
        micrograph = read_micrograph(options.data / image, pixel_size_um=pixel_size)
        *_progress, done = segment_sections(model, [micrograph], 1)
        cut = done.partition
        ours = combine_fields([measure_field(cut.grains, pixel_size, **laid)])
        numbers = segmentation_range([cut], pixel_size, **laid).grain_numbers
        print(f"\n{name}, goal {goal}\n{'method':26} drawn  model    ΔG   granularity")
        for result in truth.results:
            key = result.method.key
            mine = ours.result(key)
            off = mine.grain_number - result.grain_number
            moved = np.subtract(numbers.get(key, [np.nan]), mine.grain_number)
            low, high = moved.min(), moved.max()
            print(
                f"{key:26}{result.grain_number:6.2f} {mine.grain_number:6.2f} {off:+6.2f}"
                f"{'  ' if abs(off) <= goal else ' !'} {low:+.2f} … {high:+.2f}"
            )


if __name__ == "__main__":
    main()

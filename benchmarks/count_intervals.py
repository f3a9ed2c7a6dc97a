"""Do the intervals of counts hold the truth? Calibration and coverage on virtual micrographs.

    python benchmarks/count_intervals.py --model dinov2 --keep runs/counted [--learn 80] [--test 80]

Virtual micrographs of all styles alike, one seed each, none that a training draws from: the first
ones calibrate the interval, the others test it. What was counted stays in KEEP, so that a run goes
on where it was cut off. Prints the calibration (the entry "count" of a model's card), the coverage
by style, and the lean that would make counts of virtual micrographs right on average.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_etch.counting import Calibration, Links, calibration_of
from napari_etch.inference import Prediction, predict
from napari_etch.micrograph import Micrograph
from napari_etch.models import load_model
from napari_etch.training.count_calibration import Counted, fit_calibration, holds, interval_of
from napari_etch.virtual.fields import Range
from napari_etch.virtual.sample import render_batch
from napari_etch.virtual.styles import STYLES
from napari_etch.virtual.tessellation import Structure

LEAST = 30
NAMES = list(STYLES)
# The sides, px, in turn for each round of styles, and the mean intercepts.
SIDES = (320, 448)
INTERCEPT = Range(16.0, 64.0, log=True)
SEED = 700_000


def drawn(number: int) -> tuple[Micrograph, np.ndarray, str]:
    """Return a virtual micrograph, its grain map, its style."""
    from skimage.measure import label

    batch = render_batch(
        1,
        SIDES[number // len(NAMES) % len(SIDES)],
        generator=torch.Generator().manual_seed(SEED + number),
        style=NAMES[number % len(NAMES)],
        structure=Structure(intercept=INTERCEPT),
    )
    grains = label(batch.labels[0].numpy(), background=-1, connectivity=1)
    image = (255 * batch.image[0].numpy()).round().astype(np.uint8)
    return Micrograph(image, f"virtual {number}"), grains, batch.styles[0]


def virtual(number: int) -> tuple[Micrograph, int, str]:
    """Return a virtual micrograph, its number of grains of at least 30 px, its style."""
    micrograph, grains, style = drawn(number)
    return micrograph, int((np.bincount(grains.ravel()) >= LEAST).sum()), style


def counted(model: Any, number: int, keep: Path, quality: str) -> Counted:
    """Count a virtual micrograph, or look up how it was counted."""
    path = keep / f"{number:04}.npz"
    if not path.exists():
        micrograph, true, style = virtual(number)
        found = next(
            event
            for event in predict(model, micrograph, quality=quality)
            if isinstance(event, Prediction)
        )
        links = Links.of(model.partition(found.fields), Calibration())
        unfinished = keep / f".{number:04}.npz"
        np.savez(unfinished, odds=links.log_odds, pieces=links.pieces, true=true, style=style)
        unfinished.rename(path)
    kept = np.load(path)
    links = Links(kept["odds"], int(kept["pieces"]), calibration_of(model))
    return Counted(links, int(kept["true"]), str(kept["style"]))


def table(images: list[Counted], calibration: Calibration) -> None:
    """Print, by style, the error of the count, the width of the interval and its coverage."""
    print("| style | n | median count / true | median width | holds the truth | drawn alone |")
    print("|---|--:|--:|--:|--:|--:|")
    for style in [*NAMES, ""]:
        own = [image for image in images if style in ("", image.style)]
        if not own:
            continue
        error = np.median([image.links.count / image.true for image in own])
        limits = [interval_of(image, calibration) for image in own]
        width = np.median([high / low for low, high in limits])
        hits = sum(holds(image, calibration) for image in own)
        print(
            f"| {style or 'all'} | {len(own)} | {error:.2f} | {width:.2f} | {hits} of {len(own)} |"
        )


def holds_drawn(image: Counted) -> bool:
    """Return whether the interval of what a person draws, with the count, holds the true number."""
    low, high = image.links.drawn()
    return min(low, image.links.count) <= image.true <= max(high, image.links.count)


def unbiased_shift(images: list[Counted]) -> float:
    """Return the log-odds to take from every boundary so that counts are right on average.

    Right on average: the mean over the styles of the median log error is nothing.
    """

    def bias(shift: float) -> float:
        medians = []
        for style in {image.style for image in images}:
            own = [image for image in images if image.style == style]
            counts = [i.links.pieces + (i.links.log_odds > shift).sum() for i in own]
            errors = [np.log(max(count, 1) / i.true) for count, i in zip(counts, own, strict=True)]
            medians.append(float(np.median(errors)))
        return float(np.mean(medians))

    shifts = np.arange(-4, 4, 0.01)
    return float(shifts[int(np.argmin([abs(bias(shift)) for shift in shifts]))])


def main() -> None:
    """Count, calibrate, test and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dinov2")
    parser.add_argument("--keep", type=Path, default=Path("runs/counted"))
    parser.add_argument("--learn", type=int, default=80)
    parser.add_argument("--test", type=int, default=80)
    parser.add_argument("--quality", default="best", choices=["best", "fast"])
    given = parser.parse_args()
    keep = given.keep / f"{Path(given.model).name}-{given.quality}"
    keep.mkdir(parents=True, exist_ok=True)
    model = load_model(given.model)
    began, worked = time.perf_counter(), time.process_time()
    images = [
        counted(model, number, keep, given.quality) for number in range(given.learn + given.test)
    ]
    spent, worked = time.perf_counter() - began, time.process_time() - worked
    learnt, tested = images[: given.learn], images[given.learn :]
    fitted = fit_calibration(learnt, calibration_of(model))
    print(json.dumps({"count": {k: round(v, 4) for k, v in asdict(fitted).items()}}))
    lean = float(getattr(model, "lean", 0.0))
    print(f"Lean of the model {lean}, unbiased on virtual: {lean + unbiased_shift(learnt):.2f}")
    print(f"\nTested on {len(tested)} others, calibrated on {len(learnt)}:\n")
    table(tested, fitted)
    print("\nThe same with the calibration that is shipped:\n")
    table(tested, calibration_of(model))
    print(f"\n{spent:.0f} s, {worked:.0f} s of processor time.")


if __name__ == "__main__":
    main()

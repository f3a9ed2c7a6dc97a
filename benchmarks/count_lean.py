"""The lean of `dinov2` that needs none of the images it is tested on; docs/counting.md, "The lean".

    python benchmarks/count_lean.py --data DATA

Every image with grain truth is answered once and cut with leans from none to 0.86 log-odds. The
lean fitted to some sets is that at which their mean error in log count is nearest to 0, images
averaged within a set and sets alike. Fitted to all sets but one, it is tested on that one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage.measure import label

sys.path.insert(0, str(Path(__file__).parent))
from accuracy import Case, cases, run, volume_cases
from count import BARS, number

from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import load_model

LEANS = np.arange(0, 0.87, 0.02)
FINE = np.arange(0, 0.86, 0.005)
SLICES = range(20)  # all of the stack

# Logarithm of found over true number, (images, leans), by set.
Errors = dict[str, npt.NDArray[np.float64]]


def every_image(data: Path) -> Iterator[Case]:
    """Yield all images with grain truth: of the stack and the volume every slice."""
    for case in (*cases(data, SLICES), *volume_cases(data)):
        if case.group == "stack-sstem":
            yield replace(case, truth=label(case.truth == 0, connectivity=1))
        elif case.name != "labels_twins_merged":
            yield case


def errors_of(data: Path) -> Errors:
    """Answer every image and return how far its count is off at each lean."""
    model = load_model("dinov2")
    found: dict[str, list[list[float]]] = {}
    for case in every_image(data):
        prediction, _, _ = run(model, case.image, case.name)
        mask, true, row = micrograph_from_array(case.image, "").mask, number(case.truth), []
        for lean in LEANS:
            model.lean = float(lean)
            grains = model.partition(prediction.fields, mask=mask).grains
            row.append(float(np.log(max(1, number(grains)) / true)))
        found.setdefault(case.group, []).append(row)
    return {name: np.array(rows) for name, rows in found.items()}


def fitted(errors: Errors, sets: list[str]) -> float:
    """Return the lean at which the mean error of these sets is nearest to 0."""
    mean = np.mean([errors[name].mean(0) for name in sets], 0)
    return float(FINE[np.argmin(np.abs(np.interp(FINE, LEANS, mean)))])


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    errors = errors_of(parser.parse_args().data)
    print(f"\nfitted to all {len(errors)} sets: {fitted(errors, list(errors)):.3f}\n")
    print("| tested on | lean of the others | errors | mean | aim |\n|---|--:|---|--:|--:|")
    for begin, bar in BARS.items():
        name = next(name for name in errors if name.startswith(begin))
        lean = fitted(errors, [other for other in errors if other != name])
        off = [100 * (np.exp(np.interp(lean, LEANS, row)) - 1) for row in errors[name]]
        words, mean = ", ".join(f"{value:+.1f}" for value in off), np.mean(np.abs(off))
        print(f"| {name} | {lean:.3f} | {words} % | {mean:.1f} % | {100 * bar:.0f} % |")


if __name__ == "__main__":
    main()

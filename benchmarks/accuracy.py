"""Score a model on every development set with grain truth; prints the table of docs/accuracy.md.

    python benchmarks/accuracy.py --data DATA --scorer score.py [--overlays DIR] [--turned]
    python benchmarks/accuracy.py --data DATA --scorer score.py --turned --cutting 0.6 0 0 40
    python benchmarks/accuracy.py --virtual 60 --scorer score.py

`DATA` is the folder of development sets (a folder a set, each with `meta.json`), `--scorer` the
shared scorer that everyone measures with.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from skimage.measure import label

SLICES = (0, 7, 14)
# Neither a training draws these, nor the calibration of counts.
FIRST_VIRTUAL = 2000


@dataclass(frozen=True)
class Case:
    """One image with truth: which set it belongs to, its name, and the scorer's tolerance."""

    group: str
    name: str
    image: np.ndarray
    truth: np.ndarray
    tolerance: float
    turn: str = ""

    @property
    def title(self) -> str:
        """Name in the table."""
        return f"{self.group} {self.name}{self.turn}"

    @property
    def averaged_as(self) -> str:
        """Images of these sets are of one kind and averaged; the others stand for themselves."""
        alike = self.group in ("sem-etched", "stack-sstem", "virtual")
        return self.group if alike else f"{self.group} {self.name}"


def read(path: Path) -> np.ndarray:
    """Read an image or a label map."""
    if path.suffix == ".tif":
        import tifffile

        return np.asarray(tifffile.imread(path))
    from skimage.io import imread

    return np.asarray(imread(path))


def cases(data: Path, slices: Iterable[int] = SLICES) -> Iterator[Case]:
    """Yield every image that has grain truth; these slices stand for the stack."""
    steel = data / "steel-optical"
    yield Case("steel-optical", "image", read(steel / "image.png"), read(steel / "labels.tif"), 3)
    etched = data / "sem-etched" / "labelled"
    for name in ("070", "090"):
        image, truth = read(etched / f"{name}_image.png"), read(etched / f"{name}_labels.tif")
        yield Case("sem-etched", name, image, truth, 4)
    nickel = data / "nickel-ebsd"
    for name in ("labels", "labels_twins_merged"):
        image, truth = read(nickel / "image.png"), read(nickel / f"{name}.tif")
        yield Case("nickel-ebsd", name, image, truth, 2)
    for name in ("fesem", "om"):
        folder = data / "precipitates"
        image, truth = read(folder / f"{name}_image.png"), read(folder / f"{name}_labels.tif")
        yield Case("precipitates", name, image, truth, 5)
    stack, lines = (
        read(data / "stack-sstem" / "image.tif"),
        read(data / "stack-sstem" / "boundary.tif"),
    )
    for index in slices:
        yield Case("stack-sstem", f"slice {index}", stack[index], lines[index], 3)


def volume_cases(data: Path) -> Iterator[Case]:
    """Yield the slices of volume-em, which is in no table of AP50."""
    folder = data / "volume-em"
    volume, truth = (read(folder / name) for name in ("image.tif", "labels.tif"))
    for index, (image, objects) in enumerate(zip(volume, truth, strict=True)):
        # One object may be cut twice by a slice; each piece is a grain of its own there.
        pieces = label(objects, connectivity=1, background=0).astype(np.int32)
        yield Case("volume-em", f"{index:02d}", image, pieces, 3)


def turned(every: Iterable[Case]) -> Iterator[Case]:
    """Yield each image four times: as it is, mirrored, turned by 90° and by 180°.

    One grain of 28 more or less moves AP50 by 4 points, and turning the image is enough for that.
    """
    turns = {
        "": lambda array: array,
        " mirrored": lambda array: array[:, ::-1],
        " 90°": np.rot90,
        " 180°": lambda array: array[::-1, ::-1],
    }
    for case in every:
        for name, turn in turns.items():
            image, truth = (np.ascontiguousarray(turn(part)) for part in (case.image, case.truth))
            yield replace(case, image=image, truth=truth, turn=name)


def virtual_cases(number: int) -> Iterator[Case]:
    """Yield fresh virtual micrographs, of all styles alike."""
    from count_intervals import drawn

    for index in range(FIRST_VIRTUAL, FIRST_VIRTUAL + number):
        micrograph, grains, style = drawn(index)
        truth = grains.astype(np.int32)
        yield Case("virtual", f"{style} {index}", np.asarray(micrograph.data), truth, 3)


def load_scorer(path: Path) -> ModuleType:
    """Import the scorer from its file."""
    import sys

    spec = importlib.util.spec_from_file_location("score", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported: give the path of score.py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module
    spec.loader.exec_module(module)
    return module


def run(model: Any, image: np.ndarray, name: str, **options: Any) -> tuple[Any, Any, float]:
    """Return prediction, partition and seconds of one image."""
    from napari_etch.inference import Prediction, predict
    from napari_etch.micrograph import micrograph_from_array

    start = time.perf_counter()
    micrograph = micrograph_from_array(image, name)
    events = list(predict(model, micrograph, device="cpu", **options))
    prediction = events[-1]
    assert isinstance(prediction, Prediction)
    partition = model.partition(prediction.fields, mask=micrograph.mask)
    return prediction, partition, time.perf_counter() - start


def row(case: Case, scores: dict[str, Any], grain_size: float, seconds: float) -> str:
    """Return one line of the table."""
    cells = [
        f"{scores['vi']:.2f} ({scores['vi_split']:.2f} + {scores['vi_merge']:.2f})",
        *(f"{scores[key]:.3f}" for key in ("are", "boundary_f1", "ap50", "map", "pq")),
        f"{scores['count_pred']}/{scores['count_true']}",
        f"{scores['delta_g']:+.2f}",
        f"{scores['ks_ecd']:.2f}" if scores["ks_ecd"] is not None else "",
        f"{grain_size:.0f}",
        f"{seconds:.1f}",
    ]
    return f"| {case.title} | " + " | ".join(cells) + " |"


HEADER = (
    "| image | VI (split + merge) | ARE | boundary F1 | AP50 | mAP | PQ | n pred/true "
    "| ΔG | KS | intercept px | s |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def overlay(image: np.ndarray, grains: np.ndarray, truth: np.ndarray, path: Path) -> None:
    """Write image, found boundaries (orange) and true ones (blue) side by side."""
    from skimage.io import imsave
    from skimage.segmentation import find_boundaries

    grey = np.repeat(image[..., None], 3, -1) if image.ndim == 2 else image[..., :3]
    found, true = grey.copy(), grey.copy()
    found[find_boundaries(grains, mode="inner")] = (255, 120, 0)
    line = truth > 0 if truth.dtype == np.uint8 and len(np.unique(truth)) <= 2 else truth == 0
    if not line.any():
        line = find_boundaries(truth, mode="inner")
    true[line] = (0, 140, 255)
    imsave(path, np.concatenate([grey, found, true], 1), check_contrast=False)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--virtual", type=int, default=0, metavar="N", help="in place of DATA")
    parser.add_argument("--turned", action="store_true", help="each image in four orientations")
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--model", default="generalist")
    parser.add_argument("--quality", default="best")
    parser.add_argument("--close-gaps", action=argparse.BooleanOptionalAction)
    parser.add_argument(
        "--cutting",
        nargs=4,
        type=float,
        metavar=("PART", "WEAKEST", "SMALL", "SMOOTHED"),
        help="the numbers of another rule, see grains/cutting.py; 0.6 0 0 40 is the plain one",
    )
    parser.add_argument("--overlays", type=Path)
    parser.add_argument("--dump", type=Path, help="also write fields and truth as NPZ files here")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not (given.data or given.virtual):
        parser.error("give the folder of development sets with --data, or a number with --virtual")
    from napari_etch.grains.cutting import Cutting
    from napari_etch.models import load_model

    scorer, model = load_scorer(given.scorer), load_model(given.model)
    if given.cutting:
        model.cutting = Cutting(*given.cutting)
    options = {"quality": given.quality}
    if given.close_gaps is not None:
        options["close_gaps"] = given.close_gaps
    print(HEADER)
    groups: dict[str, list[tuple[float, float]]] = {}
    every = cases(given.data) if given.data else virtual_cases(given.virtual)
    table = {}
    for case in turned(every) if given.turned else every:
        prediction, partition, seconds = run(model, case.image, case.name, **options)
        grain_size = prediction.parameters.get("grain_size_px", 0.0)
        scores = scorer.score_grains(partition.grains, case.truth, tolerance=case.tolerance)
        groups.setdefault(case.averaged_as, []).append((scores["ap50"], scores["vi"]))
        table[case.title] = scores
        print(row(case, scores, grain_size, seconds), flush=True)
        stem = case.title.replace(" ", "-")
        for folder in (given.overlays, given.dump):
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
        if given.overlays is not None:
            overlay(case.image, partition.grains, case.truth, given.overlays / f"{stem}.png")
        if given.dump is not None:
            np.savez(
                given.dump / f"{stem}.npz",
                truth=case.truth,
                tolerance=case.tolerance,
                raw=case.image,
                **prediction.fields,
            )
    for column, name in enumerate(("AP50", "VI")):
        means = {
            title: np.mean([pair[column] for pair in pairs]) for title, pairs in groups.items()
        }
        print(f"\n{name} by set: " + ", ".join(f"{key} {mean:.3f}" for key, mean in means.items()))
    if given.json is not None:
        given.json.write_text(json.dumps(table, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()

"""What fine-tuning the generalist on a part of one micrograph does for another; docs/accuracy.md.

    python benchmarks/finetune.py --data DATA --scorer score.py --out RUNS [--only sem] [--gestures]
    python benchmarks/finetune.py … --only "steel left" "090, 1$" --seeds 0 1 2 --forgotten

For each line a training folder with a part of one micrograph is laid out, the generalist is
fine-tuned on it by the one recipe there is, and tested on what it has not seen: the other frame of
sem-etched, the other half of steel-optical. A line that RUNS already holds is not done again.
`--gestures` also lets the simulated corrector of `corrections.py` repair what was found.
`--forgotten` also tests on all other sets, and says what they have lost or won.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

sys.path.insert(0, str(Path(__file__).parent))
from accuracy import Case, cases, load_scorer, run
from corrections import KINDS, Hand, Ledger, correct, read_truth

from napari_etch.grains.editing import GrainEditor
from napari_etch.models import load_model
from napari_etch.training.finetune import finetune
from napari_etch.training.trainers import Trained, TrainRequest

# Parts of a frame: rows and columns as shares.
PARTS = {"1": (1.0, 1.0), "1/2": (1.0, 0.5), "1/4": (0.5, 0.5), "1/8": (0.5, 0.25)}


@dataclass(frozen=True)
class Line:
    """A training and its test."""

    name: str
    learnt: Case
    tested: Case


def cut(case: Case, rows: slice, columns: slice, name: str) -> Case:
    """Return a part of a micrograph with its truth."""
    window = rows, columns
    return replace(case, name=name, image=case.image[window], truth=case.truth[window])


def lines(data: Path) -> list[Line]:
    """Return all trainings, the most wanted first."""
    every = {case.title: case for case in cases(data)}
    frames = {name: every[f"sem-etched {name}"] for name in ("070", "090")}
    steel = every["steel-optical image"]
    middle = steel.image.shape[1] // 2
    left = cut(steel, slice(None), slice(0, middle), "left")
    right = cut(steel, slice(None), slice(middle, None), "right")
    found = [
        Line("sem 070 -> 090, 1", frames["070"], frames["090"]),
        Line("sem 090 -> 070, 1", frames["090"], frames["070"]),
        Line("steel left -> right", left, right),
        Line("steel right -> left", right, left),
    ]
    for part in ("1/2", "1/4", "1/8"):
        for one, other in (("070", "090"), ("090", "070")):
            frame = frames[one]
            height, width = (
                round(share * side)
                for share, side in zip(PARTS[part], frame.image.shape, strict=True)
            )
            piece = cut(frame, slice(0, height), slice(0, width), f"{one} {part}")
            found.append(Line(f"sem {one} -> {other}, {part}", piece, frames[other]))
    return found


def lay_out(case: Case, folder: Path) -> Path:
    """Write a training folder with one micrograph."""
    for name, pixels in (("images", case.image), ("labels", case.truth.astype(np.int32))):
        (folder / name).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name / f"{case.name.replace('/', '-')}.tif", pixels)
    return folder


def train(line: Line, out: Path, seed: int, options: dict[str, Any]) -> dict[str, Any]:
    """Fine-tune on a line's micrograph, keep the model, and return how it went."""
    folder = out / f"{line.name} {seed}".replace("/", "-").replace(" ", "_").replace(",", "")
    data = lay_out(line.learnt, folder / "data")
    begun, processor = time.perf_counter(), time.process_time()
    asked = TrainRequest(
        "generalist", data, seed=seed, device="cpu", checkpoint=folder / "state", options=options
    )
    trained = None
    for event in finetune(asked, lambda: False):
        if isinstance(event, Trained):
            trained = event
    assert trained is not None
    trained.save(folder / "model")
    return {
        "model": str(folder / "model"),
        "step": trained.step,
        "held back": [trained.before, trained.after],
        "seconds": round(time.perf_counter() - begun),
        "cpu_seconds": round(time.process_time() - processor),
    }


def test(case: Case, name: str, scorer: Any, gestures: bool) -> dict[str, Any]:
    """Return the scores of a model on one micrograph, and what it takes to correct its map."""
    model = load_model(name)
    prediction, partition, _ = run(model, case.image, case.name)
    scores = scorer.score_grains(partition.grains, case.truth, tolerance=case.tolerance)
    kept = {key: scores[key] for key in ("ap50", "vi", "boundary_f1", "count_pred", "count_true")}
    if not gestures:
        return kept
    truth = read_truth(case.truth)
    editor = GrainEditor(partition.grains.copy(), boundary=prediction.fields["boundary"])
    made, _ = correct(Ledger(editor, truth), Hand(1.5, np.random.default_rng(0)), snap=True)
    counted = {kind: made[kind] for kind in KINDS if made[kind]}
    return {**kept, "gestures": counted, "per_hundred": 100 * made.total() / truth.count}


def others(line: Line, data: Path) -> list[Case]:
    """Return the images with truth that are of another set than what a line learns from."""
    own = "sem-etched" if line.name.startswith("sem") else "steel-optical"
    return [case for case in cases(data) if case.group != own]


def remembered(line: Line, given: argparse.Namespace, name: str, scorer: Any) -> dict[str, Any]:
    """Return a model's scores on the other sets, by image."""
    return {
        case.title: test(case, name, scorer, gestures=False) for case in others(line, given.data)
    }


def by_set(scores: dict[str, Any], data: Path) -> dict[str, float]:
    """Return AP50 of each set, images of one kind averaged as in `accuracy.py`."""
    groups: dict[str, list[float]] = {}
    for case in cases(data):
        if case.title in scores:
            groups.setdefault(case.averaged_as, []).append(scores[case.title]["ap50"])
    return {name: float(np.mean(values)) for name, values in groups.items()}


def print_forgotten(found: dict[str, dict[str, Any]], data: Path) -> None:
    """Print AP50 of the other sets before and after each training, and the change of the mean."""
    print("\n| training | set | AP50 before | after, by seed | change, mean |")
    print("|---|---|--:|--:|--:|")
    for name in dict.fromkeys(key.rpartition(" ")[0] for key in found):
        runs = [run for key, run in found.items() if key.rpartition(" ")[0] == name]
        before = by_set(runs[0]["others"][0], data)
        afters = [by_set(run["others"][1], data) for run in runs]
        for group, value in before.items():
            after = [scores[group] for scores in afters]
            cells = ", ".join(f"{score:.3f}" for score in after)
            print(f"| {name} | {group} | {value:.3f} | {cells} | {np.mean(after) - value:+.3f} |")


def main() -> None:
    """Run what is missing and print all lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the lines' names")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--gestures", action="store_true")
    parser.add_argument("--forgotten", action="store_true", help="test on the other sets, too")
    parser.add_argument("--options", type=json.loads, default={}, help="of the recipe, as JSON")
    given = parser.parse_args()
    scorer = load_scorer(given.scorer)
    given.out.mkdir(parents=True, exist_ok=True)
    print("| training | seed | AP50 | VI | grains pred/true | gestures per 100 | CPU s |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    done: dict[str, dict[str, Any]] = {}
    start: dict[str, Any] = {}
    for line in lines(given.data):
        if not wanted(line.name, given.only):
            continue
        for seed in given.seeds:
            path = given.out / f"{line.name} {seed}.json".replace("/", "-")
            found = json.loads(path.read_text()) if path.exists() else {}
            counted = given.gestures and "steel" in line.name
            if not found or (counted and "per_hundred" not in found["after"]):
                if "model" not in found:
                    found |= train(line, given.out, seed, given.options)
                found["before"] = test(line.tested, "generalist", scorer, counted)
                found["after"] = test(line.tested, found["model"], scorer, counted)
                path.write_text(json.dumps(found, indent=1, default=float))
            print(row(line, seed, found), flush=True)
            if given.forgotten and "others" not in found:
                start[line.name] = start.get(line.name) or remembered(
                    line, given, "generalist", scorer
                )
                after = remembered(line, given, found["model"], scorer)
                found["others"] = [start[line.name], after]
                path.write_text(json.dumps(found, indent=1, default=float))
            done[f"{line.name} {seed}"] = found
    if given.forgotten:
        print_forgotten(done, given.data)


def wanted(name: str, only: list[str]) -> bool:
    """Return whether a line is asked for, by its whole name followed by "$" or a part of it."""
    return not only or any(part in f"{name}$" for part in only)


def row(line: Line, seed: int, found: dict[str, Any]) -> str:
    """Return one line of the table."""
    before, after = found["before"], found["after"]
    cells = [f"{before[key]:.{n}f} → {after[key]:.{n}f}" for key, n in (("ap50", 3), ("vi", 2))]
    cells.append(f"{before['count_pred']} → {after['count_pred']}/{after['count_true']}")
    hand = "per_hundred" in after
    cells.append(f"{before['per_hundred']:.0f} → {after['per_hundred']:.0f}" if hand else "")
    return f"| {line.name} | {seed} | " + " | ".join([*cells, str(found["cpu_seconds"])]) + " |"


if __name__ == "__main__":
    main()

"""What label-free fits score on the development sets, and what each term of the loss adds.

python benchmarks/labelfree.py --data DATA --scorer score.py [--from generalist|both]
    [--seeds 0 1 2] [--turned]
python benchmarks/labelfree.py --data DATA --scorer score.py --ablation

No label is used for a fit; the truth is only scored against. One fixed plan for all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from accuracy import Case, cases, load_scorer, run, turned

from napari_etch.micrograph import micrograph_from_array
from napari_etch.models import load_model
from napari_etch.training.labelfree import FitError, FitNotice, Fitted, fit
from napari_etch.training.labelfree.loop import ADAPT, SCRATCH, Plan, Terms

# What is left out or put in, one at a time.
ABLATION: dict[str, dict[str, float]] = {
    "synthetic alone": {},
    "+ patches": {"patches": 3.0},
    "+ two-point correlation": {"two_point": 3.0},
    "+ balance": {"balance": 2.0},
    "+ continuity": {"continuity": 0.3},
    "+ similarity (clustering)": {"similarity": 0.1},
    "+ free ends": {"free_ends": 0.3},
    "+ anchors": {"anchors": 0.5},
    "+ closed self-labels": {"closed": 0.5},
    "anchors alone": {"synthetic": 0.0, "anchors": 1.0},
    "clustering alone (Kim 2020)": {"synthetic": 0.0, "similarity": 1.0, "continuity": 1.0},
}
WANTED = ("steel-optical image", "sem-etched 070", "sem-etched 090", "nickel-ebsd labels")


def score(
    case: Case,
    scorer: Any,
    start: str,
    seed: int,
    plan: Plan | None,
    network: str,
    orientations: bool,
) -> float:
    """Return the AP50 of one fit, over four orientations if wanted; 0 where no model came of it."""
    micrograph = micrograph_from_array(case.image, case.name)
    begun = time.perf_counter()
    try:
        events = fit([micrograph], start=start, seed=seed, plan=plan, network=network)
        kept = [event for event in events if isinstance(event, Fitted | FitNotice)]
    except FitError as error:
        print(f"  {case.title} seed {seed}: {error}", flush=True)
        return 0.0
    fitted = kept[-1]
    assert isinstance(fitted, Fitted)
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder) / "model")
        model = load_model(str(Path(folder) / "model"))
    found = []
    for each in turned([case]) if orientations else [case]:
        _, partition, _ = run(model, each.image, each.name, quality="best")
        found.append(scorer.score_grains(partition.grains, each.truth, tolerance=each.tolerance))
    ap50, vi = (float(np.mean([each[name] for each in found])) for name in ("ap50", "vi"))
    print(
        f"  {case.title} seed {seed}: AP50 {ap50:.3f}, VI {vi:.2f}, "
        f"step {fitted.step}, {time.perf_counter() - begun:.0f} s",
        flush=True,
    )
    return ap50


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--from", dest="start", default="scratch")
    parser.add_argument("--network", default="best")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", default=list(WANTED), help="titles, or 'all'")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--turned", action="store_true", help="score four orientations")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--only", nargs="+", help="lines of the ablation")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    scorer = load_scorer(given.scorer)
    chosen = [
        case
        for case in cases(given.data)
        if "twins" not in case.title and (given.sets == ["all"] or case.title in given.sets)
    ]
    base = ADAPT if given.start == "generalist" else SCRATCH
    if given.steps:
        base = replace(base, steps=given.steps)
    lines: dict[str, Plan | None] = {given.start: base}
    if given.ablation:
        lines = {
            name: replace(base, terms=replace(Terms(), **terms)) for name, terms in ABLATION.items()
        }
    print("| " + " | ".join(["terms", *(case.title for case in chosen), "mean"]) + " |")
    for name, plan in lines.items():
        if given.only and name not in given.only:
            continue
        found = [
            [
                score(case, scorer, given.start, seed, plan, given.network, given.turned)
                for seed in given.seeds
            ]
            for case in chosen
        ]
        means = [float(np.mean(item)) for item in found]
        shown = [f"{np.mean(item):.3f} ± {np.std(item):.3f}" for item in found]
        print("| " + " | ".join([name, *shown, f"{np.mean(means):.3f}"]) + " |", flush=True)


if __name__ == "__main__":
    main()

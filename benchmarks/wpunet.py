"""WPU-Net beside a plain U-Net of equal size, steps and data.

``python benchmarks/wpunet.py virtual --plain PLAIN_MODEL [--model wpunet] [--stacks 20]``
    Fresh virtual stacks; scores by the sections' condition.
``python benchmarks/wpunet.py sstem --data DATA [--plain PLAIN_MODEL] [--seeds 3] [--steps 150]``
    Both are trained on sections 0 to 14 of ``DATA/stack-sstem`` and tested on 15 to 19.
``python benchmarks/wpunet.py beside --data DATA --scorer score.py [--quality best]``
    The generalist on all sections of ``stack-sstem`` and ``volume-em``: each by itself, and as
    stacks are cut, by the grains of the sections beside too.
``python benchmarks/wpunet.py speed [--sections 12 24] [--size 1024]``
    Seconds a section and peak memory, each stack in a process of its own.

The section before is always the network's own answer. Only the column "truth told" is given the
true lines of the section before, the published protocol, which no user can follow. All are given
the true mean intercept. The plain network looks at each section twice, as it is and turned by 180
degrees, since WPU-Net in both directions does so too. A stack is cut by the grains beside each
section as well (`propagation.beside`); "both, by itself" is cut by its own boundaries alone, and
"plain, by those beside" shows what that step does for a network that knows nothing of the stack.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from napari_etch.evaluation import evaluate_grains
from napari_etch.grains import Partition, boundary_lines
from napari_etch.inference import Notice, Prediction, predict
from napari_etch.micrograph import Micrograph
from napari_etch.models import load_model
from napari_etch.propagation import beside as propagation_beside
from napari_etch.propagation.beside import WEIGHT, cut_beside
from napari_etch.published_scores import published_scores
from napari_etch.segmentation import SectionDone, segment_sections
from napari_etch.virtual.serial import Flaws, SerialSections, serial_sections

OURS = ("vi", "vi_merge", "vi_split", "ari", "map", "boundary_f1")
RULER = ("ap50", "map", "vi", "vi_split", "vi_merge")
PUBLISHED = ("ri", "ari", "vi", "merge", "split", "map", "pratt")
FRESH = 7_000_000  # seeds no training uses
FLAWS = Flaws(faint=0.2, scratched=0.1, missing=0.1)
# Of volumes: kind of growth, mean intercept, distance of the sections, style of the picture.
KINDS = [
    ("laguerre", 24.0, 3.0, "optical"),
    ("grown", 30.0, 4.0, "ferrite"),
    ("laguerre", 30.0, 5.0, "ferrite"),
    ("potts", 22.0, 3.0, "optical"),
    ("grown", 24.0, 4.0, "sem"),
]


def one(model: Any, section: Micrograph, grain_size: float) -> Prediction:
    """What a model finds in a section."""
    *_, found = predict(model, section, device="cpu", grain_size=grain_size, quality="fast")
    return found


def cut_of(model: Any, found: list[Prediction]) -> Partition:
    """The cut of the mean of several predictions."""
    fields = dict(found[0].fields)
    for name in ("boundary", "separation"):
        fields[name] = np.mean([each.fields[name] for each in found], axis=0)
    return model.partition(fields)


def grains_of(model: Any, found: list[Prediction]) -> np.ndarray:
    """Grains of the mean of several predictions."""
    return cut_of(model, found).grains


def plain(model: Any, sections: list[Micrograph], size: float) -> dict[str, list[np.ndarray]]:
    """Every section by itself, looked at twice; and the same cut by those beside too."""
    views = [model.told(None), model.told(None, mirrored=True)]
    cuts = [cut_of(model, [one(view, each, size) for view in views]) for each in sections]
    alone = [cut.grains for cut in cuts]
    beside = [
        cut_beside(cut, [*alone[max(0, z - 1) : z], *alone[z + 1 : z + 2]], size).grains
        for z, cut in enumerate(cuts)
    ]
    return {"plain": alone, "plain, by those beside": beside}


def through(
    model: Any,
    sections: list[Micrograph],
    size: float,
    direction: str,
    weight: float = WEIGHT,
) -> list[np.ndarray]:
    """Through the stack, told its own answers; the weight is that of what lies beside."""
    options = {"device": "cpu", "grain_size": size, "direction": direction}
    with patch.object(propagation_beside, "WEIGHT", weight):
        return cut_sections(model, sections, options)


def cut_sections(
    model: Any, sections: list[Micrograph], options: dict[str, Any]
) -> list[np.ndarray]:
    """Grains of the sections of a stack; what the run says goes to the standard error."""
    result = []
    for event in segment_sections(model, sections, len(sections), **options):
        if isinstance(event, SectionDone):
            result.append(event.partition.grains)
        elif isinstance(event, Notice):
            print("   ", event.message, file=sys.stderr)
    return result


def truth_told(
    model: Any, sections: list[Micrograph], size: float, lines: list[np.ndarray]
) -> list[np.ndarray]:
    """The published protocol: every section is told the true lines of the one before."""
    from napari_etch.models.resize import resize

    result = [grains_of(model, [one(model.told(None), sections[0], size)])]
    for section, known in zip(sections[1:], lines, strict=False):
        shape = tuple(max(1, round(n * model.target / size)) for n in known.shape)
        told = model.told(np.clip(resize(known.astype(np.float32), shape), 0, 1))
        result.append(grains_of(model, [one(told, section, size)]))
    return result


def thick(labels: np.ndarray) -> np.ndarray:
    """Both pixels of every step, as the network is trained to find."""
    lines = boundary_lines(labels)
    lines[1:] |= lines[:-1]
    lines[:, 1:] |= lines[:, :-1]
    return lines


def score(grains: np.ndarray, truth: np.ndarray, kind: str) -> dict[str, float]:
    """Ours, and the published ones under "p_" names."""
    ours = evaluate_grains(grains, truth, truth_kind=kind)  # type: ignore[arg-type]
    lines = truth != 0 if kind == "boundary" else boundary_lines(truth)
    if kind == "boundary":
        from skimage.morphology import skeletonize

        lines = skeletonize(lines)
    theirs = published_scores(boundary_lines(grains), lines)
    return {name: getattr(ours, name) for name in OURS} | {
        f"p_{name}": getattr(theirs, name) for name in PUBLISHED
    }


def table(rows: dict[str, list[dict[str, float]]], title: str) -> None:
    """Print the means of each way."""
    names = [*OURS, *(f"p_{name}" for name in PUBLISHED)]
    print(f"\n{title}\n| way | n | {' | '.join(names)} |")
    print("|---" * (len(names) + 2) + "|")
    for way, scores in rows.items():
        means = [f"{np.mean([each[name] for each in scores]):.3f}" for name in names]
        print(f"| {way} | {len(scores)} | {' | '.join(means)} |")
    if "plain" in rows:
        base = np.mean([each["vi"] for each in rows["plain"]])
        for way in rows:
            less = 1 - np.mean([each["vi"] for each in rows[way]]) / base
            print(f"VI of {way}: {100 * less:.1f} % less than plain")


def fresh_stack(
    number: int, side: int, count: int, depth: tuple[float, float]
) -> tuple[SerialSections, float]:
    """A virtual stack that no training has seen, and its mean intercept."""
    kind, intercept, spacing, style = KINDS[number % len(KINDS)]
    made = serial_sections(
        count,
        side,
        seed=FRESH + number,
        intercept=intercept,
        spacing=spacing,
        kind=kind,  # type: ignore[arg-type]
        style=style,
        flaws=replace(FLAWS, depth=depth),
    )
    return made, intercept


def virtual(given: argparse.Namespace) -> None:
    """Fresh virtual stacks."""
    model, rival = load_model(given.model), load_model(given.plain)
    rows: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    for number in range(given.first, given.first + given.stacks):
        made, size = fresh_stack(number, given.side, given.sections, tuple(given.depth))
        sections = list(Micrograph(made.images, f"stack {number}").sections())
        print(number, made.style, made.conditions, file=sys.stderr)
        ways = {**plain(rival, sections, size), "both": through(model, sections, size, "both")}
        if not given.brief:
            ways["both, by itself"] = through(model, sections, size, "both", 0)
            ways["forward"] = through(model, sections, size, "forward")
        if given.generalist:
            alone = load_model("generalist")
            ways["generalist"] = [
                grains_of(alone, [one(alone, section, size)]) for section in sections
            ]
        if given.truth:
            lines = [thick(each) for each in made.labels]
            ways["truth told"] = truth_told(model, sections, size, lines)
        for way, found in ways.items():
            for grains, truth, condition in zip(found, made.labels, made.conditions, strict=True):
                scores = score(grains, truth, "labels")
                rows[condition][way].append(scores)
                rows["all"][way].append(scores)
                if condition != "missing":
                    rows["all but missing"][way].append(scores)
        if given.log:
            with given.log.open("a") as log:
                vi = {way: [s["vi"] for s in rows["all"][way][-len(sections) :]] for way in ways}
                log.write(json.dumps({"stack": number, "conditions": made.conditions, **vi}) + "\n")
    for condition, ways in rows.items():
        table(ways, f"virtual, {given.stacks} stacks, sections: {condition}")


def sstem(given: argparse.Namespace) -> None:
    """Sections of a real stack, trained on the first."""
    import tifffile
    import torch

    from napari_etch.models.weights_file import StoredModel
    from napari_etch.training.trainers import Trained, TrainRequest, TrainStep, find_trainer

    torch.set_num_threads(1)
    image = tifffile.imread(given.data / "stack-sstem" / "image.tif")
    lines = tifffile.imread(given.data / "stack-sstem" / "boundary.tif")
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    by_seed: dict[int, dict[str, float]] = defaultdict(dict)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, data in (("images", image), ("labels", lines)):
            (folder / name).mkdir()
            tifffile.imwrite(folder / name / "sstem.tif", data[:15], photometric="minisblack")
        sections = list(Micrograph(image[15:], "sstem").sections())
        for seed in range(given.seeds):
            for way, start in (("plain", given.plain), ("wpunet", given.model)):
                options = {"batch": given.batch, "plain": way == "plain"}
                request = TrainRequest(
                    "wpunet",
                    folder,
                    labels="boundary",
                    start=start,
                    steps=given.steps,
                    seed=seed,
                    device="cpu",
                    options=options,
                )
                for event in find_trainer("wpunet")(request, lambda: False):
                    if isinstance(event, TrainStep) and event.validation:
                        print(seed, way, event.step, event.validation, file=sys.stderr)
                    if isinstance(event, Trained):
                        trained = event
                from safetensors.torch import save

                from napari_etch.models.wpunet import WPUNet

                model = WPUNet(StoredModel(save(trained.tensors), trained.card))
                size = model.known_grain_size(sections[0])
                if way == "plain":
                    found = plain(model, sections, size)
                else:
                    found = {
                        "forward": through(model, sections, size, "forward"),
                        "both": through(model, sections, size, "both"),
                        "both, by itself": through(model, sections, size, "both", 0),
                    }
                for label, maps in found.items():
                    got = [score(g, t, "boundary") for g, t in zip(maps, lines[15:], strict=True)]
                    rows[label] += got
                    by_seed[seed][label] = float(np.mean([each["vi"] for each in got]))
            print(f"seed {seed}: {by_seed[seed]}", flush=True)
    table(rows, f"stack-sstem, sections 15-19, {given.seeds} seeds, {given.steps} steps")


def beside(given: argparse.Namespace) -> None:
    """A model that knows nothing of stacks, with and without what lies beside."""
    import accuracy

    ruler, model = accuracy.load_scorer(given.scorer), load_model(given.model)
    stack = [case for case in accuracy.cases(given.data, range(20)) if case.group == "stack-sstem"]
    print("| stack | cut | " + " | ".join(RULER) + " |\n" + "|---" * (len(RULER) + 2) + "|")
    volume = list(accuracy.volume_cases(given.data))
    for title, cases in (("stack-sstem", stack), ("volume-em", volume)):
        images = np.stack([case.image for case in cases])
        sections = list(Micrograph(images, title).sections())
        for cut, weight in (("each by itself", 0.0), ("by those beside", WEIGHT)):
            options = {"device": "cpu", "quality": given.quality}
            with patch.object(propagation_beside, "WEIGHT", weight):
                found = cut_sections(model, sections, options)
            scores = [
                ruler.score_grains(grains, case.truth, tolerance=case.tolerance)
                for grains, case in zip(found, cases, strict=True)
            ]
            means = [f"{np.mean([each[name] for each in scores]):.3f}" for name in RULER]
            print(f"| {title} | {cut} | " + " | ".join(means) + " |", flush=True)


def speed(given: argparse.Namespace) -> None:
    """Seconds a section and peak memory, over the whole way from a file to the results."""
    if given.child:
        _speed_child(given)
        return
    for count in given.sections:
        command = [sys.executable, __file__, "speed", "--child", "--sections", str(count)]
        command += ["--size", str(given.size), "--model", given.model, "--quality", given.quality]
        subprocess.run(command, check=True)


def _speed_child(given: argparse.Namespace) -> None:
    import tifffile
    import torch

    from napari_etch.micrograph import read_micrograph
    from napari_etch.results import write_segmentation
    from napari_etch.segmentation import Segmentation, segment

    torch.set_num_threads(given.threads)
    count, size = given.sections[0], given.size
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "stack.tif"
        made = serial_sections(4, 256, seed=1)
        tiles = size // 256
        with tifffile.TiffWriter(path) as writer:
            for z in range(count):
                turn = min(z % 6, 6 - z % 6)  # there and back, so that neighbours are alike
                writer.write(np.tile(made.images[turn], (tiles, tiles)), contiguous=True)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began, worked = time.perf_counter(), time.process_time()
        micrograph = read_micrograph(path, stack=True)
        model = load_model(given.model)
        for event in segment(model, micrograph, device="cpu", quality=given.quality):
            if isinstance(event, Segmentation):
                result = event
        found = time.perf_counter() - began
        worked = time.process_time() - worked
        write_segmentation(result, Path(scratch) / "out")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} sections of {size}²: {found / count:.1f} s a section ({worked / count:.1f} s of "
        f"processor), with writing "
        f"{(time.perf_counter() - began) / count:.1f} s; peak {peak:.0f} MB ({before:.0f} before)",
        flush=True,
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = parser.add_subparsers(required=True)
    first = ways.add_parser("virtual")
    first.set_defaults(run=virtual)
    first.add_argument("--model", default="wpunet")
    first.add_argument("--plain", required=True)
    first.add_argument("--stacks", type=int, default=20)
    first.add_argument("--first", type=int, default=0)
    first.add_argument("--sections", type=int, default=10)
    first.add_argument("--side", type=int, default=192)
    first.add_argument(
        "--depth", type=float, nargs=2, default=[0.12, 0.3], help="left of the etching where faint"
    )
    first.add_argument("--generalist", action="store_true", help="it too, section by section")
    first.add_argument("--brief", action="store_true", help="not in one direction")
    first.add_argument("--truth", action="store_true", help="the published protocol too")
    first.add_argument("--log", type=Path)
    second = ways.add_parser("sstem")
    second.set_defaults(run=sstem)
    second.add_argument("--data", type=Path, required=True)
    second.add_argument("--model", default="wpunet", help="weights to start from, or scratch")
    second.add_argument("--plain", default="scratch", help="weights to start from, or scratch")
    second.add_argument("--seeds", type=int, default=3)
    second.add_argument("--steps", type=int, default=150)
    second.add_argument("--batch", type=int, default=4)
    fourth = ways.add_parser("beside")
    fourth.set_defaults(run=beside)
    fourth.add_argument("--data", type=Path, required=True)
    fourth.add_argument("--scorer", type=Path, required=True)
    fourth.add_argument("--model", default="generalist")
    fourth.add_argument("--quality", default="best")
    third = ways.add_parser("speed")
    third.set_defaults(run=speed)
    third.add_argument("--model", default="wpunet")
    third.add_argument("--sections", type=int, nargs="+", default=[12, 24])
    third.add_argument("--size", type=int, default=1024)
    third.add_argument("--quality", default="best")
    third.add_argument("--threads", type=int, default=2)
    third.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()

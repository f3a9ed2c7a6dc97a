"""``etch train``: train or fine-tune a model on labelled micrographs."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_etch.cli.console import ExitCode, bad_input, refuse
from napari_etch.cli.learning import learn
from napari_etch.cli.options import MOST_SEED, ChannelOf, LearningDevice, Minutes, Series, choice_of
from napari_etch.cli.target import Target

if TYPE_CHECKING:
    from napari_etch.training.trainers import Trained, TrainRequest


def train(
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="What is trained.")],
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="FOLDER",
            help="Folder with images/ and labels/, perhaps ignore/ and specimens.csv.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", metavar="MODEL", help="A folder, NAME.etch, or with --library NAME."),
    ],
    labels: Annotated[
        str,
        typer.Option(
            "--labels", metavar="grains|boundary|classes", help="What the files in labels/ are."
        ),
    ] = "grains",
    series: Series = None,
    channel: ChannelOf = None,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Model to go on from; its own weights else."),
    ] = None,
    minutes: Minutes = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Take so many steps at most.")
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="STATE",
            help="Folder where an interrupted training is kept, and from which it goes on.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An option of this model's trainer, such as backbone=vit_small_patch14_dinov2.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=MOST_SEED, help="Another seed, another model.")
    ] = 0,
    device: LearningDevice = "auto",
    library: Annotated[
        bool, typer.Option("--library", help="Put it into your library under the name MODEL.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model that is there.")
    ] = False,
) -> None:
    """Train a model on labelled micrographs; a few corrected ones fine-tune the generalist.

    A part is held back to measure on: the scores before and after are printed. Ctrl-C ends the
    training and keeps the best so far; a second one drops it.
    """
    from napari_etch.inference import pick_device
    from napari_etch.training.trainers import TrainRequest, find_trainer

    target = Target(out, library, overwrite)
    target.check()
    with bad_input(f"--model {model}"):
        find_trainer(model)
    if labels not in ("grains", "boundary", "classes"):
        refuse(f"--labels {labels}: choose grains, boundary or classes")
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        refuse(f"--minutes {minutes}: give a time above 0")
    if not data.is_dir() and not (data.is_file() and data.suffix.lower() in (".h5", ".hdf5")):
        refuse(f"--data {data}: there is no such folder")
    with bad_input(f"--device {device}"):
        pick_device(device)
    with bad_input("--set"):
        options = _options(settings or [])
    request = TrainRequest(
        model,
        data,
        labels,
        start,
        minutes,
        steps,
        seed,
        device,
        checkpoint=resume,
        options=options,
        choice=choice_of(series, channel),
    )
    raise typer.Exit(_run(request, target))


def _options(settings: list[str]) -> dict[str, Any]:
    """Return the options of a trainer; a value that reads as a number or a truth value is one."""
    options: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise ValueError(f"{setting} is no NAME=VALUE")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _run(request: TrainRequest, target: Target) -> ExitCode:
    from napari_etch.training.trainers import find_trainer

    return learn(
        request.data.resolve().name,
        lambda stop: find_trainer(request.model)(request, stop),
        lambda trained, losses: _keep(trained, losses, request, target),
        _scores,
    )


def _scores(trained: Trained) -> str:
    """Return what the training brought; empty where nothing was held back."""
    from napari_etch.training.kept import in_words

    if not trained.after:
        return ""
    before, after = in_words(trained.before), in_words(trained.after)
    return f"on what was held back {before or 'no score'} -> {after}"


def _keep(trained: Trained, losses: dict[str, float], request: TrainRequest, target: Target) -> str:
    from napari_etch.training.kept import save_trained

    with tempfile.TemporaryDirectory(prefix="etch-train-") as temporary:
        folder = Path(temporary) / "model"
        save_trained(trained, folder, request, losses)
        return target.write(folder)

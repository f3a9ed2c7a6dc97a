"""``etch train``: train or fine-tune a model on labelled micrographs."""

from __future__ import annotations

import json
import math
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_etch.cli.console import (
    ExitCode,
    bad_input,
    fail,
    fail_inside,
    note,
    refuse,
    say,
    sentence,
)
from napari_etch.cli.interrupts import first_interrupt
from napari_etch.cli.progress import learning_bar
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
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Model to go on from; its own weights else."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", help="Keep the best after so long at the latest."),
    ] = None,
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
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another model.")] = 0,
    device: Annotated[
        str, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where it is learnt.")
    ] = "auto",
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
        model, data, labels, start, minutes, steps, seed, device, checkpoint=resume, options=options
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
    from napari_etch.training.kept import in_words

    name = request.data.resolve().name
    with first_interrupt() as stopped:
        try:
            trained, losses, seconds = _follow(name, request, stopped)
            where = _keep(trained, losses, request, target)
        except KeyboardInterrupt:
            fail("stopped; no model was written")
            return ExitCode.STOPPED
        except (OSError, ValueError) as error:
            if stopped.is_set():
                fail(f"stopped; no model was written: {sentence(error)}")
                return ExitCode.STOPPED
            fail(sentence(error, name))
            return ExitCode.BAD_INPUT
        except Exception as error:
            fail_inside(error, name)
            return ExitCode.INTERNAL
    if stopped.is_set():
        fail(f"stopped; the best so far, of step {trained.step}, was kept")
    if trained.after:
        before, after = in_words(trained.before), in_words(trained.after)
        say(f"{name}: on what was held back {before or 'no score'} -> {after}")
    say(f"{name}: {trained.why.rstrip('.')}, step {trained.step}, {seconds:.0f} s -> {where}")
    return ExitCode.STOPPED if stopped.is_set() else ExitCode.DONE


def _follow(
    name: str, request: TrainRequest, stopped: threading.Event
) -> tuple[Trained, dict[str, float], float]:
    """Run a training to its end with a line on the terminal that shows loss and time left."""
    from napari_etch.training.fitted import total_loss
    from napari_etch.training.trainers import Trained, TrainNotice, TrainStep, find_trainer

    losses: dict[str, float] = {}
    elapsed = 0.0
    with learning_bar(name) as show:
        for event in find_trainer(request.model)(request, stopped.is_set):
            if isinstance(event, TrainStep):
                losses, elapsed = event.losses or losses, event.elapsed
                loss = f"{total_loss(event.losses):.3f}" if event.losses else "-"
                show(event.step, event.steps, loss, event.left)
            elif isinstance(event, TrainNotice):
                note(f"{name}: {event.message}")
            elif isinstance(event, Trained):
                return event, losses, elapsed
    raise RuntimeError(f"the training on {name} ended without a result")


def _keep(trained: Trained, losses: dict[str, float], request: TrainRequest, target: Target) -> str:
    from napari_etch.training.kept import save_trained

    with tempfile.TemporaryDirectory(prefix="etch-train-") as temporary:
        folder = Path(temporary) / "model"
        save_trained(trained, folder, request, losses)
        return target.write(folder)

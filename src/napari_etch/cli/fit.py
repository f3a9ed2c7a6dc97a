"""``etch fit``: learn the boundaries of a material from its own micrographs, without labels."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_etch.cli.console import ExitCode, bad_input, note, refuse
from napari_etch.cli.learning import learn
from napari_etch.cli.options import MOST_SEED, ChannelOf, LearningDevice, Minutes, Series, choice_of
from napari_etch.cli.reading import refuse_result, tell_margins, tell_reading
from napari_etch.cli.target import Target

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph
    from napari_etch.micrograph.choice import Choice
    from napari_etch.training.fit_request import FitRequest, Window
    from napari_etch.training.labelfree import Fitted


def fit(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE", help="Micrographs or stacks of one specimen."),
    ],
    out: Annotated[
        str,
        typer.Option("--out", metavar="MODEL", help="A folder, NAME.etch, or with --library NAME."),
    ],
    library: Annotated[
        bool, typer.Option("--library", help="Put it into your library under the name MODEL.")
    ] = False,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="scratch|generalist|both",
            help="Learn from the images alone, adapt the generalist to them, or learn from the "
            "images alone and average with the generalist.",
        ),
    ] = "scratch",
    series: Series = None,
    channel: ChannelOf = None,
    region: Annotated[
        str | None,
        typer.Option(
            "--region", metavar="Y0:Y1,X0:X1", help="Only these rows and columns of every image."
        ),
    ] = None,
    minutes: Minutes = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=MOST_SEED, help="Another seed, another fit.")
    ] = 0,
    device: LearningDevice = "auto",
    keep_info_bar: Annotated[
        bool,
        typer.Option(
            "--keep-info-bar",
            help="Learn from bars and blank surroundings too.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model that is there.")
    ] = False,
) -> None:
    """Learn grain boundaries from micrographs themselves; no labels are needed.

    Ctrl-C ends the fit and keeps the best so far; a second one drops it.
    """
    from napari_etch.training.fit_request import STARTS

    target = Target(out, library, overwrite)
    target.check()
    if start not in STARTS:
        refuse(f"--from {start}: choose scratch, generalist or both")
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        refuse(f"--minutes {minutes}: give a time above 0")
    read = [_read(image, keep_info_bar, choice_of(series, channel)) for image in images]
    micrographs = [item for each in read for item in each]
    request = _request(micrographs, start, region, minutes, seed, device)
    raise typer.Exit(_run(request, target))


# -- what is fitted ------------------------------------------------------------------------------


def _request(
    micrographs: Sequence[Micrograph],
    start: str,
    region: str | None,
    minutes: float | None,
    seed: int,
    device: str,
) -> FitRequest:
    from napari_etch.inference import pick_device
    from napari_etch.training.fit_request import FitRequest

    regions = None
    if region is not None:
        regions = [_window(region, micrograph) for micrograph in micrographs]
    with bad_input(f"--device {device}"):
        pick_device(device)
    return FitRequest(
        micrographs, regions=regions, start=start, seed=seed, minutes=minutes, device=device
    )


def _read(image: Path, keep_info_bar: bool, choice: Choice) -> list[Micrograph]:
    """Return a micrograph, or the sections of a stack that are learnt from."""
    from napari_etch.micrograph import read_micrograph
    from napari_etch.training.fit_request import learnt_sections

    with bad_input(str(image)):
        refuse_result(image)
        micrograph = read_micrograph(image, keep_info_bar=keep_info_bar, stack=True, **choice.asked)
    tell_reading(micrograph, image.name, takes_size=False)
    tell_margins(micrograph, image.name)
    sections = list(micrograph.sections())
    if len(sections) == 1:
        return [replace(sections[0], name=micrograph.name)]
    chosen = learnt_sections(len(sections))
    note(f"{image.name}: {len(chosen)} of {len(sections)} sections are learnt from")
    return [sections[index] for index in chosen]


def _window(text: str, micrograph: Micrograph) -> Window:
    """Return ``Y0:Y1,X0:X1`` as rows and columns of a micrograph; an end may be left out."""
    try:
        rows, columns = (part.split(":") for part in text.split(","))
        window = _span(rows, micrograph.height), _span(columns, micrograph.width)
    except ValueError:
        refuse(f"--region {text}: give rows and columns as Y0:Y1,X0:X1, such as 0:512,100:900")
    if any(span.stop <= span.start for span in window):
        size = f"{micrograph.height} rows and {micrograph.width} columns"
        refuse(f"--region {text}: there is nothing of {micrograph.name} in it, which has {size}")
    return window


def _span(ends: list[str], size: int) -> slice:
    first, last = ends
    start, stop = int(first or 0), int(last or size)
    if start < 0 or stop < 0:
        raise ValueError
    return slice(min(start, size), min(stop, size))


# -- the run -------------------------------------------------------------------------------------


def _run(request: FitRequest, target: Target) -> ExitCode:
    from napari_etch.training import labelfree

    name = request.micrographs[0].name
    if len(request.micrographs) > 1:
        name += f" and {len(request.micrographs) - 1} more"
    return learn(
        name,
        lambda stop: labelfree.fit(request.micrographs, **request.options, stop=stop),
        lambda fitted, losses: _keep(fitted, losses, request, target),
    )


def _keep(fitted: Fitted, losses: dict[str, float], request: FitRequest, target: Target) -> str:
    from napari_etch.training.fitted import save_fitted

    with tempfile.TemporaryDirectory(prefix="etch-fit-") as temporary:
        folder = Path(temporary) / "model"
        save_fitted(
            fitted,
            folder,
            request.micrographs,
            start=request.start,
            regions=request.regions,
            losses=losses,
            device=request.device,
        )
        return target.write(folder)

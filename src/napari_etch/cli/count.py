"""``etch count``: how many grains there are in images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_etch.cli.console import (
    ExitCode,
    bad_input,
    called,
    fail,
    fail_inside,
    note,
    printing,
    refuse,
    sentence,
)
from napari_etch.cli.count_maps import GrainMapFile, counts_of_map, grain_map_of
from napari_etch.cli.options import (
    ChannelOf,
    Device,
    GrainSize,
    PixelSize,
    Quality,
    ScaleBarSize,
    Series,
    Stack,
    between,
    choice_of,
    free_file,
)
from napari_etch.cli.reading import (
    refuse_result,
    sized,
    tell_density,
    tell_margins,
    tell_reading,
)
from napari_etch.counting import COUNT_MODEL

if TYPE_CHECKING:
    from napari_etch.cli.jobs import Job
    from napari_etch.counting import GrainCount
    from napari_etch.micrograph import Micrograph

    # File, what follows its name where it is a stack, and what was counted.
    _Counted = tuple[Path, str, GrainCount]


def count(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE",
            help="Images, or folders of the sections of a stack. Grain maps and results are "
            "counted as they are.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.csv", help="The table goes here.")],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME_OR_PATH", help="See: etch models list.")
    ] = COUNT_MODEL,
    pixel_size: PixelSize = None,
    scale_bar: ScaleBarSize = False,
    device: Device = "auto",
    grain_size: GrainSize = None,
    granularity: Annotated[
        float,
        typer.Option(
            metavar="0.02…0.98",
            parser=between(0.02, 0.98),
            help="Near 0: fewest grains, near 1: most.",
        ),
    ] = 0.5,
    quality: Quality = None,
    stack: Stack = None,
    series: Series = None,
    channel: ChannelOf = None,
    keep_info_bar: Annotated[
        bool,
        typer.Option(
            "--keep-info-bar",
            help="Count in bars and blank surroundings too.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier table.")
    ] = False,
) -> None:
    """Count the grains of images, with a 95 % interval.

    FILE.csv gets the columns image, count, low, high, density_per_mm2, inside, at_edge, at_corner.
    The count holds every grain in the field once; for the density a grain inside counts 1, at the
    edge ½, at a corner ¼.
    """
    from napari_etch.cli.jobs import Job, each_in_turn, end_with
    from napari_etch.cli.segment import maps_classes, ready_model
    from napari_etch.results import write_counts

    free_file(out, overwrite, "counts.csv")
    given = {"grain_size": grain_size, "quality": quality}
    options = {name: value for name, value in given.items() if value is not None}
    ready = ready_model(model, device, granularity, options)
    if maps_classes(ready):
        refuse(f"--model {model} maps fracture modes, which are not counted: use etch fracture")
    job = Job(
        ready,
        device,
        granularity,
        options,
        pixel_size,
        stack,
        keep_info_bar,
        by_scale_bar=scale_bar,
        choice=choice_of(series, channel),
    )
    counted: list[_Counted] = []
    try:
        done = each_in_turn(
            images, lambda image: _count_all(job, image, counted), left="no table was written"
        )
        if counted:
            with bad_input(str(out)):
                write_counts(out, _rows(counted))
    finally:  # what was counted before a Ctrl-C, or what no disk takes, is not lost
        if counted:
            _show(_rows(counted))
    end_with(done)


def _count_all(job: Job, image: Path, counted: list[_Counted]) -> ExitCode:
    """Count an input; a folder, with ``--slices``, image by image."""
    from napari_etch.cli.jobs import worst
    from napari_etch.micrograph.reading import image_files, is_image_folder

    try:
        # what has channels is a micrograph
        grain_map = None if job.choice and image.is_file() else grain_map_of(image)
        if grain_map is not None:
            return _count_map(job, image, grain_map, counted)
        refuse_result(image)
        inside = image_files(image) if job.stack is False and is_image_folder(image) else [image]
    except (ValueError, OSError) as error:
        fail(sentence(error, str(image)))
        return ExitCode.BAD_INPUT
    return worst([_count_image(job, each, counted) for each in inside])


def _count_map(job: Job, image: Path, grain_map: GrainMapFile, counted: list[_Counted]) -> ExitCode:
    """Count a grain map as it is; of a stack section by section."""
    try:
        found = list(counts_of_map(grain_map, job.pixel_size_um))
    except (ValueError, OSError) as error:
        fail(sentence(error, str(image)))
        return ExitCode.BAD_INPUT
    for item in found:
        counted.append((image, "" if item.name == grain_map.file.stem else f" {item.name}", item))
    return ExitCode.DONE


def _count_image(job: Job, image: Path, counted: list[_Counted]) -> ExitCode:
    """Count all of one input and tell how it went, so that the others still get their turn."""
    from napari_etch.cli.progress import progress_bar

    try:
        micrograph = _read(job, image)
    except (ValueError, OSError) as error:
        fail(sentence(error, str(image)))
        return ExitCode.BAD_INPUT
    micrograph = sized(micrograph, called(image), job.by_scale_bar)
    tell_reading(micrograph, called(image))
    tell_margins(micrograph, called(image))
    try:
        with progress_bar(called(image)) as show:
            found = list(_counts(job, micrograph, show))
    except (ValueError, OSError) as error:
        fail(sentence(error, str(image)))
        return ExitCode.BAD_INPUT
    except Exception as error:
        fail_inside(error, called(image))
        return ExitCode.INTERNAL
    for item in found:
        section = f" {item.name}" if micrograph.is_stack else ""
        tell_density(item.density_per_mm2, micrograph.pixel_size_um, f"{called(image)}{section}")
        counted.append((image, section, item))
    return ExitCode.DONE


def _read(job: Job, image: Path) -> Micrograph:
    """Return an image or a stack; the images of a file that holds several are its sections."""
    from napari_etch.micrograph import MicrographError

    if job.stack:
        return job.read(image, True)
    try:
        return job.read(image, None)
    except MicrographError:  # several images, or none: reading them as sections tells
        return job.read(image, True)


def _counts(job: Job, micrograph: Micrograph, show: Callable[..., None]) -> Iterator[GrainCount]:
    """Yield the count of every section, and show and tell what comes between."""
    from napari_etch.counting import GrainCount, count_grains
    from napari_etch.inference import TileDone

    for event in count_grains(
        job.model, micrograph, device=job.device, granularity=job.granularity, **job.options
    ):
        if isinstance(event, TileDone):
            show(event.fraction, event.seconds_left, event.what)
        elif isinstance(event, GrainCount):
            yield event
        else:
            note(f"{micrograph.name}: {event.message}")


def _rows(counted: Sequence[_Counted]) -> list[tuple[str, GrainCount]]:
    """Return each count with the file's name, or its path where two files have one name."""
    paths: dict[str, set[Path]] = {}
    for path, _, _ in counted:
        paths.setdefault(called(path), set()).add(path)
    return [
        ((called(path) if len(paths[called(path)]) == 1 else str(path)) + section, item)
        for path, section, item in counted
    ]


def _show(rows: Sequence[tuple[str, GrainCount]]) -> None:
    """Print the table, with how many grains the border cuts."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("image", overflow="fold")
    for heading in ("count", "95 % interval", "inside", "at the border", "per mm²"):
        table.add_column(heading, justify="right")
    for name, item in rows:
        density = "–" if item.density_per_mm2 is None else f"{item.density_per_mm2:.4g}"
        table.add_row(
            name,
            str(item.count),
            "–" if item.low is None else f"{item.low} to {item.high}",
            str(item.n_inside),
            str(item.n_edge + item.n_corner),
            density,
        )
    with printing():
        Console(markup=False).print(table)  # a file may be called [a].tif

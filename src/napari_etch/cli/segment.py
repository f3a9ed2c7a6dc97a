"""``etch segment``: any model on any images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_etch.cli.console import bad_input, refuse
from napari_etch.cli.options import (
    ChannelOf,
    Device,
    GrainSize,
    Overwrite,
    PixelSize,
    Quality,
    ScaleBarSize,
    Series,
    Stack,
    between,
    choice_of,
)

GRANULARITY = 0.5


def segment(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE", help="Images, or folders of the sections of a stack."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Results go to DIR/STEM."),
    ],
    model: Annotated[
        str, typer.Option("--model", metavar="NAME_OR_PATH", help="See: etch models list.")
    ] = "generalist",
    pixel_size: PixelSize = None,
    scale_bar: ScaleBarSize = False,
    device: Device = "auto",
    grain_size: GrainSize = None,
    granularity: Annotated[
        float,
        typer.Option(metavar="0…1", parser=between(0, 1), help="0: fewest grains, 1: most."),
    ] = GRANULARITY,
    quality: Quality = None,
    close_gaps: Annotated[
        bool | None,
        typer.Option(
            "--close-gaps/--leave-gaps",
            help="Let lines that end go on, as behind precipitates (repair). "
            "Default: where many end, for the generalist at quality best.",
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction",
            metavar="both|forward|backward",
            help="Of wpunet: which way it goes through a stack.",
        ),
    ] = None,
    stack: Stack = None,
    series: Series = None,
    channel: ChannelOf = None,
    align: Annotated[
        bool,
        typer.Option("--align", help="Move the sections of a stack over each other first."),
    ] = False,
    keep_info_bar: Annotated[
        bool,
        typer.Option("--keep-info-bar", help="Segment bars and blank surroundings too."),
    ] = False,
    keep_scratches: Annotated[
        bool,
        typer.Option(
            "--keep-scratches", help="Take straight lines across the grains for boundaries."
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Find the boundaries and grains of images.

    For each image DIR/STEM gets boundary.tif, grains.tif, grains.csv, summary.json and overlay.png;
    of a model for fracture modes what etch fracture writes.
    """
    from napari_etch.cli.jobs import Job, each_in_turn, end_with, result_folders, segment_image

    if direction not in (None, "both", "forward", "backward"):
        refuse(f"--direction {direction}: choose both, forward or backward")
    given = {
        "grain_size": grain_size,
        "quality": quality,
        "close_gaps": close_gaps,
        "direction": direction,
        "fill_scratches": False if keep_scratches else None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    ready = ready_model(model, device, granularity, options)
    if maps_classes(ready):
        _refuse_for_modes(
            model, stack=stack, align=align, granularity=granularity, scale_bar=scale_bar
        )
        from napari_etch.cli.fracture import FractureJob, run_fracture

        modes = FractureJob(
            ready,
            ready.table,
            device,
            options=options,
            pixel_size_um=pixel_size,
            keep_info_bar=keep_info_bar,
            overwrite=overwrite,
            choice=choice_of(series, channel),
        )
        run_fracture(modes, images, out)
    folders = dict(zip(images, result_folders(images, out), strict=True))
    job = Job(
        ready,
        device,
        granularity,
        options,
        pixel_size,
        stack,
        keep_info_bar,
        overwrite,
        align,
        scale_bar,
        choice_of(series, channel),
    )
    end_with(each_in_turn(images, lambda image: segment_image(job, image, folders[image])))


def ready_model(name: str, device: str, granularity: float, options: dict[str, Any]) -> Any:
    """Return the model, after everything that would fail for all images alike was checked."""
    from napari_etch.inference import pick_device
    from napari_etch.models import load_model
    from napari_etch.segmentation import check_options

    with bad_input(f"--device {device}"):
        pick_device(device)
    with bad_input(f"--model {name}"):
        model = load_model(name)
        if not hasattr(model, "partition") and not maps_classes(model):
            raise ValueError("it closes boundary maps and finds none: use etch repair")
        check_options(model, granularity, options)
    return model


def _refuse_for_modes(
    model: str, *, stack: bool | None, align: bool, granularity: float, scale_bar: bool
) -> None:
    """Refuse what only grains have; silently dropped, it would pass for done."""
    given = {
        "--stack": stack is True,
        "--slices": stack is False,
        "--align": align,
        "--granularity": granularity != GRANULARITY,
        "--scale-bar": scale_bar,
    }
    dropped = [option for option, is_given in given.items() if is_given]
    if dropped:
        refuse(
            f"--model {model} maps fracture modes, one image after the other: "
            f"leave out {' and '.join(dropped)}"
        )


def maps_classes(model: Any) -> bool:
    """Return whether a model maps fracture modes and finds no grains."""
    return hasattr(model, "table") and not hasattr(model, "partition")

"""``etch pseudo-label``: a training folder of thresholded micrographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_etch.cli.console import ExitCode, bad_input, fail, say, sentence
from napari_etch.cli.options import ChannelOf, Series, between, choice_of


def pseudo_label(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Single micrographs.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The training folder to write.")
    ],
    series: Series = None,
    channel: ChannelOf = None,
    clip: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            parser=between(0, 256),
            help="CLAHE: limit as a multiple of the mean bin; 0: none.",
        ),
    ] = 2.5,
    tiles: Annotated[int, typer.Option(min=1, help="CLAHE: tiles along each side.")] = 8,
    blur: Annotated[
        int, typer.Option(min=0, metavar="PX", help="Gaussian: side of the window, odd; 0: none.")
    ] = 5,
    dark_grains: Annotated[
        bool, typer.Option("--dark-grains", help="Otsu: what is darker is grain.")
    ] = False,
    close: Annotated[
        int, typer.Option(min=0, metavar="PX", help="Closing: diameter, odd; 0: none.")
    ] = 5,
    dilate: Annotated[
        int, typer.Option(min=0, metavar="PX", help="Dilation: diameter, odd; 0: none.")
    ] = 3,
    open_: Annotated[
        int, typer.Option("--open", min=0, metavar="PX", help="Opening: diameter, odd; 0: none.")
    ] = 11,
    min_area: Annotated[
        int, typer.Option(min=0, metavar="PX", help="Smaller components are removed.")
    ] = 89,
    count_area: Annotated[
        int, typer.Option(min=0, metavar="PX", help="Smaller components are not counted.")
    ] = 500,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier pseudo labels.")
    ] = False,
) -> None:
    """Threshold micrographs into pseudo labels, as a training folder.

    DIR gets images/, labels/ (grain maps), masks/, counts.csv and pseudo-labels.json, which holds
    every parameter. These labels are no truth: look at them before you train on them.
    """
    from napari_etch.results import check_writable
    from napari_etch.training.pseudo import Recipe, write_pseudo_labels

    failed: list[Path] = []

    def skip(path: Path, error: Exception) -> None:
        fail(sentence(error, str(path)))
        failed.append(path)

    with bad_input():
        check_writable(out.parent, out)
        recipe = Recipe(clip, tiles, blur, dark_grains, close, dilate, open_, min_area, count_area)
        choice = choice_of(series, channel)
        found = write_pseudo_labels(
            images, out, recipe, overwrite=overwrite, skip=skip, choice=choice
        )
    for name, item in found.items():
        say(
            f"{name}: {item['count']} of {item['components']} components are {count_area} px or "
            f"more, {item['grain_fraction']:.0%} of the area is grain"
        )
    many = "1 image" if len(found) == 1 else f"{len(found)} images"
    say(f"{many} -> {out} (pseudo labels, no truth)")
    if failed:
        fail(f"{len(failed)} of {len(images)} images could not be used")
        raise typer.Exit(ExitCode.BAD_INPUT)

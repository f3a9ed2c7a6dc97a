"""``etch virtual``: virtual micrographs and broken boundary networks, with truth."""

from __future__ import annotations

import enum
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_etch.cli.console import ExitCode, bad_input, fail, refuse, say
from napari_etch.cli.options import MOST_SEED, free_file
from napari_etch.micrograph import write_tiff

# Side of a picture, px, whose fields fit into the memory of a workstation.
_LARGEST = 8192


class Task(enum.StrEnum):
    """What the pictures are for."""

    SEGMENT = "segment"
    REPAIR = "repair"


class Preset(enum.StrEnum):
    """How the networks of the repair task are broken: keys of `virtual.broken.PRESETS`."""

    PUBLISHED = "published"
    REALISTIC = "realistic"


def virtual(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Images go to DIR/images and truth to DIR/labels; of the repair task, broken "
            "networks to DIR/micro and complete ones to DIR/label.",
        ),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", metavar="FILE.png", help="Draw a contact sheet.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of micrographs or pairs.")] = 16,
    size: Annotated[
        int, typer.Option(min=32, max=_LARGEST, metavar="PX", help="Side of each.")
    ] = 512,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="The same seed gives the same images.")
    ] = 0,
    task: Annotated[
        Task,
        typer.Option(
            help="segment: micrographs and their grains; repair: boundary networks, broken and "
            "complete."
        ),
    ] = Task.SEGMENT,
    preset: Annotated[
        Preset | None,
        typer.Option(
            help="Of the repair task; published: squares blurred away; realistic (the default): "
            "gaps along the lines, fading, scratches, spurs."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Of the repair task: processes; default: as many as processors."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier files.")] = False,
) -> None:
    """Render virtual micrographs and the grain maps they come from.

    With --task repair: broken boundary networks and their complete originals. Of that task alone, a
    call that was stopped goes on when it is repeated, and a larger --count adds to what is there.
    """
    if out is None and gallery is None:
        refuse("nothing to write: give --out DIR, --gallery FILE.png or both")
    if task is Task.REPAIR:
        if gallery is not None or out is None:
            refuse("--gallery shows micrographs: leave it out, or leave out --task repair")
        _write_pairs(out, preset or Preset.REALISTIC, count, size, seed, workers, overwrite)
        return
    if preset is not None or workers is not None:
        refuse("--preset and --workers belong to --task repair: add it, or leave them out")
    if gallery is not None:
        _draw_gallery(gallery, size, seed, overwrite)
    if out is not None:
        _render(out, count, size, seed, overwrite)


def _write_pairs(
    out: Path,
    preset: Preset,
    count: int,
    size: int,
    seed: int,
    workers: int | None,
    overwrite: bool,
) -> None:
    from napari_etch.cli.progress import progress_bar
    from napari_etch.virtual.broken.folder import PairSet, pairs_in, write_pairs

    steps = write_pairs(
        out, PairSet(preset.value, size, seed), count, workers=workers, overwrite=overwrite
    )
    there = found = 0
    try:
        with bad_input(str(out)), progress_bar("pairs") as show:
            there = found = next(steps)
            began = time.monotonic()
            for there in steps:
                each = (time.monotonic() - began) / (there - found)
                show(there / count, each * (count - there), f"{there} of {count}")
    except KeyboardInterrupt:
        steps.close()  # what the other processes have in hand is made to its end
        there = sum(index < count for index in pairs_in(out))
        fail(f"stopped with {there} of {count} pairs in {out}; the same call goes on with them")
        raise typer.Exit(ExitCode.STOPPED) from None
    made = "all were there" if found == count else f"{count - found} made"
    say(f"{count} {preset} pairs of {size} x {size} px ({made}) -> {out}")


def _draw_gallery(path: Path, size: int, seed: int, overwrite: bool) -> None:
    if path.suffix.lower() != ".png":
        refuse(f"{path} does not end in .png: the gallery is a PNG image")
    free_file(path, overwrite, "gallery.png")
    import imagecodecs

    from napari_etch.results import whole_file
    from napari_etch.virtual import contact_sheet

    sheet = contact_sheet(seed, size)
    with bad_input(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(bytes(imagecodecs.png_encode(sheet)))
    say(f"gallery -> {path}")


def _render(out: Path, count: int, size: int, seed: int, overwrite: bool) -> None:
    import torch
    from skimage.measure import label

    from napari_etch.virtual import render_batch

    images, labels = out / "images", out / "labels"
    taken = sorted(path for folder in (images, labels) for path in folder.glob("virtual_*"))
    if taken and not overwrite:
        refuse(f"{taken[0]} exists: add --overwrite to replace it, or choose another folder")
    with bad_input(str(out)):
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    done = 0
    try:
        for done in range(count):
            sample = render_batch(1, size, generator=generator)
            image = (255 * sample.image[0]).round().to(torch.uint8).numpy()
            grains = label(sample.labels[0].numpy(), background=-1, connectivity=1)
            paths = [folder / f"virtual_{done:05d}.tif" for folder in (images, labels)]
            with bad_input(str(out)):
                _write_both(dict(zip(paths, (image, grains.astype(np.int32)), strict=True)))
    except KeyboardInterrupt:
        fail(f"stopped with {done} of {count} micrographs in {out}")
        raise typer.Exit(ExitCode.STOPPED) from None
    _drop_earlier(taken, count)
    say(f"{count} micrographs of {size} x {size} px with truth -> {out}")


def _drop_earlier(taken: Sequence[Path], count: int) -> None:
    """Delete those of an earlier, longer call, which may have another seed or size."""
    for path in taken:
        numbered = re.fullmatch(r"virtual_(\d{5})\.tif", path.name)
        if numbered and int(numbered.group(1)) >= count:
            path.unlink(missing_ok=True)


def _write_both(maps: dict[Path, np.ndarray]) -> None:
    """Write an image and its truth, or neither: one is not to stay with an earlier other."""
    try:
        for path, array in maps.items():
            write_tiff(path, array)
    except BaseException:  # a full disk, Ctrl-C
        for path in maps:
            path.unlink(missing_ok=True)
        raise

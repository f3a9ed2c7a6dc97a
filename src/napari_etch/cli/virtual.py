"""``etch virtual``: virtual micrographs with truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_etch.cli.console import bad_input, refuse, say
from napari_etch.micrograph import write_tiff


def virtual(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Images go to DIR/images, truth to DIR/labels."),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", metavar="FILE.png", help="Draw a contact sheet.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of micrographs.")] = 16,
    size: Annotated[int, typer.Option(min=32, metavar="PX", help="Side of each.")] = 512,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same images.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier files.")] = False,
) -> None:
    """Render virtual micrographs and the grain maps they come from."""
    if out is None and gallery is None:
        refuse("nothing to write: give --out DIR, --gallery FILE.png or both")
    if gallery is not None:
        _draw_gallery(gallery, size, seed, overwrite)
    if out is not None:
        _render(out, count, size, seed, overwrite)


def _draw_gallery(path: Path, size: int, seed: int, overwrite: bool) -> None:
    if path.suffix.lower() != ".png":
        refuse(f"{path} does not end in .png: the gallery is a PNG image")
    if path.exists() and not overwrite:
        refuse(f"{path} exists: add --overwrite to replace it, or choose another name")
    import imagecodecs

    from napari_etch.virtual import contact_sheet

    sheet = contact_sheet(seed, size)
    with bad_input(str(path)):
        path.write_bytes(bytes(imagecodecs.png_encode(sheet)))
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
    for index in range(count):
        sample = render_batch(1, size, generator=generator)
        image = (255 * sample.image[0]).round().to(torch.uint8).numpy()
        grains = label(sample.labels[0].numpy(), background=-1, connectivity=1)
        with bad_input(str(out)):
            write_tiff(images / f"virtual_{index:05d}.tif", image)
            write_tiff(labels / f"virtual_{index:05d}.tif", grains.astype(np.int32))
    say(f"{count} micrographs of {size} x {size} px with truth -> {out}")

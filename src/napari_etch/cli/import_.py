"""``etch import``: annotations of other programs as a training folder or as label files."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_etch.cli.console import bad_input, note, refuse, say
from napari_etch.cli.export import Convention, Labels, run_export, tell
from napari_etch.cli.options import ChannelOf, PixelSize, Series, choice_of

if TYPE_CHECKING:
    from napari_etch.labels import Annotated as Labelled
    from napari_etch.labels import AnnotationSet, LabelSource
    from napari_etch.micrograph.choice import Choice


class Result(enum.StrEnum):
    """What is written."""

    PAIRS = "pairs"
    MAPS = "maps"


def import_(
    annotations: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="VIA, COCO or LabelMe JSON, ImageJ regions, HDF5, OME-Zarr, a mask, or a folder "
            "of YOLO, StarDist, Cellpose, masks …",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the result.")],
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", metavar="PATH", help="Images, or folders of them, if not beside."),
    ] = None,
    result: Annotated[
        Result,
        typer.Option(
            "--as",
            help="pairs: a training folder, images and one map each; maps: NAME_grains.tif, "
            "NAME_classes.tif … without the images.",
        ),
    ] = Result.PAIRS,
    labels: Annotated[
        Labels,
        typer.Option(help="What regions or numbers are; auto: the file's words and values tell."),
    ] = Labels.AUTO,
    classes: Annotated[
        Path | None,
        typer.Option("--classes", metavar="JSON", help="Class table; see docs/exporting.md."),
    ] = None,
    convention: Annotated[
        Convention,
        typer.Option(help="published: class ids and overlaps of the published fractography code."),
    ] = Convention.PROJECT,
    pixel_size: PixelSize = None,
    series: Series = None,
    channel: ChannelOf = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier import.")
    ] = False,
) -> None:
    """Read annotations of any known format onto their images, and say what did not come over."""
    from napari_etch.labels.importing import write_maps
    from napari_etch.labels.sources import with_pixel_size
    from napari_etch.labels.values import PIXEL_SIZE_CONFLICT

    choice = choice_of(series, channel)
    found = _read(annotations, images or [], labels, classes, convention, choice)
    tell(found.report, annotations.name)
    if labels is Labels.AUTO and found.report.skipped:
        _tell_unknown_words(found)
    if result is Result.PAIRS:
        _write_pairs(found, out, labels, pixel_size, overwrite, choice)
        return
    each = [with_pixel_size(item, pixel_size, choice) for item in found.values()]
    for item in each:
        if PIXEL_SIZE_CONFLICT in item.made:
            note(f"{item.name}: {item.made[PIXEL_SIZE_CONFLICT]}")
    with bad_input(str(out)):
        paths, _report = write_maps(each, out, overwrite=overwrite)
    count = "1 map" if len(paths) == 1 else f"{len(paths)} maps"
    say(f"{count} -> {out}")


def _read(
    source: Path,
    images: list[Path],
    labels: Labels,
    classes: Path | None,
    convention: Convention,
    choice: Choice,
) -> AnnotationSet:
    from napari_etch.grains.class_table import ClassTable
    from napari_etch.labels import read_annotations
    from napari_etch.labels.finding import image_shape
    from napari_etch.labels.importing import match_images

    with bad_input():
        table = None if classes is None else ClassTable.read(classes)
        files = [path for path in images if path.is_file()]
        found = read_annotations(
            source,
            classes=table,
            convention=str(convention),
            kind=str(labels),
            images=images,
            # with a single image there is no doubt which one is meant, whatever it is called
            shape=image_shape(images[0], choice) if len(images) == len(files) == 1 else None,
            choice=choice,
        )
        return match_images(found, files, choice)


def _tell_unknown_words(found: AnnotationSet) -> None:
    """Tell what to do where all regions have words that nobody knows, such as *Korn*."""
    if not any(each.kinds for each in found.values()):
        note("if the regions are grains, --labels grains takes each of them; classes: --classes")


def _write_pairs(
    found: AnnotationSet,
    out: Path,
    labels: Labels,
    pixel_size: float | None,
    overwrite: bool,
    choice: Choice,
) -> None:
    from napari_etch.labels import ExportRequest, WriteOptions
    from napari_etch.labels.exporting import check_target

    there = [each for each in found.values() if each.image_path or each.image is not None]
    if not there:
        refuse(
            "no image of the annotations was found: say with --images where they are, or write "
            "--as maps"
        )
    kinds = {kind for each in there for kind in each.kinds}
    if len(kinds) > 1 and labels is Labels.AUTO:
        note(
            f"the annotations hold {' and '.join(sorted(kinds))}; a training folder has one of "
            "them: choose with --labels, or write --as maps"
        )
    sources = [_source(each, pixel_size, choice) for each in found.values()]
    with bad_input():
        check_target(out, overwrite=overwrite)
    options = WriteOptions(table=found.table)
    request = ExportRequest(out, labels=str(labels), options=options, overwrite=overwrite)
    run_export(sources, request)


def _source(each: Labelled, pixel_size: float | None, choice: Choice) -> LabelSource:
    from napari_etch.labels import LabelSource
    from napari_etch.labels.sources import with_image

    return LabelSource(each.name, lambda: with_image(each, pixel_size, choice), each.specimen)

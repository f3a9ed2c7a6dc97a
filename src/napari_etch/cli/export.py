"""``etch export``: labelled images as a set that other tools, and `etch train`, read."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_etch.cli.console import ExitCode, bad_input, fail, note, refuse, say
from napari_etch.cli.options import MOST_SEED, ChannelOf, Corrections, PixelSize, Series, choice_of
from napari_etch.labels.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_etch.labels import Exported, ExportRequest, LabelSource, Report

# Lines of a report that are printed; the manifest has all of them.
_SHOWN = 12

Format = enum.StrEnum("Format", {name.upper(): name for name in FORMATS})  # type: ignore[misc]


PAIRS = Format("pairs")


class Labels(enum.StrEnum):
    """Which map is written."""

    AUTO = "auto"
    GRAINS = "grains"
    CLASSES = "classes"
    BOUNDARY = "boundary"


class Convention(enum.StrEnum):
    """How class ids and overlaps are to be read."""

    PROJECT = "project"
    PUBLISHED = "published"


class ImageFormat(enum.StrEnum):
    """Of the images and masks of a training folder."""

    TIFF = "tiff"
    PNG = "png"


class SplitBy(enum.StrEnum):
    """What stays together in a split."""

    SPECIMEN = "specimen"
    IMAGE = "image"


def export(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE",
            help="Result folders of etch segment or fracture, or a folder of them; training "
            "folders; annotation files and folders of any format.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the set.")],
    form: Annotated[
        Format, typer.Option("--format", help="pairs is the folder that etch train reads.")
    ] = PAIRS,
    labels: Annotated[
        Labels, typer.Option(help="auto: all maps that there are and the format holds.")
    ] = Labels.AUTO,
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", metavar="PATH", help="Where the images are, if not beside."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Shares of train, val and test, such as 70,15,15."),
    ] = None,
    split_by: Annotated[
        SplitBy, typer.Option(help="Images of one specimen look alike, so they stay together.")
    ] = SplitBy.SPECIMEN,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="The same seed splits the same way.")
    ] = 0,
    specimens: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Table with the columns image (a stack for its sections) and specimen.",
        ),
    ] = None,
    tiles: Annotated[
        int | None, typer.Option(metavar="PX", help="Cut images into tiles of this side.")
    ] = None,
    overlap: Annotated[int, typer.Option(min=0, metavar="PX", help="Of tiles.")] = 0,
    line_width: Annotated[
        int, typer.Option(min=1, metavar="PX", help="Of boundaries, with --labels boundary.")
    ] = 3,
    image_format: Annotated[
        ImageFormat, typer.Option(help="Of a training folder.")
    ] = ImageFormat.TIFF,
    polygons: Annotated[
        bool, typer.Option("--polygons", help="COCO: outlines in place of run lengths.")
    ] = False,
    seg_npy: Annotated[
        bool, typer.Option("--seg-npy", help="Cellpose: a _seg.npy beside the masks.")
    ] = False,
    only_reviewed: Annotated[
        bool,
        typer.Option("--only-reviewed", help="Ignore what was not reviewed in the Correct dock."),
    ] = False,
    corrections: Corrections = True,
    classes: Annotated[
        Path | None, typer.Option("--classes", metavar="JSON", help="Class table.")
    ] = None,
    convention: Annotated[
        Convention,
        typer.Option(help="published: class ids and overlaps of the published fractography code."),
    ] = Convention.PROJECT,
    pixel_size: PixelSize = None,
    series: Series = None,
    channel: ChannelOf = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export.")
    ] = False,
) -> None:
    """Export labelled images as a set, with a manifest; it appears when it is whole.

    Formats: pairs, coco, via, labelme, yolo, cellpose, stardist, imagej, zarr, hdf5.
    """
    from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
    from napari_etch.labels import ExportRequest, Split, Tiles, WriteOptions
    from napari_etch.labels.exporting import check_target
    from napari_etch.labels.sources import SourceOptions, find_sources, hold_no_classes
    from napari_etch.results import check_writable

    _refuse_dropped(form, tiles, overlap, polygons, seg_npy)
    with bad_input():
        table = None if classes is None else ClassTable.read(classes)
        check_target(out, overwrite=overwrite)
        check_writable(out.parent, out)
        found, report, read = find_sources(
            sources,
            SourceOptions(
                images=tuple(images or ()),
                table=table,
                convention=str(convention),
                # boundaries are drawn between what is read as grains
                kind="auto" if labels is Labels.BOUNDARY else str(labels),
                specimens=specimens,
                pixel_size_um=pixel_size,
                corrected=corrections,
                reviewed=only_reviewed,
                choice=choice_of(series, channel),
            ),
        )
        request = ExportRequest(
            out,
            str(form),
            labels=str(labels),
            split=None if split is None else Split.parse(split, str(split_by), seed),
            tiles=None if tiles is None else Tiles(tiles, overlap),
            options=WriteOptions(
                table=table or read or FRACTURE_MODES,
                image_format=str(image_format),
                line_width=line_width,
                polygons=polygons,
                seg_npy=seg_npy,
                grains_only=labels is Labels.AUTO
                and not (table or read)
                and hold_no_classes(sources),
            ),
            overwrite=overwrite,
        )
    _tell(report, "read")
    run_export(found, request)


def _refuse_dropped(
    form: Format, tiles: int | None, overlap: int, polygons: bool, seg_npy: bool
) -> None:
    """Refuse what another option needs; silently dropped, it would pass for done."""
    if overlap and tiles is None:
        refuse("--overlap is that of tiles: add --tiles, or leave it out")
    if polygons and form is not Format("coco"):
        refuse(f"--polygons belongs to --format coco, not to {form}: leave it out")
    if seg_npy and form is not Format("cellpose"):
        refuse(f"--seg-npy belongs to --format cellpose, not to {form}: leave it out")


def run_export(sources: Sequence[LabelSource], request: ExportRequest) -> None:
    """Export with a bar on the terminal, tell how it went, and end the command."""
    with bad_input(str(request.out)):
        exported = _export(sources, request)
    _tell(exported.report, "")
    loses = FORMATS[request.format].loses
    if loses:
        note(loses)
    manifest = exported.manifest
    parts = [entry["part"] for entry in manifest["images"]]
    told = ", ".join(f"{parts.count(part)} {part}" for part in dict.fromkeys(parts) if part)
    count = f"1 {request.format}" if len(parts) == 1 else f"{len(parts)} {request.format}"
    what = f"{count} image{'s' * (len(parts) != 1)}{f' ({told})' if told else ''}"
    say(f"{what}, {manifest['labels']} -> {request.out}")
    failed = {source.name for source in sources} & {each.image for each in exported.report.skipped}
    if failed:
        fail(f"{len(failed)} of {len(sources)} images could not be exported")
        raise typer.Exit(ExitCode.BAD_INPUT)


def _export(sources: Sequence[LabelSource], request: ExportRequest) -> Exported:
    from napari_etch.cli.progress import progress_bar
    from napari_etch.labels import Exported, export_set

    events = export_set(sources, request)
    try:
        with progress_bar("export") as show:
            for event in events:
                if isinstance(event, Exported):
                    return event
                show(event.done / event.total, None, event.name)
    except KeyboardInterrupt:
        events.close()
        fail("stopped; nothing is half written")
        raise typer.Exit(ExitCode.STOPPED) from None
    raise AssertionError("an export ends with Exported")


def _tell(report: Report, what: str) -> None:
    """Print the remarks of a report."""
    if report.remarks:
        lines = report.lines(_SHOWN)
        if not (report.images or report.skipped):  # results are read later: nothing to sum up yet
            lines = lines[1:]
        note("\n".join([f"{what}: {lines[0]}" if what else lines[0], *lines[1:]]))


def tell(report: Report, what: str = "") -> None:
    """Print a report, with a summary even where there is no remark."""
    if report.remarks:
        _tell(report, what)
    else:
        note(f"{what}: {report.summary()}" if what else report.summary())

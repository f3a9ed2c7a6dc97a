"""``etch measure``: grain size by the standards, from grain maps to a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_etch.cli.console import bad_input, note, refuse, say
from napari_etch.cli.options import (
    ChannelOf,
    Corrections,
    PixelSize,
    Series,
    choice_of,
    number,
    plausible_voxel,
)

if TYPE_CHECKING:
    import pandas as pd

    from napari_etch.cli.measure_inputs import FieldInput
    from napari_etch.measure.report import Report
    from napari_etch.measure.segmentation_range import SegmentationRange


def measure(
    grains: Annotated[
        list[Path],
        typer.Argument(
            metavar="GRAINS",
            help="Grain maps, or result folders of etch segment, repair or track, a field each; or "
            "a folder of such folders.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The report goes here.")],
    pixel_size: PixelSize = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image", metavar="FILE", help="Micrograph of each field, in the same order."
        ),
    ] = None,
    series: Series = None,
    channel: ChannelOf = None,
    boundary: Annotated[
        list[Path] | None,
        typer.Option("--boundary", metavar="FILE", help="Boundary map of each field."),
    ] = None,
    classes: Annotated[
        list[Path] | None,
        typer.Option("--classes", metavar="FILE", help="Class maps, for area fractions (E562)."),
    ] = None,
    section_distance: Annotated[
        float | None,
        typer.Option(
            "--section-distance",
            metavar="UM",
            parser=number,
            help="Between the sections of a stack whose grains are numbered through: adds "
            "grains3d.csv.",
        ),
    ] = None,
    single_placement: Annotated[
        bool,
        typer.Option(
            "--single-placement",
            help="Lay circles over a field once, as large as they fit, not at several places.",
        ),
    ] = False,
    merge_twins: Annotated[
        bool, typer.Option("--merge-twins", help="Join parallel-sided lamellae to their grain.")
    ] = False,
    corrections: Corrections = True,
    excel: Annotated[bool, typer.Option("--excel", help="Also write measure.xlsx.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also write report.pdf, one page.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier report.")
    ] = False,
) -> None:
    """Measure the grain size of grain maps by every method, with its interval.

    DIR gets measure.json, grains.csv, fields.csv and report.html.
    """
    from napari_etch.cli.jobs import spare_segmentation
    from napari_etch.cli.maps import each_result
    from napari_etch.cli.measure_classes import area_fractions
    from napari_etch.cli.measure_inputs import read_fields
    from napari_etch.cli.measure_volumes import volume_table, volumes_of_earlier
    from napari_etch.measure.report import headline
    from napari_etch.results import (
        MEASURE_FILES,
        VOLUME_FILE,
        check_free,
        check_writable,
        named,
        write_report,
        write_volumes,
    )

    if not image and (series or channel):
        refuse("--series and --channel are of the micrographs: give these with --image")
    if section_distance is not None:
        plausible_voxel((section_distance,), "--section-distance")
    files = MEASURE_FILES if section_distance is None else (*MEASURE_FILES, VOLUME_FILE)
    with bad_input(str(out)):
        spare_segmentation(out)  # its table of grains is called as ours
        check_free(out, files, overwrite=overwrite)
        check_writable(named(out).parent, out)
    grains = each_result(grains)
    with bad_input():
        fields = read_fields(
            grains,
            pixel_size,
            image or [],
            boundary or [],
            corrections=corrections,
            choice=choice_of(series, channel),
        )
        if single_placement:
            fields = [replace(each, placements="single") for each in fields]
        volumes = None
        if section_distance is not None:
            plausible_voxel((section_distance, fields[0].pixel_size_um), "--section-distance")
            volumes = volume_table(
                grains, fields[0].pixel_size_um, section_distance, corrections=corrections
            )
        fractions, told = area_fractions(classes or [], corrections=corrections)
        report = _measured(fields, merge_twins)
    report = replace(report, fractions=fractions, remarks=(*report.remarks, *told))
    with bad_input(str(out)):
        earlier = volumes_of_earlier(out)
        write_report(report, out, excel=excel, pdf=pdf, overwrite=overwrite)
        if volumes is not None:
            write_volumes(out / VOLUME_FILE, volumes)
        elif earlier is not None:
            earlier.unlink(missing_ok=True)
    for remark in report.all_remarks:
        note(remark)
    say(f"{headline(report.measurement)} -> {out}")


def _measured(fields: list[FieldInput], merge_twins: bool) -> Report:
    from napari_etch.cli.maps import same_images
    from napari_etch.cli.measure_inputs import measure_all
    from napari_etch.cli.progress import progress_bar
    from napari_etch.measure.fields import combine_fields
    from napari_etch.measure.network import measure_network
    from napari_etch.measure.report import Report

    if not fields:
        refuse("no grain map was given: name at least one")
    remarks: list[str] = []
    if merge_twins:
        fields, remarks = _without_twins(fields)
    with progress_bar("measure") as show:
        fields, found, left_out = measure_all(fields, lambda part, name: show(part, None, name))
    measured = combine_fields(found)
    stated = dict.fromkeys(each.remark for each in fields if each.remark)  # once a stack
    twice = same_images(_different(fields))
    return Report(
        measurement=measured,
        sources=tuple(each.source() for each in fields),
        table=_table(fields),
        networks=tuple(measure_network(each.whole) for each in fields),
        uncertainty=_uncertainty(fields, remarks),
        remarks=(*remarks, *left_out, *twice, *stated),
    )


def _different(fields: list[FieldInput]) -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the summary of each result; of copies, which are told as that, one."""
    from napari_etch.results.source_image import pixel_hash

    seen: dict[str, FieldInput] = {}
    for each in fields:
        seen.setdefault(pixel_hash(each.grains), each)
    return list({each.stack or each.name: each.summary for each in seen.values()}.items())


def _without_twins(fields: list[FieldInput]) -> tuple[list[FieldInput], list[str]]:
    from napari_etch.measure.twins import merge_twins

    merged = [merge_twins(each.whole) for each in fields]
    count = sum(len(each.lamellae) for each in merged)
    remark = f"{count} lamellae were taken for twins by their shape and joined to their grains"
    pairs = zip(fields, merged, strict=True)
    return [replace(each, grains=twin.grains) for each, twin in pairs], [remark]


def _table(fields: list[FieldInput]) -> pd.DataFrame:
    import pandas as pd

    tables = []
    for each in fields:
        table = each.table()
        table.insert(0, "field", each.name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _uncertainty(fields: list[FieldInput], remarks: list[str]) -> SegmentationRange | None:
    """Return how far G moves with the granularity, where all fields have a boundary map."""
    from napari_etch.measure.segmentation_range import segmentation_range

    if any(each.boundary is None for each in fields):
        return None
    partitions = [cut for each in fields if (cut := each.partition()) is not None]
    try:
        return segmentation_range(
            partitions, fields[0].pixel_size_um, placements=fields[0].placements
        )
    except ValueError as error:
        remarks.append(f"the range of granularity could not be measured: {error}")
        return None

"""``etch fracture``: maps of fracture modes and area fractions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from napari_etch.cli.console import (
    ExitCode,
    bad_input,
    called,
    fail,
    fail_inside,
    note,
    say,
    sentence,
)
from napari_etch.cli.export import Convention
from napari_etch.cli.options import (
    ChannelOf,
    Corrections,
    Device,
    Overwrite,
    PixelSize,
    Quality,
    Series,
    between,
    choice_of,
    number,
)
from napari_etch.cli.reading import refuse_result, tell_reading
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.reading import composed

if TYPE_CHECKING:
    import numpy as np

    from napari_etch.fractography.areas import ClassArea
    from napari_etch.grains.class_table import ClassTable
    from napari_etch.labels import AnnotationSet
    from napari_etch.micrograph import Micrograph

NO_MODEL = "none"


@dataclass(frozen=True)
class FractureJob:
    """What is the same for all images of a call.

    Attributes
    ----------
    model : Fracture or None
        None maps from outlines alone.
    table : ClassTable
    outlines : dict
        Class maps of outlined areas by the image's stem.
    grains : Path or None
        Folder or file of grain maps, for the table of facets.
    """

    model: Any
    table: ClassTable
    device: str = "auto"
    least: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)
    outlines: dict[str, np.ndarray] = field(default_factory=dict)
    grains: Path | None = None
    pixel_size_um: float | None = None
    keep_info_bar: bool = False
    overwrite: bool = False
    corrections: bool = True
    choice: Choice = ALL


def fracture(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="SEM images of fracture surfaces.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Results go to DIR/STEM.")],
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME_OR_PATH", help="See: etch models list. none: outlines alone."
        ),
    ] = "fracture",
    outlines: Annotated[
        Path | None,
        typer.Option(
            "--outlines",
            metavar="FILE",
            help="Areas outlined on these images (VIA, LabelMe, COCO, masks) that the map follows.",
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option("--classes", metavar="JSON", help="Class table of the outlines."),
    ] = None,
    convention: Annotated[
        Convention,
        typer.Option(
            help="Of the outlines; published: class ids and overlaps of the published code."
        ),
    ] = Convention.PROJECT,
    published: Annotated[
        bool, typer.Option("--published", hidden=True, help="The same as --convention published.")
    ] = False,
    grains: Annotated[
        Path | None,
        typer.Option(
            "--grains",
            metavar="FILE_OR_DIR",
            help="Grain map of the image, or a folder of results (STEM/grains.tif): "
            "a table of the mode of each facet.",
        ),
    ] = None,
    least: Annotated[
        float,
        typer.Option(
            metavar="0…1", parser=between(0, 1), help="Pixels less sure than this stay unlabelled."
        ),
    ] = 0.0,
    quality: Quality = None,
    scale: Annotated[
        float | None,
        typer.Option(
            "--scale",
            metavar="FACTOR",
            parser=number,
            help="Size at which the network sees the image, of its own.",
        ),
    ] = None,
    device: Device = "auto",
    pixel_size: PixelSize = None,
    series: Series = None,
    channel: ChannelOf = None,
    keep_info_bar: Annotated[
        bool,
        typer.Option("--keep-info-bar", help="Map bars and blank surroundings too."),
    ] = False,
    corrections: Corrections = True,
    overwrite: Overwrite = False,
) -> None:
    """Map the fracture modes of SEM fracture surfaces.

    For each image DIR/STEM gets fracture.tif (class of each pixel), fracture.csv (area fractions
    with 95 % intervals), summary.json and overlay.png; with --grains also facets.csv.
    """
    given = {"scale": scale, "quality": quality}
    options = {name: value for name, value in given.items() if value is not None}
    ready = _ready_model(model, device, options, outlines is not None)
    table = _table(classes, ready)
    job = FractureJob(
        model=ready,
        table=table,
        device=device,
        least=least,
        options=options if ready is not None else {},
        outlines=_read_outlines(
            outlines, images, table, Convention.PUBLISHED if published else convention
        ),
        grains=grains,
        pixel_size_um=pixel_size,
        keep_info_bar=keep_info_bar,
        overwrite=overwrite,
        corrections=corrections,
        choice=choice_of(series, channel),
    )
    run_fracture(job, images, out)


def run_fracture(job: FractureJob, images: list[Path], out: Path) -> NoReturn:
    """Map all images and end with the worst code."""
    from napari_etch.cli.jobs import each_in_turn, end_with, result_folders

    folders = dict(zip(images, result_folders(images, out), strict=True))
    end_with(each_in_turn(images, lambda image: _map_file(job, image, folders[image])))


def _ready_model(name: str, device: str, options: dict[str, Any], has_outlines: bool) -> Any:
    from napari_etch.fractography.mapping import check_maps_classes
    from napari_etch.inference import pick_device
    from napari_etch.models import load_model

    with bad_input(f"--device {device}"):
        pick_device(device)
    if name == NO_MODEL:
        with bad_input("--model none"):
            if not has_outlines:
                raise ValueError("without a model the map comes from outlines: give --outlines")
            if options:
                raise ValueError("--quality and --scale are the network's: leave them out")
        return None
    with bad_input(f"--model {name}"):
        model = load_model(name)
        check_maps_classes(model)
    return model


def _table(classes: Path | None, model: Any) -> ClassTable:
    from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable

    if classes is None:
        return FRACTURE_MODES if model is None else model.table
    with bad_input(f"--classes {classes}"):
        return ClassTable.read(classes)


def _read_outlines(
    path: Path | None, images: list[Path], table: ClassTable, convention: Convention
) -> dict[str, np.ndarray]:
    """Return the outlined areas by the stem of their image, and say what was skipped."""
    if path is None:
        return {}
    from napari_etch.labels import read_annotations

    with bad_input(f"--outlines {path}"):
        there = [image for image in images if image.exists()]
        found = read_annotations(
            path,
            classes=table,
            convention=str(convention),
            kind="classes",
            images=there or None,
        )
        if len(images) == len(there) == 1:
            found = _of_the_only_image(path, found, there[0])
        for remark in found.report.remarks:
            note(f"{path.name}: {remark}")
        outlined = {
            composed(name): each.classes for name, each in found.items() if each.classes is not None
        }
        stems = {composed(image.stem) for image in images}
        if not stems & set(outlined):
            names = ", ".join(sorted(outlined)[:3]) or "no image"
            raise ValueError(
                f"none of the images is outlined there: it has {names}; outlines belong to the "
                "image of their name, so rename a mask like its image"
            )
    return outlined


def _of_the_only_image(path: Path, found: AnnotationSet, image: Path) -> AnnotationSet:
    """Return a mask as that of the only image, whatever it is called; the sizes must agree."""
    from napari_etch.labels.importing import match_images
    from napari_etch.labels.mask_files import MASK_SUFFIXES

    masks = [each for each in found.values() if each.image_path is None]
    # an annotation file says itself which image it means
    if image.stem in found or len(masks) != 1 or path.suffix.lower() not in MASK_SUFFIXES:
        return found
    matched = match_images(found, [image])
    if image.stem not in matched:
        raise ValueError(
            f"{path.name} has {masks[0].shape[0]} rows and {masks[0].shape[1]} columns, {image} "
            "another size: give a mask of this image"
        )
    return matched


def _map_file(job: FractureJob, image: Path, folder: Path) -> ExitCode:
    """Map what is in a file and tell how it went, so that the others still get their turn."""
    from napari_etch.cli.jobs import check_target, spare_segmentation, worst

    try:
        spare_segmentation(folder)
        check_target(folder, job.overwrite)
        refuse_result(image)
        parts = list(_read(job, image, folder))
    except (ValueError, OSError) as error:
        fail(sentence(error, str(image)))
        return ExitCode.BAD_INPUT
    return worst([_map(job, part, target, image) for part, target in parts])


def _read(job: FractureJob, image: Path, folder: Path) -> Iterator[tuple[Micrograph, Path]]:
    """Yield the micrographs in a file, each with the folder of its result."""
    from napari_etch.micrograph import read_micrograph
    from napari_etch.micrograph.around import with_smooth_parts

    micrograph = read_micrograph(
        image,
        pixel_size_um=job.pixel_size_um,
        keep_info_bar=job.keep_info_bar,
        **job.choice.asked,
    )
    single = not micrograph.is_stack
    for section in micrograph.sections():
        yield with_smooth_parts(section), folder if single else folder / section.name


def _map(job: FractureJob, micrograph: Micrograph, folder: Path, image: Path) -> ExitCode:
    from napari_etch.cli.progress import follow_to
    from napari_etch.fractography import FractureMap
    from napari_etch.results import write_fracture

    name = micrograph.name if micrograph.path is None else called(micrograph.path)
    tell_reading(micrograph, name)
    try:
        grains = _grains_of(job, micrograph, image)
        found = follow_to(FractureMap, name, _events(job, micrograph))
        areas = write_fracture(found, folder, grains=grains, overwrite=job.overwrite)
    except (ValueError, OSError) as error:
        fail(sentence(error, name))
        return ExitCode.BAD_INPUT
    except Exception as error:
        fail_inside(error, name)
        return ExitCode.INTERNAL
    say(f"{name}: {_words(areas)} -> {folder}")
    return ExitCode.DONE


def _events(job: FractureJob, micrograph: Micrograph) -> Iterator[Any]:
    from napari_etch.fractography import map_fracture, map_from_outlines

    outlined = job.outlines.get(composed(micrograph.name))
    if outlined is not None:
        return map_from_outlines(
            micrograph,
            outlined,
            table=job.table,
            model=job.model,
            device=job.device,
            least=job.least,
            **job.options,
        )
    if job.model is None:
        raise ValueError("it has no outlines: outline areas of it, or give --model fracture")
    return map_fracture(job.model, micrograph, device=job.device, least=job.least, **job.options)


def _grains_of(job: FractureJob, micrograph: Micrograph, image: Path) -> np.ndarray | None:
    """Return the grain map that goes with an image, as it was corrected in napari."""
    place = job.grains
    if place is None:
        return None
    from napari_etch.cli.jobs import result_name
    from napari_etch.cli.maps import read_corrected, taken_words
    from napari_etch.results import GRAINS_FILE

    path = place
    if place.is_dir():  # the result of this image, or a folder of results
        name = result_name(image)
        own = place.resolve().name == name and (place / GRAINS_FILE).exists()
        path = place / GRAINS_FILE if own else place / name / GRAINS_FILE
    if not path.exists():
        raise ValueError(f"there is no grain map at {path}: run etch segment first")
    grains, correction = read_corrected(path, job.corrections)
    if grains.ndim != 2 or grains.dtype.kind not in "iu":
        raise ValueError(f"{path} is no grain map: it needs whole numbers, (y, x)")
    if grains.shape != (micrograph.height, micrograph.width):
        raise ValueError(
            f"{path} has {grains.shape[0]} rows and {grains.shape[1]} columns, {image} "
            f"{micrograph.height} and {micrograph.width}: give the grain map of this image"
        )
    if correction is not None:
        note(f"{path}: {taken_words(correction)}")
    return grains


def _words(areas: tuple[ClassArea, ...]) -> str:
    """Return the area fractions in words."""
    said = [
        f"{area.name} {100 * area.of_labelled:.0f} % "
        f"({100 * area.of_labelled_low:.0f} to {100 * area.of_labelled_high:.0f})"
        for area in areas
        if area.area_px
    ]
    return ", ".join(said) or "nothing is sure enough to have a class"

"""``etch repair``: bridge the gaps of boundary networks."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_etch.cli.console import (
    ExitCode,
    bad_input,
    called,
    fail,
    fail_inside,
    note,
    refuse,
    say,
    sentence,
)
from napari_etch.cli.options import (
    ChannelOf,
    Corrections,
    Device,
    Overwrite,
    PixelSize,
    Series,
    between,
    choice_of,
)
from napari_etch.cli.reading import refuse_result, tell_reading
from napari_etch.micrograph.choice import ALL, Choice

if TYPE_CHECKING:
    from napari_etch.measure import SizeSummary
    from napari_etch.micrograph import Micrograph
    from napari_etch.repairing import Repaired

# A bridge less sure than this is worth a look.
SURE = 0.75
# From here on the float32 of a micrograph does not hold every whole number.
_EXACT = 2**24


class Kind(enum.StrEnum):
    """What is to be repaired."""

    AUTO = "auto"
    MAP = "map"
    MICROGRAPH = "micrograph"
    GRAINS = "grains"


class Polarity(enum.StrEnum):
    """Of the lines of a boundary map."""

    AUTO = "auto"
    DARK = "dark"
    BRIGHT = "bright"


@dataclass(frozen=True)
class Options:
    """What is the same for all maps of a call."""

    kind: Kind
    polarity: Polarity
    device: str
    least: float
    pixel_size_um: float | None
    keep_info_bar: bool
    overwrite: bool
    corrections: bool = True
    model: Any = None
    choice: Choice = ALL


def repair(
    maps: Annotated[
        list[Path],
        typer.Argument(
            metavar="MAP",
            help="Boundary maps, micrographs, grain maps, or results of etch segment.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Results go to DIR/STEM.")],
    polarity: Annotated[
        Polarity, typer.Option(help="Of the lines in a boundary map; auto: what there is less of.")
    ] = Polarity.AUTO,
    kind: Annotated[
        Kind, typer.Option(help="auto: 32-bit whole numbers are grains, flat interiors a map.")
    ] = Kind.AUTO,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Repair model: ours, or one you trained.")
    ] = "repair",
    least: Annotated[
        float,
        typer.Option(
            metavar="0…1", parser=between(0, 1), help="Bridges less sure than this are not made."
        ),
    ] = 0.5,
    device: Device = "auto",
    pixel_size: PixelSize = None,
    series: Series = None,
    channel: ChannelOf = None,
    keep_info_bar: Annotated[
        bool,
        typer.Option("--keep-info-bar", help="Repair bars and blank surroundings too."),
    ] = False,
    corrections: Corrections = True,
    overwrite: Overwrite = False,
) -> None:
    """Close the gaps of boundary networks, so that grains are closed.

    For each map DIR/STEM gets boundary.tif, grains.tif, added.tif (the confidence of each added
    pixel), bridges.csv, summary.json and overlay.png; of a file with several pages DIR/STEM/PAGE.
    """
    from napari_etch.cli.jobs import each_in_turn, end_with, result_folders
    from napari_etch.inference import pick_device

    folders = dict(zip(maps, result_folders(maps, out), strict=True))
    with bad_input(f"--device {device}"):
        pick_device(device)
    options = Options(
        kind,
        polarity,
        device,
        least,
        pixel_size,
        keep_info_bar,
        overwrite,
        corrections,
        _own_model(model),
        choice_of(series, channel),
    )
    done = each_in_turn(maps, lambda path: _repair_file(path, folders[path], options), "maps")
    end_with(done, "maps")


def _repair_file(path: Path, folder: Path, options: Options) -> ExitCode:
    """Repair what is in a file and tell how it went, so that the others still get their turn."""
    from napari_etch.cli.jobs import check_target, worst

    try:
        _refuse_own_folder(path, folder)
        check_target(folder, options.overwrite)
        pictures = _read(path, folder, options)
    except (ValueError, OSError) as error:
        fail(sentence(error, str(path)))
        return ExitCode.BAD_INPUT
    single = len(pictures) == 1
    return worst(
        [
            _repair(micrograph, kind, target, called(path) if single else target.name, options)
            for micrograph, kind, target in pictures
        ]
    )


def _refuse_own_folder(path: Path, folder: Path) -> None:
    """Raise ValueError where a repair would take the place of the result that it is made from."""
    from napari_etch.results import BOUNDARY_FILE, GRAINS_FILE

    own = path.parent if path.name in (BOUNDARY_FILE, GRAINS_FILE) else path
    holds = any((folder / name).is_file() for name in (BOUNDARY_FILE, GRAINS_FILE))
    if holds and folder.resolve() == own.resolve():
        raise ValueError(
            f"{path} would be replaced by its repair: choose another output folder than "
            f"{folder.parent}"
        )


def _repair(
    micrograph: Micrograph, kind: str, folder: Path, name: str, options: Options
) -> ExitCode:
    from napari_etch.cli.jobs import check_target
    from napari_etch.cli.progress import follow_to
    from napari_etch.micrograph import MicrographError
    from napari_etch.repairing import Repaired, RepairError
    from napari_etch.results import ResultExistsError, write_repair

    began = time.monotonic()
    tell_reading(micrograph, name)
    try:
        check_target(folder, options.overwrite)  # of a page, too: each is a result of its own
        repaired = follow_to(Repaired, name, _run(micrograph, kind, options))
        about = {"device": options.device, "seconds": round(time.monotonic() - began, 3)}
        sizes = write_repair(repaired, micrograph, folder, about=about, overwrite=options.overwrite)
    except (RepairError, MicrographError, ResultExistsError, OSError) as error:
        fail(sentence(error, name))
        return ExitCode.BAD_INPUT
    except Exception as error:
        fail_inside(error, name)
        return ExitCode.INTERNAL
    say(f"{name}: {_result_words(repaired, sizes)} -> {folder}")
    return ExitCode.DONE


def _read(path: Path, folder: Path, options: Options) -> list[tuple[Micrograph, str, Path]]:
    """Return the pictures in a file, what each is, and where its result goes.

    Pages are repaired one by one, a folder of results by its boundary map or, as --kind grains, its
    grain map. No map has an information bar or a scale bar.
    """
    from dataclasses import replace

    from napari_etch.micrograph import MicrographError, read_micrograph
    from napari_etch.micrograph.line_map import kind_of_picture
    from napari_etch.micrograph.reading import is_image_folder
    from napari_etch.micrograph.serial import is_picture
    from napari_etch.micrograph.tiff import holds_labels

    path, kind_inside = _of_result(path, options.kind)
    if is_image_folder(path):
        refuse_result(path)  # of fracture modes, which have no lines

    def read(stack: bool | None) -> Micrograph:
        return read_micrograph(
            path,
            pixel_size_um=options.pixel_size_um,
            keep_info_bar=options.keep_info_bar,
            stack=stack,
            **options.choice.asked,
        )

    try:
        pictures = [(read(None), folder)]
    except MicrographError:  # several images, or none: reading them as sections tells
        pictures = [(each, folder / each.name) for each in read(True).sections()]
    labels = options.kind is Kind.AUTO and holds_labels(path)
    found = []
    for micrograph, target in pictures:
        kind = "grains" if labels and not is_picture(micrograph.data) else str(kind_inside)
        if kind == Kind.AUTO:
            kind = kind_of_picture(micrograph.data)
        if kind != Kind.MICROGRAPH:
            micrograph = replace(micrograph, info_bar_row=None, bars=(), around=())
        if kind == Kind.MAP and not options.keep_info_bar:
            micrograph = _without_what_has_no_grains(micrograph, path)
        found.append((micrograph, kind, target))
    found = _all_numbers(found, path)
    if options.corrections:
        return _corrected(found, path)
    return found


def _all_numbers(
    found: list[tuple[Micrograph, str, Path]], path: Path
) -> list[tuple[Micrograph, str, Path]]:
    """Number grains anew whose numbers a micrograph has no room for: two would be one grain."""
    from dataclasses import replace

    import fastremap
    import numpy as np

    from napari_etch.cli.maps import load_map
    from napari_etch.micrograph.serial import whole_floats

    many = any(kind == Kind.GRAINS and np.nanmax(item.data) >= _EXACT for item, kind, _ in found)
    if not many:
        return found
    labels = whole_floats(load_map(path))
    sections = labels.reshape(-1, *labels.shape[-2:])
    if sections.shape != (len(found), *found[0][0].data.shape):
        raise ValueError(
            f"{path} has grain numbers of {_EXACT} and more in shape {labels.shape}: save the "
            "grains of a section as a file of their own"
        )
    numbered, _ = fastremap.renumber(sections, preserve_zero=True)
    return [
        (replace(micrograph, data=numbered[at].astype(np.int32)), kind, target)
        for at, (micrograph, kind, target) in enumerate(found)
    ]


def _without_what_has_no_grains(micrograph: Micrograph, path: Path) -> Micrograph:
    """Leave out of the boundary map of a result what its grain map leaves out."""
    from dataclasses import replace

    from napari_etch.micrograph import MicrographError, read_micrograph
    from napari_etch.micrograph.around import KnownSurroundings
    from napari_etch.micrograph.line_map import lines_of_grains
    from napari_etch.micrograph.surroundings import Surroundings
    from napari_etch.results import BOUNDARY_FILE, GRAINS_FILE

    beside = path.with_name(GRAINS_FILE)
    if path.name != BOUNDARY_FILE or not beside.is_file():
        return micrograph
    try:
        grains = read_micrograph(beside, keep_info_bar=True, stack=micrograph.section is not None)
    except MicrographError:
        return micrograph  # its repair needs none
    labels = grains.data if micrograph.section is None else grains.data[micrograph.section]
    if labels.shape != micrograph.data.shape[:2]:
        return micrograph
    outside = ~lines_of_grains(labels.astype(int)).mask
    found = Surroundings(outside, f"what has no grains in {GRAINS_FILE}")
    return replace(micrograph, around=(KnownSurroundings(found),) if outside.any() else ())


def _corrected(
    found: list[tuple[Micrograph, str, Path]], path: Path
) -> list[tuple[Micrograph, str, Path]]:
    """Return grain maps as they were corrected in napari, and tell of it.

    Lines are not drawn anew by a correction: of a boundary map it is told that there is one.
    """
    from dataclasses import replace

    from napari_etch.cli.maps import correction_beside, taken_words
    from napari_etch.results import BOUNDARY_FILE, GRAINS_FILE

    shape = found[0][0].data.shape
    stack = (len(found), *shape) if len(found) > 1 else shape
    grains = path.with_name(GRAINS_FILE) if path.name == BOUNDARY_FILE else path
    correction = correction_beside(grains, stack)
    if correction is None:
        return found
    if any(kind != Kind.GRAINS for _, kind, _ in found):
        note(
            f"{path}: corrections of the Correct dock ({correction.edits}) lie beside it "
            "and are of the grains, not of this map: --kind grains repairs the corrected grains"
        )
        return found
    note(f"{path}: {taken_words(correction)}")
    sections = correction.labels if len(found) > 1 else correction.labels[None]
    return [
        (replace(micrograph, data=labels), kind, target)
        for (micrograph, kind, target), labels in zip(found, sections, strict=True)
    ]


def _of_result(path: Path, kind: Kind) -> tuple[Path, Kind]:
    """Return the file of a folder of results that is to be repaired, and what it is.

    Its files are of one image, not sections of a stack. Any other path is returned as it is.
    """
    from napari_etch.results import BOUNDARY_FILE, GRAINS_FILE

    boundary, grains = path / BOUNDARY_FILE, path / GRAINS_FILE
    if kind is Kind.AUTO:
        kind_of = {boundary: Kind.MAP, grains: Kind.GRAINS}
        return next(((file, kind_of[file]) for file in kind_of if file.is_file()), (path, kind))
    inside = grains if kind is Kind.GRAINS else boundary
    return (inside if inside.is_file() else path), kind


def _run(micrograph: Micrograph, kind: str, options: Options) -> Iterator[Any]:
    from napari_etch import repairing

    return repairing.repair(
        repairing.picture_of(micrograph, kind),
        polarity=options.polarity.value,
        kind=kind,
        device=options.device,
        least=options.least,
        model=options.model,
    )


def _own_model(name: str) -> Any:
    """Return the user's repair model; None for ours, which is loaded when it is needed."""
    from napari_etch.models import load_model

    if name == "repair":
        return None
    with bad_input(f"--model {name}"):
        model = load_model(name)
    if model.card["architecture"] != "attention-unet":
        refuse(f"--model {name} is no repair model: train one with etch train --model repair")
    return model


def _result_words(repaired: Repaired, sizes: SizeSummary) -> str:
    grains = "1 grain" if sizes.grain_count == 1 else f"{sizes.grain_count} grains"
    confidence = [bridge.confidence for bridge in repaired.bridges]
    if not confidence:
        return f"{grains}, nothing to bridge"
    bridges = "1 bridge" if len(confidence) == 1 else f"{len(confidence)} bridges"
    unsure = sum(sure < SURE for sure in confidence)
    return f"{grains}, {bridges} added ({unsure} less than {SURE:.0%} sure)"

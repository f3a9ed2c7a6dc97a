"""``etch track``: grains through the sections of a stack."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_etch.cli.console import ExitCode, bad_input, called, fail, note, refuse, say, sentence
from napari_etch.cli.options import Corrections, Overwrite, voxel

if TYPE_CHECKING:
    from napari_etch.cli.track_files import Options
    from napari_etch.grains.tracking import Classifier, Tracks
    from napari_etch.micrograph.align import SectionShift
    from napari_etch.micrograph.serial import SectionStack

# Shares of the bar: the stack is read twice, and written once; once more each to align and compare.
_READING = 0.5
_LINKING = 0.1


class Way(enum.StrEnum):
    """How grains are tracked: `grains.tracking.METHODS` and `PAIRS`."""

    GLOBAL = "global"
    OVERLAP = "overlap"
    CENTROID = "centroid"
    PAIRS = "pairs"


class MeshKind(enum.StrEnum):
    """Files that surfaces are written to."""

    STL = "stl"
    VTK = "vtk"


def track(
    grains: Annotated[
        Path,
        typer.Argument(
            metavar="GRAINS",
            help="Grain maps of a stack: TIFF, NPY, a folder of numbered sections, or a result of "
            "etch segment.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the results go.")],
    voxel_size: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            "--voxel-size",
            metavar="Z Y X",
            help="In µm: the distance of the sections, then the edges of a pixel.",
        ),
    ] = None,
    method: Annotated[
        Way,
        typer.Option(
            help="global: all sections at once; overlap, centroid, pairs: the published ways from "
            "one section to the next, to compare with."
        ),
    ] = Way.GLOBAL,
    classifier: Annotated[
        Path | None,
        typer.Option(
            "--classifier",
            metavar="MODEL",
            help="With --method pairs: another classifier than the one of the package.",
        ),
    ] = None,
    align: Annotated[
        bool,
        typer.Option("--align", help="Move the sections over each other first, by whole px."),
    ] = False,
    fill: Annotated[
        bool,
        typer.Option(
            "--fill/--no-fill", help="Draw blank and damaged sections from their neighbours."
        ),
    ] = True,
    absorb_single: Annotated[
        bool,
        typer.Option(
            "--absorb-single",
            help="Give grains of one inner section to the neighbour that they share most with.",
        ),
    ] = False,
    mesh: Annotated[
        MeshKind | None,
        typer.Option(help="Write the surfaces too: a file for each grain (stl), or one (vtk)."),
    ] = None,
    mesh_grain: Annotated[
        list[int] | None,
        typer.Option(
            "--mesh-grain", metavar="N", help="Surfaces of these grains alone; may be repeated."
        ),
    ] = None,
    corrections: Corrections = True,
    overwrite: Overwrite = False,
) -> None:
    """Follow grains through serial sections.

    DIR gets grains3d.tif, where a grain has one number in all sections, tracks.csv, where each
    grain begins and ends, grains3d.csv, how large it is in 3D, and summary.json; with --align
    shifts.csv, with --mesh the surfaces. Sections are counted from 0.
    """
    from napari_etch.cli.track_files import ALL_FILES, Options

    edges = voxel(voxel_size, "--voxel-size")
    if classifier is not None and method is not Way.PAIRS:
        refuse(f"--classifier is for --method pairs, not for {method.value}")
    if mesh_grain and mesh is None:
        refuse("--mesh-grain chooses surfaces: add --mesh stl or --mesh vtk")
    options = Options(
        method=method.value,
        fill=fill,
        absorb_single=absorb_single,
        voxel_size_um=edges,
        mesh=None if mesh is None else mesh.value,
        mesh_grains=tuple(mesh_grain or ()),
        overwrite=overwrite,
    )
    from napari_etch.cli.jobs import spare_segmentation
    from napari_etch.results import check_free, check_writable, named

    with bad_input(str(out)):
        spare_segmentation(out)
        check_free(out, ALL_FILES, overwrite=overwrite)
        check_writable(named(out).parent, out)
    judge = _loaded(classifier) if method is Way.PAIRS else None
    try:
        _track(grains, out, options, judge, align=align, corrections=corrections)
    except ValueError as error:
        fail(sentence(error, str(grains)))
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    except OSError as error:  # what cannot be read says its own name; a full disk has none
        fail(sentence(error, str(out)))
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    except KeyboardInterrupt:
        fail("stopped; nothing was written")
        raise typer.Exit(ExitCode.STOPPED) from None


def _loaded(path: Path | None) -> Classifier:
    from napari_etch.models.pairs import load_pair_classifier

    with bad_input("--classifier" if path else "--method pairs"):
        return load_pair_classifier(path)


def _track(
    grains: Path,
    out: Path,
    options: Options,
    classifier: Classifier | None,
    *,
    align: bool,
    corrections: bool,
) -> None:
    from napari_etch.cli.measure_volumes import distance_of, tell_distance
    from napari_etch.cli.progress import progress_bar
    from napari_etch.cli.track_files import ALL_FILES, write_tracks
    from napari_etch.micrograph.align import MovedSections
    from napari_etch.micrograph.serial import open_grain_stack
    from napari_etch.results import write_whole

    began = time.monotonic()
    name = called(grains)
    file = _maps_of(grains)
    stack = open_grain_stack(file)
    edits = 0
    if corrections:
        stack, edits = _corrected(name, file, stack)
    with progress_bar(name) as show:
        shifts = _shifts(stack, lambda part: show(0.2 * part, None, "aligning")) if align else ()
        first = 0.2 if align else 0.0

        def tell(part: float, what: str) -> None:
            show(first + (1 - first) * part, None, what)

        sections = MovedSections(stack, shifts) if align else stack
        tracks = _linked(sections, options, classifier, tell)
        if not tracks.grains:
            raise ValueError(
                f"{grains} shows no grains in any section: give grain maps, as in grains.tif of a "
                "result, not boundaries"
            )

        lines = 0.0

        def write(unfinished: Path) -> None:
            nonlocal lines
            done = _READING + _LINKING
            lines = write_tracks(
                unfinished,
                name,
                stack,
                sections,
                tracks,
                options,
                shifts,
                edits,
                began,
                lambda part: tell(done + (1 - done) * part, "writing"),
            )

        write_whole(out, write, ALL_FILES, overwrite=options.overwrite)
    _report(name, tracks, shifts)
    _tell_lines(name, lines)
    _tell_pixel_size(name, stack.pixel_size_um, options.voxel_size_um)
    if options.voxel_size_um is not None:
        tell_distance(stack.path, options.voxel_size_um[0], name)
    elif (apart := distance_of(stack.path)) and (edge := stack.pixel_size_um):
        note(
            f"{name}: the file states {apart:g} µm from section to section: if that is right, "
            f"--voxel-size {apart:g} {edge:g} {edge:g} measures in µm"
        )
    say(f"{name}: {_result_words(tracks)} -> {out}")


def _maps_of(grains: Path) -> Path:
    """Return the grain maps that a path names: itself, or those of the result of one stack.

    Raises
    ------
    ValueError
        For what was tracked already, and for the results of several images.
    """
    from napari_etch.cli.maps import each_result
    from napari_etch.cli.track_files import GRAINS_3D_FILE
    from napari_etch.results import GRAINS_FILE

    found = each_result([grains])
    if len(found) > 1:
        raise ValueError(
            f"{grains} holds {len(found)} results: name that of one stack; sections of one "
            "specimen are segmented with --stack"
        )
    if (found[0] / GRAINS_3D_FILE).is_file():
        raise ValueError(f"{found[0]} was tracked already: name the grain maps that went into it")
    inside = found[0] / GRAINS_FILE
    return inside if inside.is_file() else grains


def _corrected(name: str, file: Path, stack: SectionStack) -> tuple[SectionStack, int]:
    """Return the sections as they were corrected in napari, and the number of edits; tell of it."""
    from napari_etch.cli.maps import correction_beside, taken_words

    found = correction_beside(file, stack.shape)
    if found is None:
        return stack, 0
    note(f"{name}: {taken_words(found)}")
    labels = found.labels
    return replace(stack, _load=lambda index: labels[index]), found.edits


def _shifts(stack: SectionStack, tell: Callable[[float], None]) -> tuple[SectionShift, ...]:
    from napari_etch.cli.track_files import counted
    from napari_etch.micrograph.align import find_shifts, outline_picture

    return find_shifts(outline_picture(part) for part in counted(stack, len(stack), tell))


def _linked(
    sections: Sequence[Any],
    options: Options,
    classifier: Classifier | None,
    tell: Callable[[float, str], None],
) -> Tracks:
    from napari_etch.grains.tracking import track_steps

    steps = track_steps(
        sections,
        method=options.method,
        absorb_single=options.absorb_single,
        classifier=classifier,
    )
    # with a classifier the sections are read once more
    share = _READING if classifier is None else _READING / 2
    begins = {"reading": 0.0, "comparing": share, "linking": _READING}
    while True:
        try:
            what, done = next(steps)
        except StopIteration as end:
            return end.value
        tell(begins[what] + share * done / len(sections), what)


def _report(name: str, tracks: Tracks, shifts: tuple[SectionShift, ...]) -> None:
    from napari_etch.grains.tracking.alignment import misfits
    from napari_etch.micrograph.align import alignment_words

    for each in tracks.skipped:
        note(f"{name}: section {each.section} is {each.why} and takes no part")
    if shifts:
        note(f"{name}: {alignment_words(shifts)}")
    remedy = "" if shifts else "; --align moves sections over each other"
    for misfit in misfits(tracks.graph):
        note(f"{name}: {misfit.sentence()}{remedy}")


def _tell_lines(name: str, share: float) -> None:
    """Tell of lines of 0 between grains: what is in the map is smaller by them."""
    from napari_etch.cli.track_files import GRAINS_3D_FILE, TRACKS_FILE
    from napari_etch.results import VOLUME_FILE

    if share:
        note(
            f"{name}: the lines of 0 between the grains, {100 * share:.0f} % of the stack, were "
            f"given to the nearest grain in {VOLUME_FILE} and the volumes of {TRACKS_FILE}; "
            f"{GRAINS_3D_FILE} has the grains as drawn"
        )


def _tell_pixel_size(
    name: str, stated: float | None, voxel_size_um: tuple[float, float, float] | None
) -> None:
    """Tell where the file contradicts what was typed: volumes would be wrong by its square."""
    from napari_etch.micrograph.calibration import Calibration

    if stated is None or voxel_size_um is None:
        return
    found = Calibration(stated, "its tags")
    wrong = [Calibration(edge, "typed", found).conflict for edge in voxel_size_um[1:]]
    if any(wrong):
        note(f"{name}: {next(filter(None, wrong))}")


def _result_words(tracks: Tracks) -> str:
    grains = "1 grain" if len(tracks.grains) == 1 else f"{len(tracks.grains)} grains"
    words = f"{grains} through {tracks.shape[0]} sections"
    skipped = len(tracks.skipped)
    if not skipped:
        return words
    return f"{words}, {'1 section' if skipped == 1 else f'{skipped} sections'} skipped"

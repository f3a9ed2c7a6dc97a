"""``etch track``: grains through the sections of a stack."""

from __future__ import annotations

import enum
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_etch.cli.console import ExitCode, bad_input, fail, note, refuse, say, sentence

if TYPE_CHECKING:
    from napari_etch.grains.tracking import Tracks
    from napari_etch.micrograph.serial import SectionStack

GRAINS_3D_FILE = "grains3d.tif"
TRACKS_FILE = "tracks.csv"
SUMMARY_FILE = "summary.json"
TRACK_FILES = (GRAINS_3D_FILE, TRACKS_FILE, SUMMARY_FILE)
# Shares of the bar: the stack is read twice, and written once.
_READING = 0.5
_LINKING = 0.1


class Way(enum.StrEnum):
    """How grains are tracked: keys of `grains.tracking.METHODS`."""

    GLOBAL = "global"
    OVERLAP = "overlap"
    CENTROID = "centroid"


@dataclass(frozen=True)
class Options:
    """What the user chose."""

    method: Way
    fill: bool
    absorb_single: bool
    voxel_size_um: tuple[float, float, float] | None
    overwrite: bool


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
        tuple[float, float, float] | None,
        typer.Option(
            "--voxel-size",
            metavar="Z Y X",
            help="In µm: the distance of the sections, then the edges of a pixel.",
        ),
    ] = None,
    method: Annotated[
        Way,
        typer.Option(
            help="global: all sections at once; overlap, centroid: the published ways from one "
            "section to the next, to compare with."
        ),
    ] = Way.GLOBAL,
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
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier results.")
    ] = False,
) -> None:
    """Follow grains through serial sections.

    DIR gets grains3d.tif, where a grain has one number in all sections, tracks.csv, a row for each
    grain, and summary.json.
    """
    if voxel_size is not None and not all(0 < edge < float("inf") for edge in voxel_size):
        refuse(f"--voxel-size {voxel_size}: give three lengths in µm, above 0")
    options = Options(method, fill, absorb_single, voxel_size, overwrite)
    from napari_etch.results import BOUNDARY_FILE, GRAINS_FILE, check_free

    with bad_input(str(out)):
        # the summary of a segmentation or repair would be lost even if that is not the same file
        check_free(out, (GRAINS_FILE, BOUNDARY_FILE))
        if not overwrite:
            check_free(out, TRACK_FILES)
    try:
        _track(grains, out, options)
    except (ValueError, OSError) as error:
        fail(sentence(error, str(grains)))
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    except KeyboardInterrupt:
        fail("stopped; nothing was written")
        raise typer.Exit(ExitCode.STOPPED) from None


def _track(grains: Path, out: Path, options: Options) -> None:
    from napari_etch.cli.progress import progress_bar
    from napari_etch.grains.tracking import build_graph, link
    from napari_etch.micrograph.serial import open_grain_stack
    from napari_etch.results import GRAINS_FILE, write_whole

    began = time.monotonic()
    inside = grains / GRAINS_FILE
    stack = open_grain_stack(inside if inside.is_file() else grains)
    with progress_bar(grains.name) as show:
        read = _counted(stack, len(stack), lambda part: show(_READING * part, None, "reading"))
        graph = build_graph(read)
        show(_READING, None, "linking")
        tracks = link(graph, method=options.method.value, absorb_single=options.absorb_single)

        def writing(part: float) -> None:
            show(_READING + _LINKING + (1 - _READING - _LINKING) * part, None, "writing")

        def write(unfinished: Path) -> None:
            _write(unfinished, stack, tracks, options, writing)
            summary = _summary(grains, stack, tracks, options, time.monotonic() - began)
            text = json.dumps(summary, indent=1, allow_nan=False)
            (unfinished / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")

        write_whole(out, write, TRACK_FILES)
    for each in tracks.skipped:
        note(f"{grains.name}: section {each.section} is {each.why} and takes no part")
    say(f"{grains.name}: {_result_words(tracks)} -> {out}")


def _counted(items: Iterable[Any], count: int, tell: Callable[[float], None]) -> Iterator[Any]:
    """Yield the items and tell before each which part of them is done."""
    for index, item in enumerate(items):
        tell(index / count)
        yield item


def _write(
    folder: Path,
    stack: SectionStack,
    tracks: Tracks,
    options: Options,
    tell: Callable[[float], None],
) -> None:
    from napari_etch.micrograph.serial import write_grain_stack

    sections = tracks.relabelled(stack, fill=options.fill)
    write_grain_stack(
        folder / GRAINS_3D_FILE,
        _counted(sections, len(stack), tell),
        tracks.shape,
        voxel_size_um=_voxel_size(stack, options),
    )
    table = tracks.table(options.voxel_size_um)
    table.to_csv(folder / TRACKS_FILE, index=False, float_format="%.6g")


def _voxel_size(
    stack: SectionStack, options: Options
) -> tuple[float | None, float | None, float | None]:
    return options.voxel_size_um or (None, stack.pixel_size_um, stack.pixel_size_um)


def _summary(
    grains: Path, stack: SectionStack, tracks: Tracks, options: Options, seconds: float
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from napari_etch import __version__
    from napari_etch.results import plain

    began = Counter(each.began for each in tracks.grains)
    ended = Counter(each.ended for each in tracks.grains)
    return plain(
        {
            "grain_maps": {"name": grains.name, "path": stack.path},
            "sections": tracks.shape[0],
            "height_px": tracks.shape[1],
            "width_px": tracks.shape[2],
            "voxel_size_um": _voxel_size(stack, options),
            "grain_count": len(tracks.grains),
            "section_grain_count": tracks.graph.count,
            "through_all_sections": sum(
                (each.began, each.ended) == ("first section", "last section")
                for each in tracks.grains
            ),
            "in_one_section": sum(each.sections == 1 for each in tracks.grains),
            **{word: began[word] for word in ("appears", "split")},
            **{word: ended[word] for word in ("disappears", "merge")},
            "skipped_sections": [asdict(each) for each in tracks.skipped],
            "skipped_sections_drawn": options.fill,
            "method": tracks.method,
            "single_sections_absorbed": options.absorb_single,
            "napari_etch": __version__,
            "seconds": round(seconds, 3),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def _result_words(tracks: Tracks) -> str:
    grains = "1 grain" if len(tracks.grains) == 1 else f"{len(tracks.grains)} grains"
    words = f"{grains} through {tracks.shape[0]} sections"
    skipped = len(tracks.skipped)
    if not skipped:
        return words
    return f"{words}, {'1 section' if skipped == 1 else f'{skipped} sections'} skipped"

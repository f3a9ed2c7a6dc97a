"""The work behind the commands: one input after the other, each told how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import typer

from napari_etch.cli.console import ExitCode, called, fail, fail_inside, note, refuse, say, sentence
from napari_etch.cli.progress import follow
from napari_etch.cli.reading import (
    refuse_result,
    sized,
    tell_density,
    tell_margins,
    tell_reading,
)
from napari_etch.measure import SizeSummary
from napari_etch.micrograph import (
    Micrograph,
    MicrographError,
    SeveralImagesError,
    read_micrograph,
)
from napari_etch.micrograph.align import SectionShift, aligned, alignment_words
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.reading import image_files, is_image_folder
from napari_etch.results import (
    BOUNDARY_FILE,
    GRAINS_FILE,
    ResultExistsError,
    check_free,
    check_writable,
    write_segmentation,
)
from napari_etch.segmentation import segment


@dataclass(frozen=True)
class Job:
    """What is the same for all images of a call."""

    model: Any
    device: str = "auto"
    granularity: float = 0.5
    options: dict[str, Any] = field(default_factory=dict)
    pixel_size_um: float | None = None
    stack: bool | None = None
    keep_info_bar: bool = False
    overwrite: bool = False
    align: bool = False
    by_scale_bar: bool = False
    choice: Choice = ALL

    def read(self, image: Path, stack: bool | None) -> Micrograph:
        """Read an input with the options of the call; `stack` as `read_micrograph` takes it."""
        return read_micrograph(
            image,
            pixel_size_um=self.pixel_size_um,
            keep_info_bar=self.keep_info_bar,
            stack=stack,
            **self.choice.asked,
        )


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of many jobs: an internal error weighs more than bad input."""
    codes = set(codes)
    for code in (ExitCode.INTERNAL, ExitCode.BAD_INPUT):
        if code in codes:
            return code
    return ExitCode.DONE


def each_in_turn(
    inputs: Sequence[Path],
    run: Callable[[Path], ExitCode],
    what: str = "images",
    left: str = "no result is half written",
) -> dict[Path, ExitCode]:
    """Return how the work on each input went; end when it is interrupted.

    Parameters
    ----------
    inputs : sequence of Path
    run : callable
        Does the work on one and tells what is wrong with it.
    what, left : str
        What the inputs are called, and what is left of a call that was stopped.
    """
    done: dict[Path, ExitCode] = {}
    try:
        for each in inputs:
            done[each] = run(each)
    except KeyboardInterrupt:
        fail(f"stopped after {len(done)} of {len(inputs)} {what}; {left}")
        raise typer.Exit(ExitCode.STOPPED) from None
    return done


def end_with(done: Mapping[Path, ExitCode], what: str = "images") -> NoReturn:
    """Tell which of several inputs failed, and end with the worst code."""
    failed = [str(each) for each, code in done.items() if code]
    if len(done) > 1 and failed:
        fail(f"{len(failed)} of {len(done)} {what} failed: {', '.join(failed)}")
    raise typer.Exit(worst(done.values()))


def result_name(image: Path) -> str:
    """Return what the result of an image is called: its stem.

    Without dots and spaces at the end, which Windows leaves out of a folder's name, but not where
    files in it are named.
    """
    whole = image.is_dir() or image.name in ("", "..")
    stem = image.resolve().stem if whole else image.stem
    return stem.rstrip(" .") or stem


def result_folders(images: Sequence[Path], out: Path) -> list[Path]:
    """Return the folder of each image; end where two images with one name would share one."""
    taken: dict[str, Path] = {}
    folders = []
    for image in images:
        stem = result_name(image)
        if stem.casefold() in taken:  # some file systems do not tell a from A
            other = taken[stem.casefold()]
            if other.resolve() == image.resolve():
                refuse(f"{image} is given twice: name it once")
            maps = {image.name, other.name} <= {BOUNDARY_FILE, GRAINS_FILE}
            remedy = (
                f"name their folders, {other.parent} and {image.parent}" if maps else "rename one"
            )
            refuse(
                f"{other} and {image} would both be written to {out / stem}: {remedy}, or write "
                "them to two output folders"
            )
        taken[stem.casefold()] = image
        folders.append(out / stem)
    if out.exists() and not out.is_dir():
        refuse(f"{out} is a file: give --out a folder")
    return folders


def check_target(folder: Path, overwrite: bool) -> None:
    """Raise ResultExistsError before any work where a result could not be written after it."""
    check_free(folder, overwrite=overwrite)  # it may still be a file
    check_writable(folder.parent, folder)


def spare_segmentation(folder: Path) -> None:
    """Raise ResultExistsError for the folder of a segmentation or repair.

    A result of another kind would take the place of its summary, and of its grains. That is never
    wanted: it is made from them.
    """
    for name in (GRAINS_FILE, BOUNDARY_FILE):
        if (folder / name).exists():
            raise ResultExistsError(
                f"{folder} holds a segmentation ({name}), which is kept: "
                "choose another output folder"
            )


def result_line(name: str, sizes: SizeSummary, folder: Path) -> str:
    """Return the line that ends the work on an image."""
    from napari_etch.measure.summary import FEW, OF_FEW

    grains = "1 grain" if sizes.grain_count == 1 else f"{sizes.grain_count} grains"
    if sizes.astm_g is not None:
        size = f"ASTM G {sizes.astm_g:.1f}"
        if sizes.grain_count < FEW:
            size += f" ({OF_FEW})"
    elif sizes.grain_count == 1:
        size = "too few for a grain size"
    elif sizes.mean_intercept_px is not None:
        size = f"mean intercept {sizes.mean_intercept_px:.1f} px (no pixel size, so no ASTM number)"
    else:
        size = "no grain size"
    return f"{name}: {grains}, {size} -> {folder}"


def segment_image(job: Job, image: Path, folder: Path) -> ExitCode:
    """Segment all of one input and tell how it went, so that the others still get their turn."""
    try:
        refuse_result(image)
        if job.stack is False and is_image_folder(image):
            files = image_files(image)
            targets = [folder / name for name in names_in_folder(files)]
            return worst([segment_image(job, *each) for each in zip(files, targets, strict=True)])
        check_target(folder, job.overwrite)
        parts = _read(job, image, folder)
    except (ValueError, OSError) as error:
        fail(sentence(error, str(image)))
        return ExitCode.BAD_INPUT
    return worst([_segment_part(job, part, target, image) for part, target in parts])


def names_in_folder(files: Sequence[Path]) -> list[str]:
    """Return what the results of a folder's images are called: their stems, where these differ."""
    stems = [result_name(file) for file in files]
    folded = [stem.casefold() for stem in stems]
    return [
        stem if folded.count(stem.casefold()) == 1 else file.name
        for stem, file in zip(stems, files, strict=True)
    ]


def _read(job: Job, image: Path, folder: Path) -> list[tuple[Micrograph, Path]]:
    """Return the micrographs of an input, each with the folder its result goes to."""
    if job.stack is not False:
        try:
            return [(job.read(image, job.stack), folder)]
        except SeveralImagesError as error:
            raise SeveralImagesError(
                error.found,
                "use --stack to read them as a stack or --slices to treat each by itself.",
            ) from None
    try:
        return [(job.read(image, None), folder)]
    except MicrographError:  # several images, or none: reading them as sections tells
        sections = list(job.read(image, True).sections())
    return [(section, folder / section.name) for section in sections]


def _segment_part(job: Job, micrograph: Micrograph, folder: Path, image: Path) -> ExitCode:
    name = micrograph.name if job.stack is False else called(image)
    micrograph = sized(micrograph, name, job.by_scale_bar)
    tell_reading(micrograph, name)
    tell_margins(micrograph, name)
    try:
        check_target(folder, job.overwrite)  # of a section, too: each is a result of its own
        shifts: tuple[SectionShift, ...] = ()
        if job.align:
            micrograph, shifts = aligned(micrograph)
            note(f"{name}: {alignment_words(shifts)}")
        events = segment(
            job.model, micrograph, device=job.device, granularity=job.granularity, **job.options
        )
        segmentation = follow(name, events)
        sizes = write_segmentation(segmentation, folder, overwrite=job.overwrite, shifts=shifts)
    except MicrographError as error:
        fail(sentence(error, name if job.stack is False else str(image)))
        return ExitCode.BAD_INPUT
    except (ResultExistsError, OSError) as error:
        fail(sentence(error, str(folder)))
        return ExitCode.BAD_INPUT
    except Exception as error:
        fail_inside(error, name)
        return ExitCode.INTERNAL
    tell_density(sizes.grains_per_mm2, micrograph.pixel_size_um, name)
    say(result_line(name, sizes, folder))
    return ExitCode.DONE

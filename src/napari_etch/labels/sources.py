"""What can be exported from disk: results of `etch segment`, annotation files and training sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.collector import specimens_of
from napari_etch.labels.exporting import LabelSource
from napari_etch.labels.finding import ImageFinder
from napari_etch.labels.importing import match_images
from napari_etch.labels.mask_files import whole_numbers
from napari_etch.labels.reading import read_annotations
from napari_etch.labels.report import LabelsError, Remark, Report
from napari_etch.labels.reviewed import (
    OPEN,
    Correction,
    correction_of,
    is_open,
    only_reviewed,
)
from napari_etch.labels.values import IMAGE_CONFLICT, PIXEL_SIZE_CONFLICT, about_from
from napari_etch.micrograph import Micrograph, read_micrograph
from napari_etch.micrograph.calibration import SAME_PIXEL
from napari_etch.micrograph.choice import ALL, Choice
from napari_etch.micrograph.reading import composed, natural_key
from napari_etch.results import FRACTURE_FILE, GRAINS_FILE, SUMMARY_FILE, read_summary
from napari_etch.results.source_image import is_source, likely_paths, read_source

# What can be exported of a result.
_MAPS = (GRAINS_FILE, FRACTURE_FILE)
# What `Micrograph.sections` puts behind the name of a stack.
_SECTION = re.compile(r"_\d{4,}$")


@dataclass(frozen=True)
class SourceOptions:
    """How sources are read.

    Attributes
    ----------
    images : sequence of Path
        Folders and files in which images are looked for.
    table : ClassTable or None
    convention, kind : str
        As `read_annotations` has them.
    specimens : Path or None
        Table of specimens by image.
    pixel_size_um : float or None
        Typed; goes before what files say.
    corrected : bool
        Take corrections that lie beside a result, made in the Correct dock.
    reviewed : bool
        Only what was reviewed there is to be learnt from.
    choice : Choice
        Series and channel of the images of annotations; a result says itself what it was made from.
    """

    images: Sequence[Path] = ()
    table: ClassTable | None = None
    convention: str = "project"
    kind: str = "auto"
    specimens: Path | None = None
    pixel_size_um: float | None = None
    corrected: bool = True
    reviewed: bool = False
    choice: Choice = ALL


def find_sources(
    paths: Sequence[Path], options: SourceOptions
) -> tuple[list[LabelSource], Report, ClassTable | None]:
    """Return what is labelled at some paths.

    Parameters
    ----------
    paths : sequence of Path
        Result folders of `etch segment` or `etch fracture`, folders of such folders, or what
        `read_annotations` reads.
    options : SourceOptions

    Returns
    -------
    list of LabelSource
    Report
        Of what was read at once.
    ClassTable or None
        That of the annotations or of the results, where they have one.

    Raises
    ------
    LabelsError
        When there is nothing at a path, or two images have one name.
    ValueError
        When the summary of a result is damaged.
    """
    found: list[LabelSource] = []
    report, table = Report(), options.table
    for path in paths:
        results = result_folders(path)
        if results and options.choice:
            raise LabelsError(
                f"{path} is a result, which says itself what it was made from: leave "
                f"{options.choice.words} out."
            )
        for folder in results:
            summary = read_summary(folder)
            found += _result_sources(folder, summary, options)
            if options.corrected and any(is_open(folder / name) for name in _maps_in(folder)):
                report += Report(remarks=(Remark(folder.name, "", OPEN, is_skipped=False),))
            if table is None and "class_table" in summary:
                table = ClassTable.from_json(summary["class_table"])
        if not results:
            listed, read, table = _annotated_sources(path, options)
            found += listed
            report += read
    if options.specimens is not None:
        found = _with_specimens(found, options.specimens)
        report += _without_specimen(found, options.specimens)
    names = [source.name.casefold() for source in found]
    twice = next((source.name for source in found if names.count(source.name.casefold()) > 1), None)
    if twice is not None:
        raise LabelsError(f"Two images are called {twice}: export them one by one, or rename one.")
    return found, report, table


def hold_no_classes(paths: Sequence[Path]) -> bool:
    """Return whether paths are results, and none of them has a class map beside its grains."""
    found = [result_folders(path) for path in paths]
    files = [folder / FRACTURE_FILE for folders in found for folder in folders]
    return all(found) and not any(file.exists() for file in files)


def result_folders(path: Path, maps: Sequence[str] = _MAPS) -> list[Path]:
    """Return the result folders at a path: itself, those in it, or in it the slices of a file.

    Parameters
    ----------
    path : Path
    maps : sequence of str
        A result holds a file of one of these names.
    """

    def is_result(folder: Path) -> bool:
        return (folder / SUMMARY_FILE).is_file() and bool(_maps_in(folder, maps))

    if not path.is_dir():
        return []
    if is_result(path):
        return [path]
    found: list[Path] = []
    for inside in _folders_in(path):
        found += [inside] if is_result(inside) else filter(is_result, _folders_in(inside))
    return found


def _folders_in(folder: Path) -> list[Path]:
    inside = (each for each in folder.iterdir() if each.is_dir() and each.name[0] != ".")
    return sorted(inside, key=lambda each: natural_key(each.name))


def _maps_in(folder: Path, maps: Sequence[str] = _MAPS) -> list[str]:
    return [name for name in maps if (folder / name).is_file()]


# -- annotations -----------------------------------------------------------------------------------


def _annotated_sources(
    path: Path, options: SourceOptions
) -> tuple[list[LabelSource], Report, ClassTable]:
    if options.reviewed:
        raise LabelsError(
            f"{path} is no result folder: what was reviewed is known only of maps that were "
            "corrected in napari."
        )
    found = read_annotations(
        path,
        classes=options.table,
        convention=options.convention,
        kind=options.kind,
        images=options.images,
        choice=options.choice,
    )
    files = [each for each in options.images if each.is_file()]
    found = match_images(found, files, options.choice)
    sources = [
        LabelSource(name, _loader(each, path, options), each.specimen)
        for name, each in found.items()
    ]
    return sources, found.report, found.table


def _loader(each: Annotated, path: Path, options: SourceOptions) -> Callable[[], Annotated]:
    def load() -> Annotated:
        whole = with_image(each, options.pixel_size_um, options.choice)
        return replace(whole, made={"labels": str(path.resolve()), **whole.made})

    return load


def with_image(
    each: Annotated, pixel_size_um: float | None = None, choice: Choice = ALL
) -> Annotated:
    """Return annotations with the pixels of their image, and its pixel size.

    Parameters
    ----------
    each : Annotated
    pixel_size_um : float, optional
        Goes before what is known.
    choice : Choice
        Of the series and channel of the image, where it is read from a file.

    Raises
    ------
    LabelsError
        When the image was not found, or has another size.
    """
    if each.image is not None:
        return _typed(each, pixel_size_um)
    if each.image_path is None:
        raise LabelsError("its image was not found: say with --images where it is")
    micrograph = read_micrograph(
        each.image_path, keep_info_bar=True, pixel_size_um=pixel_size_um, **choice.asked
    )
    size = pixel_size_um or each.pixel_size_um or micrograph.pixel_size_um
    each = _typed(each, pixel_size_um)
    made = {**each.made, **_chosen(micrograph), **_conflict(pixel_size_um, micrograph)}
    return replace(each, image=micrograph.data, pixel_size_um=size, made=made)


def _typed(each: Annotated, pixel_size_um: float | None) -> Annotated:
    """Return annotations with a typed pixel size, and what is told where they state another.

    What was told when the set was made is no news: it has the typed one since.
    """
    made = {key: value for key, value in each.made.items() if key != PIXEL_SIZE_CONFLICT}
    if pixel_size_um is None:
        return replace(each, made=made)
    stated = each.pixel_size_um
    if stated is not None and abs(stated / pixel_size_um - 1) > SAME_PIXEL:
        said = f"its labels state {stated:.4g} µm a pixel; {pixel_size_um:.4g} as typed was used"
        made[PIXEL_SIZE_CONFLICT] = said
    return replace(each, pixel_size_um=pixel_size_um, made=made)


def with_pixel_size(
    each: Annotated, pixel_size_um: float | None = None, choice: Choice = ALL
) -> Annotated:
    """Return annotations with the pixel size of their image, and nothing else of it.

    Parameters
    ----------
    each : Annotated
        Where its image is not found, cannot be read, or has another shape, that size is not taken.
    pixel_size_um : float, optional
        Goes before what is known.
    choice : Choice
        Of the series and channel of the image.
    """
    if each.image_path is None or (pixel_size_um is None and each.pixel_size_um is not None):
        return _typed(each, pixel_size_um)
    with suppress(ValueError):
        return replace(with_image(each, pixel_size_um, choice), image=each.image)
    return _typed(each, pixel_size_um)


def _with_specimens(sources: Sequence[LabelSource], table: Path) -> list[LabelSource]:
    """Return images with what a table says of them; a table that says nothing of any is refused."""
    if not table.is_file():
        raise LabelsError(f"{table} does not exist: check --specimens.")
    rows = specimens_of(table)
    about = {source.name: _row_of(source.name, rows) for source in sources}
    if sources and all(row is None for row in about.values()):
        raise LabelsError(
            f"{table} names none of the images: it has {_few(rows) or 'no name'} in its column "
            f"image, they are called {_few([source.name for source in sources])}."
        )
    return [_with_about(source, about[source.name] or {}) for source in sources]


def _row_of(name: str, rows: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row of an image; of a section that has none, the row of its stack."""
    name = composed(name)
    return rows[name] if name in rows else rows.get(_SECTION.sub("", name))


def _without_specimen(sources: Sequence[LabelSource], table: Path) -> Report:
    """Return a report of the images that a split will take for specimens of their own."""
    alone = [source.name for source in sources if not source.specimen]
    if not alone:
        return Report()
    which = "1 image has" if len(alone) == 1 else f"{len(alone)} images have"
    said = f"{which} no specimen, so each is taken for one of its own: {_few(alone)}"
    return Report(remarks=(Remark("", table.name, said, is_skipped=False),))


def _few(names: Iterable[str], most: int = 8) -> str:
    listed = list(names)
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")


def _with_about(source: LabelSource, about: Mapping[str, Any]) -> LabelSource:
    if not about:
        return source
    load = source.load
    return LabelSource(
        source.name, lambda: replace(load(), **about), about.get("specimen", source.specimen)
    )


# -- results ---------------------------------------------------------------------------------------


def _result_sources(
    folder: Path, summary: Mapping[str, Any], options: SourceOptions
) -> Iterator[LabelSource]:
    """Iterate over the images of a result: one, or the sections of a stack."""
    sections = int((summary.get("image") or {}).get("sections") or 1)
    name = folder.resolve().name
    about = about_from(summary)
    specimen = about.get("specimen", "") or (name if sections > 1 else "")

    @cache
    def read() -> _Result:
        return _read_result(folder, summary, options)

    if sections == 1:
        yield LabelSource(name, lambda: read().annotated(name, 0, options), specimen)
        return
    for at in range(sections):

        def load(at: int = at) -> Annotated:
            return read().annotated(f"{name}_{at:04d}", at, options)

        yield LabelSource(f"{name}_{at:04d}", load, specimen)


@dataclass(frozen=True, eq=False)
class _Result:
    """A result folder that was read."""

    micrograph: Micrograph
    grains: npt.NDArray[Any] | None
    classes: npt.NDArray[Any] | None
    correction: dict[str, Correction]
    made: dict[str, Any]
    specimen: str

    def annotated(self, name: str, at: int, options: SourceOptions) -> Annotated:
        """Return a section as an annotated image."""

        def plane(data: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
            return data[at] if data is not None and data.ndim == 3 else data

        grains, classes = plane(self.grains), plane(self.classes)
        section = list(self.micrograph.sections())[at]
        each = Annotated(
            name,
            (section.height, section.width),
            grains=None if grains is None else whole_numbers(grains, name).astype(np.int32),
            classes=None if classes is None else whole_numbers(classes, name).astype(np.uint8),
            ignore=None if section.mask.all() else ~section.mask,
            image=_pixels(section.data),
            image_path=self.micrograph.path if not self.micrograph.is_stack else None,
            pixel_size_um=self.micrograph.pixel_size_um,
            specimen=self.specimen,
            made=self.made,
        )
        if not options.reviewed:
            return each
        grain_states = self.correction.get(GRAINS_FILE)
        judged = self.correction.get(FRACTURE_FILE)
        return only_reviewed(
            each,
            None if grain_states is None else grain_states.states(),
            None if judged is None else judged.judged(at),
        )


def _pixels(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the pixels of a section; one that was moved has whole numbers again, 0 beside it."""
    if data.dtype.kind != "f":
        return data
    filled = np.nan_to_num(data, nan=0.0)
    if (filled != np.floor(filled)).any() or filled.min() < 0 or filled.max() > 65535:
        return filled
    return filled.astype(np.uint8 if filled.max() < 256 else np.uint16)


def _read_result(folder: Path, summary: Mapping[str, Any], options: SourceOptions) -> _Result:
    micrograph = _image_of(folder, summary, options)
    stack = micrograph.is_stack
    maps: dict[str, npt.NDArray[Any]] = {}
    corrections: dict[str, Correction] = {}
    for name in _maps_in(folder):
        maps[name] = _read_tiff(folder / name)
        found = None
        if options.corrected:
            when = str(summary.get("made") or "")
            found = correction_of(folder / name, maps[name].shape, made=when)
        if found is not None:
            maps[name], corrections[name] = found.labels, found
    keys = ("model", "weights_hash", "napari_etch", "parameters")
    made = {key: summary[key] for key in keys if summary.get(key) is not None}
    made["edits"] = sum(each.edits for each in corrections.values())
    made["labels"] = str(folder.resolve())
    made |= _chosen(micrograph)
    made |= _conflict(options.pixel_size_um, micrograph)
    if not is_source(micrograph, summary):
        taken = micrograph.path.name if micrograph.path else micrograph.name
        made[IMAGE_CONFLICT] = f"{taken} has other pixels than the micrograph that was segmented"
    # sections of a stack look alike, so they stay together in a split
    specimen = str(about_from(summary).get("specimen", "")) or (
        folder.resolve().name if stack else ""
    )
    grains, classes = maps.get(GRAINS_FILE), maps.get(FRACTURE_FILE)
    return _Result(micrograph, grains, classes, corrections, made, specimen)


def _chosen(micrograph: Micrograph) -> dict[str, Any]:
    """Return which series and channel of a file an image is, where it holds several."""
    return {key: value for key, value in micrograph.choice.asked.items() if value is not None}


def _conflict(typed: float | None, micrograph: Micrograph) -> dict[str, str]:
    """Return that the image states another pixel size than the typed one, where it does."""
    found = micrograph.calibration
    if typed is None or found is None or not found.conflict:
        return {}
    return {PIXEL_SIZE_CONFLICT: found.conflict}


def _image_of(folder: Path, summary: Mapping[str, Any], options: SourceOptions) -> Micrograph:
    """Return the image that a result was made from: the one given, or the one with its pixels."""
    size = options.pixel_size_um or about_from(summary).get("pixel_size_um")
    stated = str((summary.get("image") or {}).get("path") or "")
    given = ImageFinder(options.images).path(stated or folder.resolve().name)
    if given is not None:
        return read_source(given, summary, size)
    others = []
    alone = [path for path in options.images if path.is_file()] if len(options.images) == 1 else []
    for path in (*alone, *likely_paths(folder, summary)):
        if path.exists():
            micrograph = read_source(path, summary, size)
            if is_source(micrograph, summary):
                return micrograph
            others.append(path)
    if others:
        raise LabelsError(
            f"{others[0]} is not the micrograph that {folder} was made from, or was changed since: "
            "say with --images where that is"
        )
    raise LabelsError(
        f"the micrograph {stated or folder.name} is not where it was segmented: say with --images "
        "where it is"
    )


def _read_tiff(path: Path) -> npt.NDArray[Any]:
    import tifffile

    try:
        return np.asarray(tifffile.imread(path))
    except Exception as error:  # decoders raise anything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LabelsError(f"{path} cannot be read ({reason}).") from error

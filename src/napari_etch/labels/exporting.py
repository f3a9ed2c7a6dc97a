"""From annotated images to a set for training, in any format: all of it, or nothing."""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.collector import read_manifest
from napari_etch.labels.formats import ALL_KINDS, Format, find_format
from napari_etch.labels.json_sets import write_json
from napari_etch.labels.manifest import entry_of, manifest_of, source_of
from napari_etch.labels.names import MANIFEST_FILE, SPECIMENS_FILE
from napari_etch.labels.report import LabelsError, Notes, Report
from napari_etch.labels.split import Split
from napari_etch.labels.tiles import Tiles
from napari_etch.labels.values import (
    IMAGE_CONFLICT,
    PIXEL_SIZE,
    PIXEL_SIZE_CONFLICT,
    SPECIMEN,
)
from napari_etch.labels.writing import SetWriter, WriteOptions, draw_boundary
from napari_etch.micrograph.reading import is_of_system
from napari_etch.results import (
    ResultExistsError,
    check_replaceable,
    files_in,
    folder_beside,
    one_at_a_time,
    replace_folder,
)
from napari_etch.results.file_names import file_name

# Of a manifest: what the export wrote, by paths within its folder.
_FILES = "files"
# So many files that stay are named.
_SHOWN = 4


@dataclass(frozen=True)
class LabelSource:
    """An annotated image that is read when its turn comes.

    Attributes
    ----------
    name : str
    load : callable
        Returns the `Annotated`; may raise a `ValueError` with one sentence.
    specimen : str
        For the split, which is made before anything is read.
    """

    name: str
    load: Callable[[], Annotated]
    specimen: str = ""

    @classmethod
    def of(cls, each: Annotated) -> LabelSource:
        """Return one that is in memory."""
        return cls(each.name, lambda: each, each.specimen)


@dataclass(frozen=True)
class ExportRequest:
    """What is exported, and how.

    Attributes
    ----------
    out : Path
        Folder of the set; a string becomes one.
    format : str
        A key of `FORMATS`.
    labels : str
        ``auto``: every map that there is, or the first of grains, classes and boundary where the
        format holds one; or one of these.
    split : Split or None
    tiles : Tiles or None
    options : WriteOptions
    overwrite : bool
        Replace an earlier export, what it wrote; a folder with anything else is never replaced.
    """

    out: Path
    format: str = "pairs"
    labels: str = "auto"
    split: Split | None = None
    tiles: Tiles | None = None
    options: WriteOptions = field(default_factory=WriteOptions)
    overwrite: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", Path(self.out))


@dataclass(frozen=True)
class ExportStep:
    """An image is done: how many of how many, and its name."""

    done: int
    total: int
    name: str


@dataclass(frozen=True, eq=False)
class Exported:
    """The end of an export.

    Attributes
    ----------
    out : Path
    report : Report
    manifest : dict
    """

    out: Path
    report: Report
    manifest: dict[str, Any]


def export_set(
    sources: Sequence[LabelSource], request: ExportRequest
) -> Generator[ExportStep | Exported, None, None]:
    """Write a set; it appears under its name when it is whole.

    Parameters
    ----------
    sources : sequence of LabelSource
    request : ExportRequest

    Yields
    ------
    ExportStep
        After every image. Whoever stops here leaves nothing behind.
    Exported
        At the end.

    Raises
    ------
    LabelsError
        When nothing can be written, or there is something at `ExportRequest.out`.
    """
    form = find_format(request.format)
    _check_labels(request.labels, form)
    if not sources:
        raise LabelsError("There is nothing to export: give at least one image with labels.")
    check_target(request.out, overwrite=request.overwrite)
    notes = Notes()
    parts = _split(sources, request.split, notes)
    target = request.out.resolve()  # what a link stands for is replaced, not the link
    try:
        with folder_beside(target) as unfinished:
            writing = _Writing(unfinished, form, request, notes)
            for at, source in enumerate(sources, 1):
                writing.take(source, parts.get(source.name, ""))
                yield ExportStep(at, len(sources), source.name)
            with one_at_a_time(target):  # another run may have written its set meanwhile
                check_target(request.out, overwrite=request.overwrite)
                kept = _files_of_others(request.out)
                _tell_kept(kept, notes)
                manifest = writing.finish()
                replace_folder(unfinished, target, kept)
    except ResultExistsError as error:
        raise LabelsError(f"{error}.") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabelsError(f"{request.out} could not be written ({reason}).") from error
    yield Exported(request.out, notes.report(), manifest)


def export_all(sources: Iterable[LabelSource | Annotated], request: ExportRequest) -> Exported:
    """Write a set and return what `export_set` ends with."""
    listed = [each if isinstance(each, LabelSource) else LabelSource.of(each) for each in sources]
    for event in export_set(listed, request):
        if isinstance(event, Exported):
            return event
    raise AssertionError("an export ends with Exported")


def check_target(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that cannot become a set.

    Raises
    ------
    LabelsError
        When it holds something, unless that is an earlier export and `overwrite` is set.
    """
    try:
        check_replaceable(out)
    except ResultExistsError as error:
        raise LabelsError(f"{error}.") from None
    if not out.is_dir() or all(is_of_system(each.name) for each in out.iterdir()):
        return
    # one in the folder above is of another set
    manifest = read_manifest(out) if (out / MANIFEST_FILE).is_file() else {}
    if not manifest:
        raise LabelsError(f"{out} holds other files: choose a new or an empty folder.")
    if not isinstance(manifest.get(_FILES), list):
        raise LabelsError(
            f"{out / MANIFEST_FILE} does not say which files that export wrote, and others would "
            "be lost: choose another folder, or delete this one."
        )
    if not overwrite:
        raise LabelsError(
            f"{out} already holds an export: add --overwrite to replace it, or choose another "
            "folder."
        )


def _files_of_others(out: Path) -> list[str]:
    """Return what was put into the folder of an earlier export by somebody else."""
    if not out.is_dir():
        return []
    written = {*read_manifest(out).get(_FILES, ()), MANIFEST_FILE}
    return [name for name in files_in(out) if name not in written]


def _tell_kept(kept: Sequence[str], notes: Notes) -> None:
    """Tell of files that stay; hidden ones are the operating system's."""
    shown = [name for name in kept if not name.rpartition("/")[2].startswith(".")]
    if shown:
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        notes.change(
            "", "", f"{', '.join(shown[:_SHOWN])}{more}: no part of the export, left as it was"
        )


def _check_labels(labels: str, form: Format) -> None:
    if labels not in ("auto", *ALL_KINDS):
        raise LabelsError(f"Labels are {labels!r}: choose auto, {', '.join(ALL_KINDS)}.")
    if labels != "auto" and labels not in form.kinds:
        raise LabelsError(f"{form.title} holds {' and '.join(form.kinds)}, not {labels}.")


def _split(sources: Sequence[LabelSource], split: Split | None, notes: Notes) -> dict[str, str]:
    if split is None:
        return {}
    parts = split.parts({source.name: source.specimen for source in sources})
    for part in split.missing(parts):
        notes.change(
            "", f"split by {split.by}", f"there are too few of them, so {part} has no image"
        )
    return parts


class _Writing:
    """A set while it is being written."""

    def __init__(self, folder: Path, form: Format, request: ExportRequest, notes: Notes) -> None:
        self.folder, self.form, self.request, self.notes = folder, form, request, notes
        self._writers: dict[str, SetWriter] = {}
        self._entries: list[dict[str, Any]] = []
        self._kinds: dict[str, None] = {}  # a set that keeps the order

    def take(self, source: LabelSource, part: str) -> None:
        """Read an image and write it, or its tiles; one that cannot be read is skipped."""
        try:
            whole = self._named(source.load())
            chosen = self._chosen(whole)
        except (ValueError, OSError) as error:
            reason = getattr(error, "strerror", None) or " ".join(str(error).split())
            self.notes.skip(source.name, "", reason)
            return
        for key in (PIXEL_SIZE_CONFLICT, IMAGE_CONFLICT):
            if key in whole.made:
                self.notes.change(source.name, "", str(whole.made[key]))
        self._kinds |= dict.fromkeys(chosen.kinds)
        origin = source_of(whole)
        pieces = [chosen] if self.request.tiles is None else self.request.tiles.cut(chosen)
        for each in pieces:
            if each.ignore is not None and each.ignore.all():
                self.notes.skip(each.name, "", "all of it is to be ignored")
                continue
            self._writer(part).add(each)
            entry = entry_of(each, origin, part)
            self._entries.append(entry)
            self.notes.images += 1
            self.notes.regions += entry.get("grains", 1)

    def _named(self, each: Annotated) -> Annotated:
        """Return an image with a name that its files can have on every system."""
        name = file_name(each.name)
        if name == each.name:
            return each
        self.notes.change(each.name, "", f"files cannot be called so, so it is {name}")
        return replace(each, name=name)

    def _chosen(self, each: Annotated) -> Annotated:
        """Return an image with the maps that are written.

        Raises
        ------
        LabelsError
            When it lacks them, or they hold what the class table lacks.
        """
        labels = self.request.labels
        if labels == "boundary" and each.boundary is None:
            # before it is cut into tiles, for their sides are no boundaries
            each = _with_boundary(each, self.request.options.line_width)
        there = [kind for kind in self.form.kinds if kind in each.kinds]
        if labels == "auto" and self.form.is_single:
            labels = next(iter(self._kinds), there[0] if there else "auto")
        kept = there if labels == "auto" else [labels]
        if not kept or kept[0] not in each.kinds:
            wanted = " or ".join(kept or self.form.kinds)
            raise LabelsError(f"it has no {wanted}")
        dropped = {kind: None for kind in ALL_KINDS if kind not in kept}
        each = replace(each, **dropped)  # type: ignore[arg-type]
        _check_classes(each, self.request.options.table)
        return each

    def _writer(self, part: str) -> SetWriter:
        if part not in self._writers:
            folder = self.folder / part
            folder.mkdir(exist_ok=True)
            options = self.request.options
            if self.request.labels == "grains":
                options = replace(options, grains_only=True)
            self._writers[part] = self.form.make()(folder, options, self.notes)
        return self._writers[part]

    def finish(self) -> dict[str, Any]:
        """Write what belongs to the whole set; return the manifest.

        Raises
        ------
        LabelsError
            When there is none, for no image could be used.
        """
        if not self._entries:
            skipped = self.notes.report().skipped
            why = f" ({skipped[0]})" if skipped else ""
            raise LabelsError(f"Nothing could be exported{why}.")
        for part, writer in self._writers.items():
            writer.finish()
            entries = [entry for entry in self._entries if (entry["part"] or "") == part]
            _write_specimens(self.folder / part / SPECIMENS_FILE, entries, writer.files)
        if self.request.split is not None:
            self.form.make().join(self.folder, self._writers)
        manifest = self._manifest() | {_FILES: files_in(self.folder)}
        write_json(self.folder / MANIFEST_FILE, manifest)
        return manifest

    def _manifest(self) -> dict[str, Any]:
        request, split, tiles = self.request, self.request.split, self.request.tiles
        drawn = "boundary" in self._kinds
        return manifest_of(
            self._entries,
            format=self.form.name,
            labels=next(iter(self._kinds)) if len(self._kinds) == 1 else "auto",
            loses=self.form.loses,
            split=None if split is None else asdict(split),
            tiles=None if tiles is None else asdict(tiles),
            line_width_px=request.options.line_width if drawn else None,
            class_table=request.options.table.as_json(),
            report=self.notes.report().as_json(),
        )


def _with_boundary(each: Annotated, width: int) -> Annotated:
    labels = each.classes if each.grains is None else each.grains
    return each if labels is None else replace(each, boundary=draw_boundary(labels, width))


def _check_classes(each: Annotated, table: ClassTable) -> None:
    if each.classes is None:
        return
    unknown = sorted(set(np.unique(each.classes).tolist()) - {0, *table.ids})
    if unknown:
        raise LabelsError(f"it holds class {unknown[0]}, which is not in the class table")


def _write_specimens(
    path: Path, entries: Sequence[dict[str, Any]], files: Mapping[str, str]
) -> None:
    """Write which image is of which specimen, and the pixel sizes, where anything is known."""
    if not any(entry[key] for entry in entries for key in (SPECIMEN, PIXEL_SIZE)):
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", SPECIMEN, PIXEL_SIZE])
        for entry in entries:
            edge = "" if entry[PIXEL_SIZE] is None else repr(entry[PIXEL_SIZE])
            rows.writerow([files.get(entry["name"]), entry[SPECIMEN] or "", edge])

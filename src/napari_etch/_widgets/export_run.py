"""What an export or an import from the dock does in its thread, free of Qt and napari."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.run import Failed, Note, Progress, Stopped
from napari_etch._widgets.sentences import error_sentence
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels import (
    Annotated,
    AnnotationSet,
    Exported,
    ExportRequest,
    LabelsError,
    LabelSource,
    Report,
    export_set,
    read_annotations,
)
from napari_etch.labels.stacking import AnnotatedStack, onto_stack, read_mask_stack

if TYPE_CHECKING:
    import threading

log = logging.getLogger("napari_etch")


@dataclass(frozen=True, eq=False)
class Plane:
    """The pixels of an image layer, and whether the last axis is colour."""

    data: Any
    rgb: bool


@dataclass(frozen=True, eq=False)
class LayerJob:
    """An image layer and its labels, as they were when the export began.

    Attributes
    ----------
    name : str
        Of the files.
    image : Plane
    maps : dict
        ``grains`` and ``classes``, (y, x) or (z, y, x).
    sections : int or None
        Of a stack.
    first : int
        The first of them in the stack that the image is a part of.
    reviewed : dict
        Of grains, states by number; of classes, an array of bool a section.
    ignore : ndarray of bool or None
        Where nothing is to be learnt, (y, x) or (z, y, x).
    """

    name: str
    image: Plane
    maps: Mapping[str, Any]
    sections: int | None = None
    first: int = 0
    pixel_size_um: float | None = None
    info_bar_row: int | None = None
    image_path: Path | None = None
    specimen: str = ""
    made: dict[str, Any] = field(default_factory=dict)
    reviewed: dict[str, Any] = field(default_factory=dict)
    ignore: Any = None

    def sources(self, *, only_reviewed: bool) -> list[LabelSource]:
        """Return what is exported: the image, or each section of a stack."""
        if self.sections is None:
            return [self._source(self.name, None, only_reviewed)]
        return [
            self._source(f"{self.name}_{self.first + at:04d}", at, only_reviewed)
            for at in range(self.sections)
        ]

    def _source(self, name: str, at: int | None, only: bool) -> LabelSource:
        # sections of a stack look alike, so they stay together in a split
        specimen = self.specimen or (self.name if at is not None else "")
        return LabelSource(name, lambda: self._annotated(name, at, specimen, only), specimen)

    def _annotated(self, name: str, at: int | None, specimen: str, only: bool) -> Annotated:
        from napari_etch.labels.mask_files import whole_numbers
        from napari_etch.labels.reviewed import only_reviewed
        from napari_etch.micrograph import micrograph_from_array

        def plane(data: Any) -> Any:
            return np.asarray(data if at is None else data[at])

        picture = micrograph_from_array(
            plane(self.image.data),
            name,
            rgb=self.image.rgb,
            keep_info_bar=False,
            info_bar_row=self.info_bar_row,
        )
        shape = picture.data.shape[:2]
        types = {"grains": np.int32, "classes": np.uint8}
        maps: dict[str, Any] = {
            kind: whole_numbers(plane(data), name).astype(types[kind])
            for kind, data in self.maps.items()
        }
        each = Annotated(
            name,
            (int(shape[0]), int(shape[1])),
            ignore=_either(
                _printed(picture.mask, maps.values()),
                None if self.ignore is None else plane(self.ignore),
            ),
            image=picture.data,
            image_path=self.image_path if at is None else None,
            pixel_size_um=self.pixel_size_um,
            specimen=specimen,
            made=self.made,
            **maps,
        )
        if not only:
            return each
        judged = self.reviewed.get("classes")
        return only_reviewed(
            each, self.reviewed.get("grains"), None if judged is None else judged[at or 0]
        )


def _either(one: Any, two: Any) -> Any:
    """Return the union of two masks, either of which may be None."""
    return two if one is None else one if two is None else one | two


def _printed(specimen: Any, maps: Iterable[Any]) -> Any:
    """Return the ignore mask of printed bars; what is labelled there was meant to be."""
    mask = ~specimen
    for labels in maps:
        mask &= labels == 0
    return mask if mask.any() else None


@dataclass(frozen=True)
class ExportChoice:
    """What is chosen in the form."""

    request: ExportRequest
    only_reviewed: bool = False


def run_export(
    jobs: Sequence[LayerJob], choice: ExportChoice, cancel: threading.Event, _engine: Any
) -> Generator[Progress | Note, None, Exported | Stopped | Failed]:
    """Export layers, image by image.

    Yields
    ------
    Progress

    Returns
    -------
    Exported, Stopped or Failed
        How it ended; nothing is raised.
    """
    events = None
    try:
        sources = [
            source for job in jobs for source in job.sources(only_reviewed=choice.only_reviewed)
        ]
        events = export_set(sources, choice.request)
        for event in events:
            if isinstance(event, Exported):
                return event
            if cancel.is_set():
                return Stopped()
            yield Progress(event.done / event.total, f"{event.name} is written")
    except Exception as error:
        if not isinstance(error, LabelsError):
            log.exception("The export to %s failed", choice.request.out)
        return Failed(error_sentence(error, choice.request.out.name, "exported"), error)
    finally:
        if events is not None:
            events.close()
    return Stopped()


@dataclass(frozen=True)
class ImportChoice:
    """A file of annotations and the image onto which it is read.

    Attributes
    ----------
    path : Path
    names : tuple of str
        What the image may be called in the file: its layer, its file.
    shape : tuple of int
        Rows and columns of the image.
    table : ClassTable or None
    convention, kind : str
    sections : int or None
        Of a stack.
    shown : int
        The section of it that is shown.
    anew : bool
        Number the grains of each section anew.
    """

    path: Path
    names: tuple[str, ...]
    shape: tuple[int, int]
    table: ClassTable | None = None
    convention: str = "project"
    kind: str = "auto"
    sections: int | None = None
    shown: int = 0
    anew: bool = False


@dataclass(frozen=True, eq=False)
class Imported:
    """The annotations of the image, the table of their classes, and what was read and what not."""

    each: Annotated | AnnotatedStack
    table: ClassTable
    report: Report


def run_import(
    choice: ImportChoice, _settings: Any, cancel: threading.Event, _engine: Any
) -> Generator[Progress | Note, None, Imported | Stopped | Failed]:
    """Read a file of annotations and pick those of the image.

    Returns
    -------
    Imported, Stopped or Failed
        How it ended; nothing is raised.
    """
    yield Progress(0.1, f"reading {choice.path.name}")
    try:
        outcome = _read_stack(choice) if choice.sections is not None else _read(choice)
        return Stopped() if cancel.is_set() else outcome
    except Exception as error:
        if not isinstance(error, ValueError):
            log.exception("%s could not be imported", choice.path)
        return Failed(error_sentence(error, choice.path.name, "imported"), error)


def _read(choice: ImportChoice) -> Imported:
    found = _found(choice)
    return Imported(pick(found, choice), found.table, found.report)


def _read_stack(choice: ImportChoice) -> Imported:
    assert choice.sections is not None
    shape = (choice.sections, *choice.shape)
    options: dict[str, Any] = {"convention": choice.convention, "kind": choice.kind}
    whole = read_mask_stack(choice.path, shape, classes=choice.table, **options)
    if whole is not None:
        table = choice.table or FRACTURE_MODES
        return Imported(whole, table, Report(choice.sections, choice.sections))
    found = _found(choice)
    stack, report = onto_stack(found, choice.names, shape, shown=choice.shown, anew=choice.anew)
    return Imported(stack, found.table, report)


def _found(choice: ImportChoice) -> AnnotationSet:
    return read_annotations(
        choice.path,
        classes=choice.table,
        convention=choice.convention,
        kind=choice.kind,
        shape=choice.shape,
    )


def pick(found: AnnotationSet, choice: ImportChoice) -> Annotated:
    """Return the annotations of an image: those of its name, or the only ones, if the size fits.

    Raises
    ------
    LabelsError
        When there are none.
    """
    named = [found[name] for name in choice.names if name in found]
    if named:
        each = named[0]
    elif len(found) == 1:
        (each,) = found.values()
    else:
        listed = ", ".join(list(found)[:3]) + (" …" if len(found) > 3 else "")
        raise LabelsError(
            f"{choice.path.name} holds labels of {len(found)} images ({listed}), and none is "
            f"called “{choice.names[0]}”: rename the layer as the file calls it."
        )
    if each.shape != choice.shape:
        sizes = [f"{shape[1]} × {shape[0]}" for shape in (each.shape, choice.shape)]
        raise LabelsError(
            f"The labels of {each.name} are {sizes[0]} px, “{choice.names[0]}” is {sizes[1]} px: "
            "choose the image that they were drawn on."
        )
    return replace(each, image=None)

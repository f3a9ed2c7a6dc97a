"""Annotation files of any known format as maps, with a report of what did not come over."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels.annotated import Annotated, AnnotationSet
from napari_etch.labels.coco import is_coco, read_coco
from napari_etch.labels.finding import ImageFinder, Shape, stem_of
from napari_etch.labels.labelme import is_labelme, read_labelme
from napari_etch.labels.mask_files import MASK_SUFFIXES, mask_annotated
from napari_etch.labels.regions import ImageRegions, checked_kind, paint
from napari_etch.labels.report import LabelsError, Notes
from napari_etch.labels.via import is_via, read_via

PathLike = str | os.PathLike[str]


def read_annotations(
    path: PathLike,
    *,
    classes: ClassTable | None = None,
    convention: str = "project",
    kind: str = "auto",
    images: PathLike | Iterable[PathLike] | None = None,
    shapes: Mapping[str, Shape] | None = None,
) -> AnnotationSet:
    """Read annotations: class maps, grain maps and what is to be ignored.

    Parameters
    ----------
    path : str or path
        A JSON file of VIA (version 1, 2 or 3), COCO or LabelMe; a mask as TIFF, PNG or NPY; or a
        folder with such files.
    classes : ClassTable, optional
        What the classes are called; default `FRACTURE_MODES`.
    convention : str
        ``project``: later regions lie on top of earlier ones. ``published``: ids and overlaps of
        the published fractography code, converted.
    kind : str
        ``auto``: a region is a class when the table knows its word, and a grain when it is called
        grain or nothing; ``grains``: every region is a grain; ``classes``: none is.
    images : path or paths, optional
        Folders and files where the images are, beside the annotation file and its folder
        ``images``.
    shapes : mapping of str to (rows, columns), optional
        Sizes of images by file name or stem, for images that are not at hand.

    Returns
    -------
    AnnotationSet
        By stem of the image. `AnnotationSet.report` says what was skipped or changed and why.

    Raises
    ------
    LabelsError
        When there is nothing at the path that can be read.
    """
    checked_kind(kind, convention)
    source = Path(path)
    if not source.exists():
        raise LabelsError(f"{source} does not exist; check the name and the folder.")
    table = FRACTURE_MODES if classes is None else classes
    finder = ImageFinder(_places(source, images), shapes)
    reader = _Reader(table, convention, kind, finder)
    if source.is_dir():
        reader.folder(source)
    else:
        reader.file(source)
    return reader.result(source)


def _places(source: Path, images: PathLike | Iterable[PathLike] | None) -> list[Path]:
    if images is None:
        given: list[Path] = []
    elif isinstance(images, str | os.PathLike):
        given = [Path(images)]
    else:
        given = [Path(each) for each in images]
    missing = [place for place in given if not place.exists()]
    if missing:
        raise LabelsError(f"{missing[0]} does not exist; check where the images are.")
    folder = source if source.is_dir() else source.parent
    return [*given, folder, folder / "images", folder.parent / "images"]


class _Reader:
    """Collects the annotated images of a call."""

    def __init__(self, table: ClassTable, convention: str, kind: str, finder: ImageFinder) -> None:
        self.table, self.convention, self.kind, self.finder = table, convention, kind, finder
        self.notes = Notes()
        self.images: dict[str, Annotated] = {}

    def folder(self, folder: Path) -> None:
        """Read the JSON files of a folder; where there is none, its masks."""
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
        texts = [path for path in files if path.suffix.lower() == ".json"]
        known = 0
        for path in texts:
            value = read_json(path)
            if is_via(value) or is_coco(value) or is_labelme(value):
                self.value(value)
                known += 1
        if known:
            return
        masks = [path for path in files if path.suffix.lower() in MASK_SUFFIXES]
        for path in masks:
            try:
                self.mask(path)
            except LabelsError as error:
                self.notes.skip(path.stem, "", str(error))

    def file(self, path: Path) -> None:
        """Read one file."""
        if path.suffix.lower() in MASK_SUFFIXES:
            self.mask(path)
            return
        if path.suffix.lower() != ".json":
            raise LabelsError(
                f"{path.name} is of no known format: give JSON of VIA, COCO or LabelMe, or a mask "
                "as TIFF or PNG."
            )
        self.value(read_json(path), path.name)

    def value(self, value: Any, name: str = "") -> None:
        """Take what a JSON file holds."""
        if is_coco(value):
            found: Sequence[ImageRegions] = read_coco(value, self.notes)
        elif is_labelme(value):
            found = [read_labelme(value, self.notes)]
        elif is_via(value):
            found = read_via(value, self.table, self.notes)
        else:
            raise LabelsError(f"{name} is JSON, but of neither VIA nor COCO nor LabelMe.")
        for each in found:
            self._take(each)

    def mask(self, path: Path) -> None:
        """Take a mask; the image of the same stem, if there is one beside it, is another file."""
        about: dict[str, Any] = {}
        image = self.finder.path(path.stem, apart_from=path)
        if image is not None:
            about["image_path"] = image
        self._add(mask_annotated(path, self.table, self.kind, self.convention, about))
        self.notes.regions += 1

    def _take(self, found: ImageRegions) -> None:
        name = stem_of(found.file_name)
        if not name:
            self.notes.skip("", "image without a name", "the file does not say which image it is")
            return
        if not found.regions:
            self.notes.skip(name, "", "it has no region that can be used")
            return
        path = self.finder.path(found.file_name)
        shape = self._shape(found, name)
        if shape is None:
            return
        if path is None:
            self.notes.change(name, "", f"the image {found.file_name} was not found; labels only")
        self.add_painted(found, name, shape, path)

    def add_painted(self, found: ImageRegions, name: str, shape: Shape, path: Path | None) -> None:
        """Paint the regions of an image and add it."""
        options = {"kind": self.kind, "convention": self.convention}
        found.about.setdefault("image_path", path)
        self._add(paint(found, name, shape, self.table, self.notes, **options))

    def _shape(self, found: ImageRegions, name: str) -> Shape | None:
        """Return the size of an image; None, with a remark, when it is unknown or contradicted."""
        try:
            shape = self.finder.shape(found.file_name)
        except LabelsError as error:
            self.notes.skip(name, "", str(error))
            return None
        if shape is None and found.shape is None:
            self.notes.skip(
                name, "", f"the image {found.file_name} was not found, so its size is not known"
            )
            return None
        if shape is not None and found.shape is not None and shape != found.shape:
            sizes = [f"{each[1]} × {each[0]}" for each in (found.shape, shape)]
            self.notes.skip(name, "", f"it was annotated at {sizes[0]}, the image is {sizes[1]}")
            return None
        return shape or found.shape

    def _add(self, each: Annotated) -> None:
        if each.name in self.images:
            self.notes.skip(each.name, "", "another image of that name came before")
            return
        self.images[each.name] = each
        self.notes.images += 1

    def result(self, source: Path) -> AnnotationSet:
        """Return what was read.

        Raises
        ------
        LabelsError
            When nothing was.
        """
        report = self.notes.report()
        if not self.images:
            why = f" ({report.remarks[0]})" if report.remarks else ""
            raise LabelsError(f"{source} holds no annotation that can be used{why}.")
        return AnnotationSet(self.images, self.table, report)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    LabelsError
        When it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LabelsError(f"{path} cannot be read as JSON ({reason}).") from error

"""What all readers give their findings to: it paints, names, and keeps the report."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated, AnnotationSet
from napari_etch.labels.finding import ImageFinder, Shape, stem_of
from napari_etch.labels.mask_files import as_labels, read_mask
from napari_etch.labels.names import IGNORE_FOLDER, MANIFEST_FILE, PROGRAM, SPECIMENS_FILE
from napari_etch.labels.regions import KINDS, ImageRegions, paint
from napari_etch.labels.report import LabelsError, Notes
from napari_etch.labels.values import about_from, made_from
from napari_etch.micrograph.reading import composed
from napari_etch.training.specimens import SpecimenTableError, read_specimen_rows

# Of an image, as far as its annotations say: more is a damaged file, and would fill the memory.
_MOST_PX = 2**31


class Collector:
    """Collects the annotated images of a call.

    Parameters
    ----------
    table : ClassTable
    convention, kind : str
        As `read_annotations` has them.
    finder : ImageFinder
    shape : (rows, columns), optional
        Of images that are not found.
    """

    def __init__(
        self,
        table: ClassTable,
        convention: str,
        kind: str,
        finder: ImageFinder,
        shape: Shape | None = None,
    ) -> None:
        self.table, self.convention, self.kind, self.finder = table, convention, kind, finder
        self.notes = Notes()
        self._default = shape
        self.images: dict[str, Annotated] = {}
        self._about: dict[str, dict[str, Any]] = {}
        self._ignored: dict[str, Path] = {}

    def enter(self, folder: Path) -> None:
        """Take what lies beside the labels of a folder: specimens, pixel sizes, ignore masks."""
        self._about |= specimens_of(folder / SPECIMENS_FILE)
        manifest = read_manifest(folder)
        images = manifest.get("images")
        for each in images if isinstance(images, list) else ():
            if isinstance(each, dict):
                about = self._about.setdefault(composed(str(each.get("name"))), {})
                about |= made_from(each.get("made"))
        if self.kind == "auto" and manifest.get("labels") in KINDS:
            self.kind = manifest["labels"]
        ignored = folder / IGNORE_FOLDER
        if ignored.is_dir():
            self._ignored |= {composed(path.stem): path for path in sorted(ignored.iterdir())}

    def mask(self, path: Path, name: str = "") -> None:
        """Take a mask; the image of the same stem, if there is one beside it, is another file."""
        name = name or path.stem
        with self._skipping(name):
            image = self.finder.path(name, apart_from=path)
            self.array(read_mask(path), name, path.name, image_path=image)

    def array(self, mask: Any, name: str, file_name: str, **about: Any) -> None:
        """Take a mask in memory."""
        labels = as_labels(mask, self.table, self.kind, self.convention, file_name)
        shape = (int(mask.shape[0]), int(mask.shape[1]))
        each = Annotated(name, shape, **labels, **about)
        self.add(each)
        self.notes.regions += each.regions

    def one_mask(self, path: Path) -> None:
        """Take the only mask of a call, of which every trouble is an error."""
        image = self.finder.path(path.stem, apart_from=path)
        self.array(read_mask(path), path.stem, path.name, image_path=image)

    def regions(self, found: ImageRegions, what: str = "region that can be used") -> None:
        """Take the regions of an image."""
        name = stem_of(found.file_name)
        if not name:
            self.notes.skip("", "image without a name", "the file does not say which image it is")
            return
        if not found.regions:
            self.notes.skip(name, "", f"it has no {what}")
            return
        with self._skipping(name):
            path = self.finder.path(found.file_name)
            shape = self._shape(found)
            if path is None and self._default is None:
                why = self.finder.not_found(found.file_name)
                self.notes.change(name, "", f"the image {found.file_name} {why}; labels only")
            options = {"kind": self.kind, "convention": self.convention}
            found.about.setdefault("image_path", path)
            self.add(paint(found, name, shape, self.table, self.notes, **options))

    def known_shape(self, file_name: str) -> Shape | None:
        """Return the size of an image, as far as it is known without its annotations."""
        return self.finder.shape(file_name) or self._default

    def _shape(self, found: ImageRegions) -> Shape:
        """Return the size of an image.

        Raises
        ------
        LabelsError
            When it is unknown or contradicted.
        """
        shape = self.known_shape(found.file_name) or found.shape
        if shape is None:
            why = self.finder.not_found(found.file_name)
            raise LabelsError(f"the image {found.file_name} {why}, so its size is not known")
        if math.prod(shape) > _MOST_PX:
            raise LabelsError(f"it claims to have {shape[1]} × {shape[0]} px")
        if found.shape is not None and shape != found.shape:
            sizes = [f"{each[1]} × {each[0]}" for each in (found.shape, shape)]
            raise LabelsError(f"it was annotated at {sizes[0]}, the image is {sizes[1]}")
        return shape

    def add(self, each: Annotated) -> None:
        """Add an annotated image, with what is known about it from elsewhere."""
        if each.name in self.images:
            self.notes.skip(each.name, "", "another image of that name came before")
            return
        key = composed(each.name)
        about = self._about.get(key, {})
        missing = {key: value for key, value in about.items() if not getattr(each, key)}
        if each.ignore is None and key in self._ignored:
            mask = read_mask(self._ignored[key]) > 0
            missing["ignore"] = mask if mask.any() else None
        self.images[each.name] = replace(each, **missing)
        self.notes.images += 1

    def _skipping(self, name: str) -> _Skipping:
        return _Skipping(lambda why: self.notes.skip(name, "", why))

    def result(self, source: Path) -> AnnotationSet:
        """Return what was read.

        Raises
        ------
        LabelsError
            When nothing was.
        """
        report = self.notes.report()
        if not self.images:
            why = f" ({report.skipped[0]})" if report.skipped else ""
            raise LabelsError(f"{source} holds no annotation that can be used{why}.")
        return AnnotationSet(self.images, self.table, report)


class _Skipping(suppress):
    """Turns an error about one image into a remark, so that the others get their turn."""

    def __init__(self, skip: Callable[[str], None]) -> None:
        super().__init__(LabelsError)
        self._skip = skip

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        if isinstance(error, LabelsError):
            self._skip(str(error))
        return bool(super().__exit__(kind, error, traceback))


def specimens_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return what a table of specimens says of images, by stem; nothing where there is none.

    Parameters
    ----------
    path : Path
        CSV with the columns image, specimen and, possibly, pixel_size_um.

    Raises
    ------
    LabelsError
        When it is no such table.
    """
    if not path.is_file():
        return {}
    try:
        rows = read_specimen_rows(path)
    except SpecimenTableError as error:
        raise LabelsError(str(error)) from error
    return {stem_of(row["image"]): about_from(row) for row in rows if row["image"]}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an export, in its folder or the one above; empty where is none."""
    for path in (folder / MANIFEST_FILE, folder.parent / MANIFEST_FILE):
        with suppress(OSError, ValueError):
            found = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(found, dict) and found.get("program") == PROGRAM:
                return found
    return {}

"""Annotation files of any known format as maps, with a report of what did not come over."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels.annotated import AnnotationSet
from napari_etch.labels.coco import is_coco, read_coco
from napari_etch.labels.collector import Collector
from napari_etch.labels.finding import ImageFinder, Shape
from napari_etch.labels.folders import (
    files_in,
    read_cellpose,
    read_masks,
    read_pairs,
    read_stardist,
)
from napari_etch.labels.hdf5 import HDF5_SUFFIXES, holds_maps, read_hdf5
from napari_etch.labels.imagej import ROI_SUFFIXES, read_imagej, read_rois
from napari_etch.labels.labelme import is_labelme, read_labelme
from napari_etch.labels.mask_files import MASK_SUFFIXES
from napari_etch.labels.names import (
    CELLPOSE_MASKS,
    CLASSES_FILE,
    IMAGES_FOLDER,
    LABELS_FOLDER,
    MASKS_FOLDER,
    PARTS,
    ZARR_SUFFIX,
)
from napari_etch.labels.ome_zarr import read_zarr
from napari_etch.labels.published import mode_ids
from napari_etch.labels.regions import ImageRegions, checked_kind
from napari_etch.labels.report import LabelsError
from napari_etch.labels.via import is_via, read_via
from napari_etch.labels.yolo import read_yolo
from napari_etch.micrograph.choice import ALL, Choice

PathLike = str | os.PathLike[str]


def read_annotations(
    path: PathLike,
    *,
    classes: ClassTable | None = None,
    convention: str = "project",
    kind: str = "auto",
    images: PathLike | Iterable[PathLike] | None = None,
    shapes: Mapping[str, Shape] | None = None,
    shape: Shape | None = None,
    choice: Choice = ALL,
) -> AnnotationSet:
    """Read annotations: class maps, grain maps and what is to be ignored.

    Parameters
    ----------
    path : str or path
        A JSON file of VIA (version 1, 2 or 3), COCO or LabelMe; ImageJ regions (zip or roi); HDF5;
        OME-Zarr; a mask as TIFF, PNG or NPY; or a folder of such files, of YOLO-seg, StarDist,
        Cellpose, or a training folder, as a whole or split in train, val and test.
    classes : ClassTable, optional
        What the classes are called; default that of the folder, else `FRACTURE_MODES`.
    convention : str
        ``project``: later regions lie on top of earlier ones. ``published``: ids and overlaps of
        the published fractography code, converted.
    kind : str
        ``auto``: a region is a class when the table knows its word, and a grain when it is called
        grain or nothing; ``grains``: every region is a grain; ``classes``: none is. Of masks, what
        their numbers are; ``boundary``: nonzero is a line.
    images : path or paths, optional
        Folders and files where the images are, beside the annotation file and its folder
        ``images``.
    shapes : mapping of str to (rows, columns), optional
        Sizes of images by file name or stem, for images that are not at hand.
    shape : (rows, columns), optional
        Size of all images that are not found otherwise, such as the one that is open.
    choice : Choice
        Which series and channel of a file the images are, where files hold several.

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
    folder = source if source.is_dir() else source.parent
    table = classes or _table_of(folder) or FRACTURE_MODES
    if convention == "published":
        mode_ids(table)
    finder = ImageFinder(_places(source), shapes, given=_given(images), choice=choice)
    into = Collector(table, convention, kind, finder, shape)
    into.enter(folder)
    if source.is_dir():
        _read_folder(source, into)
    else:
        _read_file(source, into)
    return into.result(source)


def _table_of(folder: Path) -> ClassTable | None:
    for path in (folder / CLASSES_FILE, *(folder / part / CLASSES_FILE for part in PARTS)):
        if path.is_file():
            return ClassTable.read(path)
    return None


def _given(images: PathLike | Iterable[PathLike] | None) -> list[Path]:
    if images is None:
        given: list[Path] = []
    elif isinstance(images, str | os.PathLike):
        given = [Path(images)]
    else:
        given = [Path(each) for each in images]
    missing = [place for place in given if not place.exists()]
    if missing:
        raise LabelsError(f"{missing[0]} does not exist; check where the images are.")
    return given


def _places(source: Path) -> list[Path]:
    folder = source if source.is_dir() else source.parent
    parts = [folder / part for part in PARTS if (folder / part).is_dir()]
    inside = [each / IMAGES_FOLDER for each in (folder, folder.parent, *parts)]
    return [folder, *parts, *inside]


def _read_folder(folder: Path, into: Collector) -> None:
    """Read a folder by what is in it."""
    parts = [folder / part for part in PARTS if (folder / part).is_dir()]
    for part in parts:
        into.enter(part)
        _read_folder(part, into)
    if not parts:
        _reader_of(folder)(folder, into)


def _reader_of(folder: Path) -> Callable[[Path, Collector], None]:
    """Return the function that reads a folder."""
    if folder.name.endswith(".zarr"):
        return read_zarr
    labels = folder / LABELS_FOLDER
    if labels.is_dir():
        texts = any(path.suffix == ".txt" for path in labels.iterdir())
        return read_yolo if texts else read_pairs
    if (folder / MASKS_FOLDER).is_dir():
        return read_stardist
    files = files_in(folder)
    if any(path.name.endswith((f"{CELLPOSE_MASKS}{path.suffix}", "_seg.npy")) for path in files):
        return read_cellpose
    if any(path.suffix.lower() in ROI_SUFFIXES for path in files):
        return read_imagej
    return _read_files


def _read_files(folder: Path, into: Collector) -> None:
    """Read the files of a folder that are of a known format; where there is none, its masks."""
    files = files_in(folder)
    known = _read_texts(files, into)
    for path in files:
        if path.suffix.lower() in HDF5_SUFFIXES:
            read_hdf5(path, into)
            known = True
    for group in sorted(folder.glob(f"*{ZARR_SUFFIX}")):
        read_zarr(group, into)
        known = True
    if not known:
        read_masks(folder, into)


def _read_texts(files: Sequence[Path], into: Collector) -> bool:
    """Read the JSON files of a folder; return whether there was one of a known format."""
    known = False
    for path in files:
        if path.suffix.lower() == ".json":
            found = _regions_of(read_json(path), into, path.name)
            for each in found or ():
                into.regions(each)
            known = known or found is not None
    return known


def _read_file(path: Path, into: Collector) -> None:
    suffix = path.suffix.lower()
    if suffix in MASK_SUFFIXES:
        into.one_mask(path)
    elif suffix in ROI_SUFFIXES:
        read_rois(path, into)
    elif suffix in HDF5_SUFFIXES:
        read_hdf5(path, into)
    elif suffix == ".json":
        found = _regions_of(read_json(path), into, path.name)
        if found is None:
            raise LabelsError(f"{path.name} is JSON, but of neither VIA nor COCO nor LabelMe.")
        for each in found:
            into.regions(each)
    else:
        raise LabelsError(
            f"{path.name} is of no known format: give JSON of VIA, COCO or LabelMe, ImageJ "
            "regions, HDF5, a mask as TIFF or PNG, or the folder of YOLO or OME-Zarr."
        )


def _regions_of(value: Any, into: Collector, name: str) -> Sequence[ImageRegions] | None:
    """Return the regions of a JSON value; None of one of no known format."""
    try:
        if is_coco(value):
            return read_coco(value, into.notes)
        if is_labelme(value):
            return [read_labelme(value, into.notes)]
        if is_via(value):
            return read_via(value, into.table, into.notes)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        if isinstance(error, LabelsError):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise LabelsError(
            f"{name} is damaged: something in it is not what the format has there ({reason})."
        ) from error
    return None


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


def is_annotation_file(path: Path) -> bool:
    """Return whether a file is one of those that are read as annotations; masks are images, too."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".json":
            value = read_json(path)
            return is_coco(value) or is_labelme(value) or is_via(value)
        if suffix == ".zip":
            with zipfile.ZipFile(path) as file:
                names = file.namelist()
            return bool(names) and all(name.lower().endswith(".roi") for name in names)
    except (LabelsError, OSError, zipfile.BadZipFile):
        return False
    if suffix in HDF5_SUFFIXES:
        return holds_maps(path)
    return suffix == ".roi" and path.is_file()

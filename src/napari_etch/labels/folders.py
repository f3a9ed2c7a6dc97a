"""Folders of images with their masks: the project's own layout, StarDist, Cellpose and Omnipose."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from napari_etch.labels.annotated import Annotated
from napari_etch.labels.collector import Collector
from napari_etch.labels.mask_files import MASK_SUFFIXES
from napari_etch.labels.names import (
    CELLPOSE_MASKS,
    CLASSES_FILE,
    IMAGES_FOLDER,
    LABELS_FOLDER,
    MASKS_FOLDER,
)
from napari_etch.labels.writing import SetWriter, draw_boundary, smallest, write_image, write_mask
from napari_etch.micrograph.reading import is_hidden


class PairsWriter(SetWriter):
    """The project's training folder: `images/`, `labels/`, where needed `ignore/`."""

    keeps_ignore_beside: ClassVar[bool] = True
    _has_classes = False

    def write(self, each: Annotated) -> None:
        """Write an image and the one map it has, as numbers."""
        self.image(each, self.subfolder(IMAGES_FOLDER))
        labels, suffix = self._labels(each)
        path = self.subfolder(LABELS_FOLDER) / f"{each.name}.{suffix}"
        write_mask(path, labels, each.pixel_size_um)

    def _labels(self, each: Annotated) -> tuple[Any, str]:
        """Return the map to write and the ending of its file."""
        suffix = self.options.image_format[:3]
        if each.classes is not None:
            self._has_classes = True
            return each.classes, suffix
        if each.grains is None:
            return each.boundary, suffix
        if suffix == "tif":
            return each.grains, suffix
        labels = smallest(each.grains)
        if labels.dtype == np.uint16:
            return labels, suffix
        why = "PNG holds numbers up to 65535, so they are a TIFF"
        self.notes.change(each.name, "grains", why)
        return labels, "tif"

    def finish(self) -> None:
        """Write the class table where there are classes."""
        if self._has_classes:
            self.options.table.write(self.folder / CLASSES_FILE)


class StarDistWriter(SetWriter):
    """StarDist: `images/` and `masks/` with equal names."""

    keeps_ignore_beside: ClassVar[bool] = True

    def write(self, each: Annotated) -> None:
        """Write an image and its grains."""
        assert each.grains is not None
        self.image(each, self.subfolder(IMAGES_FOLDER))
        path = self.subfolder(MASKS_FOLDER) / f"{each.name}.tif"
        write_image(path, smallest(each.grains), each.pixel_size_um)


class CellposeWriter(SetWriter):
    """Cellpose and Omnipose: `NAME.tif` and `NAME_masks.tif` in one folder, without flows."""

    keeps_ignore_beside: ClassVar[bool] = True

    def write(self, each: Annotated) -> None:
        """Write an image and its grains."""
        assert each.grains is not None
        name = self.image(each, self.folder)
        grains = smallest(each.grains)
        write_image(self.folder / f"{each.name}{CELLPOSE_MASKS}.tif", grains, each.pixel_size_um)
        if self.options.seg_npy:
            seg: Any = {
                "filename": name,
                "masks": grains,
                "outlines": grains * draw_boundary(grains, 1).astype(grains.dtype),
                "flows": [],
                "ismanual": np.ones(int(grains.max(initial=0)), bool),
                "est_diam": None,
                "chan_choose": [0, 0],
            }
            # What Cellpose's window opens is a pickle; it is written, and never read here.
            np.save(self.folder / f"{each.name}_seg.npy", seg)


def read_masks(folder: Path, into: Collector) -> None:
    """Read a folder of masks, one for each image."""
    for path in files_in(folder):
        if path.suffix.lower() in MASK_SUFFIXES:
            into.mask(path)


def read_stardist(folder: Path, into: Collector) -> None:
    """Read a StarDist folder."""
    into.kind = "grains"
    read_masks(folder / MASKS_FOLDER, into)


def read_pairs(folder: Path, into: Collector) -> None:
    """Read a training folder of this project."""
    read_masks(folder / LABELS_FOLDER, into)


def read_cellpose(folder: Path, into: Collector) -> None:
    """Read the masks of a Cellpose folder; `_seg.npy` files are pickles and are left alone."""
    into.kind = "grains"
    found = files_in(folder)
    for path in found:
        if path.stem.endswith(CELLPOSE_MASKS) and path.suffix.lower() in MASK_SUFFIXES:
            into.mask(path, path.stem.removesuffix(CELLPOSE_MASKS))
    for path in found:
        name = path.name.removesuffix("_seg.npy")
        if name != path.name and name not in into.images:
            into.notes.skip(
                name,
                path.name,
                "it is a pickle, which can run any program, and is not opened: save the masks as "
                "TIFF or PNG in Cellpose",
            )


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not is_hidden(path.name))

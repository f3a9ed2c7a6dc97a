"""The contract of all formats: an image with its labels, and a set of such images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels.report import LabelsError, Report

__all__ = ["Annotated", "AnnotationSet"]


@dataclass(frozen=True, eq=False)
class Annotated:
    """An image and what is known about its pixels.

    Attributes
    ----------
    name : str
        Stem of the image's file.
    shape : tuple of int
        Rows and columns.
    grains : ndarray of int32, shape (y, x), or None
        Grain numbers; 0 is no grain, or a drawn line.
    classes : ndarray of uint8, shape (y, x), or None
        Class ids; 0 is unlabelled.
    boundary : ndarray of bool, shape (y, x), or None
        Drawn boundaries, where a file holds them instead of grains.
    ignore : ndarray of bool, shape (y, x), or None
        True where nothing is to be learnt from the labels.
    image : ndarray or None
        ``(y, x)`` or ``(y, x, 3)``; None where it was not read.
    image_path : pathlib.Path or None
        Where the image is, as far as it was found.
    pixel_size_um : float or None
        Edge of a pixel.
    specimen : str
        What images of one specimen have in common; they stay together in a split.
    made : dict
        Who or what made the labels, the share that was reviewed, and the like; for JSON.
    """

    name: str
    shape: tuple[int, int]
    grains: npt.NDArray[np.int32] | None = None
    classes: npt.NDArray[np.uint8] | None = None
    boundary: npt.NDArray[np.bool_] | None = None
    ignore: npt.NDArray[np.bool_] | None = None
    image: npt.NDArray[Any] | None = None
    image_path: Path | None = None
    pixel_size_um: float | None = None
    specimen: str = ""
    made: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for what in ("grains", "classes", "boundary", "ignore"):
            each = getattr(self, what)
            if each is not None and each.shape != self.shape:
                raise LabelsError(
                    f"{self.name}: {what} {each.shape} and image {self.shape} differ in size."
                )
        if self.image is not None and self.image.shape[:2] != self.shape:
            raise LabelsError(
                f"{self.name}: labels {self.shape} and image {self.image.shape[:2]} differ in size."
            )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which labels there are: ``grains``, ``classes``, ``boundary``."""
        every = ("grains", "classes", "boundary")
        return tuple(kind for kind in every if getattr(self, kind) is not None)

    @property
    def regions(self) -> int:
        """How many regions a report calls them: each grain is one, and so is any other mask."""
        if self.grains is None:
            return max(1, len(self.kinds))
        labels = np.unique(self.grains)
        return int(np.count_nonzero(labels)) + len(self.kinds) - 1


@dataclass(frozen=True, eq=False)
class AnnotationSet(Mapping[str, Annotated]):
    """Annotated images by name, the class table they were read with, and what did not come over.

    Attributes
    ----------
    images : dict of str to Annotated
        By stem, in the order of the file.
    table : ClassTable
    report : Report
    """

    images: dict[str, Annotated]
    table: ClassTable = FRACTURE_MODES
    report: Report = field(default_factory=Report)

    def __getitem__(self, name: str) -> Annotated:
        return self.images[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)

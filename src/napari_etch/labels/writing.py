"""What all formats share when they write a set: images, ignore masks, options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.names import IGNORE_FOLDER
from napari_etch.labels.report import LabelsError, Notes
from napari_etch.micrograph import write_tiff


@dataclass(frozen=True)
class WriteOptions:
    """How a format writes.

    Attributes
    ----------
    table : ClassTable
    image_format : str
        ``tiff`` or ``png``, where the format leaves the choice.
    line_width : int
        Of drawn boundaries, px.
    polygons : bool
        COCO: outlines in place of run lengths.
    seg_npy : bool
        Cellpose: a ``_seg.npy`` beside the masks.
    grains_only : bool
        COCO and YOLO: grains are the first class and the only one, not one after the table's.
    """

    table: ClassTable = FRACTURE_MODES
    image_format: str = "tiff"
    line_width: int = 3
    polygons: bool = False
    seg_npy: bool = False
    grains_only: bool = False


@dataclass
class SetWriter:
    """Writes annotated images into a folder, one after the other.

    Attributes
    ----------
    folder : Path
        Exists and is empty.
    options : WriteOptions
    notes : Notes
        Is told what the format cannot hold.
    """

    folder: Path
    options: WriteOptions
    notes: Notes
    #: What an image is written as: as it is, or so that browsers and annotation tools show it.
    for_viewing: ClassVar[bool] = False
    #: Whether ignored parts go into a folder beside, which the tool itself does not know.
    keeps_ignore_beside: ClassVar[bool] = False
    #: File name of the image of each name.
    files: dict[str, str] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)

    def add(self, each: Annotated) -> None:
        """Write an image and its labels."""
        key = each.name.casefold()  # some file systems do not tell a from A
        if key in self._written:
            raise LabelsError(f"Two images are called {each.name}: rename one.")
        self._written.add(key)
        self.files[each.name] = each.name
        if self.keeps_ignore_beside and each.ignore is not None and each.ignore.any():
            write_mask(self.subfolder(IGNORE_FOLDER) / f"{each.name}.png", each.ignore)
        self.write(each)

    def write(self, each: Annotated) -> None:
        """Write an image and its labels in the format."""
        raise NotImplementedError

    def finish(self) -> None:
        """Write what can only be written when all images are known."""

    @classmethod
    def join(cls, folder: Path, writers: Mapping[str, SetWriter]) -> None:
        """Write what belongs to all parts of a split."""

    def subfolder(self, name: str) -> Path:
        """Return a folder in the set; it is made."""
        found = self.folder / name
        found.mkdir(exist_ok=True)
        return found

    def image(self, each: Annotated, folder: Path) -> str:
        """Write the image of an annotated image into a folder; return the file's name."""
        name = f"{each.name}.{'png' if self.for_viewing else self._suffix(each)}"
        self.files[each.name] = name
        if each.image is None:
            self.notes.change(each.name, "", "there is no image, so only its labels were written")
            return name
        picture = np.asarray(each.image)
        if self.for_viewing and picture.dtype.kind == "f":
            picture = eight_bits(picture)
            self.notes.change(each.name, "image", "its brightness was scaled to 8 bits")
        write_image(folder / name, picture, each.pixel_size_um)
        return name

    def _suffix(self, each: Annotated) -> str:
        if self.options.image_format == "tiff":
            return "tif"
        if each.image is not None and each.image.dtype.kind == "f":
            self.notes.change(each.name, "image", "PNG holds no decimals, so it is a TIFF")
            return "tif"
        return "png"


def write_image(path: Path, picture: npt.NDArray[Any], pixel_size_um: float | None = None) -> None:
    """Write an image as its ending says, TIFF or PNG.

    Parameters
    ----------
    path : Path
    picture : ndarray, shape (y, x) or (y, x, 3)
        uint8 or uint16; TIFF takes float32, too.
    pixel_size_um : float, optional
        Kept in TIFF only.
    """
    if path.suffix == ".tif":
        write_tiff(path, picture, pixel_size_um=pixel_size_um)
        return
    import imagecodecs

    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))


def write_mask(path: Path, mask: npt.NDArray[Any], pixel_size_um: float | None = None) -> None:
    """Write labels as they are; what is True or False as 255 and 0.

    `mask` is bool or whole numbers, (y, x). PNG holds numbers up to 65535, and no pixel size.
    """
    if mask.dtype == bool:
        mask = mask.astype(np.uint8) * np.uint8(255)
    write_image(path, mask, pixel_size_um)


def smallest(labels: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Return grain numbers as uint16 where they fit, which more tools read, else as they are."""
    return labels.astype(np.uint16) if labels.max(initial=0) <= 65535 else labels


def eight_bits(picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return an image with decimals, of any shape, as 8 bits, black and white at its extremes.

    NaN and what is below all numbers become black, what is above them white.
    """
    finite = picture[np.isfinite(picture)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    filled = np.nan_to_num(picture.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.asarray(np.rint((filled - low) * (255 / ((high - low) or 1))), np.uint8)


def draw_boundary(grains: npt.NDArray[np.integer], width: int) -> npt.NDArray[np.bool_]:
    """Return the boundaries between labels as lines of a width.

    Parameters
    ----------
    grains : ndarray of int, shape (y, x)
    width : int
        px, at least 1; even widths lie on both sides alike, odd ones a half pixel above and left.
    """
    from scipy.ndimage import distance_transform_edt

    from napari_etch.grains import boundary_lines

    if width < 1:
        raise LabelsError(f"Lines are {width} px wide: take at least 1.")
    lines = boundary_lines(grains)
    if width % 2 == 0:  # both sides of each change
        lines[1:] |= grains[1:] != grains[:-1]
        lines[:, 1:] |= grains[:, 1:] != grains[:, :-1]
    radius = (width - 1) // 2
    if not radius or not lines.any():
        return lines
    return np.asarray(distance_transform_edt(~lines) <= radius)

"""A training on labels, on its way to another process."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from napari_etch.micrograph.choice import Choice
from napari_etch.training.folder import IGNORE, IMAGES, LABELS, SPECIMENS
from napari_etch.training.trainers import TrainRequest

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

REQUEST = "training.json"
DATA = "data"
STATE = "state"


@dataclass(frozen=True, eq=False)
class Labelled:
    """An image with its labels, as a user corrected them.

    Attributes
    ----------
    micrograph : Micrograph
        One image, or a stack.
    labels : whole numbers, of the micrograph's size
    ignore : bool, of the same size, or None
        True is not learnt from.
    specimen : str
        "" where it is not known.
    """

    micrograph: Micrograph
    labels: npt.NDArray[np.integer]
    ignore: npt.NDArray[np.bool_] | None = None
    specimen: str = ""


@dataclass(frozen=True, eq=False)
class LabelledRequest:
    """The request of a training, with its images where they are in no folder yet.

    Attributes
    ----------
    request : TrainRequest
        Its `data` is not looked at where images are given.
    images : sequence of Labelled
    kept : pathlib.Path or None
        Folder, see `unfinished`, in which the request, the images and the checkpoint are kept, so
        that the training can be gone on with.
    """

    request: TrainRequest
    images: Sequence[Labelled] = ()
    kept: Path | None = None

    word: ClassVar[str] = "training"

    def write(self, folder: Path) -> None:
        """Write the request into a folder, and the images as a training folder in it.

        Where it is kept, the images lie there, and a copy of the request.
        """
        request, kept_in = self.request, self.kept
        if self.images:
            data = (kept_in or folder) / DATA
            write_training_folder(self._as_learnt(), data)
            request = replace(request, data=data)
        if kept_in is not None:
            request = replace(request, checkpoint=kept_in / STATE)
        plain: dict[str, Any] = asdict(request)
        plain["data"] = str(request.data.resolve())
        kept = request.checkpoint
        plain["checkpoint"] = None if kept is None else str(kept.resolve())
        for place in (folder, kept_in):
            if place is not None:
                part = place / f".{REQUEST}.part"
                part.write_text(json.dumps(plain), "utf-8")
                part.replace(place / REQUEST)

    def _as_learnt(self) -> Sequence[Labelled]:
        """Return the images without what is taken for no specimen; classes have smooth facets."""
        from napari_etch.micrograph.around import with_smooth_parts

        if self.request.labels != "classes":
            return self.images
        return [
            replace(item, micrograph=with_smooth_parts(item.micrograph)) for item in self.images
        ]

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Return whether a folder holds such a request."""
        return (folder / REQUEST).exists()

    @staticmethod
    def read(folder: Path) -> TrainRequest:
        """Read what `write` wrote."""
        asked = json.loads((folder / REQUEST).read_text("utf-8"))
        kept = asked.pop("checkpoint")
        return TrainRequest(
            data=Path(asked.pop("data")),
            checkpoint=None if kept is None else Path(kept),
            choice=Choice(**asked.pop("choice", {})),
            **asked,
        )


def write_training_folder(images: Sequence[Labelled], folder: Path) -> None:
    """Write images and labels as `training.folder` reads them; equal names are told apart."""
    import tifffile

    taken: set[str] = set()
    specimens = []
    for item in images:
        stem = _free_stem(item.micrograph.name, taken)
        specimens.append((stem, item.specimen))
        parts: dict[str, npt.NDArray[Any] | None] = {
            IMAGES: _without_bars(item.micrograph),
            LABELS: np.asarray(item.labels, np.int32),
            IGNORE: None if item.ignore is None else item.ignore.astype(np.uint8),
        }
        for name, pixels in parts.items():
            if pixels is None:
                continue
            (folder / name).mkdir(parents=True, exist_ok=True)
            colour = name == IMAGES and item.micrograph.is_rgb
            tifffile.imwrite(
                folder / name / f"{stem}.tif",
                pixels,
                photometric="rgb" if colour else "minisblack",
            )
    if any(specimen for _, specimen in specimens):
        with (folder / SPECIMENS).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("image", "specimen"), *specimens])


def _free_stem(name: str, taken: set[str]) -> str:
    """Return the name as a file may have it, with a number where it is taken."""
    plain = "".join(c if c.isalnum() or c in "-_ .()" else "-" for c in name).strip(" .") or "image"
    stem, number = plain, 2
    while stem.lower() in taken:
        stem, number = f"{plain} ({number})", number + 1
    taken.add(stem.lower())
    return stem


def _without_bars(micrograph: Micrograph) -> npt.NDArray[Any]:
    """Return the pixels; what is no specimen becomes NaN, so that it stays masked."""
    if (
        micrograph.info_bar_row is None
        and not micrograph.is_surrounded
        and not any(micrograph.scale_bars)
    ):
        return micrograph.data
    return micrograph.bare()

"""ImageJ: `NAME.tif` and its regions of interest, `NAME.zip`, with roifile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.collector import Collector
from napari_etch.labels.finding import Shape
from napari_etch.labels.folders import files_in
from napari_etch.labels.outlined import outlined
from napari_etch.labels.regions import ImageRegions, Region
from napari_etch.labels.report import LabelsError
from napari_etch.labels.values import number_or_none
from napari_etch.labels.writing import SetWriter

ROI_SUFFIXES = (".zip", ".roi")
#: ImageJ's own names are numbers, such as 0012-0034-0056; what is not one of those is a word.
_OWN_NAME = re.compile(r"[\d.-]*")
_TAIL = re.compile(r"[\s_-]*\d+(\.\d+)?$")


class ImageJWriter(SetWriter):
    """An image and a zip of polygons, which the ROI manager opens."""

    def write(self, each: Annotated) -> None:
        """Write an image and its regions."""
        self.image(each, self.folder)
        if not write_rois(self.folder / f"{each.name}.zip", each, self.options.table):
            self.notes.skip(each.name, "", "it has no region, so it has no zip")


def write_rois(path: Path, each: Annotated, table: ClassTable) -> bool:
    """Write a zip of regions; return whether there were any.

    Parameters
    ----------
    path : Path
    each : Annotated
    table : ClassTable
    """
    import roifile

    rois = []
    for at, region in enumerate(outlined(each, table), 1):
        number = at if region.number is None else region.number
        for piece, ring in enumerate(region.rings, 1):
            tail = f".{piece}" if len(region.rings) > 1 else ""
            name = f"{region.word}-{number}{tail}"
            roi = roifile.ImagejRoi.frompoints(ring.astype(int), name=name)
            roi.roitype = roifile.ROI_TYPE.POLYGON
            roi.props = f"class: {region.word}\n"
            if region.number is not None:
                roi.props += f"grain: {region.number}\n"
            rois.append(roi)
    if rois:
        roifile.roiwrite(path, rois, mode="w")
    return bool(rois)


def read_rois(path: Path, into: Collector, name: str = "", shape: Shape | None = None) -> None:
    """Read a file of regions of interest; the image of its name gives the size.

    Raises
    ------
    LabelsError
        When it cannot be read.
    """
    import roifile

    try:
        found: Any = roifile.roiread(path)
    except Exception as error:  # damaged files raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LabelsError(f"{path} cannot be read as ImageJ regions ({reason}).") from error
    name = name or re.sub(r"[ _-]?(RoiSet|rois?)$", "", path.stem, flags=re.IGNORECASE) or path.stem
    regions = []
    for number, roi in enumerate(found if isinstance(found, list) else [found], 1):
        region = _region(number, roi, name, into)
        regions += [] if region is None else [region]
    into.regions(ImageRegions(name, regions, shape))


def _region(number: int, roi: Any, name: str, into: Collector) -> Region | None:
    import roifile

    kinds = roifile.ROI_TYPE
    props = dict(re.findall(r"^(\w+): ?(.*)$", roi.props or "", flags=re.MULTILINE))
    word = props.get("class", _word(roi.name or ""))
    what = f"region {number} ({roi.name})"
    area = (kinds.POLYGON, kinds.RECT, kinds.OVAL, kinds.FREEHAND, kinds.TRACED)
    if roi.roitype not in area:
        into.notes.skip(name, what, f"a {roi.roitype.name.lower()} has no area")
        return None
    rings = tuple(np.asarray(ring, float) for ring in roi.coordinates(multi=True))
    return Region(what, word, rings, None, number_or_none(props.get("grain")))


def _word(name: str) -> str:
    """Return the word in the name of a region; what ImageJ numbered itself is a grain."""
    return "" if _OWN_NAME.fullmatch(name) else _TAIL.sub("", name)


def read_imagej(folder: Path, into: Collector) -> None:
    """Read a folder of images with zips of regions."""
    for path in files_in(folder):
        if path.suffix.lower() in ROI_SUFFIXES:
            try:
                read_rois(path, into)
            except LabelsError as error:
                into.notes.skip(path.stem, "", str(error))

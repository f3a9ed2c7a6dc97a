"""The formats in which sets are exported: what each holds, and what it loses."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from napari_etch.labels.report import LabelsError
from napari_etch.labels.writing import SetWriter

ALL_KINDS = ("grains", "classes", "boundary")
_REGIONS = ("grains", "classes")


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes
    ----------
    name : str
        As the command line has it.
    title : str
        As the dock shows it.
    layout : str
        The files that it makes.
    kinds : tuple of str
        Maps that it can hold.
    writer : str
        Module and class.
    is_single : bool
        Whether an image has one map only.
    loses : str
        What does not come back, in a sentence; empty when all does.
    """

    name: str
    title: str
    layout: str
    kinds: tuple[str, ...]
    writer: str
    is_single: bool = False
    loses: str = ""

    def make(self) -> type[SetWriter]:
        """Return the class that writes it."""
        module, name = self.writer.split(":")
        found: type[SetWriter] = getattr(import_module(f"napari_etch.labels.{module}"), name)
        return found


_EIGHT_BITS = "Images with decimals are scaled to 8 bits."
_BESIDE = (
    "An ignore mask lies beside, in ignore/, if there is one; the tool itself does not know it."
)

FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            "pairs",
            "Training folder",
            "images/NAME.tif, labels/NAME.tif, ignore/NAME.png, specimens.csv",
            ALL_KINDS,
            "folders:PairsWriter",
            is_single=True,
        ),
        Format(
            "coco",
            "COCO instances",
            "images/NAME.png, annotations.json",
            _REGIONS,
            "json_sets:CocoWriter",
            loses=_EIGHT_BITS,
        ),
        Format(
            "via",
            "VGG Image Annotator 2",
            "images/NAME.png, via_project.json",
            _REGIONS,
            "json_sets:ViaWriter",
            loses=_EIGHT_BITS,
        ),
        Format(
            "labelme",
            "LabelMe",
            "NAME.png, NAME.json",
            _REGIONS,
            "json_sets:LabelMeWriter",
            loses=_EIGHT_BITS,
        ),
        Format(
            "yolo",
            "YOLO segmentation",
            "images/NAME.png, labels/NAME.txt, data.yaml",
            _REGIONS,
            "yolo:YoloWriter",
            loses=f"Grains are numbered anew from 1. {_BESIDE} {_EIGHT_BITS}",
        ),
        Format(
            "cellpose",
            "Cellpose and Omnipose",
            "NAME.tif, NAME_masks.tif",
            ("grains",),
            "folders:CellposeWriter",
            is_single=True,
            loses=f"There are no flows: Cellpose computes them. {_BESIDE}",
        ),
        Format(
            "stardist",
            "StarDist",
            "images/NAME.tif, masks/NAME.tif",
            ("grains",),
            "folders:StarDistWriter",
            is_single=True,
            loses=_BESIDE,
        ),
        Format(
            "imagej",
            "ImageJ regions (ROI)",
            "NAME.tif, NAME.zip",
            _REGIONS,
            "imagej:ImageJWriter",
        ),
        Format("zarr", "OME-Zarr 0.5", "NAME.ome.zarr", ALL_KINDS, "ome_zarr:ZarrWriter"),
        Format("hdf5", "HDF5", "labels.h5", ALL_KINDS, "hdf5:Hdf5Writer"),
    )
}


def find_format(name: str) -> Format:
    """Return a format.

    Raises
    ------
    LabelsError
        When there is none of that name.
    """
    if name not in FORMATS:
        raise LabelsError(f"There is no format {name!r}: choose {', '.join(FORMATS)}.")
    return FORMATS[name]

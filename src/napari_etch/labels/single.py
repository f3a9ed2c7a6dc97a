"""The annotations of one image as a single file: COCO, LabelMe, ImageJ regions or HDF5."""

from __future__ import annotations

import uuid
from pathlib import Path

from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.coco import coco_value
from napari_etch.labels.hdf5 import write_group
from napari_etch.labels.imagej import write_rois
from napari_etch.labels.json_sets import write_json
from napari_etch.labels.report import LabelsError

SINGLE_SUFFIXES = (".json", ".zip", ".h5")


def write_single(
    path: Path, each: Annotated, *, table: ClassTable = FRACTURE_MODES, image_name: str = ""
) -> None:
    """Write the annotations of an image into one file; it appears whole, and replaces another.

    Parameters
    ----------
    path : Path
        ``.json`` is COCO, ``.zip`` ImageJ regions, ``.h5`` HDF5 with the image.
    each : Annotated
    table : ClassTable
    image_name : str
        File of the image, for COCO; default the name with ``.tif``.

    Raises
    ------
    LabelsError
        When the ending is another one, there is nothing to write, or the disk does not take it.
    """
    suffix = path.suffix.lower()
    if suffix not in SINGLE_SUFFIXES:
        raise LabelsError(f"{path.name} should end with {', '.join(SINGLE_SUFFIXES)}.")
    if not each.kinds:
        raise LabelsError(f"{each.name} has no labels to write.")
    temporary = path.with_name(f".{uuid.uuid4().hex}{suffix}")
    try:
        if suffix == ".json":
            name = image_name or f"{each.name}.tif"
            write_json(temporary, coco_value([(name, each)], table))
        elif suffix == ".h5":
            write_group(temporary, each, table)
        elif not write_rois(temporary, each, table):
            raise LabelsError(f"{each.name} has no region to write.")
        temporary.replace(path)
    except OSError as error:
        raise LabelsError(f"{path} could not be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)

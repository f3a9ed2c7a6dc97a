"""Names of files and folders of an annotated set: one place for all formats."""

from __future__ import annotations

IMAGES_FOLDER = "images"
LABELS_FOLDER = "labels"
MASKS_FOLDER = "masks"
IGNORE_FOLDER = "ignore"
SPECIMENS_FILE = "specimens.csv"
MANIFEST_FILE = "manifest.json"
PROGRAM = "napari-etch"
CLASSES_FILE = "classes.json"
COCO_FILE = "annotations.json"
VIA_FILE = "via_project.json"
YOLO_FILE = "data.yaml"
HDF5_FILE = "labels.h5"
CELLPOSE_MASKS = "_masks"
ZARR_SUFFIX = ".ome.zarr"
#: Folders of the parts of a split.
PARTS = ("train", "val", "test")

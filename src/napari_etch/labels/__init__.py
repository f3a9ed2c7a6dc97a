"""Import and export of annotations: formats of other programs, sets for training."""

from napari_etch.labels.annotated import Annotated, AnnotationSet
from napari_etch.labels.exporting import (
    Exported,
    ExportRequest,
    ExportStep,
    LabelSource,
    export_all,
    export_set,
)
from napari_etch.labels.formats import FORMATS, Format
from napari_etch.labels.reading import read_annotations
from napari_etch.labels.report import LabelsError, Remark, Report
from napari_etch.labels.split import Split
from napari_etch.labels.tiles import Tiles
from napari_etch.labels.writing import WriteOptions

__all__ = [
    "FORMATS",
    "Annotated",
    "AnnotationSet",
    "ExportRequest",
    "ExportStep",
    "Exported",
    "Format",
    "LabelSource",
    "LabelsError",
    "Remark",
    "Report",
    "Split",
    "Tiles",
    "WriteOptions",
    "export_all",
    "export_set",
    "read_annotations",
]

"""Import and export of annotations: formats of other programs, sets for training."""

from napari_etch.labels.annotated import Annotated, AnnotationSet
from napari_etch.labels.reading import read_annotations
from napari_etch.labels.report import LabelsError, Remark, Report

__all__ = [
    "Annotated",
    "AnnotationSet",
    "LabelsError",
    "Remark",
    "Report",
    "read_annotations",
]

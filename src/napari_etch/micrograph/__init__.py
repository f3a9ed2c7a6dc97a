"""Reading and writing micrographs: pixels, calibration, information bar, illumination."""

from napari_etch.micrograph.calibration import Calibration, calibration_from_line
from napari_etch.micrograph.errors import MicrographError, SeveralImagesError
from napari_etch.micrograph.image import Micrograph, micrograph_from_array
from napari_etch.micrograph.info_bar import find_info_bar
from napari_etch.micrograph.reading import IMAGE_SUFFIXES, read_micrograph
from napari_etch.micrograph.shading import flatten_illumination
from napari_etch.micrograph.writing import write_tiff

__all__ = [
    "IMAGE_SUFFIXES",
    "Calibration",
    "Micrograph",
    "MicrographError",
    "SeveralImagesError",
    "calibration_from_line",
    "find_info_bar",
    "flatten_illumination",
    "micrograph_from_array",
    "read_micrograph",
    "write_tiff",
]

"""The micrograph that is part of the package."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

#: 222 px are 50 µm on the scale bar of the original.
NIST_STEEL_PIXEL_SIZE_UM = 50 / 222


def sample_steel() -> Micrograph:
    """Return an optical micrograph of etched ferritic steel, calibrated.

    Returns
    -------
    Micrograph
        ``(600, 800)`` uint8, 0.2252 µm a pixel. From the National Institute of Standards and
        Technology (usnistgov/grain-size-analysis-tools), public domain; see ``NOTICE``.
    """
    from napari_etch.micrograph import Calibration, read_micrograph

    with as_file(files("napari_etch") / "data" / "nist_steel.png") as path:
        micrograph = read_micrograph(
            path, pixel_size_um=NIST_STEEL_PIXEL_SIZE_UM, keep_info_bar=True
        )
    calibration = Calibration(NIST_STEEL_PIXEL_SIZE_UM, "scale bar of the original, 222 px = 50 µm")
    return replace(micrograph, calibration=calibration, path=None)

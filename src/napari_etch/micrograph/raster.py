"""Reading PNG, JPEG and BMP files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.micrograph.calibration import Calibration, is_editor_dpi, square_calibration
from napari_etch.micrograph.errors import MicrographError
from napari_etch.micrograph.pixels import apply_palette
from napari_etch.micrograph.tiff import RawImage

_INCH_UM = 25400.0


def read_raster(path: Path, *, calibrate: bool) -> RawImage:
    """Read a PNG, JPEG or BMP image.

    Parameters
    ----------
    path : pathlib.Path
    calibrate : bool
        Whether to look for the pixel size.

    Returns
    -------
    RawImage

    Raises
    ------
    MicrographError
        For colour spaces other than grey and RGB, and pixels that are not square.
    OSError
        From Pillow, for truncated and damaged files.
    """
    from PIL import Image

    with warnings.catch_warnings():
        # A stitched micrograph has more pixels than Pillow expects of a photograph.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=("PNG", "JPEG", "BMP")) as image:
            calibration = _calibration(image, path.name) if calibrate else None
            if image.format == "PNG" and _is_deep_colour(path):
                data = _decode_png(path)
            else:
                data = _pixels(image, path.name)
    return RawImage(data, data.ndim == 3, calibration)


def _is_deep_colour(path: Path) -> bool:
    """16 bits a sample with colour or alpha, which Pillow cuts to 8."""
    with path.open("rb") as file:
        header = file.read(26)
    return header[24] == 16 and header[25] != 0


def _decode_png(path: Path) -> np.ndarray:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def _pixels(image: Any, name: str) -> np.ndarray:
    if image.mode == "P":
        indices = np.asarray(image)
        palette = np.zeros((256, 3), dtype=np.uint8)
        colours = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
        palette[: len(colours)] = colours
        return apply_palette(indices, palette)
    if image.mode in ("CMYK", "LAB", "HSV", "PA"):
        raise MicrographError(f"{name} is stored as {image.mode}; save it as grey or RGB.")
    if image.mode == "YCbCr":
        image = image.convert("RGB")
    return np.array(image)  # a copy: Pillow's own buffer is read-only


def _calibration(image: Any, name: str) -> Calibration | None:
    dpi = image.info.get("dpi")
    if dpi is None:
        return None
    width, height = (_INCH_UM / float(d) if float(d) > 0 else None for d in dpi)
    if width is None or is_editor_dpi(width):
        return None
    return square_calibration(width, height, f"{image.format} resolution", name)

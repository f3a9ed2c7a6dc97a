"""TIFFs that carry their pixel size: SEM frames, calibrated micrographs and grain maps.

napari matches readers by file name only, and where two match it asks the user once. The user who
then picks this reader for all ``.tif`` files must not lose any: a file whose pixel size cannot be
told, or that is no single micrograph, is handed on to napari's own reader unchanged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch._widgets.layers import GRAINS_LOOK, finest, pixel_size_um
from napari_etch._widgets.samples import LayerData, image_layer_data

log = logging.getLogger("napari_etch")

ReadFunction = Callable[[Any], list[LayerData]]


def get_reader(path: str | list[str]) -> ReadFunction | None:
    """Return a function that reads `path`, None when neither this reader nor napari's can.

    Parameters
    ----------
    path : str or list of str
        A file; lists (files that are to be stacked) are napari's business.

    Returns
    -------
    callable or None
        Takes the path, returns layer data.
    """
    if isinstance(path, str | os.PathLike):
        layer = _calibrated(os.fspath(path))
        if layer is not None:
            return lambda _path: [layer]
    return _napari_reader(path)


def _calibrated(path: str) -> LayerData | None:
    from napari_etch.micrograph import MicrographError, read_micrograph
    from napari_etch.micrograph.tiff import holds_labels

    try:
        micrograph = read_micrograph(path)
    except (MicrographError, OSError) as error:
        log.info("%s is left to napari's own reader: %s", path, error)
        return None
    if micrograph.pixel_size_um is None:
        return None
    data, keywords, kind = image_layer_data(micrograph)
    if not holds_labels(Path(path)):
        return data, keywords, kind
    place = {name: keywords[name] for name in ("name", "scale", "units")}
    # as they stand in the file: a micrograph has no room for the numbers of more than 65,535 grains
    return _numbers(path), {**place, **GRAINS_LOOK}, "labels"


def _numbers(path: str) -> np.ndarray:
    import tifffile

    return np.squeeze(tifffile.imread(path))


def _napari_reader(path: str | list[str]) -> ReadFunction | None:
    try:
        from napari_builtins.io import napari_get_reader
    except ImportError:
        return None
    return napari_get_reader(path)


def write_calibrated(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save an image as a TIFF with its pixel size, which napari's own writer leaves out.

    Parameters
    ----------
    path : str
    data : array_like
        Pixels of the layer, (y, x), (y, x, 3) or (z, y, x).
    attributes : dict
        Keywords of the layer.

    Returns
    -------
    list of str
        What was written.

    Raises
    ------
    napari_etch.micrograph.MicrographError
        When it cannot be, in one sentence.
    """
    return _write(path, (data, attributes, "image"))


def write_calibrated_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save labels as a TIFF with their pixel size; see `write_calibrated`."""
    return _write(path, (data, attributes, "labels"))


def _write(path: str, layer_data: LayerData) -> list[str]:
    from napari.layers import Layer

    from napari_etch.micrograph import write_tiff

    layer: Any = Layer.create(*layer_data)
    pixels = np.asarray(finest(layer))
    if getattr(layer, "rgb", False):
        pixels = pixels[..., :3]  # what is transparent is of no micrograph
    target = path if path.lower().endswith((".tif", ".tiff")) else f"{path}.tif"
    write_tiff(target, pixels, pixel_size_um=pixel_size_um(layer))
    return [target]

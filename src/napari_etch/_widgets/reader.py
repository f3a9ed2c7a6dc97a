"""Reader for micrographs that carry their pixel size: SEM frames and calibrated TIFFs.

napari matches readers by file name only, and where two match it asks the user once. The user who
then picks this reader for all ``.tif`` files must not lose any: a file whose pixel size cannot be
told, or that is no single micrograph, is handed on to napari's own reader unchanged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

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

    try:
        micrograph = read_micrograph(path)
    except (MicrographError, OSError) as error:
        log.info("%s is left to napari's own reader: %s", path, error)
        return None
    if micrograph.pixel_size_um is None:
        return None
    return image_layer_data(micrograph)


def _napari_reader(path: str | list[str]) -> ReadFunction | None:
    try:
        from napari_builtins.io import napari_get_reader
    except ImportError:
        return None
    return napari_get_reader(path)

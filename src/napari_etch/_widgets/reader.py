"""TIFFs that carry their pixel size: SEM frames, calibrated micrographs, stacks and grain maps.

napari matches readers by file name only, and where two match it asks the user once. The user who
then picks this reader for all ``.tif`` files must not lose any: a file whose pixel size cannot be
told, or that holds several series, is handed on to napari's own reader unchanged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.layers import GRAINS_LOOK, finest, pixel_size_um, section_distance_um
from napari_etch._widgets.samples import LayerData, image_layer_data

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph

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
        layers = _calibrated(os.fspath(path))
        if layers:
            return lambda _path: layers
    return _napari_reader(path)


def _calibrated(path: str) -> list[LayerData]:
    """Return an image, a stack, or the channels of either; nothing where no pixel size is told."""
    from napari_etch.micrograph import MicrographError
    from napari_etch.micrograph.tiff import holds_labels

    try:
        micrographs = read_images(path)
    except (MicrographError, OSError) as error:
        log.info("%s is left to napari's own reader: %s", path, error)
        return []
    if all(each.pixel_size_um is None for each in micrographs):
        return []
    layers = [image_layer_data(each) for each in micrographs]
    if len(layers) > 1:
        return layers
    ((data, keywords, kind),) = layers
    if holds_labels(Path(path)):
        place = {name: keywords[name] for name in ("name", "scale", "units")}
        # as they stand in the file: a micrograph has no room for more than 65,535 grains
        return [(_numbers(path), {**place, **GRAINS_LOOK}, "labels")]
    if micrographs[0].is_stack and _is_coloured(path):  # a micrograph's stacks are grey
        return [(_numbers(path)[..., :3], {**keywords, "rgb": True}, kind)]
    return [(data, keywords, kind)]


def read_images(path: str) -> list[Micrograph]:
    """Read an image or a stack; each of several series and channels, which bear their names."""
    from napari_etch.micrograph.errors import SeveralSeriesError

    try:
        return read_series(path)
    except SeveralSeriesError as error:
        names = error.names
    return [each for at, name in enumerate(names) for each in read_series(path, at, name)]


def read_series(path: str, series: int | None = None, title: str = "") -> list[Micrograph]:
    """Read the only image or stack of a file, or one of several; each of its channels."""
    stem = Path(path).stem
    start = stem if series is None else f"{stem} {title or series}"
    found = _channels(path, series)
    return [replace(each, name=f"{start}{each.name.removeprefix(stem)}") for each in found]


def _channels(path: str, series: int | None) -> list[Micrograph]:
    from napari_etch.micrograph import SeveralImagesError, read_micrograph
    from napari_etch.micrograph.errors import SeveralChannelsError

    try:
        return [read_micrograph(path, series=series)]
    except SeveralImagesError:
        return [read_micrograph(path, series=series, stack=True)]
    except SeveralChannelsError as error:
        names = error.names
    stacks = [
        read_micrograph(path, series=series, channel=at, stack=True) for at in range(len(names))
    ]
    return [
        replace(
            stack if len(stack.data) > 1 else _only_section(stack),
            name=f"{stack.name} {name or at}",
        )
        for at, (stack, name) in enumerate(zip(stacks, names, strict=True))
    ]


def _only_section(stack: Micrograph) -> Micrograph:
    return replace(next(stack.sections()), section=None)


def _numbers(path: str) -> np.ndarray:
    import tifffile

    return np.squeeze(tifffile.imread(path))


def _is_coloured(path: str) -> bool:
    import tifffile

    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        return str(series.axes).endswith("S") and series.shape[-1] > 2


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
    apart = section_distance_um(layer)
    write_tiff(target, pixels, pixel_size_um=pixel_size_um(layer), distance_um=apart)
    return [target]

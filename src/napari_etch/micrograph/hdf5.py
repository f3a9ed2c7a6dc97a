"""Images in HDF5 files, whoever wrote them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.micrograph.arrays import (
    HeldArray,
    guessed_axes,
    looks_like_image,
    named,
    read_array,
)
from napari_etch.micrograph.calibration import Calibration, square_calibration
from napari_etch.micrograph.choice import Choice
from napari_etch.micrograph.hdf5_sizes import (
    NEXUS,
    VELOX,
    is_velox,
    nexus_edges,
    tells_of_velox,
    velox_edges,
)
from napari_etch.micrograph.iron import iron_image, is_iron
from napari_etch.micrograph.tiff import RawImage

# (z, y, x) in µm, as ilastik and Fiji's HDF5 plugin write it.
_ELEMENT_SIZE = "element_size_um"
# What our own sets say, of the group.
_PIXEL_SIZE = "pixel_size_um"


def read_hdf5(path: Path, *, stack: bool, calibrate: bool, choice: Choice) -> RawImage:
    """Read an image or a stack from a data set of an HDF5 file.

    Parameters
    ----------
    path : pathlib.Path
    stack : bool
        Whether several sections are wanted.
    calibrate : bool
        Whether to look for the pixel size.
    choice : Choice
        Of data set and channel. The images of the published serial sections (`micrograph.iron`)
        need none.

    Raises
    ------
    MicrographError
        When there is no such data set, or it is not what was asked for.
    """
    import h5py

    with h5py.File(path, "r") as file:
        chosen = iron_image(file) if choice.series is None else None
        if chosen is None:
            found = _images(file)
            paths = [str(each.name) for each in found]
            chosen = found[named(paths, choice, path.name, found)]
        held = HeldArray(
            str(chosen.name),
            chosen,
            _axes(chosen),
            calibration=_calibration(chosen, path.name) if calibrate else None,
            distance_um=_element_size(chosen)[0],
        )
        return read_array(held, choice, path.name, stack=stack)


def holds_images(path: Path) -> bool:
    """Return whether a file is HDF5 with a data set that may be an image."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return bool(_images(file))
    except Exception:  # h5py raises anything on damaged files, and on what is none
        return False


def _images(file: Any) -> list[Any]:
    """Return the data sets that may be images, in the order of their paths."""
    import h5py

    found = []

    def look(_: str, each: Any) -> None:
        if (
            isinstance(each, h5py.Dataset)
            and each.shape
            and looks_like_image(each.shape, each.dtype)
            and not tells_of_velox(each)
        ):
            found.append(each)

    file.visititems(look)
    return found


def _axes(array: Any) -> str:
    """Return the axes of a data set as it states them, or as its shape tells."""
    if is_iron(array):
        return "YXZ"
    if is_velox(array):
        return "YXT"
    labels = [str(each.label) for each in array.dims]
    with suppress(KeyError, TypeError, ValueError):  # ilastik's and vigra's
        labels = [str(axis["key"]) for axis in json.loads(array.attrs["axistags"])["axes"]]
    letters = "".join(label[:1].upper() for label in labels)
    if len(letters) == array.ndim and len(set(letters)) == array.ndim and set("YX") <= set(letters):
        return letters
    return guessed_axes(array.shape, array.dtype)


def _calibration(array: Any, name: str) -> Calibration | None:
    _, height, width = _element_size(array)
    if width is not None:
        return square_calibration(width, height, f"{_ELEMENT_SIZE} of {array.name}", name)
    for origin, look in ((VELOX, velox_edges), (NEXUS, nexus_edges)):
        edges = look(array)
        if edges is not None:
            return square_calibration(edges[1], edges[0], f"{origin} of {array.name}", name)
    stated = array.attrs.get(_PIXEL_SIZE, array.parent.attrs.get(_PIXEL_SIZE))
    size = float(np.asarray(stated).ravel()[0]) if stated is not None else None
    return square_calibration(size, None, f"{_PIXEL_SIZE} of {array.name}", name)


def _element_size(array: Any) -> tuple[float | None, float | None, float | None]:
    stated = np.asarray(array.attrs.get(_ELEMENT_SIZE, ()), dtype=object).ravel()
    sizes: list[float | None] = [None, None, None]
    with suppress(TypeError, ValueError):
        for at, each in enumerate(stated[-3:][::-1]):
            sizes[2 - at] = float(each) if np.isfinite(float(each)) and float(each) > 0 else None
    return sizes[0], sizes[1], sizes[2]

"""Leica LIF and LOF files (LAS X): images, sections, tiles and channels, with their pixel size.

Read by liffile (https://github.com/cgohlke/liffile).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.micrograph.arrays import HeldArray, named, read_array
from napari_etch.micrograph.calibration import micrometres_per, square_calibration
from napari_etch.micrograph.choice import Choice
from napari_etch.micrograph.errors import not_installed
from napari_etch.micrograph.tiff import RawImage

_DESCRIPTION = "./Data/Image/ImageDescription"
_NUMBER_OF_AXIS = {"X": "1", "Y": "2", "Z": "3"}


def read_lif(path: Path, *, stack: bool, calibrate: bool, choice: Choice) -> RawImage:
    """Read an image or a stack from a LIF file.

    Parameters
    ----------
    path : pathlib.Path
    stack : bool
        Whether several sections, or tiles of a scan that was not merged, are wanted.
    calibrate : bool
        Whether to look for the pixel size.
    choice : Choice
        Of image, as its series, and channel.

    Raises
    ------
    MicrographError
        When there is no such image, it is not what was asked for, or liffile is not installed.
    """
    try:
        from liffile import LifFile
    except ImportError:
        raise not_installed(path.name, "a LIF file", "liffile") from None
    with LifFile(path) as file:
        images = [_Image(each) for each in file.images]
        names = [each.path for each in images]
        image = images[named(names, choice, path.name, images, "image", "--series")]
        steps = {axis: _step_um(image.image, axis) for axis in _NUMBER_OF_AXIS}
        held = HeldArray(
            image.path,
            image,
            "".join(image.image.dims),
            _channel_names(image.image),
            square_calibration(steps["X"], steps["Y"], "LIF", path.name) if calibrate else None,
            steps["Z"],
        )
        raw = read_array(held, choice, path.name, stack=stack)
    return raw if len(names) > 1 else replace(raw, choice=replace(raw.choice, series=None))


class _Image:
    """An image of a LIF file as an array, which is read when it is sliced."""

    def __init__(self, image: Any) -> None:
        self.image = image
        self.path = str(image.path)
        self.shape = tuple(image.shape)

    def __getitem__(self, where: tuple[int | slice, ...]) -> np.ndarray:
        return np.asarray(self.image.asarray())[where]


def _channel_names(image: Any) -> tuple[str, ...]:
    """Return the colours that channels are shown in: a LIF file has no other names of them."""
    found = image.xml_element.findall(f"{_DESCRIPTION}/Channels/ChannelDescription")
    return tuple(each.get("LUTName") or "" for each in found)


def _step_um(image: Any, axis: str) -> float | None:
    """Return the step along an axis, µm; None where it is no length or there is one place."""
    place = f"{_DESCRIPTION}/Dimensions/DimensionDescription[@DimID='{_NUMBER_OF_AXIS[axis]}']"
    found = image.xml_element.find(place)
    unit = None if found is None else micrometres_per(found.get("Unit") or "")
    if found is None or unit is None:
        return None
    # from the middle of the first pixel to that of the last
    steps = int(found.get("NumberOfElements", 1)) - 1
    length = abs(float(found.get("Length", 0)))
    return length * unit / steps if steps > 0 and length > 0 else None

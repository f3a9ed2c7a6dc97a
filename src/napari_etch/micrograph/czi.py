"""Zeiss CZI files (ZEN): scenes, mosaics, sections and channels, with their pixel size.

Read by libCZI, Zeiss's own library (https://github.com/ZEISS/pylibczirw), at full resolution; the
fields of a mosaic lie where the microscope put them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_etch.micrograph.arrays import HeldArray, named, read_array
from napari_etch.micrograph.calibration import Calibration, square_calibration
from napari_etch.micrograph.choice import Choice
from napari_etch.micrograph.errors import not_installed
from napari_etch.micrograph.tiff import RawImage

_UM_PER_M = 1e6
# Of an image that was taken without an objective a "scale" of 1 m a pixel is stated.
_MOST_UM = 1e4


def read_czi(path: Path, *, stack: bool, calibrate: bool, choice: Choice) -> RawImage:
    """Read an image or a stack from a CZI file.

    Parameters
    ----------
    path : pathlib.Path
    stack : bool
        Whether several sections are wanted.
    calibrate : bool
        Whether to look for the pixel size.
    choice : Choice
        Of scene, as its series, and channel.

    Raises
    ------
    MicrographError
        When there is no such scene, it is not what was asked for, or pylibCZIrw is not installed.
    """
    try:
        from pylibCZIrw import czi
    except ImportError:
        raise not_installed(path.name, "a CZI file", "pylibCZIrw") from None
    with czi.open_czi(str(path)) as file:
        about = ElementTree.fromstring(file.raw_metadata)
        numbers = sorted(file.scenes_bounding_rectangle) or [None]
        scenes = [_Scene(file, number) for number in numbers]
        names = scene_names(about, numbers)
        at = named(names, choice, path.name, scenes, "scene", "--series")
        held = HeldArray(
            names[at],
            scenes[at],
            scenes[at].axes,
            _channel_names(about),
            _calibration(about, path.name) if calibrate else None,
            _step_um(about, "Z"),
        )
        raw = read_array(held, choice, path.name, stack=stack)
    return raw if len(names) > 1 else replace(raw, choice=replace(raw.choice, series=None))


class _Scene:
    """The pixels of a scene as an array, which are read when it is sliced.

    Its axes are those along which there is more than one place, channels, rows, columns and, of
    colours, samples.

    Parameters
    ----------
    file : pylibCZIrw.czi.CziReader
        Open.
    number : int or None
        None: all there is, where the file has no scenes.
    """

    def __init__(self, file: Any, number: int | None) -> None:
        self._file, self._number = file, number
        spans = {
            name: range(*span)
            for name, span in file.total_bounding_box.items()
            if name not in ("X", "Y")
        }
        self._first = {name: span[0] for name, span in spans.items()}
        self._spans = {name: span for name, span in spans.items() if len(span) > 1}
        kinds = [str(file.get_channel_pixel_type(at)) for at in spans.get("C", [0])]
        self.axes = "".join(self._spans) + "YX"
        place = file.total_bounding_rectangle
        if number is not None:
            place = file.scenes_bounding_rectangle[number]
        self.shape = (*map(len, self._spans.values()), int(place.h), int(place.w))
        if any(kind.startswith("Bgr") for kind in kinds):
            self.axes, self.shape = f"{self.axes}S", (*self.shape, 3)

    def __getitem__(self, where: tuple[int | slice, ...]) -> np.ndarray:
        chosen = dict(zip(self.axes, where, strict=True))
        data = self._read(dict(self._first), list(self._spans), chosen)
        return data[..., chosen["S"]] if "S" in chosen else data[..., 0]

    def _read(
        self, plane: dict[str, int], left: list[str], chosen: Mapping[str, int | slice]
    ) -> np.ndarray:
        """Read along the axes that are left, one after the other, at a place of the others."""
        if not left:
            pixels = np.asarray(self._file.read(plane=plane, scene=self._number))
            return pixels[..., ::-1]  # blue, green, red
        axis, *left = left
        span, which = self._spans[axis], chosen[axis]
        if isinstance(which, int):
            return self._read({**plane, axis: span[which]}, left, chosen)
        return np.stack([self._read({**plane, axis: at}, left, chosen) for at in span[which]])


def scene_names(about: ElementTree.Element, numbers: list[Any]) -> list[str]:
    """Return what scenes are called; of a file with one that has no name, the image."""
    found = about.findall(".//Information/Image/Dimensions/S/Scenes/Scene")
    known = {each.get("Index"): each.get("Name") for each in found}
    if numbers == [None] or (len(numbers) == 1 and not known.get(str(numbers[0]))):
        return ["the image"]
    return [known.get(str(number)) or f"scene {number}" for number in numbers]


def _channel_names(about: ElementTree.Element) -> tuple[str, ...]:
    found = about.findall(".//Information/Image/Dimensions/Channels/Channel")
    return tuple(each.get("Name") or "" for each in found)


def _calibration(about: ElementTree.Element, name: str) -> Calibration | None:
    return square_calibration(_step_um(about, "X"), _step_um(about, "Y"), "CZI scaling", name)


def _step_um(about: ElementTree.Element, axis: str) -> float | None:
    """Return the step along an axis in µm, None where none is stated."""
    stated = about.findtext(f".//Scaling/Items/Distance[@Id='{axis}']/Value")
    try:
        step = float(stated or 0) * _UM_PER_M
    except ValueError:
        return None
    return float(f"{step:.12g}") if 0 < step < _MOST_UM else None  # 0.225, not 0.22499999999999998

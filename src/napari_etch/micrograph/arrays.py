"""Arrays of HDF5 and Zarr as images: which one of several, and what its axes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_etch.micrograph.axes import count_sections, in_order
from napari_etch.micrograph.calibration import Calibration
from napari_etch.micrograph.choice import COLOURS, Choice, find_channel, listed, pick
from napari_etch.micrograph.errors import MicrographError, SeveralSeriesError
from napari_etch.micrograph.tiff import RawImage

# An image is no table of numbers.
_LEAST_SIDE = 8
_FLAT = 4
_SECTION_AXES = "ZTM"


@dataclass(frozen=True, eq=False)
class HeldArray:
    """An array of a file that may be an image; it is read when it is asked for.

    Attributes
    ----------
    path : str
        In the file.
    array : array_like
        Of h5py or zarr.
    axes : str
        A letter for each axis: ``Y``, ``X``, ``Z`` sections, ``T`` time, ``C`` channels, ``S``
        samples of a colour; empty where they cannot be told.
    channels : tuple of str
        Names of its channels.
    calibration : Calibration or None
    distance_um : float or None
        From section to section.
    """

    path: str
    array: Any
    axes: str
    channels: tuple[str, ...] = ()
    calibration: Calibration | None = None
    distance_um: float | None = None


def looks_like_image(shape: Sequence[int], dtype: np.dtype[Any]) -> bool:
    """Return whether an array is large enough, in two axes, and of numbers."""
    sides = [side for side in shape if side >= _LEAST_SIDE]
    return dtype.kind in "uifb" and 2 <= len(shape) <= 5 and len(sides) >= 2 and 0 not in shape


def guessed_axes(shape: Sequence[int], dtype: np.dtype[Any]) -> str:
    """Return what the axes of an array are where nothing says; empty where they cannot be told.

    As everywhere here: a last axis of 3 or 4 bytes is colour, a first axis is sections.
    """
    last = shape[-1]
    if len(shape) == 2:
        return "YX"
    samples = "S" if last == 1 or (last in (3, 4) and dtype == np.uint8) else "C"
    if len(shape) == 3 and (samples == "S" or last == 2):
        return "YX" + samples
    if len(shape) == 3:  # sections of a few columns are frames behind each other, or anything
        return "" if _FLAT * last < min(shape[:2]) else "ZYX"
    if len(shape) == 4 and last <= 4:  # as DREAM.3D keeps its cells
        return "ZYX" + samples
    return ""


def named(
    paths: Sequence[str],
    choice: Choice,
    name: str,
    arrays: Sequence[Any],
    what: str = "data set",
    option: str = "--dataset",
) -> int:
    """Return which one of the arrays of a file is wanted.

    Parameters
    ----------
    paths : sequence of str
        Of the arrays.
    choice : Choice
    name : str
        Of the file.
    arrays : sequence of array_like
        For their sizes.
    what, option : str
        What they are called there, and how the commands choose one.

    Raises
    ------
    MicrographError
        When there is none.
    SeveralSeriesError
        When there are several and none is wanted.
    """
    if not paths:
        raise MicrographError(f"{name} holds no image: no array of numbers in two or more axes.")
    if choice.series is not None:
        return pick(choice.series, paths, name, what)
    if len(paths) > 1:
        sizes = [
            f"{path}: {' × '.join(map(str, array.shape))}"
            for path, array in zip(paths, arrays, strict=True)
        ]
        raise SeveralSeriesError(
            f"{name} holds {listed(sizes, what)}", tuple(paths), f"choose one with {option}."
        )
    return 0


def read_array(held: HeldArray, choice: Choice, name: str, *, stack: bool) -> RawImage:
    """Read an image, or a channel of it.

    Raises
    ------
    MicrographError
        When its axes cannot be told, for several channels and none chosen, and for several
        sections where one image is wanted.
    """
    shape = tuple(int(side) for side in held.array.shape)
    if not held.axes or not {"Y", "X"} <= set(held.axes):
        raise MicrographError(
            f"{held.path} in {name} has shape {shape}, whose axes cannot be told; save the image "
            "or stack that is wanted as (y, x) or (z, y, x)."
        )
    sizes = dict(zip(held.axes, shape, strict=True))
    names = COLOURS if sizes.get("S", 1) > 2 and sizes.get("C", 1) == 1 else held.channels
    channel, taken = find_channel(sizes, names, choice, f"{held.path} in {name}")
    sizes.pop(channel.axis, None)
    count = count_sections(
        sizes, f"{held.path} in {name}", sections=_SECTION_AXES, unit="sections", stack=stack
    )
    where = tuple(channel.number if a == channel.axis else slice(None) for a in held.axes)
    data, axes = np.asarray(held.array[where]), held.axes.replace(channel.axis or " ", "")
    data, axes = in_order(data, axes)
    return RawImage(
        data,
        "S" in axes,
        held.calibration,
        choice=Choice(held.path, taken.channel, taken.channel_name),
        distance_um=held.distance_um if count > 1 else None,
    )

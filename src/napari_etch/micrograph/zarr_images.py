"""Images in Zarr folders: OME-Zarr with its axes and pixel size, and bare arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from napari_etch.micrograph.calibration import micrometres_per, square_calibration
from napari_etch.micrograph.choice import Choice
from napari_etch.micrograph.errors import not_installed
from napari_etch.micrograph.tiff import RawImage

#: Files that make a folder one of Zarr.
SIGNS = ("zarr.json", ".zgroup", ".zarray")
_OLD_AXES = "TCZYX"  # of OME-Zarr before 0.3
_DEEPEST = 4


def is_zarr(path: Path) -> bool:
    """Return whether a folder is Zarr."""
    return any((path / sign).is_file() for sign in SIGNS)


def read_zarr(path: Path, *, stack: bool, calibrate: bool, choice: Choice) -> RawImage:
    """Read an image or a stack from a Zarr folder; of a pyramid, its finest level.

    Parameters
    ----------
    path : pathlib.Path
    stack : bool
        Whether several sections are wanted.
    calibrate : bool
        Whether to look for the pixel size.
    choice : Choice
        Of image or array, and channel. Labels are listed after the images, and never taken unasked.

    Raises
    ------
    MicrographError
        When there is no such image, it is not what was asked for, or zarr is not installed.
    """
    try:
        import zarr
    except ImportError:
        raise not_installed(path.name, "Zarr", "zarr", '"napari-etch[zarr]"') from None
    top = zarr.open(str(path), mode="r")
    found = list(_held(top, "", 0))
    images = [each for each in found if not _is_label(each[0])]
    listed = images if choice.series is None else [*images, *(e for e in found if e not in images)]
    paths = [where or "/" for where, _, _ in listed]
    at = named(paths, choice, path.name, [array for _, _, array in listed])
    _, group, array = listed[at]
    held = HeldArray(paths[at], array, guessed_axes(array.shape, array.dtype))
    if group is not None:
        held = _of_ome(paths[at], group, array, path.name, calibrate)
    return read_array(held, choice, path.name, stack=stack)


def _is_label(where: str) -> bool:
    return "labels" in where.split("/")


def _held(node: Any, where: str, depth: int) -> Iterator[tuple[str, Any, Any]]:
    """Yield the path, the group if it is an image of OME, and the array of what may be images."""
    if hasattr(node, "shape"):
        if looks_like_image(node.shape, np.dtype(node.dtype)):
            yield where, None, node
        return
    multiscales = _ome(node).get("multiscales")
    levels: set[str] = set()
    if multiscales:
        paths = [str(each["path"]) for each in multiscales[0]["datasets"]]
        yield where, node, node[paths[0]]
        levels = {each.split("/")[0] for each in paths}
    if depth == _DEEPEST:
        return
    for name in sorted(node.keys(), key=_by_number):
        if name not in levels:
            yield from _held(node[name], f"{where}/{name}".strip("/"), depth + 1)


def _by_number(key: str) -> tuple[int, int, str]:
    """Sort the numbers of the images of a series as numbers, and names behind them."""
    return (0, int(key), "") if key.isdecimal() else (1, 0, key)


def _ome(group: Any) -> Mapping[str, Any]:
    """Return the metadata of OME: of 0.5 in a key of its own, of 0.4 beside others."""
    found = group.attrs.get("ome")
    return found if isinstance(found, Mapping) else dict(group.attrs)


def _of_ome(where: str, group: Any, array: Any, name: str, calibrate: bool) -> HeldArray:
    about = _ome(group)
    multiscale = about["multiscales"][0]
    stated = multiscale.get("axes") or list(_OLD_AXES[-array.ndim :])
    names = [str(each["name"] if isinstance(each, Mapping) else each) for each in stated]
    axes = "".join(each[:1].upper() for each in names)
    sizes = dict(zip(axes, _steps_um(multiscale, stated), strict=False))
    channels = (about.get("omero") or {}).get("channels") or []
    calibration = None
    if calibrate:
        calibration = square_calibration(sizes.get("X"), sizes.get("Y"), "OME-Zarr", name)
    return HeldArray(
        where,
        array,
        axes,
        tuple(str(each.get("label") or "") for each in channels),
        calibration,
        sizes.get("Z"),
    )


def _steps_um(multiscale: Mapping[str, Any], axes: list[Any]) -> list[float | None]:
    """Return the step along each axis of the finest level in µm; None where it is no length."""
    steps = np.ones(len(axes))
    for place in (multiscale["datasets"][0], multiscale):
        for each in place.get("coordinateTransformations") or []:
            if each.get("type") == "scale" and len(each.get("scale", ())) == len(axes):
                steps *= np.asarray(each["scale"], float)
    units = [each.get("unit") if isinstance(each, Mapping) else None for each in axes]
    lengths = [micrometres_per(str(unit or "")) for unit in units]
    return [
        None if length is None or not step > 0 else float(step * length)
        for step, length in zip(steps, lengths, strict=True)
    ]

"""Pixel sizes of HDF5 files of Thermo Fisher's Velox, and of NeXus.

Velox: a data set ``Data`` is [row, column, frame], and ``Metadata`` beside it holds JSON for each
frame, bytes down a column (as RosettaSciIO and openNCEM read it). NeXus: the group says by ``axes``
which data sets beside the image are the places of its rows and columns
(https://manual.nexusformat.org/classes/base_classes/NXdata.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from napari_etch.micrograph.calibration import micrometres_per

VELOX, NEXUS = "Velox metadata", "NeXus axes"
# So far may steps from place to place differ, of their mean.
_EVEN = 1e-3
# Of a file that is no text: metadata of a frame take some ten thousand bytes.
_MOST_BYTES = 10_000_000

Edges = tuple[float, float]


def is_velox(array: Any) -> bool:
    """Return whether a data set of an HDF5 file is an image that Velox wrote."""
    return array.ndim == 3 and bool(_velox_result(array))


def tells_of_velox(array: Any) -> bool:
    """Return whether a data set is what Velox says of the image beside it, and no image."""
    image = array.parent.get("Data") if str(array.name).endswith("/Metadata") else None
    return getattr(image, "ndim", 0) == 3 and is_velox(image)


def velox_edges(array: Any) -> Edges | None:
    """Return height and width of a pixel, µm, of an image that Velox wrote; None of any other."""
    result = _velox_result(array)
    with suppress(KeyError, TypeError, ValueError):
        unit = micrometres_per(str(result["PixelUnitX"]))
        size = result["PixelSize"]
        if unit is not None:
            return float(size["height"]) * unit, float(size["width"]) * unit
    return None


def nexus_edges(array: Any) -> Edges | None:
    """Return height and width of a pixel, µm, by the axes of a NeXus group; None without them."""
    group = array.parent
    names = np.asarray(group.attrs.get("axes", ()), dtype=object).ravel()
    if len(names) == 1 and array.ndim > 1:  # an older way to write several
        names = np.array(_word(names[0]).strip("[]").replace(",", ":").split(":"), dtype=object)
    if len(names) != array.ndim or array.ndim < 2:
        return None
    height, width = (_step(group, _word(name).strip()) for name in names[-2:])
    return None if height is None or width is None else (height, width)


def _velox_result(array: Any) -> Mapping[str, Any]:
    """Return what Velox says of an image; empty of any other data set."""
    told: Any = array.parent.get("Metadata") if str(array.name).endswith("/Data") else None
    if getattr(told, "dtype", None) != np.uint8 or told.ndim not in (1, 2):
        return {}
    if not 0 < told.shape[0] <= _MOST_BYTES or 0 in told.shape:
        return {}
    text = np.asarray(told[:, 0] if told.ndim == 2 else told[:]).tobytes().rstrip(b"\0")
    try:
        result = json.loads(text.decode("utf-8"))["BinaryResult"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return result if isinstance(result, Mapping) else {}


def _step(group: Any, name: str) -> float | None:
    """Return from place to place of an axis in µm, where all are alike."""
    axis: Any = group.get(name) if name not in ("", ".") else None
    if getattr(axis, "ndim", None) != 1 or axis.dtype.kind not in "iuf" or len(axis) < 2:
        return None
    unit = micrometres_per(_word(axis.attrs.get("units", "")))
    steps = np.diff(np.asarray(axis[:], np.float64))
    mean = abs(float(steps.mean()))
    if unit is None or not mean > 0 or float(np.abs(np.abs(steps) - mean).max()) > _EVEN * mean:
        return None
    return mean * unit


def _word(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)

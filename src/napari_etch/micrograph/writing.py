"""Writing results as TIFF."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.micrograph.calibration import Calibration
from napari_etch.micrograph.errors import MicrographError
from napari_etch.micrograph.large import lies_in_a_file, sections_of
from napari_etch.micrograph.moving import move

_WRITTEN = ("uint8", "uint16", "int32", "uint32", "float32")


def write_tiff(
    path: str | os.PathLike[str],
    array: Any,
    *,
    pixel_size_um: float | None = None,
    distance_um: float | None = None,
) -> None:
    """Write an image, a map or a stack as a zlib TIFF that ImageJ reads with its pixel size.

    The file is written under a temporary name in the same folder and then renamed, so that a reader
    never sees half of it and an older file survives a failure.

    Parameters
    ----------
    path : str or path
        Where to; the folder must exist. An existing file is replaced.
    array : array_like
        ``(y, x)``, ``(y, x, 3)`` (uint8 or uint16 only) or ``(z, y, x)``; uint8, uint16, int32,
        uint32 or float32. Booleans become 0 and 255, float64 becomes float32, int64 becomes int32.
    pixel_size_um : float, optional
        Edge of a pixel in µm.
    distance_um : float, optional
        From section to section of a stack in µm; written beside a pixel size.

    Raises
    ------
    MicrographError
        For types that would lose values, other shapes, and when the file cannot be written.
    """
    target = Path(path)
    data = _writable(np.asarray(array), target.name)
    rgb = data.ndim == 3 and data.shape[-1] == 3 and data.dtype.kind == "u" and data.itemsize < 4
    options: dict[str, Any] = {
        "photometric": "rgb" if rgb else "minisblack",
        "compression": "zlib",  # without a predictor: ImageJ does not know the floating-point one
        "description": _description(data, rgb, pixel_size_um, distance_um),
        "metadata": None,
        "software": "napari-etch",
    }
    if pixel_size_um is not None:
        per_um = 1 / Calibration(pixel_size_um, "typed").pixel_size_um
        options["resolution"] = (per_um, per_um)
        options["resolutionunit"] = 1  # the unit stands in the description, as ImageJ writes it
    _write_atomically(target, data, options)


def _writable(data: np.ndarray, name: str) -> np.ndarray:
    if data.size == 0 or data.ndim not in (2, 3):
        raise MicrographError(
            f"{name} cannot be written from shape {data.shape}; give (y, x), (y, x, 3) or "
            "(z, y, x)."
        )
    if data.dtype == bool:
        return data.astype(np.uint8) * np.uint8(255)
    if data.dtype.name in _WRITTEN:
        return np.ascontiguousarray(data)
    if data.dtype in (np.float64, np.float16):
        return data.astype(np.float32)
    if data.dtype.kind in "iu":
        info = np.iinfo(np.int32)
        if data.min() >= info.min and data.max() <= info.max:
            return data.astype(np.int32)
    raise MicrographError(
        f"{name} cannot be written from {data.dtype} without losing values; convert it to "
        f"{', '.join(_WRITTEN)} first."
    )


def _description(
    data: np.ndarray, rgb: bool, pixel_size_um: float | None, distance_um: float | None
) -> str:
    """ImageJ's own header, which tifffile writes only for the three types that ImageJ saves."""
    lines = ["ImageJ=1.54f"]
    if data.ndim == 3 and not rgb:
        lines += [f"images={len(data)}", f"slices={len(data)}"]
    if pixel_size_um is not None:
        lines.append("unit=um")
        if distance_um is not None and data.ndim == 3 and not rgb:
            lines.append(f"spacing={float(distance_um)!r}")
    if not rgb and data.dtype.kind == "f":
        # section by section: a copy of a large stack's finite pixels is as large again
        parts = sections_of(data) if data.ndim == 3 else [data]
        spans = [
            (part[good].min(), part[good].max())
            for part in parts
            if (good := np.isfinite(part)).any()
        ]
        if spans:
            low, high = min(span[0] for span in spans), max(span[1] for span in spans)
            lines += [f"min={low:g}", f"max={high:g}"]
    return "\n".join(lines) + "\n"


def _write_atomically(target: Path, data: np.ndarray, options: dict[str, Any]) -> None:
    import tifffile

    temporary = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with temporary.open("xb") as file:
            if data.ndim == 3 and lies_in_a_file(data):
                options |= {"shape": data.shape, "dtype": data.dtype}
                tifffile.imwrite(file, sections_of(data), **options)
            else:
                tifffile.imwrite(file, data, **options)
        move(temporary, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MicrographError(
            f"{target} could not be written ({reason}); check that the folder exists, is writable "
            "and has space."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)

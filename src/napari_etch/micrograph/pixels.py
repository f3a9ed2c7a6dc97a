"""From whatever a file or a caller holds to the arrays that a micrograph may hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_etch.micrograph.colour import grey_section
from napari_etch.micrograph.errors import MicrographError

# A grey picture stored as a colour JPEG comes back with channels up to two levels apart.
_GREY_TOLERANCE_8BIT = 2
_MAX_CHANNELS = 4
# Beyond this a float is no grey value but a mark for "no data" (-3.4e38 in some programs).
MAX_VALUE = 1e30


def native_dtype(data: np.ndarray, name: str) -> np.ndarray:
    """Bring any numeric array to uint8, uint16 or float32 without losing grey levels.

    Parameters
    ----------
    data : numpy.ndarray
        Any shape. Booleans become 0 and 255. Integers that fit into 16 bits unsigned become uint16,
        others float32. Infinities and floats beyond 1e30 become NaN.
    name : str
        The image's name, for the message.

    Returns
    -------
    numpy.ndarray
        Same shape; uint8, uint16 or float32.

    Raises
    ------
    MicrographError
        For complex numbers, text and objects, and when no pixel is finite.
    """
    kind = data.dtype.kind
    if kind == "b":
        return data.astype(np.uint8) * np.uint8(255)
    if data.dtype in (np.uint8, np.uint16):
        return data.astype(data.dtype.newbyteorder("="), copy=False)
    if kind in "iu":
        fits = data.min() >= 0 and data.max() <= np.iinfo(np.uint16).max
        return data.astype(np.uint16 if fits else np.float32)
    if kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            values = data.astype(np.float32, copy=False)
            finite = np.abs(values) <= MAX_VALUE
        if not finite.any():
            raise MicrographError(f"{name} has no finite pixel; every value is NaN or infinite.")
        return values if finite.all() else np.where(finite, values, np.float32(np.nan))
    what = "complex numbers" if kind == "c" else f"values of type {data.dtype}"
    raise MicrographError(
        f"{name} holds {what}, which are not grey values; save it as 8-bit, 16-bit or float image."
    )


def drop_alpha(data: np.ndarray) -> np.ndarray:
    """Remove a trailing alpha channel from ``(..., 2)`` or ``(..., 4)`` samples.

    Parameters
    ----------
    data : numpy.ndarray
        Samples last: one to four of them.

    Returns
    -------
    numpy.ndarray
        ``(...)`` for one or two samples, ``(..., 3)`` for three or four.
    """
    return data[..., 0] if data.shape[-1] < 3 else data[..., :3]


def collapse_grey(data: np.ndarray) -> np.ndarray:
    """Turn a colour image whose three channels agree into a grey one.

    Parameters
    ----------
    data : numpy.ndarray
        ``(..., 3)``, uint8, uint16 or float32.

    Returns
    -------
    numpy.ndarray
        ``(...)`` where the channels agree, else `data` unchanged.
    """
    tolerance = _GREY_TOLERANCE_8BIT if data.dtype == np.uint8 else 0
    green = data[..., 1]
    for channel in (data[..., 0], data[..., 2]):
        if tolerance == 0:
            same = bool(np.array_equal(channel, green, equal_nan=data.dtype.kind == "f"))
        else:
            low, high = np.minimum(channel, green), np.maximum(channel, green)
            same = bool((high - low).max() <= tolerance)
        if not same:
            return data
    return np.ascontiguousarray(green)


def _grey_sections(stack: np.ndarray) -> np.ndarray:
    """Return a stack of colour images (z, y, x, 3) as a grey one, float32 (z, y, x)."""
    return np.stack([grey_section(section) for section in stack])


def apply_palette(indices: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Grey values or colours of a palette image.

    Zeiss microscopes store grey frames as palette images whose palette is a grey ramp with a few
    coloured entries for their own annotations; there the index is the grey value.

    Parameters
    ----------
    indices : numpy.ndarray
        ``(...)`` unsigned integers.
    palette : numpy.ndarray
        ``(n, 3)`` uint8, colour of each index.

    Returns
    -------
    numpy.ndarray
        `indices` as uint8 where the palette is a grey ramp, else ``(..., 3)`` uint8 colours.
    """
    n = len(palette)
    if n == 256 and indices.max() < 256:
        ramp = np.arange(n)[:, None]
        exact = (np.abs(palette.astype(np.int16) - ramp) <= 1).all(axis=1)
        if exact.mean() >= 0.75:
            return indices.astype(np.uint8)
    return palette[np.minimum(indices, n - 1)]


def looks_rgb(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape is taken for a colour image when nobody says.

    The rule of this package: a last axis of 3 or 4 is colour, a *first* axis of 3 is sections.

    Parameters
    ----------
    shape : tuple of int

    Returns
    -------
    bool
    """
    return len(shape) >= 3 and shape[-1] in (3, 4)


def unmasked(data: Any) -> np.ndarray:
    """Return an array without a mask of NumPy's: what is masked becomes NaN.

    Parameters
    ----------
    data : array_like
        Where it is a `numpy.ma.MaskedArray` with masked pixels, whole numbers become float32.

    Returns
    -------
    numpy.ndarray
    """
    if not np.ma.is_masked(data):
        return np.asarray(data)
    real = data.dtype.kind in "biu"
    return np.asarray((data.astype(np.float32) if real else data).filled(np.nan))


def from_0_to_1(boundary: Any) -> Any:
    """Return a boundary map in [0, 1]: one of 8 or 16 bits scaled, any other as it is.

    Clipped at 1, all but its zeros would be equally strong.
    """
    kinds = (np.uint8, np.uint16)
    if not isinstance(boundary, np.ndarray) or boundary.dtype.newbyteorder("=") not in kinds:
        return boundary
    if boundary.max(initial=0) <= 1:
        return boundary
    return (boundary / np.float32(np.iinfo(boundary.dtype).max)).astype(np.float32)


def canonical(data: Any, name: str, *, rgb: bool | None = None) -> np.ndarray:
    """Validate an array and bring it to one of the shapes and types that a micrograph may have.

    Parameters
    ----------
    data : array_like
        ``(y, x)``, ``(y, x, 1 to 4)``, ``(z, y, x)`` or ``(z, y, x, 3 or 4)``; leading axes of
        length one are dropped from four dimensions and more. Masked pixels become NaN.
    name : str
        The image's name, for the messages.
    rgb : bool, optional
        Whether the last axis holds samples. None: decided by `looks_rgb`.

    Returns
    -------
    numpy.ndarray
        ``(y, x)``, ``(y, x, 3)`` or ``(z, y, x)``; uint8, uint16 or float32. Stacks are grey.

    Raises
    ------
    MicrographError
        For empty arrays, unusable types and shapes that are neither an image nor a stack.
    """
    try:
        array = unmasked(data)
    except ValueError as error:
        raise MicrographError(
            f"{name} is not a regular array; its rows must be of equal length."
        ) from error
    if array.size == 0:
        raise MicrographError(f"{name} is empty (shape {array.shape}); there are no pixels in it.")
    unsaid = rgb is None
    if rgb is None:
        # (y, x, 1) is one channel, as some libraries keep grey images, and no stack of lines
        rgb = looks_rgb(array.shape) or (array.ndim == 3 and array.shape[-1] == 1)
    if rgb and not (array.ndim >= 3 and array.shape[-1] <= _MAX_CHANNELS):
        raise MicrographError(
            f"{name} has shape {array.shape}, which is not a colour image; its last axis should "
            "hold 3 or 4 samples."
        )
    shape = array.shape
    planes = 2 + rgb  # axes of one image
    while array.ndim > planes + 1 and array.shape[0] == 1:
        array = array[0]
    if not planes <= array.ndim <= planes + 1:
        raise MicrographError(
            f"{name} has shape {shape}; a micrograph is (y, x) or (y, x, 3) and a stack "
            "(z, y, x), so pick one image or one channel of it."
        )
    array = native_dtype(array, name)
    if rgb:
        coloured = array.shape[-1] >= 3
        array = drop_alpha(array)
        array = collapse_grey(array) if coloured else array
        array = _grey_sections(array) if array.ndim == 4 else array
    if not rgb and array.ndim == 3 and array.shape[-1] in ((2, 3) if unsaid else (3,)):
        raise MicrographError(
            f"{name} would be a stack of sections that are {array.shape[-1]} pixels wide (shape "
            f"{shape}); if these are colours, or grey with alpha, say so."
        )
    return np.ascontiguousarray(array)

"""Arrays for the results of large stacks: they lie in a temporary file, not in memory."""

from __future__ import annotations

import math
import mmap
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

# Arrays of more bytes than this lie in a file.
LARGE = 64 * 2**20


def room_for(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Return an array of zeros; a large one is a file's, which goes when the array does.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    """
    kind = np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    if size <= LARGE:
        return np.zeros(shape, kind)
    with tempfile.TemporaryFile(prefix="napari-etch-") as file:
        file.truncate(size)
        mapped = mmap.mmap(file.fileno(), size)
    return np.ndarray(shape, kind, buffer=mapped)


def let_go(array: np.ndarray) -> None:
    """Give back the memory that the pages of an array from `room_for` take; it keeps its values."""
    base: Any = array.base
    if isinstance(base, mmap.mmap) and hasattr(base, "madvise"):  # not on Windows
        base.madvise(mmap.MADV_DONTNEED)


def sections_of(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the sections of a stack (z, y, x), and give back what they take when they are done."""
    for section in array:
        yield section
        let_go(array)


def lies_in_a_file(array: np.ndarray) -> bool:
    """Tell whether an array from `room_for` is a file's."""
    return isinstance(array.base, mmap.mmap)

"""Class maps, such as fracture modes: a region gets a class. No tiling rule holds there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_etch.grains.editing.change import Change, Labels, Mask, Window, grow
from napari_etch.grains.editing.errors import EditError
from napari_etch.grains.editing.field import checked_grains
from napari_etch.grains.editing.strokes import inside_polygon

__all__ = ["set_class"]

_START = 256  # px around a click that are looked at first


def set_class(
    classes: Labels,
    where: npt.ArrayLike,
    value: int,
    names: Mapping[int, str] | None = None,
) -> Change:
    """Set the class of a clicked region or of a drawn one.

    Parameters
    ----------
    classes : ndarray of integers, shape (y, x)
        Class map, 0 unlabelled; not changed.
    where : array_like, shape (2,) or (n, 2)
        A click, which takes the 4-connected region of one class around it, or a lasso.
    value : int
        The class.
    names : mapping of int to str, optional
        Names of the classes, for what is said.

    Returns
    -------
    Change
        Its labels are classes.

    Raises
    ------
    EditError
        When the place or the value cannot be used, or the region has that class already.
    """
    classes = checked_grains(classes)
    limits = np.iinfo(classes.dtype)
    if not 0 <= value <= limits.max:
        raise EditError(
            f"Class {value} does not fit in {classes.dtype}: choose one from 0 to {limits.max}."
        )
    name = (names or {}).get(value) or f"class {value}"
    given = np.asarray(where, float)
    if given.ndim == 1:
        window, mask = _region_at(classes, given)
    else:
        window, mask = inside_polygon(given, classes.shape)
    before = np.array(classes[window])
    changed = mask & (before != value)
    if not changed.any():
        raise EditError(f"The region is {name} already.")
    after = np.array(before)
    after[changed] = value
    concerned = sorted({int(n) for n in np.unique(before[changed])} | {int(value)})
    message = f"Set {int(changed.sum())} px to {name}."
    return Change(window, before, after, (), (), tuple(concerned), message)


def _region_at(classes: Labels, point: npt.NDArray[np.float64]) -> tuple[Window, Mask]:
    from scipy import ndimage as ndi

    if point.shape != (2,) or not np.isfinite(point).all():
        raise EditError("A click is one point: give its row and column.")
    y, x = np.rint(point).astype(int).tolist()
    if not (0 <= y < classes.shape[0] and 0 <= x < classes.shape[1]):
        raise EditError(f"The point {y}, {x} lies outside the map: click inside it.")
    half = _START
    while True:
        window = grow((slice(y, y + 1), slice(x, x + 1)), half, classes.shape)
        part = classes[window]
        pieces, _ = ndi.label(part == classes[y, x])
        mask = pieces == pieces[y - window[0].start, x - window[1].start]
        if half >= max(classes.shape) or not _reaches_side(mask):
            return window, np.asarray(mask)
        half *= 2


def _reaches_side(mask: Mask) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())

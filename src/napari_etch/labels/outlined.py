"""Maps as regions with outlines: the way back of `regions.paint`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.polygons import joined, outlines
from napari_etch.labels.regions import GRAIN, IGNORE, Region


def outlined(each: Annotated, table: ClassTable) -> list[Region]:
    """Return grains, classes and ignored parts as regions; painted again they give the same maps.

    Parameters
    ----------
    each : Annotated
    table : ClassTable
        Names the classes; one that it lacks gets its number for a name.

    Returns
    -------
    list of Region
        A grain is one region with a ring a piece; each piece of a class is a region; holes are
        cut into the ring.
    """
    found = []
    if each.grains is not None:
        for number, mask, corner in pieces_of(each.grains):
            rings = tuple(joined(part) + corner for part in outlines(mask))
            found.append(Region(f"grain {number}", GRAIN, rings, None, number))
    maps = [] if each.classes is None else [(each.classes, table.names)]
    if each.ignore is not None:
        maps.append((each.ignore.astype(np.uint8), {1: IGNORE}))
    for classes, names in maps:
        for value, mask, corner in pieces_of(classes):
            word = names.get(value, str(value))
            for part in outlines(mask):
                found.append(Region(word, word, (joined(part) + corner,)))
    return found


def pieces_of(
    labels: npt.NDArray[np.integer],
) -> Iterator[tuple[int, npt.NDArray[np.bool_], npt.NDArray[np.float64]]]:
    """Iterate over the labels of a map: number, mask of its box, and the corner (x, y) of that."""
    from scipy import ndimage as ndi

    values, dense = np.unique(labels, return_inverse=True)
    dense = dense.reshape(labels.shape)
    shift = 0 if values.size and values[0] == 0 else 1
    boxes = ndi.find_objects(dense + shift if shift else dense)
    for value, box in zip(values[1 - shift :].tolist(), boxes, strict=True):
        if box is not None:
            corner = np.array([box[1].start, box[0].start], float)
            yield int(value), labels[box] == value, corner

"""The conventions of the published fractography code (Tsopanidis and co-workers), converted.

Its class table says 1 intergranular and 2 transgranular, but its masks hold the reverse. It adds
up 255 for each intergranular and 80 for each transgranular polygon in 8 bits, so sums wrap at 256;
up to 20 then is unlabelled, up to 199 its class 1, the rest its class 2. So where the two overlap
transgranular wins, and three transgranular polygons over each other become intergranular. Masks
made that way are to be compared with annotations read the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.polygons import Part, Ring
from napari_etch.labels.report import LabelsError

_ADDED = {"intergranular": 255, "transgranular": 80}
_UNLABELLED, _FIRST = 20, 199


def mode_ids(table: ClassTable) -> tuple[int, int]:
    """Return the ids of intergranular and transgranular.

    Raises
    ------
    LabelsError
        When the table lacks one of them.
    """
    found = [table.find(name) for name in _ADDED]
    if found[0] is None or found[1] is None:
        raise LabelsError(
            "The published convention is about intergranular and transgranular: use a class table "
            "that has both, or --convention project."
        )
    return found[0], found[1]


def from_published(mask: npt.NDArray[Any], table: ClassTable) -> npt.NDArray[np.uint8]:
    """Return a class map of the published code with the ids of a table: its 1 is transgranular.

    Parameters
    ----------
    mask : ndarray of int, shape (y, x)
        0, 1 and 2.
    table : ClassTable
    """
    inter, trans = mode_ids(table)
    if mask.size and int(mask.max()) > 2:
        raise LabelsError(
            f"A mask of the published code holds 0, 1 and 2, this one {int(mask.max())}: "
            "use --convention project."
        )
    return np.array([0, trans, inter], np.uint8)[mask]


def paint_published(
    regions: Iterable[tuple[int | None, Sequence[Ring], Part | None]],
    shape: tuple[int, int],
    table: ClassTable,
) -> npt.NDArray[np.uint8]:
    """Return the class map that the published code would make of polygons, with our ids.

    Parameters
    ----------
    regions : iterable of (id, rings, mask)
        Other ids than the two modes count for nothing, as in the published code.
    shape : tuple of int
    table : ClassTable
    """
    from skimage.draw import polygon

    inter, trans = mode_ids(table)
    added = {inter: _ADDED["intergranular"], trans: _ADDED["transgranular"]}
    total = np.zeros(shape, np.uint8)
    for value, rings, mask in regions:
        if value not in added:
            continue
        for ring in rings:  # it took vertices for the middles of pixels
            rows, columns = polygon(ring[:, 1], ring[:, 0], shape)
            total[rows, columns] += np.uint8(added[value])
        if mask is not None:
            total[mask[0]][mask[1]] += np.uint8(added[value])
    modes = np.where(total <= _UNLABELLED, 0, np.where(total <= _FIRST, 1, 2))
    return from_published(modes, table)

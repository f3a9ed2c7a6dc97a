"""The HDF5 files of the pure-iron serial sections, in both layouts that were published.

New: data sets `image`, `label` and `boundary`. Old: the same in a group `real`, and in a group
`simulated` `label` and `boundary` alone. All are indexed [row, column, slice].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from napari_etch.micrograph.errors import MicrographError

Content = Literal["image", "label", "boundary"]
GROUPS = ("real", "simulated")
# Rows that are turned round at a time: the file's axes are not the stack's.
_ROWS = 64


def iron_image(file: Any) -> Any:
    """Return the images of an open file in one of the published layouts; None in another file."""
    found = _find(file, "image", None)
    return found if found is not None and is_iron(found) else None


def is_iron(array: Any) -> bool:
    """Return whether a data set is [row, column, slice], as those of the published files are.

    They lie beside their labels or boundaries. Images alone may be of anyone: then the last axis
    is the slices where it is the shortest.
    """
    group, _, name = str(array.name).strip("/").rpartition("/")
    if array.ndim != 3 or group not in ("", *GROUPS) or name not in get_args(Content):
        return False
    if any(label for label in (each.label for each in array.dims)) or "axistags" in array.attrs:
        return False
    beside = [array.parent.get(each) for each in get_args(Content) if each != name]
    if any(getattr(each, "shape", None) == array.shape for each in beside):
        return True
    is_colour = array.dtype == np.uint8 and array.shape[2] in (3, 4)
    return bool(array.shape[2] < min(array.shape[:2])) and not is_colour


def read_iron(path: Path, content: Content, group: str | None = None) -> np.ndarray:
    """Read one of the data sets of a file.

    Parameters
    ----------
    path : pathlib.Path
    content : {"image", "label", "boundary"}
    group : str, optional
        "real" or "simulated", of the old layout; the first that has the content when not given.

    Returns
    -------
    numpy.ndarray
        (z, y, x), of the file's type.

    Raises
    ------
    MicrographError
        When the file has no such data set, or it is no stack.
    """
    import h5py

    with h5py.File(path, "r") as file:
        found = _find(file, content, group)
        if found is None:
            where = f" in the group {group}" if group else ""
            holds = ", ".join(sorted(file)) or "nothing"
            raise MicrographError(
                f"{path.name} has no data set {content!r}{where} (it holds {holds}); the layouts "
                "known are image, label, boundary, and the same in the groups real and simulated."
            )
        if found.ndim != 3 or 0 in found.shape:
            raise MicrographError(
                f"{content!r} in {path.name} has shape {found.shape}; a stack is [row, column, "
                "slice]."
            )
        rows, columns, slices = found.shape
        result = np.empty((slices, rows, columns), found.dtype)
        for start in range(0, rows, _ROWS):
            result[:, start : start + _ROWS] = np.moveaxis(found[start : start + _ROWS], -1, 0)
        return result


def iron_groups(path: Path) -> tuple[str | None, ...]:
    """Return the groups that hold both images and labels; None stands for the new layout."""
    import h5py

    with h5py.File(path, "r") as file:
        return tuple(
            group
            for group in (None, *GROUPS)
            if _at(file, group, "image") is not None
            and (_at(file, group, "label") is not None or _at(file, group, "boundary") is not None)
        )


def iron_has(path: Path, content: Content, group: str | None = None) -> bool:
    """Tell whether a file holds a data set; a group of None stands for the new layout."""
    import h5py

    with h5py.File(path, "r") as file:
        return _at(file, group, content) is not None


def _find(file: Any, content: str, group: str | None) -> Any:
    groups = (group,) if group else (None, *GROUPS)
    return next((d for each in groups if (d := _at(file, each, content)) is not None), None)


def _at(file: Any, group: str | None, content: str) -> Any:
    import h5py

    place = file if group is None else file.get(group)
    if not isinstance(place, h5py.Group):
        return None
    found = place.get(content)
    return found if isinstance(found, h5py.Dataset) else None

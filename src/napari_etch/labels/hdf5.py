"""HDF5: one file, a group an image, with data sets image, grains, classes, boundary and ignore."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_etch.grains.class_table import ClassTable
from napari_etch.labels.annotated import Annotated
from napari_etch.labels.collector import Collector
from napari_etch.labels.mask_files import as_map
from napari_etch.labels.names import HDF5_FILE
from napari_etch.labels.report import LabelsError
from napari_etch.labels.values import about_from, about_values, made_from
from napari_etch.labels.writing import SetWriter

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")
MAPS = ("grains", "classes", "boundary", "ignore")


class Hdf5Writer(SetWriter):
    """All images in one file."""

    def write(self, each: Annotated) -> None:
        """Add a group."""
        write_group(self.folder / HDF5_FILE, each, self.options.table)


def write_group(path: Path, each: Annotated, table: ClassTable) -> None:
    """Add an image and its maps to a file, which is made where there is none.

    Parameters
    ----------
    path : Path
    each : Annotated
    table : ClassTable

    Raises
    ------
    OSError
        When it cannot be written, as on a full disk.
    """
    import h5py

    with _Disk(path) as disk:
        try:
            with h5py.File(disk, "a") as file:
                file.attrs["class_table"] = json.dumps(table.as_json())
                _write_group(file.create_group(each.name), each)
        finally:
            if disk.error is not None:  # whatever the library makes of what is not there
                raise disk.error


def _write_group(group: Any, each: Annotated) -> None:
    for name in ("image", *MAPS):
        data = getattr(each, name)
        if data is not None:
            group.create_dataset(name, data=data, compression="gzip")
    group.attrs.update(about_values(each))
    if each.made:
        group.attrs["made"] = json.dumps(each.made)


class _Disk(io.FileIO):
    """A file on which nothing fails that is written, but is told by `error`.

    On a full disk the library of HDF5 crashes, and Python with it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "r+" if path.exists() else "w+")
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write bytes where they find a place."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left:
                left = left[super().write(left) or 0 :]
        except OSError as error:
            self._note(error)
        return size

    def truncate(self, size: int | None = None) -> int:
        """Let the file end where the library has it end, if the disk allows that."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._note(error)
        return self.tell() if size is None else size

    def _note(self, error: OSError) -> None:
        if self.error is None:
            self.error = OSError(error.errno, error.strerror, self.name)


def read_hdf5(path: Path, into: Collector) -> None:
    """Read an HDF5 file of `Hdf5Writer`.

    Raises
    ------
    LabelsError
        When it cannot be read.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = {name: each for name, each in file.items() if isinstance(each, h5py.Group)}
            for name, group in groups.items():
                _read_group(str(name), group, into)
    except LabelsError:
        raise
    except Exception as error:  # h5py raises anything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LabelsError(f"{path} cannot be read as HDF5 ({reason}).") from error


def holds_maps(path: Path) -> bool:
    """Return whether a file has a group with a map, as `Hdf5Writer` makes it; else it is images."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = [each for each in file.values() if isinstance(each, h5py.Group)]
            return any(getattr(each.get(key), "ndim", 0) == 2 for each in groups for key in MAPS)
    except Exception:  # h5py raises anything on damaged files
        return False


def _read_group(name: str, group: Any, into: Collector) -> None:
    held = [key for key in MAPS if key in group]
    if not held:
        into.notes.skip(name, "", f"it has none of {', '.join(MAPS)}")
        return
    about = about_from(group.attrs) | made_from(_json(group.attrs.get("made")))
    try:
        labels: dict[str, Any] = {key: as_map(group[key][()], key, key) for key in held}
        if "image" in group:
            labels["image"] = np.asarray(group["image"])
        shape = labels[held[0]].shape
        if len(shape) != 2:
            raise LabelsError(f"its labels have shape {shape}, not (y, x)")
        each = Annotated(name, (int(shape[0]), int(shape[1])), **labels, **about)
    except LabelsError as error:
        into.notes.skip(name, "", str(error))
        return
    into.add(each)
    into.notes.regions += each.regions


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None

"""napari's Open for micrographs in HDF5 files, Zarr folders and files of microscope makers.

A folder of Zarr is opened by its metadata file: a reader of folders would have napari ask for every
folder that anybody opens.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_etch._widgets.annotation_files import MOST_IMAGES, is_known
from napari_etch._widgets.reader import read_series
from napari_etch._widgets.samples import LayerData, image_layer_data

if TYPE_CHECKING:
    from napari_etch.micrograph import Micrograph


def get_array_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return a function that reads images, None where nothing in a file may be one.

    Parameters
    ----------
    path : str or list of str
        A CZI, LIF or HDF5 file, or the ``zarr.json``, ``.zattrs``, ``.zgroup`` or ``.zarray`` of a
        folder of Zarr.
    """
    from napari_etch.micrograph.hdf5 import holds_images
    from napari_etch.micrograph.reading import is_of_a_microscope
    from napari_etch.micrograph.zarr_images import SIGNS, is_zarr

    if not isinstance(path, str | os.PathLike):
        return None
    file = Path(path)
    if file.name in (*SIGNS, ".zattrs"):
        return (lambda _path: read_layers(file.parent)) if is_zarr(file.parent) else None
    if not is_of_a_microscope(file) and (is_known(file) or not holds_images(file)):
        return None
    return lambda _path: read_layers(file)


def read_layers(path: Path) -> list[LayerData]:
    """Return the images of a file or a Zarr folder as layer data.

    Raises
    ------
    napari_etch.micrograph.MicrographError
        When none can be read, in one sentence.
    """
    from napari_etch.micrograph.errors import MicrographError, SeveralSeriesError

    try:
        return _layers(read_series(str(path)))
    except SeveralSeriesError as error:
        names = error.names
    layers: list[LayerData] = []
    troubles: list[MicrographError] = []
    for at, name in enumerate(names[:MOST_IMAGES]):
        try:
            layers += _layers(read_series(str(path), at, name))
        except MicrographError as error:
            troubles.append(error)
    if not layers:
        raise troubles[0]
    _tell(path, len(names) - MOST_IMAGES, troubles)
    return layers


def _layers(micrographs: list[Micrograph]) -> list[LayerData]:
    return [image_layer_data(each) for each in micrographs]


def _tell(path: Path, left: int, troubles: list[Any]) -> None:
    from napari.utils.notifications import show_info

    said = [str(trouble) for trouble in troubles]
    if left > 0:
        said.append(
            f"{path.name} holds {left} more data sets, which were not opened: save those that are "
            "wanted as files of their own."
        )
    if said:
        show_info("\n".join(said))

"""napari's Open and Save for annotation files: JSON of VIA, COCO and LabelMe, ImageJ regions, HDF5.

As with micrographs, a file that is of no known format is left to other readers.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch._widgets.samples import LayerData, image_layer_data

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from napari_etch.grains.class_table import ClassTable
    from napari_etch.labels import Annotated, AnnotationSet

log = logging.getLogger("napari_etch")

#: Images of one file that are opened at once; more are for `etch import`.
MOST_IMAGES = 12


def get_annotation_reader(
    path: str | list[str],
) -> Callable[[Any], list[LayerData]] | None:
    """Return a function that reads annotations, None where a file holds none that are known.

    Parameters
    ----------
    path : str or list of str
        A JSON, ROI, zip or HDF5 file.
    """
    if not isinstance(path, str | os.PathLike) or not is_known(Path(path)):
        return None
    return lambda path: read_layers(Path(path))


def is_known(path: Path) -> bool:
    """Return whether a file holds annotations of a known format."""
    from napari_etch.labels.reading import is_annotation_file

    return is_annotation_file(path)


def read_layers(path: Path) -> list[LayerData]:
    """Return annotations as layer data, with their images where these are found.

    Raises
    ------
    napari_etch.labels.LabelsError
        When nothing can be read, in one sentence.
    """
    from napari_etch.labels import read_annotations

    found = read_annotations(path)
    _tell(found)
    layers: list[LayerData] = []
    for each in list(found.values())[:MOST_IMAGES]:
        layers += _of_image(each, found, path)
    return layers


def _of_image(each: Annotated, found: AnnotationSet, path: Path) -> list[LayerData]:
    from napari_etch._widgets.import_layers import annotation_data
    from napari_etch.micrograph import MicrographError, micrograph_from_array, read_micrograph

    layers: list[LayerData] = []
    place: dict[str, Any] = {}
    size = each.pixel_size_um
    micrograph = None
    if each.image is not None:
        micrograph = micrograph_from_array(each.image, each.name, pixel_size_um=size)
    elif each.image_path is not None:
        try:
            micrograph = read_micrograph(each.image_path, pixel_size_um=size)
        except MicrographError as error:
            log.warning("%s", error)
    if micrograph is not None:
        layers.append(image_layer_data(micrograph))
        size = micrograph.pixel_size_um
    if size is not None:
        place = {"scale": (size, size), "units": ("µm", "µm")}
    for data, keywords, kind in annotation_data(each, found.table, str(path)):
        layers.append((data, {**keywords, **place}, kind))
    return layers


def _tell(found: AnnotationSet) -> None:
    """Show the report, if it says more than that all is well."""
    from napari.utils.notifications import show_info

    lines = found.report.lines(8)
    left = len(found) - MOST_IMAGES
    if left > 0:
        lines.append(f"{left} more images were not opened: use etch import for all of them.")
    if len(lines) > 1:
        show_info("\n".join(lines))


def write_annotations(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Save an image and its labels as one file: COCO (.json), ImageJ regions (.zip), HDF5 (.h5).

    Parameters
    ----------
    path : str
    layers : sequence of layer data
        One image at most, and labels.

    Returns
    -------
    list of str
        What was written.

    Raises
    ------
    napari_etch.labels.LabelsError
        When it cannot be, in one sentence.
    """
    from napari_etch.labels.single import write_single

    each, table = annotated_from(layers)
    write_single(Path(path), each, table=table)
    return [path]


def annotated_from(layers: Sequence[LayerData]) -> tuple[Annotated, ClassTable]:
    """Return layers as an annotated image, and its class table.

    Raises
    ------
    napari_etch.labels.LabelsError
        When they do not make one.
    """
    from napari.layers import Image, Layer

    from napari_etch._widgets.class_tables import stored_table
    from napari_etch._widgets.layers import pixel_size_um
    from napari_etch.grains.class_table import FRACTURE_MODES
    from napari_etch.labels import Annotated, LabelsError
    from napari_etch.labels.mask_files import whole_numbers

    types = {"grains": np.int32, "classes": np.uint8, "ignore": bool}
    maps: dict[str, Any] = {}
    about: dict[str, Any] = {}
    table = FRACTURE_MODES
    name = ""
    made = [Layer.create(*each) for each in layers]
    image = next((layer for layer in made if isinstance(layer, Image)), None)
    labels = [layer for layer in made if layer is not image]
    if image is not None:
        name = image.name
        about["image"] = _pixels_under(image, labels)
        about["pixel_size_um"] = pixel_size_um(image)
    for layer in labels:
        what = _what(layer)
        if what in maps:
            raise LabelsError(f"Two of the layers hold {what}: select one of them.")
        maps[what] = whole_numbers(np.asarray(layer.data), layer.name).astype(types[what])
        table = stored_table(layer) or table
        name = name or layer.name
        about["pixel_size_um"] = about.get("pixel_size_um") or pixel_size_um(layer)
    if not maps:
        raise LabelsError("Select a Labels layer, too: there are no labels to save.")
    rows, columns = next(iter(maps.values())).shape
    return Annotated(name, (rows, columns), **maps, **about), table


def _pixels_under(image: Image, labels: Sequence[Any]) -> Any:
    """Return what lies under labels, which may be those of a region; else all of the image."""
    from napari_etch._widgets.correct_target import window_under
    from napari_etch._widgets.layers import finest
    from napari_etch.micrograph import micrograph_from_array

    window, data = (window_under(image, labels[0]) if labels else None), finest(image)
    part = data if window is None else data[window]
    return micrograph_from_array(np.asarray(part), rgb=image.rgb).data


def _what(layer: Layer) -> str:
    """Return which map a layer of labels holds."""
    from napari_etch._widgets.correct_target import is_classes
    from napari_etch._widgets.import_layers import IGNORE
    from napari_etch._widgets.layers import kind_of, layer_name

    if kind_of(layer) == IGNORE or layer.name.endswith(layer_name("", IGNORE).strip()):
        return "ignore"
    return "classes" if is_classes(layer) else "grains"

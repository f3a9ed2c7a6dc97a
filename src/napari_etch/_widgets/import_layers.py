"""Annotations as layers: of an image that is open, or by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils import DirectLabelColormap

from napari_etch._widgets.class_tables import class_colormap, class_features
from napari_etch._widgets.correct_target import CLASSES
from napari_etch._widgets.layers import (
    BOUNDARY,
    GRAINS,
    GRAINS_LOOK,
    METADATA_KEY,
    boundary_look,
    kind_of,
    layer_name,
    source_id_of,
)
from napari_etch._widgets.made_from import is_named_after
from napari_etch._widgets.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList
    from napari.layers import Layer

    from napari_etch.grains.class_table import ClassTable
    from napari_etch.labels import Annotated
    from napari_etch.labels.stacking import AnnotatedStack

IGNORE = "ignore"
LayerData = tuple[Any, dict[str, Any], str]
#: Ignored parts are dark and see-through.
_IGNORE_COLOUR = (0.1, 0.1, 0.1, 1.0)


def annotation_data(
    each: Annotated | AnnotatedStack, table: ClassTable, source: str = ""
) -> list[LayerData]:
    """Return the maps of annotations as layer data for napari, without their place.

    Parameters
    ----------
    each : Annotated or AnnotatedStack
    table : ClassTable
    source : str
        The file that they were read from.
    """
    made = {**each.made, "labels": source or each.made.get("labels", "")}

    def keywords(kind: str, **more: Any) -> dict[str, Any]:
        about = {METADATA_KEY: {**made, "kind": kind, **more.pop("about", {})}}
        return {"name": layer_name(each.name, kind), "metadata": about, **more}

    found: list[LayerData] = []
    if each.boundary is not None:
        lines = each.boundary.astype(np.float32)
        found.append((lines, keywords(BOUNDARY, **boundary_look(False)), "image"))
    if each.grains is not None:
        found.append((each.grains, keywords(GRAINS, **GRAINS_LOOK), "labels"))
    if each.classes is not None:
        about = {"class_table": table.as_json()}
        look = {**GRAINS_LOOK, "colormap": class_colormap(table)}
        data = (each.classes, keywords(CLASSES, about=about, **look), "labels")
        found.append(data)
    if each.ignore is not None and each.ignore.any():
        colours = DirectLabelColormap(color_dict={None: "transparent", 1: _IGNORE_COLOUR})
        look = {"opacity": 0.6, "colormap": colours}
        found.append((each.ignore.astype(np.uint8), keywords(IGNORE, **look), "labels"))
    return found


def is_ignore(layer: Any) -> bool:
    """Return whether a layer says where nothing is to be learnt."""
    named = str(layer.name).endswith(layer_name("", IGNORE).strip())
    return isinstance(layer, Labels) and (kind_of(layer) == IGNORE or named)


def ignored_of(layers: LayerList, image: Image) -> Any:
    """Return where nothing is to be learnt from an image, by all ignore layers over it.

    Parameters
    ----------
    layers : napari.components.LayerList
    image : napari.layers.Image

    Returns
    -------
    ndarray of bool or None
        None where there is no such layer.
    """
    found = None
    for layer in layers:
        if not is_ignore(layer) or not _lies_over(layer, image):
            continue
        if _belongs_to(layer, image, layers):
            mask = np.asarray(layer.data) > 0
            found = mask if found is None else found | mask
    return found


def shared_ignore_text(layers: LayerList, images: Sequence[Image]) -> str:
    """Return which ignore layer is taken for one of several of these images; or nothing."""
    for layer in layers:
        if not is_ignore(layer):
            continue
        of = [
            each for each in images if _lies_over(layer, each) and _belongs_to(layer, each, layers)
        ]
        if len(of) > 1:
            return (
                f"“{layer.name}” is named after no open image, so it is left out of all "
                f"{len(of)} of its size: call it “{layer_name(of[0].name, IGNORE)}” if it is of "
                "that one alone."
            )
    return ""


def _lies_over(ignored: Labels, image: Image) -> bool:
    shape = tuple(image.data.shape[:-1] if image.rgb else image.data.shape)
    return tuple(ignored.data.shape) == shape


def _belongs_to(ignored: Labels, image: Image, layers: LayerList) -> bool:
    """Return whether an ignore layer is one of this image; one that was painted may be of any."""
    made_from = source_id_of(ignored)
    if made_from:
        return made_from == str(image.unique_id)
    images = [layer for layer in layers if isinstance(layer, Image)]
    named = [layer for layer in images if is_named_after(ignored, layer)]
    return image in named or not named


def imported_layers(
    each: Annotated | AnnotatedStack, table: ClassTable, image: Image, source: str
) -> list[Layer]:
    """Return the maps of annotations as layers that lie over an image."""
    place = Placement.of(image).keywords()
    layers: list[Layer] = []
    for data, keywords, kind in annotation_data(each, table, source):
        made = keywords["metadata"][METADATA_KEY]
        made |= {"source": image.name, "source_id": str(image.unique_id)}
        keywords["name"] = layer_name(image.name, made["kind"])
        layers.append({"image": Image, "labels": Labels}[kind](data, **keywords, **place))
        if made["kind"] == CLASSES:
            layers[-1].features = class_features(table)
    return layers

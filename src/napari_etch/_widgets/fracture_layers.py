"""Between the Fracture dock and napari's layers: outlines in, maps of fracture modes out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes

from napari_etch._widgets.class_tables import CLASS_FEATURE, class_colormap, class_features
from napari_etch._widgets.correct_target import CLASSES
from napari_etch._widgets.earlier_results import (
    crc,
    hide_covered,
    is_called,
    lie_as,
    take_name,
)
from napari_etch._widgets.judged import is_judged
from napari_etch._widgets.layers import (
    CONFIDENCE,
    METADATA_KEY,
    OUTLINES,
    PROBABILITY,
    RUN,
    Origin,
    are_of_one_run,
    drawn_in_image,
    kind_of,
    layer_name,
    on_ellipse,
    set_labels,
    source_of,
)
from napari_etch._widgets.placement import Placement

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_etch._widgets.fracture_run import Mapped
    from napari_etch.grains.class_table import ClassTable

#: The image stays readable under the map, and the map under what is outlined.
MAP_OPACITY, OUTLINE_OPACITY = 0.4, 0.7
MAP = CLASSES


def outline_layer(image: Image, table: ClassTable) -> Labels:
    """Return an empty Labels layer over an image, ready for outlining areas of each class."""
    return Labels(
        np.zeros(source_of(image).axes[-2:], np.uint8),
        name=layer_name(image.name, OUTLINES),
        opacity=OUTLINE_OPACITY,
        colormap=class_colormap(table),
        features=class_features(table),
        metadata={
            METADATA_KEY: {
                "kind": OUTLINES,
                "source_id": str(image.unique_id),
                "class_table": table.as_json(),
            }
        },
        **Placement.of(image).keywords(),
    )


def give_classes(layer: Layer, table: ClassTable) -> None:
    """Give a layer of outlines another class table; what is outlined stays."""
    made = layer.metadata.get(METADATA_KEY, {})
    layer.metadata[METADATA_KEY] = {**made, "class_table": table.as_json()}
    if isinstance(layer, Labels):
        layer.colormap, layer.features = class_colormap(table), class_features(table)


def outline_layers(layers: LayerList, image: Image) -> list[Layer]:
    """Return the layers that can hold outlines of an image, the likeliest first."""
    shape = source_of(image).axes[-2:]
    found: list[Layer] = []
    for layer in reversed(layers):
        if isinstance(layer, Labels):
            # a map that was made is an answer, not an outline
            if kind_of(layer) in ("", OUTLINES) and np.shape(layer.data) == shape:
                found.append(layer)
        elif isinstance(layer, Shapes) and (
            holds_shape_classes(layer) or (kind_of(layer) == "" and layer.ndim == image.ndim)
        ):
            found.append(layer)
    found.sort(key=lambda layer: kind_of(layer) != OUTLINES)
    return found


def holds_shape_classes(layer: Shapes) -> bool:
    """Return whether the shapes of a layer have classes."""
    return CLASS_FEATURE in layer.features


def set_shape_class(layer: Shapes, table: ClassTable, number: int) -> None:
    """Give the selected shapes of a layer a class, and those that are drawn next.

    Shapes of a layer without classes get this one, all of them.
    """
    name = table.names[number]
    features = layer.features.copy()
    if CLASS_FEATURE not in features:
        features[CLASS_FEATURE] = name
    features[CLASS_FEATURE] = features[CLASS_FEATURE].astype(object)
    for index in layer.selected_data:
        features.loc[index, CLASS_FEATURE] = name
    layer.features = features
    layer.feature_defaults = {**layer.feature_defaults.iloc[0].to_dict(), CLASS_FEATURE: name}
    colours = [
        table.colours.get(table.find(word) or 0, "#808080") for word in features[CLASS_FEATURE]
    ]
    if colours:
        layer.face_color = colours
        layer.edge_color = colours
    layer.current_face_color = layer.current_edge_color = table.colours[number]


def read_outlines(layer: Layer, image: Image, table: ClassTable) -> npt.NDArray[np.uint8]:
    """Return the classes that are outlined in a layer, uint8 (y, x), in pixels of the image.

    Parameters
    ----------
    layer : Labels or Shapes
        Numbers of the table; or shapes with the feature `CLASS_FEATURE`, a name, an alias or a
        number of the table; later shapes lie on top.
    image : Image
    table : ClassTable

    Raises
    ------
    ValueError
        When a class is not in the table, or shapes have none.
    """
    if isinstance(layer, Labels):
        data = np.asarray(layer.data)
        if data.max(initial=0) > 255 or data.min(initial=0) < 0:
            raise ValueError(f"“{layer.name}” holds no classes: its numbers go beyond 255.")
        return data.astype(np.uint8)
    from skimage.draw import polygon2mask

    assert isinstance(layer, Shapes)
    if not holds_shape_classes(layer):
        raise ValueError(f"The shapes of “{layer.name}” have no classes: choose their class.")
    outlined = np.zeros(source_of(image).axes[-2:], np.uint8)
    words = list(layer.features[CLASS_FEATURE])
    for vertices, word, kind in zip(layer.data, words, layer.shape_type, strict=True):
        if kind in ("line", "path"):
            continue  # they enclose nothing
        if kind == "ellipse":
            vertices = on_ellipse(vertices)
        number = table.find(word)
        if number is None:
            raise ValueError(
                f"“{layer.name}” has a shape of class {word!r}, which is not in the class table."
            )
        corners = [drawn_in_image(vertex, layer, image) for vertex in vertices]
        outlined[polygon2mask(outlined.shape, np.array(corners))] = number
    return outlined


def map_layers(mapped: Mapped, origin: Origin) -> list[Layer]:
    """Return the results of a run as layers: the map, its confidence, and a probability.

    Parameters
    ----------
    mapped : Mapped
    origin : Origin
        The image as it was when the run started.
    """
    found, table = mapped.found, mapped.found.table
    place = origin.placement.keywords()
    made = {
        RUN: uuid4().hex,
        "source": origin.name,
        "source_id": origin.layer_id,
        "model": found.model,
        "weights_hash": found.weights_hash,
        "parameters": found.parameters,
        "class_table": table.as_json(),
        "pixel_size_um": mapped.source.pixel_size_um,
    }
    layers: list[Layer] = []
    grey = {"colormap": "gray", "contrast_limits": (0.0, 1.0), "visible": False}
    if len(table.ids) == 2:  # the Correct dock walks from the least sure facet by it
        layers.append(
            Image(
                found.probability[0],
                name=layer_name(origin.name, PROBABILITY),
                metadata={METADATA_KEY: {**made, "kind": PROBABILITY}},
                **grey,
                **place,
            )
        )
    layers.append(
        Image(
            found.confidence,
            name=layer_name(origin.name, CONFIDENCE),
            metadata={METADATA_KEY: {**made, "kind": CONFIDENCE}},
            **grey,
            **place,
        )
    )
    layers.append(
        Labels(
            found.classes,
            name=layer_name(origin.name, MAP),
            opacity=MAP_OPACITY,
            colormap=class_colormap(table),
            features=class_features(table),
            metadata={METADATA_KEY: {**made, "kind": MAP, "crc": crc(found.classes)}},
            **place,
        )
    )
    return layers


def show_map(layers: LayerList, new: list[Layer]) -> list[Layer]:
    """Put the results of a run into the viewer; an earlier map that nobody edited is renewed.

    Returns
    -------
    list of napari.layers.Layer
        Earlier maps, which somebody edited: they are hidden now, for else they would show through.
    """
    there = []
    for layer in new:
        old = _earlier(layers, layer)
        there.append(old or layer)
        if old is None:
            layers.append(layer)
            continue
        take_name(old, layer)
        if isinstance(old, Labels):
            set_labels(old, layer.data)
            old.colormap, old.features = layer.colormap, layer.features
            old.metadata = dict(layer.metadata)
        else:
            old.data, old.metadata = layer.data, dict(layer.metadata)
        lie_as(old, layer)
    return hide_covered(layers, there)


def is_untouched_map(layer: Labels) -> bool:
    """Return whether a layer is a map as it was made: nobody corrected it."""
    made = layer.metadata.get(METADATA_KEY)
    if not isinstance(made, dict) or made.get("kind") != MAP or "crc" not in made:
        return False
    return crc(np.asarray(layer.data)) == made["crc"]


def _is_kept(layer: Labels) -> bool:
    """Return whether somebody corrected a map, renamed or duplicated it."""
    given = layer_name(str(layer.metadata[METADATA_KEY].get("source", "")), MAP)
    return not (is_untouched_map(layer) and is_called(layer, given))


def _earlier(layers: LayerList, new: Layer) -> Layer | None:
    made = new.metadata[METADATA_KEY]
    for layer in reversed(layers):
        old = layer.metadata.get(METADATA_KEY)
        if type(layer) is not type(new) or not isinstance(old, dict):
            continue
        same = all(old.get(key) == made[key] for key in ("kind", "source_id"))
        if not same or np.shape(layer.data) != np.shape(new.data):
            continue
        # somebody corrected or reviewed it: it stays, with what its review goes by, and the new
        # one comes beside it
        is_work = _is_work(layer) if isinstance(layer, Labels) else _is_under_work(layers, layer)
        return None if is_work else layer
    return None


def _is_work(layer: Labels) -> bool:
    return _is_kept(layer) or is_judged(layer)


def _is_under_work(layers: LayerList, probability: Layer) -> bool:
    maps = (layer for layer in layers if isinstance(layer, Labels) and kind_of(layer) == MAP)
    return any(are_of_one_run(probability, each) and _is_work(each) for each in maps)

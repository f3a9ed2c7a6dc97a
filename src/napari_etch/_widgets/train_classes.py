"""Class maps and outlined areas of the viewer, as what a fracture model is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes

from napari_etch._widgets.class_tables import CLASS_FEATURE, stored_table
from napari_etch._widgets.correct_facets import FacetTour
from napari_etch._widgets.correct_sessions import session_of
from napari_etch._widgets.correct_target import is_classes
from napari_etch._widgets.fracture_layers import is_untouched_map, read_outlines
from napari_etch._widgets.layers import OUTLINES, kind_of
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable

#: Name of the trainer that learns from classes.
CLASS_MODEL = "fracture"


def holds_classes(layer: Layer) -> bool:
    """Return whether a layer holds classes to learn from: a class map, or areas of classes."""
    if isinstance(layer, Shapes):
        return CLASS_FEATURE in layer.features and layer.ndim == 2
    return kind_of(layer) == OUTLINES or is_classes(layer)


def is_only_an_answer(layer: Layer) -> bool:
    """Return whether a layer is what a network said and nobody corrected: nothing to learn from."""
    return isinstance(layer, Labels) and is_untouched_map(layer)


def table_of(layers: Sequence[Layer]) -> ClassTable | None:
    """Return the class table that layers were made with; None where none of them says.

    Raises
    ------
    ValueError
        When they say different things, or one is damaged.
    """
    found: ClassTable | None = None
    for layer in layers:
        table = stored_table(layer)
        if table is None:
            continue
        if found is not None and table.names != found.names:
            raise ValueError(
                f"“{layer.name}” has another class table than the layers above it: tick maps of "
                "the same classes."
            )
        found = found or table
    return found


def classes_in(layer: Layer, image: Image, table: ClassTable | None) -> npt.NDArray[np.integer]:
    """Return a copy of the classes in a layer, of the image's size.

    Raises
    ------
    ValueError
        When a shape has a class that is not in the table.
    """
    if isinstance(layer, Shapes):
        return read_outlines(layer, image, table or FRACTURE_MODES)
    return np.array(layer.data)


def judged_in(layer: Layer) -> npt.NDArray[np.bool_] | None:
    """Return where somebody judged a class map in the Correct dock; None where nobody did."""
    session = session_of(layer)
    if session is None or not isinstance(session.tour, FacetTour):
        return None
    sections = range(len(layer.data)) if layer.data.ndim == 3 else range(1)
    masks = np.stack([session.tour.judged(at) for at in sections])
    if not masks.any():
        return None
    return masks if layer.data.ndim == 3 else masks[0]


def class_trouble(model: str, layers: Sequence[tuple[Image, Layer]]) -> str:
    """Return why a model cannot learn from the ticked layers, as one sentence; empty if it can."""
    classes = [holds_classes(layer) for _, layer in layers]
    if any(classes) and not all(classes):
        return "Grain maps and class maps are ticked: tick maps of one kind."
    if not any(classes):
        if model == CLASS_MODEL:
            return "Fracture modes are learnt from class maps or outlined areas: tick some."
        return ""
    if model != CLASS_MODEL:
        return "Class maps are ticked: choose the model “Fracture modes”, or tick grain maps."
    try:
        table = table_of([layer for _, layer in layers])
        drawn = [_any_class(layer, image, table) for image, layer in layers]
    except ValueError as error:
        return str(error)
    for (_, layer), some in zip(layers, drawn, strict=True):
        if not some:
            return f"“{layer.name}” is empty: outline areas in it, or untick it."
    return ""


def _any_class(layer: Layer, image: Image, table: ClassTable | None) -> bool:
    if isinstance(layer, Shapes):
        return bool(classes_in(layer, image, table).any())
    return bool(np.any(layer.data))


def class_options(layers: Sequence[Layer]) -> dict[str, Any]:
    """Return the options of the trainer that say which classes the layers have."""
    table = table_of(layers)
    return {} if table is None else {"class_table": table.as_json()}

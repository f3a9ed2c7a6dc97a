"""The class table that a layer carries, and how its classes look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari.utils.colormaps import DirectLabelColormap

from napari_etch._widgets.layers import METADATA_KEY
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable, ClassTableError

if TYPE_CHECKING:
    from napari.layers import Layer

#: The feature of a layer that says the class of a label or a shape.
CLASS_FEATURE = "class"


def stored_table(layer: Layer) -> ClassTable | None:
    """Return the class table that a layer was made with; None where it says none.

    Raises
    ------
    ClassTableError
        When what it says is no class table; the sentence names the layer.
    """
    made = layer.metadata.get(METADATA_KEY)
    if not isinstance(made, dict) or not made.get("class_table"):
        return None
    try:
        return ClassTable.from_json(made["class_table"])
    except ClassTableError as error:
        raise ClassTableError(f"“{layer.name}” has a damaged class table: {error}") from error


def first_table(layers: Iterable[Layer]) -> ClassTable:
    """Return the class table of the first layer that has one, otherwise the fracture modes.

    Raises
    ------
    ClassTableError
        As `stored_table`.
    """
    found = (table for table in map(stored_table, layers) if table is not None)
    return next(found, FRACTURE_MODES)


def class_colormap(table: ClassTable) -> DirectLabelColormap:
    """Return the fixed colours of a class table; unlabelled is transparent, unknown white."""
    colours: dict[int | None, Any] = {None: "white", 0: "transparent"}
    return DirectLabelColormap(color_dict=colours | dict(table.colours.items()))


def class_features(table: ClassTable) -> dict[str, list[Any]]:
    """Return the names of classes as features of a Labels layer, for its tooltip and table."""
    return {"index": list(table.names), CLASS_FEATURE: list(table.names.values())}


def class_look(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the look of a Labels layer by what is known of its making; nothing without a table."""
    if not made.get("class_table"):
        return {}
    with suppress(ClassTableError):  # a damaged one is told where it is used
        table = ClassTable.from_json(made["class_table"])
        return {"colormap": class_colormap(table), "features": class_features(table)}
    return {}

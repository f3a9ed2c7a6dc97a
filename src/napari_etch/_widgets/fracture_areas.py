"""The area fractions below the Fracture dock, in step with the map that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_etch._widgets.fracture_layers import MAP, crc
from napari_etch._widgets.layers import kind_of, source_id_of
from napari_etch.fractography.areas import ClassArea, class_areas

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_etch._widgets.fracture_run import Mapped


def areas_text(areas: Sequence[ClassArea]) -> str:
    """Return the area fractions as lines."""
    lines = [
        f"{area.name}: {100 * area.of_labelled:.1f} % "
        f"({100 * area.of_labelled_low:.0f} to {100 * area.of_labelled_high:.0f})"
        for area in areas
        if area.area_px
    ]
    return "\n".join(lines) or "Nothing is sure enough to have a class."


class MapAreas:
    """Knows the latest map, and takes its shares anew when somebody corrects it."""

    def __init__(self) -> None:
        self._mapped: Mapped | None = None
        self._layer_id = ""
        self._crc = 0
        self._text = ""

    def take(self, mapped: Mapped, image_id: str, layers: LayerList) -> None:
        """Show another map: the one that was made from an image."""
        layer = next(
            layer
            for layer in reversed(layers)
            if kind_of(layer) == MAP and source_id_of(layer) == image_id
        )
        self._mapped, self._layer_id = mapped, str(layer.unique_id)
        self._crc, self._text = crc(mapped.found.classes), areas_text(mapped.areas)

    def text(self, layers: LayerList) -> str:
        """Return the fractions of the map as it is now; empty when it is no more."""
        layer: Any = next((each for each in layers if str(each.unique_id) == self._layer_id), None)
        if self._mapped is None or not isinstance(layer, Labels):
            return ""
        classes = np.asarray(layer.data)
        if classes.shape != self._mapped.found.classes.shape:
            return ""
        now = crc(classes)
        if now != self._crc:
            found = self._mapped.found
            areas = class_areas(classes, found.table, specimen=found.field)
            self._crc, self._text = now, areas_text(areas)
        return self._text

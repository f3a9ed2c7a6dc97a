"""Counting the grains of a layer: a mark on each, and one line that says how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points

from napari_etch._widgets.layers import (
    METADATA_KEY,
    Placement,
    can_recut,
    is_edited,
    kind_of,
    layer_name,
    pixel_size_um,
)
from napari_etch.counting import (
    CORNER,
    EDGE,
    INSIDE,
    GrainCount,
    calibration_of_card,
    count_map,
    count_partition,
)

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

COUNT = "count"
COLOURS = {INSIDE: "#2dd36f", EDGE: "#ffd60a", CORNER: "#ff8c1a"}


@dataclass(frozen=True, eq=False)
class LayerCount:
    """The grains of a layer, section by section.

    Attributes
    ----------
    name : str
        Of the layer.
    sections : tuple of GrainCount
    edited : bool
        Whether it was corrected by hand or is of another origin: there is no interval then.
    """

    name: str
    sections: tuple[GrainCount, ...]
    edited: bool

    @property
    def sentence(self) -> str:
        """Count and interval in one line."""
        if len(self.sections) == 1:
            return f"“{self.name}”: {self.sections[0].sentence}{self._why}."
        total = sum(found.count for found in self.sections)
        lows = [found.low for found in self.sections if found.low is not None]
        highs = [found.high for found in self.sections if found.high is not None]
        between = f" (95 % of the first: {lows[0]} to {highs[0]})" if lows else ""
        counts = [found.count for found in self.sections]
        return (
            f"“{self.name}”: {total} grains in {len(counts)} sections, "
            f"{min(counts)} to {max(counts)} in each{between}{self._why}."
        )

    @property
    def _why(self) -> str:
        return (
            "; no interval, for the map was edited or is of another origin" if self.edited else ""
        )


def count_layer(layer: Labels) -> LayerCount:
    """Count the grains of a layer as they are shown.

    Parameters
    ----------
    layer : napari.layers.Labels
        2D, or a stack of sections.

    Raises
    ------
    ValueError
        When there is no grain.
    """
    size = pixel_size_um(layer)
    data = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    if can_recut(layer) and not is_edited(layer):
        made = layer.metadata[METADATA_KEY]
        found = [
            count_partition(
                part, pixel_size_um=size, calibration=calibration_of_card(made), name=layer.name
            )
            for part in made["partitions"]
        ]
        return LayerCount(layer.name, tuple(found), edited=False)
    sections = data if data.ndim == 3 else data[None]
    counted = [
        count_map(section, pixel_size_um=size, name=f"“{layer.name}”") for section in sections
    ]
    return LayerCount(layer.name, tuple(counted), edited=True)


def show_marks(viewer: ViewerModel, layer: Labels, found: LayerCount) -> Points:
    """Draw a mark on each counted grain, in place of earlier ones of the layer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    layer : napari.layers.Labels
        What was counted.
    found : LayerCount
    """
    for old in [each for each in viewer.layers if _marks_of(each, layer)]:
        viewer.layers.remove(old)
    points, places = [], []
    for index, section in enumerate(found.sections):
        at = section.points.astype(float)
        if layer.ndim == 3:
            at = np.insert(at, 0, index, axis=1)
        points.append(at)
        places += [str(place) for place in section.places]
    made: dict[str, Any] = {"kind": COUNT, "source_id": str(layer.unique_id)}
    marks = Points(
        np.concatenate(points),
        name=layer_name(layer.name, COUNT),
        size=max(3.0, _spacing(layer, len(places)) / 5),
        face_color=[COLOURS[place] for place in places],
        border_color="black",
        border_width=0.15,
        features={"place": places},
        metadata={METADATA_KEY: made},
        **Placement.of(layer).keywords(),
    )
    active = viewer.layers.selection.active
    viewer.layers.append(marks)
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active
    return marks


def _marks_of(each: Any, layer: Labels) -> bool:
    if kind_of(each) != COUNT:
        return False
    return bool(each.metadata[METADATA_KEY]["source_id"] == str(layer.unique_id))


def _spacing(layer: Labels, count: int) -> float:
    """Return how far grains are from each other, px."""
    shape = layer.data.shape
    return float((np.prod(shape) / max(1, count)) ** 0.5) if len(shape) == 2 else 20.0

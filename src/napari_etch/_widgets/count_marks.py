"""A mark on each grain that was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points

from napari_etch._widgets.count_run import LayerCount
from napari_etch._widgets.layers import METADATA_KEY, Placement, kind_of, layer_name
from napari_etch.counting import CORNER, EDGE, INSIDE

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

COUNT = "count"
COLOURS = {INSIDE: "#2dd36f", EDGE: "#ffd60a", CORNER: "#ff8c1a"}


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

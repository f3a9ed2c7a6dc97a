"""A mark on each grain that was counted."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QTimer

from napari_etch._widgets.count_run import LayerCount
from napari_etch._widgets.layers import METADATA_KEY, kind_of, layer_name
from napari_etch._widgets.placement import Placement
from napari_etch._widgets.repair_layers import section_shown
from napari_etch.counting import CORNER, EDGE, INSIDE

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

COUNT = "count"
#: What the marks are called once the grains are others, and how faint they are then.
EARLIER = "count of an earlier state"
FAINT = 0.35
#: Milliseconds after an edit until it is looked at whether it was taken back.
PAUSE_MS = 400
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
    _Watch(viewer, layer, marks, found.source.data)
    return marks


class _Watch:
    """Says of marks that they are of an earlier state when the grains under them are others.

    They are not removed: napari collects garbage then, half a second in the middle of a stroke.
    """

    def __init__(self, viewer: ViewerModel, layer: Labels, marks: Points, counted: Any) -> None:
        self._viewer = viewer
        # no weak reference: where napari hands out a stand-in of the layer, it is dead at once
        self._layer_id = layer.unique_id
        self._marks = weakref.ref(marks)
        self._counted = counted
        self._names = marks.name, layer_name(layer.name, EARLIER)
        self._opacity = marks.opacity
        self._is_asked = False
        events = layer.events
        self._edits = events.paint, events.labels_update
        # undo says nothing but `set_data`, which also comes with other looks and other sections
        self._looks = events.data, events.set_data
        # functions and not methods: napari keeps only weak references to those
        self._on_edit = lambda _event=None: self._edited()
        self._on_look = lambda _event=None: self._compare()
        for event in self._edits:
            event.connect(self._on_edit)
        for event in self._looks:
            event.connect(self._on_look)

    def _edited(self) -> None:
        """Take the map for another one, until a pause shows that an edit was only taken back."""
        self._show(is_earlier=True)
        if not self._is_asked:
            self._is_asked = True
            QTimer.singleShot(PAUSE_MS, self._after_pause)

    def _after_pause(self) -> None:
        self._is_asked = False
        self._compare()

    def _compare(self) -> None:
        layer: Any = next(
            (each for each in self._viewer.layers if each.unique_id == self._layer_id), None
        )
        if layer is None or layer.multiscale or not isinstance(self._counted, np.ndarray):
            return
        if layer.data.shape != self._counted.shape:
            self._show(is_earlier=True)
        elif layer.ndim == 2:
            self._show(is_earlier=not np.array_equal(layer.data, self._counted))
        else:  # all of a stack would take seconds
            at = section_shown(self._viewer, layer) or 0
            if not np.array_equal(layer.data[at], self._counted[at]):
                self._show(is_earlier=True)

    def _show(self, *, is_earlier: bool) -> None:
        marks = self._marks()
        if marks is None or marks not in self._viewer.layers:
            self._end()
            return
        if marks.name == self._names[not is_earlier]:
            marks.name = self._names[is_earlier]
            marks.opacity = FAINT if is_earlier else self._opacity

    def _end(self) -> None:
        for event in self._edits:
            event.disconnect(self._on_edit)
        for event in self._looks:
            event.disconnect(self._on_look)


def _marks_of(each: Any, layer: Labels) -> bool:
    if kind_of(each) != COUNT:
        return False
    return bool(each.metadata[METADATA_KEY]["source_id"] == str(layer.unique_id))


def _spacing(layer: Labels, count: int) -> float:
    """Return how far grains are from each other, px."""
    shape = layer.data.shape
    return float((np.prod(shape) / max(1, count)) ** 0.5) if len(shape) == 2 else 20.0

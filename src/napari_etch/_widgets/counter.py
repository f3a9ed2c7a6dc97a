"""Counts a grain layer in a worker thread and marks its grains when that is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_etch._widgets.controller import RunController
from napari_etch._widgets.count_marks import show_marks
from napari_etch._widgets.count_run import CountSource, LayerCount, count_source
from napari_etch._widgets.layers import METADATA_KEY, pixel_size_um, source_id_of
from napari_etch._widgets.recut_layers import can_recut
from napari_etch._widgets.run import Failed, Stopped

if TYPE_CHECKING:
    from napari.components import LayerList, ViewerModel
    from napari.layers import Labels


def count_source_of(layer: Labels, layers: LayerList) -> CountSource:
    """Return a layer as it is now; a map in memory is copied, for the user may go on correcting."""
    data = layer.data[0] if layer.multiscale else layer.data
    made = layer.metadata.get(METADATA_KEY)
    made = made if isinstance(made, dict) else {}
    return CountSource(
        data=np.array(data) if isinstance(data, np.ndarray) else data,
        name=layer.name,
        image=_image_name(layer, layers),
        model=str(made.get("title", "")),
        pixel_size_um=pixel_size_um(layer),
        partitions=tuple(made["partitions"]) if can_recut(layer) else (),
        card=made,
        layer_id=str(layer.unique_id),
        image_id=source_id_of(layer),
    )


def counted_now(counted: LayerCount, layers: LayerList) -> LayerCount:
    """Return a count with the names and the pixel size that its layer has by now."""
    layer: Any = next(
        (each for each in layers if str(each.unique_id) == counted.source.layer_id), None
    )
    if layer is None:  # it was counted all the same
        return counted
    now = replace(
        counted.source,
        name=layer.name,
        image=_image_name(layer, layers),
        pixel_size_um=pixel_size_um(layer),
    )
    return counted if now == counted.source else counted.of(now)


def _image_name(layer: Labels, layers: LayerList) -> str:
    """Return what the image is called that grains were found in, or was when it was removed."""
    image_id = source_id_of(layer)
    image: Any = next((each for each in layers if str(each.unique_id) == image_id), None)
    made = layer.metadata.get(METADATA_KEY)
    made = made if isinstance(made, dict) else {}
    return str(made.get("source", layer.name) if image is None else image.name)


class LayerCounter(QObject):
    """At most one count at a time; all signals come on the main thread.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Gets the marks.
    parent : QObject, optional

    Signals
    -------
    progressed : Progress
    counted : LayerCount
        The marks are there.
    ended : str, bool
        What there is to say, and whether it is trouble; after every count.
    """

    progressed = Signal(object)
    counted = Signal(object)
    ended = Signal(str, bool)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._changed = False
        self.controller = RunController(None, self, run=count_source)
        self.controller.progressed.connect(self.progressed)
        self.controller.ended.connect(self._on_ended)

    @property
    def is_running(self) -> bool:
        """Whether something is being counted."""
        return self.controller.is_running

    def start(self, layer: Labels) -> None:
        """Count the grains of a layer.

        Raises
        ------
        RuntimeError
            If a count is under way.
        """
        self.controller.start(count_source_of(layer, self._viewer.layers), None)
        self._layer, self._changed = layer, False
        for event in self._changes(layer):
            event.connect(self._on_changed)

    def cancel(self) -> None:
        """Ask the count to stop."""
        self.controller.cancel()

    @staticmethod
    def _changes(layer: Labels) -> tuple[Any, ...]:
        return layer.events.paint, layer.events.data, layer.events.labels_update

    def _on_changed(self, _event: Any = None) -> None:
        self._changed = True

    def _on_ended(self, outcome: LayerCount | Stopped | Failed) -> None:
        layer, self._layer = self._layer, None
        if layer is not None:
            for event in self._changes(layer):
                event.disconnect(self._on_changed)
        self.ended.emit(*self._said(outcome, layer))

    def _said(
        self, outcome: LayerCount | Stopped | Failed, layer: Labels | None
    ) -> tuple[str, bool]:
        if isinstance(outcome, Failed):
            return outcome.message, True
        if isinstance(outcome, Stopped) or layer is None:
            return "Cancelled; nothing was counted.", False
        if layer not in self._viewer.layers:
            return f"“{outcome.source.name}” was removed while it was counted.", True
        if self._changed:
            return f"“{layer.name}” was changed while it was counted: count it again.", True
        show_marks(self._viewer, layer, outcome)
        self.counted.emit(outcome)
        return outcome.sentence, False

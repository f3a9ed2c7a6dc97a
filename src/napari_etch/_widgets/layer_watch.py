"""Waits for what happens to the layers of a viewer, and then looks once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import QObject, QTimer, Signal

from napari_etch._widgets.canvas_context import make_current
from napari_etch._widgets.namesakes import Namesakes

if TYPE_CHECKING:
    from napari.components import LayerList, ViewerModel


def selected(layers: LayerList) -> Any:
    """Return the active layer itself; None when there is none.

    A plugin is given a stand-in of the viewer, which hands out a stand-in of the active layer each
    time it is asked: a weak reference to that is dead at once, and it is never `is` the layer.
    """
    active = layers.selection.active
    return next((layer for layer in layers if layer == active), None)


class LayerWatch(QObject):
    """Keeps something in step with the layers of a viewer.

    A subclass says in `WATCHED` which events concern it and implements `refresh` and
    `_on_active`; it calls `_listen` when it is ready for both.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers are watched.
    parent : QObject
        What lives as long as the watch.

    Signals
    -------
    changed
        The choice, or something about the chosen layers, changed.
    """

    changed = Signal()
    #: What can change in the layer list that matters; moving the mouse is not in it.
    WATCHED: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._namesakes = Namesakes(viewer.layers)
        # Layers emit many events in a row; one refresh when they are through is enough.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)

    def refresh(self) -> None:
        """Look at the layers anew."""
        raise NotImplementedError

    def disconnect_viewer(self) -> None:
        """Stop listening to the viewer."""
        self._soon.stop()
        self._viewer.layers.events.disconnect(self._on_layers)
        self._viewer.layers.selection.events.active.disconnect(self._on_active)

    def _listen(self) -> None:
        self._soon.timeout.connect(self.refresh)
        self._viewer.layers.events.connect(self._on_layers)
        self._viewer.layers.selection.events.active.connect(self._on_active)

    def _on_layers(self, event: Any) -> None:
        self._namesakes.hear(event)
        if event.type == "removing":
            make_current(self.parent())
        if event.type in self.WATCHED:
            self._soon.start()

    def _on_active(self, _event: Any = None) -> None:
        raise NotImplementedError

    def _find(self, layer_id: str | None) -> Any:
        """Return the layer with a unique id; None when it is no more."""
        return next(
            (layer for layer in self._viewer.layers if str(layer.unique_id) == layer_id), None
        )

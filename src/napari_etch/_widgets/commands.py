"""Commands of the Layers ▸ Segment menu, and what the docks ask of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari import Viewer

if TYPE_CHECKING:
    from napari.layers import Layer

PLUGIN = "napari-etch"
SEGMENT_DOCK = "Segment"
REPAIR_DOCK = "Repair"
TRACK_DOCK = "Track"
FRACTURE_DOCK = "Fracture"
TRAIN_DOCK = "Train"


def segment_with_generalist(viewer: Viewer) -> None:
    """Open the Segment dock and run the generalist on the selected image."""
    segment_with(viewer, "generalist")


def segment_with(viewer: Viewer, model: str) -> None:
    """Open the Segment dock and run a model, given by name, on the selected image."""
    # beside the dock that is open, not below it: two docks are too high for most screens
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, SEGMENT_DOCK, tabify=True)
    dock.raise_()
    widget.run_model(model)


def count_selected(viewer: Viewer) -> None:
    """Open the Segment dock and count the grains of the selected layer, with a mark on each."""
    selected = viewer.layers.selection.active
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, SEGMENT_DOCK, tabify=True)
    dock.raise_()
    widget.count_selected(selected)


def repair_selected(viewer: Viewer) -> None:
    """Open the Repair dock and close the gaps of the selected layer."""
    selected = viewer.layers.selection.active
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, REPAIR_DOCK, tabify=True)
    dock.raise_()
    widget.run_on(selected)


def track_selected(viewer: Viewer) -> None:
    """Open the Track dock and track the grains of the selected layer."""
    selected = viewer.layers.selection.active
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, TRACK_DOCK, tabify=True)
    dock.raise_()
    widget.run_on(selected)


def map_fracture_modes(viewer: Viewer) -> None:
    """Open the Fracture dock and map the selected image."""
    selected = viewer.layers.selection.active
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, FRACTURE_DOCK, tabify=True)
    dock.raise_()
    widget.run_on(selected)


def map_modes_with(viewer: Viewer, model: str) -> None:
    """Open the Fracture dock and map the selected image with a model, given by name."""
    selected = viewer.layers.selection.active
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, FRACTURE_DOCK, tabify=True)
    dock.raise_()
    widget.run_on(selected, model)


def train_on_classes(viewer: Viewer, layers: Sequence[Layer], model: str) -> None:
    """Open the Train dock, ready to go on from a fracture model on class maps or outlines."""
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, TRAIN_DOCK, tabify=True)
    dock.raise_()
    widget.learn_classes_from(layers, model)

"""Which grain layers are measured, and what of them: snapshots for the thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer, Signal

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.correct_target import boundary_layers, is_classes, own_micrograph
from napari_etch._widgets.import_layers import IGNORE
from napari_etch._widgets.layer_watch import LayerWatch, selected
from napari_etch._widgets.layers import (
    METADATA_KEY,
    OUTLINES,
    finest,
    kind_of,
    layer_name,
    pixel_size_um,
)
from napari_etch._widgets.measure_form import MeasureForm
from napari_etch._widgets.measure_job import LayerInput
from napari_etch._widgets.recut_layers import can_recut, is_edited
from napari_etch._widgets.repair_layers import ADDED

if TYPE_CHECKING:
    from napari.components import ViewerModel

#: Corrections come in a row: wait for a pause before measuring anew.
PAUSE_MS = 350
#: Labels of ours that show neither grains nor a whole class map.
_HELPERS = (OUTLINES, ADDED, IGNORE)
#: What changes the grains or their size; the rest is looks.
_DATA_EVENTS = frozenset({"data", "set_data", "paint", "labels_update", "scale", "units"})


class MeasureLayers(LayerWatch):
    """Keeps the boxes of the form in step with the grain layers; see `LayerWatch`.

    Signals
    -------
    edited
        Data or pixel size of a layer may have changed, and now it is quiet.
    """

    edited = Signal()
    WATCHED = frozenset({"inserted", "removed", "reordered", "name"})

    def __init__(self, viewer: ViewerModel, form: MeasureForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(PAUSE_MS)
        self._quiet.timeout.connect(self.edited)
        self._ticked: set[str] = set()
        self._last: Any = None
        self._listen()
        form.grains_chosen.connect(self.refresh)
        form.compared.connect(self._on_compared)
        self.refresh()
        self._on_active()

    def grains(self) -> Labels | None:
        """Return the layer that is measured."""
        found = self._find(self._form.grains.currentData())
        return found if isinstance(found, Labels) else None

    def chosen(self) -> list[Labels]:
        """Return the layers that are measured, the chosen one first."""
        first = self.grains()
        ids = [str(first.unique_id)] if first is not None else []
        ids += [each for each in self._form.ticked() if each not in ids]
        found = (self._find(each) for each in ids)
        return [layer for layer in found if isinstance(layer, Labels)]

    def refresh(self, *, grains_id: str | None = None) -> None:
        """Fill the boxes anew; what was chosen stays chosen where it still exists."""
        form = self._form
        offered = [layer for layer in reversed(self._viewer.layers) if can_measure(layer)]
        rows = [(layer.name, str(layer.unique_id)) for layer in offered]
        set_choices(form.grains, rows, grains_id or form.grains.currentData())
        chosen = form.grains.currentData()
        self._ticked &= {layer_id for _name, layer_id in rows}
        form.set_layers(rows, frozenset(self._ticked | {chosen}))
        # what is only drawn over the grains changes nothing
        images = [str(each.unique_id) for each in self._viewer.layers if isinstance(each, Image)]
        choice = (chosen, tuple(rows), tuple(sorted(images)))
        if choice != self._last:
            self._last = choice
            self.changed.emit()

    def _on_compared(self) -> None:
        self._ticked = set(self._form.ticked())
        self.changed.emit()

    def _on_layers(self, event: Any) -> None:
        super()._on_layers(event)
        if event.type in _DATA_EVENTS:
            self._quiet.start()

    def _on_active(self, _event: Any = None) -> None:
        active = selected(self._viewer.layers)
        # marks are layers, too: what is drawn over the grains changes nothing about them
        if active is None or not can_measure(active) or active is self.grains():
            return
        self.refresh(grains_id=str(active.unique_id))

    def disconnect_viewer(self) -> None:
        """Stop listening to the viewer."""
        self._quiet.stop()
        super().disconnect_viewer()

    def image(self) -> Any:
        """Return what the pixel size is set on: the micrograph, else the grains themselves."""
        grains = self.grains()
        if grains is None:
            return None
        return own_micrograph(self._viewer.layers, grains) or grains

    def section(self, layer: Labels) -> int | None:
        """Return the section of a stack that is shown."""
        if layer.ndim != 3:
            return None
        world = self._viewer.dims.point[-3:]
        at = round(float(layer.world_to_data(world)[0]))
        return min(max(at, 0), layer.data.shape[0] - 1)

    def plane(self, layer: Labels) -> np.ndarray:
        """Return the grains of a layer that are shown, (y, x)."""
        section = self.section(layer)
        return np.asarray(layer.data if section is None else layer.data[section])

    def placements(self) -> str:
        """Return how often circles are laid over the grains, as chosen."""
        return str(self._form.placements.currentData())

    def title(self, layer: Labels) -> str:
        """Return what a layer is called in tables and reports, with the section that is shown."""
        section = self.section(layer)
        return layer.name if section is None else f"{layer.name}, {_section_words(layer, section)}"

    def snapshot(self, layer: Labels) -> LayerInput:
        """Return a layer as it is now."""
        section = self.section(layer)
        boundary = next(iter(boundary_layers(self._viewer.layers, layer)), None)
        lines = None if boundary is None else finest(boundary)
        if lines is not None:
            lines = np.asarray(lines if section is None else lines[section])
        return LayerInput(
            layer_id=str(layer.unique_id),
            name=self.title(layer),
            grains=np.array(self.plane(layer)),
            pixel_size_um=pixel_size_um(layer),
            boundary=lines,
            partition=_partition(layer, section),
            section=section,
            placements=self.placements(),
        )


def _section_words(layer: Labels, section: int) -> str:
    """Return which section of its stack that of a layer is, which may hold one of many."""
    made = layer.metadata.get(METADATA_KEY)
    numbers = made.get("sections") if isinstance(made, dict) else None
    if numbers is not None and len(numbers) == len(layer.data):
        section = numbers[section]
    return f"section {section}"


def _partition(layer: Labels, section: int | None) -> Any:
    """Return what a layer was cut from; None when it is not known."""
    if not can_recut(layer):
        return None
    partitions = layer.metadata[METADATA_KEY]["partitions"]
    at = 0 if section is None else section
    return partitions[at] if at < len(partitions) else None


def can_measure(layer: Any) -> bool:
    """Return whether a layer holds grains, (y, x) or (z, y, x)."""
    return (
        isinstance(layer, Labels)
        and not layer.multiscale
        and layer.ndim in (2, 3)
        and bool(layer.data.size)
        and not is_helper(layer)
        and not is_classes(layer)
    )


def is_helper(layer: Labels) -> bool:
    """Return whether labels are there for another dock's work, such as outlines to learn from."""
    named = any(layer.name.endswith(layer_name("", kind)) for kind in _HELPERS)
    return named or kind_of(layer) in _HELPERS


def provenance(viewer: ViewerModel, layer: Labels) -> tuple[dict[str, Any], Image | None]:
    """Return what a layer says of its making, with whether it was corrected, and its micrograph."""
    made = dict(layer.metadata.get(METADATA_KEY) or {})
    if can_recut(layer):
        made["corrected"] = is_edited(layer)
    return made, own_micrograph(viewer.layers, layer)

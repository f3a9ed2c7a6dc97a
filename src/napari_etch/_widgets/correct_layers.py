"""Keeps the boxes of the Correct dock in step with the layers of a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.correct_form import NO_BOUNDARY, CorrectForm
from napari_etch._widgets.correct_target import (
    boundary_layers,
    fits,
    is_classes,
    may_hold_labels,
)
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import kind_of
from napari_etch._widgets.repair_layers import ADDED

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class CorrectLayers(LayerWatch):
    """Which grains and which boundary map the dock works on; see `LayerWatch`."""

    WATCHED = frozenset(
        {
            "inserted",
            "removed",
            "reordered",
            "name",
            "data",
            "editable",
            "visible",
            "scale",
            "translate",
        }
    )

    def __init__(self, viewer: ViewerModel, form: CorrectForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        self._listen()
        self._chosen: dict[str, Any] = {}
        form.grains_chosen.connect(self.refresh)
        form.boundary_chosen.connect(self._on_boundary)
        self._on_active()

    def grains(self) -> Layer | None:
        """Return the layer to correct; one that cannot be is offered too, for a copy."""
        return self._find(self._form.grains.currentData())

    def boundary(self) -> Image | None:
        """Return the boundary map."""
        found = self._find(self._form.boundary.currentData())
        return found if isinstance(found, Image) else None

    def refresh(self, *, grains_id: str | None = None) -> None:
        """Fill the boxes anew; what was chosen stays chosen where it still exists.

        The bridges of a repair are labels, too, and no grains.
        """
        form = self._form
        active = self._viewer.layers.selection.active
        offered: list[Layer] = [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Labels) and kind_of(layer) != ADDED
        ]
        if not offered and active is not None and may_hold_labels(active):
            offered = [active]
        rows = [(layer.name, str(layer.unique_id)) for layer in offered]
        is_there = any(grains_id == offered_id for _name, offered_id in rows)
        wanted = grains_id if is_there else form.grains.currentData()
        set_choices(form.grains, rows, wanted)
        self._fill_boundary()
        self.changed.emit()

    def _fill_boundary(self) -> None:
        form, grains = self._form, self.grains()
        if not isinstance(grains, Labels) or grains.multiscale:
            set_choices(form.boundary, [(NO_BOUNDARY, None)], None)
            return
        form.name_boundary("Probability" if is_classes(grains) else "Boundary")
        likely = boundary_layers(self._viewer.layers, grains, whole=False)
        others = [
            layer
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Image)
            and layer not in likely
            and not layer.rgb
            and fits(layer, grains, whole=False)
        ]
        rows: list[tuple[str, Any]] = [
            (layer.name, str(layer.unique_id)) for layer in [*likely, *others]
        ]
        rows.append((NO_BOUNDARY, None))
        usual = str(likely[0].unique_id) if likely else None
        key = str(grains.unique_id)
        set_choices(form.boundary, rows, self._chosen.get(key, usual))

    def _on_boundary(self) -> None:
        """Remember the choice for this grain map, also over a refresh."""
        grains = self.grains()
        if grains is not None:
            self._chosen[str(grains.unique_id)] = self._form.boundary.currentData()
        self.changed.emit()

    def _on_active(self, _event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        wanted = str(active.unique_id) if isinstance(active, Labels) else None
        self.refresh(grains_id=wanted)

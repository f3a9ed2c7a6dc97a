"""Keeps the images and regions of the Train dock in step with the layers of the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes

from napari_etch._widgets.layer_choice import WATCHED, about
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import (
    SCALE_BAR,
    is_micrograph,
    kind_of,
    region_from_shapes,
    region_layer,
    source_id_of,
    source_of,
)
from napari_etch._widgets.train_form import TrainForm
from napari_etch._widgets.train_job import Part

if TYPE_CHECKING:
    from napari.components import ViewerModel


class TrainChoice(LayerWatch):
    """Which images, and what of them, the dock learns from; see `LayerWatch`."""

    WATCHED = WATCHED

    def __init__(self, viewer: ViewerModel, form: TrainForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        #: While a fit runs, the form stays as it was when the fit began.
        self.is_held = False
        self._listen()
        viewer.dims.events.current_step.connect(self._on_active)  # another section is shown
        self.refresh()

    def disconnect_viewer(self) -> None:
        """Stop listening to the viewer."""
        super().disconnect_viewer()
        self._viewer.dims.events.current_step.disconnect(self._on_active)

    def _on_active(self, _event: Any = None) -> None:
        self._soon.start()

    def all_images(self) -> list[Image]:
        """Return the layers that can be learnt from, topmost first."""
        return [layer for layer in reversed(self._viewer.layers) if is_micrograph(layer)]

    def images(self) -> list[Image]:
        """Return the ticked images, topmost first."""
        ticked = set(self._form.ticked())
        return [layer for layer in self.all_images() if str(layer.unique_id) in ticked]

    def shapes(self) -> Shapes | None:
        """Return the chosen Shapes layer; None for the whole image."""
        return self._find(self._form.region.currentData())

    def parts(self) -> tuple[Part, ...]:
        """Return the ticked images with the rectangle and the section of each."""
        shapes = self.shapes()
        return tuple(
            Part(
                source_of(image),
                str(image.unique_id),
                None if shapes is None else region_from_shapes(shapes, image),
                self._section(image),
            )
            for image in self.images()
        )

    def _section(self, image: Image) -> int | None:
        source = source_of(image)
        if not source.is_stack:
            return None
        point = self._viewer.dims.point[-3:]
        shown = round(float(image.world_to_data(point)[0]))
        return min(max(shown, 0), max(0, source.axes[0] - 1))

    def draw(self) -> None:
        """Add a Shapes layer over the first ticked image, ready for drawing, and choose it."""
        images = self.images()
        if not images:
            return
        shapes = region_layer(images[0])
        self._viewer.add_layer(shapes)
        shapes.mode = "add_rectangle"
        self.refresh(region_id=str(shapes.unique_id))

    def refresh(self, *, region_id: str | None = None) -> None:
        """Fill the lists anew; what was chosen stays chosen where it still exists."""
        if self.is_held:
            self.changed.emit()
            return
        form = self._form
        images = [(layer.name, str(layer.unique_id)) for layer in self.all_images()]
        there = {identity for _, identity in images}
        ticked = [identity for identity in form.ticked() if identity in there]
        if not ticked or not form.ticked_by_hand:
            form.ticked_by_hand = False
            ticked = self._selected(there) or ticked or [identity for _, identity in images[:1]]
        form.set_images(images, ticked)
        drawn = [
            (layer.name, str(layer.unique_id))
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Shapes) and kind_of(layer) != SCALE_BAR
        ]
        form.set_regions(drawn, region_id or form.region.currentData())
        text = self._about()
        form.about_images.setText(text)
        form.about_images.setToolTip(text)
        self.changed.emit()

    def _selected(self, there: set[str]) -> list[str]:
        active = self._viewer.layers.selection.active
        if active is None:
            return []
        wanted = str(active.unique_id) if is_micrograph(active) else source_id_of(active)
        return [wanted] if wanted in there else []

    def _about(self) -> str:
        images = self.images()
        if not images:
            return "No image is open." if not self.all_images() else "No image is ticked."
        if len(images) > 1:
            return f"{len(images)} images, taken for one specimen"
        [image] = images
        section = self._section(image)
        return about(image) if section is None else f"{about(image)} · section {section} is used"

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
    source_of,
)
from napari_etch._widgets.made_from import image_id_of
from napari_etch._widgets.train_form import TrainForm
from napari_etch._widgets.train_job import Part
from napari_etch._widgets.train_preview import shown_section
from napari_etch.training.fit_request import learnt_sections

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
        form.sections.currentIndexChanged.connect(self._on_active)
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
        """Return the ticked images with the rectangle of each; of a stack, a part a section."""
        shapes = self.shapes()
        return tuple(
            Part(
                source_of(image),
                str(image.unique_id),
                None if shapes is None else region_from_shapes(shapes, image),
                section,
            )
            for image in self.images()
            for section in self._sections(image)
        )

    def _sections(self, image: Image) -> list[int] | list[None]:
        """Return which sections are learnt from; one None where there are none."""
        shown = shown_section(self._viewer, image)
        if shown is None:
            return [None]
        return learnt_sections(source_of(image).axes[0]) if self._form.all_sections else [shown]

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
        form.show_sections(any(source_of(image).is_stack for image in self.images()))
        form.about_images.setText(text)
        form.about_images.setToolTip(text)
        self.changed.emit()

    def _selected(self, there: set[str]) -> list[str]:
        active = self._viewer.layers.selection.active
        if active is None:
            return []
        wanted = image_id_of(active, self.all_images())
        return [wanted] if wanted in there else []

    def _about(self) -> str:
        images = self.images()
        if not images:
            return "No image is open." if not self.all_images() else "No image is ticked."
        if len(images) > 1:
            return f"{len(images)} images, taken for one specimen"
        [image] = images
        sections = self._sections(image)
        if sections == [None]:
            return about(image)
        if not self._form.all_sections:
            return f"{about(image)} · section {sections[0]} is used"
        count = source_of(image).axes[0]
        used = "all sections are" if len(sections) == count else f"{len(sections)} sections are"
        return f"{about(image)} · {used} used"

"""Keeps the image and region boxes of a form in step with the layers of a viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Shapes

from napari_etch._widgets.choices import set_choices
from napari_etch._widgets.form import WHOLE_IMAGE, SettingsForm
from napari_etch._widgets.job import Region
from napari_etch._widgets.layer_watch import LayerWatch, selected
from napari_etch._widgets.layers import (
    GRAINS,
    SCALE_BAR,
    is_micrograph,
    kind_of,
    oblong_text,
    pixel_size_um,
    region_from_shapes,
    region_layer,
    source_id_of,
    source_of,
)
from napari_etch._widgets.made_from import image_id_of
from napari_etch._widgets.recut_layers import can_recut

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


#: What can change in the layer list that a form shows; moving the mouse is not in it.
WATCHED = frozenset(
    {"inserted", "removed", "reordered", "name", "data", "set_data", "scale", "units", "highlight"}
)


class LayerChoice(LayerWatch):
    """Which image, region and grains the dock works on; see `LayerWatch`."""

    WATCHED = WATCHED

    def __init__(self, viewer: ViewerModel, form: SettingsForm) -> None:
        super().__init__(viewer, form)
        self._form = form
        self._listen()
        self._on_active()
        self.refresh()

    def _on_active(self, _event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if active is None:
            return
        wanted = image_id_of(active, self.images())
        if wanted:
            self.refresh(image_id=wanted)
        else:
            self.changed.emit()

    def images(self) -> list[Image]:
        """Return the layers that can be segmented, topmost first."""
        return [layer for layer in reversed(self._viewer.layers) if is_micrograph(layer)]

    def image(self) -> Image | None:
        """Return the chosen image."""
        return self._find(self._form.image.currentData())

    def shapes(self) -> Shapes | None:
        """Return the chosen Shapes layer; None for the whole image."""
        return self._find(self._form.region.currentData())

    def region(self) -> Region | None:
        """Return the chosen shape; None for the whole image, or while nothing is drawn."""
        shapes, image = self.shapes(), self.image()
        if shapes is None or image is None:
            return None
        return region_from_shapes(shapes, image)

    def section(self) -> int | None:
        """Return the index of the section shown if only that is wanted."""
        image = self.image()
        if image is None or self._form.sections.currentIndex() == 0 or image.ndim != 3:
            return None
        world = [0.0] * (len(self._viewer.dims.point) - 3)
        point = self._viewer.dims.point[len(world) :]
        last = source_of(image).axes[0] - 1
        return int(min(max(round(float(image.world_to_data(point)[0])), 0), last))

    def grains(self) -> Labels | None:
        """Return the grains layer for the slider: the selected one, or the image's latest."""
        active = selected(self._viewer.layers)
        if can_recut(active):
            return active
        return self.latest(GRAINS, can_recut)

    def countable(self) -> Labels | None:
        """Return the grains to count: as for the slider, but a map of any origin, too."""
        active = selected(self._viewer.layers)
        if isinstance(active, Labels) and kind_of(active) in ("", GRAINS):
            return active
        return self.grains() or self.latest(GRAINS)

    def latest(self, kind: str, fits: Callable[[Layer], bool] = lambda _layer: True) -> Any:
        """Return the topmost layer of a kind that was made from the chosen image.

        Class maps, outlines and bridges are made from images, too, and are no grains.
        """
        chosen = self._form.image.currentData()
        for layer in reversed(self._viewer.layers):
            if kind_of(layer) == kind and source_id_of(layer) == chosen and fits(layer):
                return layer
        return None

    def draw(self) -> None:
        """Add a Shapes layer over the image, ready for drawing a rectangle, and choose it."""
        image = self.image()
        if image is None:
            return
        shapes = region_layer(image)
        self._viewer.add_layer(shapes)
        shapes.mode = "add_rectangle"
        self.refresh(image_id=str(image.unique_id), region_id=str(shapes.unique_id))

    def refresh(self, *, image_id: str | None = None, region_id: str | None = None) -> None:
        """Fill the boxes anew; what was chosen stays chosen where it still exists."""
        form = self._form
        images = [(layer.name, str(layer.unique_id)) for layer in self.images()]
        set_choices(form.image, images, image_id or form.image.currentData())
        drawn = [
            (layer.name, str(layer.unique_id))
            for layer in reversed(self._viewer.layers)
            if isinstance(layer, Shapes) and kind_of(layer) != SCALE_BAR
        ]
        choices = [(WHOLE_IMAGE, None), *drawn]
        set_choices(form.region, choices, region_id or form.region.currentData())
        image = self.image()
        text = about(image) if image is not None else "No image is open."
        form.about_image.setText(text)
        form.about_image.setToolTip(text)
        form.show_sections(image is not None and image.ndim == 3)
        form.draw.setEnabled(image is not None)
        form.draw.setToolTip(
            "Draw a rectangle, or with napari's other tools an ellipse or a polygon, over the "
            "part of the image to segment."
            if image is not None
            else "Open an image first."
        )
        self.changed.emit()


def about(image: Image) -> str:
    """Return size, sections and pixel size of an image in a few words."""
    axes = source_of(image).axes
    if len(axes) < 2:
        return f"{len(axes)} dimensions"
    words = [f"{axes[-1]} × {axes[-2]} px"]
    if len(axes) == 3:
        words.append(f"{axes[0]} sections")
    edge, sides = pixel_size_um(image), oblong_text(image)
    if sides:
        words.append(f"pixels are not square ({sides})")
    else:
        words.append(f"{edge:.4g} µm/px" if edge is not None else "no pixel size")
    return " · ".join(words)

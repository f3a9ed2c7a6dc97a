"""The boundary map while it is learnt: a layer over the visible part of the image."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_etch._widgets.job import Region, Settings
from napari_etch._widgets.layers import (
    FIT_PREVIEW,
    METADATA_KEY,
    boundary_look,
    layer_name,
    source_of,
)
from napari_etch._widgets.placement import Placement
from napari_etch._widgets.run import is_bright, micrograph_of
from napari_etch._widgets.train_job import Part, window_in_image, window_in_part

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_etch.training.fit_request import Window
    from napari_etch.training.labelfree.events import FitPreview


class PreviewLayer:
    """Shows what a fit finds so far; whoever deletes the layer is not shown it again.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._parts: tuple[Part, ...] = ()
        self._layer: weakref.ref[Image] | None = None

    @property
    def layer(self) -> Image | None:
        """The layer, while it is in the viewer."""
        layer = self._layer() if self._layer is not None else None
        return layer if layer is not None and layer in self._viewer.layers else None

    def begin(self, parts: tuple[Part, ...]) -> None:
        """Get ready for the previews of a fit."""
        self.end()
        self._parts = parts

    def end(self) -> None:
        """Remove the layer."""
        layer = self.layer
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._layer, self._parts = None, ()

    def wanted(self) -> tuple[int, Window | None]:
        """Return which image is to be previewed, and the window of it; None for nothing."""
        deleted = self._layer is not None and self.layer is None
        if not deleted:
            for index in self._order():
                image = self._image(index)
                if image is None or not image.visible:
                    continue
                window = window_in_part(self._parts[index], visible_region(image))
                if window is not None:
                    return index, window
        return 0, None

    def _order(self) -> list[int]:
        """Return the parts: of the selected image first, of a stack those near what is shown."""
        active = self._viewer.layers.selection.active
        selected = "" if active is None else str(active.unique_id)

        def later(index: int) -> tuple[bool, int]:
            part, image = self._parts[index], self._image(index)
            shown = None if image is None else shown_section(self._viewer, image)
            away = 0 if shown is None or part.section is None else abs(part.section - shown)
            return part.layer_id != selected, away

        return sorted(range(len(self._parts)), key=later)

    def _image(self, index: int) -> Image | None:
        for layer in self._viewer.layers:
            if str(layer.unique_id) == self._parts[index].layer_id and isinstance(layer, Image):
                return layer
        return None

    def show(self, preview: FitPreview) -> None:
        """Show a preview; one whose image is gone, or whose layer was deleted, is dropped."""
        if not 0 <= preview.index < len(self._parts) or not preview.boundary.size:
            return
        image, part = self._image(preview.index), self._parts[preview.index]
        if image is None or (self._layer is not None and self.layer is None):
            return
        place = window_in_image(part, preview.window)
        offset, data = [place.top, place.left], preview.boundary
        if part.source.is_stack:
            offset, data = [part.section or 0, *offset], data[None]
        placement = Placement.of(image).shifted(offset)
        layer = self.layer
        if layer is None:
            self._add(image, part, place, data, placement)
            return
        layer.data = data
        for name, value in placement.keywords().items():
            setattr(layer, name, value)

    def _add(
        self, image: Image, part: Part, place: Region, data: np.ndarray, placement: Placement
    ) -> None:
        active = self._viewer.layers.selection.active
        layer = Image(
            data,
            name=layer_name(image.name, FIT_PREVIEW),
            metadata={METADATA_KEY: {"kind": FIT_PREVIEW, "source_id": part.layer_id}},
            **placement.keywords(),
            **boundary_look(_bright(part, place)),
        )
        self._viewer.add_layer(layer)
        self._layer = weakref.ref(layer)
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active


def _bright(part: Part, place: Region) -> bool:
    return is_bright(micrograph_of(part.source, Settings(region=place), part.section or 0, place))


def shown_section(viewer: ViewerModel, image: Image) -> int | None:
    """Return the index of the section of a stack that the viewer shows; None for no stack."""
    source = source_of(image)
    if not source.is_stack:
        return None
    shown = round(float(image.world_to_data(viewer.dims.point[-3:])[0]))
    return min(max(shown, 0), max(0, source.axes[0] - 1))


def visible_region(image: Any) -> Region:
    """Return what the window shows of an image, in pixels of its finest level."""
    corners = np.asarray(image.corner_pixels, dtype=float)
    if image.multiscale:
        corners = corners * np.asarray(image.downsample_factors[image.data_level])
    height, width = (
        image.level_shapes[0][-2 - image.rgb :][:2]
        if image.multiscale
        else (image.data.shape[-3:-1] if image.rgb else image.data.shape[-2:])
    )
    (top, left), (bottom, right) = corners[:, -2:]
    if bottom <= top or right <= left:  # not drawn yet
        return Region(0, 0, int(height), int(width))
    # corner_pixels names the last pixel that is shown
    return Region(
        max(0, int(top)),
        max(0, int(left)),
        min(int(height), int(np.ceil(bottom)) + 1),
        min(int(width), int(np.ceil(right)) + 1),
    )

"""What the window shows: its camera, its size and its scale bar, wherever napari keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from napari.components import ViewerModel
    from napari.layers import Layer

#: Height and width of a canvas that is not drawn, px.
USUAL_CANVAS = (700.0, 900.0)


def camera_of(viewer: ViewerModel) -> Any:
    """Return the camera, which has moved within the viewer in napari 0.9."""
    return viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera


def canvas_size(viewer: ViewerModel) -> Sequence[float]:
    """Return height and width of what is drawn on, px."""
    size: Sequence[float] = getattr(getattr(viewer, "canvas", None), "size", USUAL_CANVAS)
    return size


def centre_on(viewer: ViewerModel, world: Sequence[float] | npt.NDArray[np.floating[Any]]) -> None:
    """Bring a place, y and x in the world, to the middle of the view; what is before them stays."""
    camera = camera_of(viewer)
    camera.center = (*tuple(camera.center)[:-2], float(world[-2]), float(world[-1]))


class Sight:
    """What is seen of a layer, to be seen again once its pixels have another size.

    Parameters
    ----------
    viewer : ViewerModel
    layer : Layer
        Of two axes at least.
    """

    def __init__(self, viewer: ViewerModel, layer: Layer) -> None:
        self._viewer, self._layer = viewer, layer
        camera = camera_of(viewer)
        world = np.zeros(layer.ndim)
        world[-2:] = camera.center[-2:]
        self._centre = layer.world_to_data(world)
        self._pixel = float(camera.zoom) * abs(float(layer.scale[-1]))

    def show_again(self) -> None:
        """Turn the camera to the same pixels, as large as they were."""
        camera_of(self._viewer).zoom = self._pixel / abs(float(self._layer.scale[-1]))
        centre_on(self._viewer, self._layer.data_to_world(self._centre))


def show_scale_bar(viewer: ViewerModel) -> None:
    """Show napari's own scale bar, to be compared with a printed one."""
    # napari 0.9 moved the overlays from the viewer to its canvas
    overlays = getattr(getattr(viewer, "canvas", None), "overlays", viewer)
    overlays.scale_bar.visible = True

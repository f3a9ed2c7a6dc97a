"""What the window shows: its camera, its size and its scale bar, wherever napari keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from napari.components import ViewerModel

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


def show_scale_bar(viewer: ViewerModel) -> None:
    """Show napari's own scale bar, to be compared with a printed one."""
    # napari 0.9 moved the overlays from the viewer to its canvas
    overlays = getattr(getattr(viewer, "canvas", None), "overlays", viewer)
    overlays.scale_bar.visible = True

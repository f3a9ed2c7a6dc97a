"""Repainting a part of a Labels layer. napari does so for the brush; undo it repaints whole.

At 8192² a whole repaint takes half a second, a part of 100 px a millisecond. There is no public way
to ask for a part, so all that is private of napari's is here, and where it is missing the whole
layer is repainted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Labels

Window = tuple[slice, ...]


def repaint(layer: Labels, window: Window) -> None:
    """Show what the data of a layer are now inside a window; a slice for every axis."""
    try:
        shown = list(layer._slice_input.displayed)
        if not layer.visible or not layer.loaded or len(shown) != 2:
            layer.refresh(extent=False)
            return
        if _is_elsewhere(layer, window, shown):
            return
        _copy_to_view(layer, tuple(window[axis] for axis in shown))
        layer._accumulate_updated_slice(window)
        layer._partial_labels_refresh()
    except AttributeError:
        layer.refresh(extent=False)


@contextmanager
def no_whole_repaint(layer: Labels) -> Iterator[None]:
    """Keep napari from repainting the whole layer: the caller repaints the part."""
    if not hasattr(layer, "_block_refresh"):
        yield
        return
    with layer._block_refresh():
        yield


def _is_elsewhere(layer: Labels, window: Window, shown: list[int]) -> bool:
    """Return whether the window lies in other sections than the one shown."""
    if len(window) == len(shown):
        return False
    point = layer._get_pt_not_disp()
    return any(not window[axis].start <= place < window[axis].stop for axis, place in point.items())


def _copy_to_view(layer: Labels, part: Window) -> None:
    """Bring the colours up to date, which are a copy of the data in another dtype."""
    image = layer._slice.image
    if layer.contour == 0:
        image.view[part] = layer.colormap._data_to_texture(image.raw[part])

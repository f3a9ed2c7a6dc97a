"""Lets napari say once, not with every layer of ours, that layers differ in their units.

While one image is in µm and another in pixels, napari warns in a pop-up whenever a layer comes or
goes: with every mark, preview and result of the docks. It has said so when the second image came.
"""

from __future__ import annotations

import weakref
from typing import Any

from napari_etch._widgets.layers import METADATA_KEY

_quiet: weakref.WeakSet[Any] = weakref.WeakSet()


def warn_of_units_once(window: Any) -> None:
    """Let no layer of ours repeat the warning.

    Parameters
    ----------
    window : QWidget
        napari's main window, or any other, of which nothing is wanted.
    """
    # private of napari's 0.9; where it is not there, the warning is repeated and nothing else
    canvas = getattr(getattr(window, "_qt_viewer", None), "canvas", None)
    layers = getattr(getattr(canvas, "viewer", None), "layers", None)
    if canvas in _quiet or layers is None or not hasattr(canvas, "_update_world_units"):
        return
    _quiet.add(canvas)
    # napari draws, and warns, before anybody else hears that a layer has come
    vars(canvas)["_update_world_units"] = _UpdateOnce(canvas)


class _UpdateOnce:
    """In place of the canvas's own method: does nothing where that would only warn again."""

    def __init__(self, canvas: Any) -> None:
        self._canvas = weakref.ref(canvas)
        self._told_of: weakref.WeakSet[Any] = weakref.WeakSet()

    def __call__(self) -> None:
        canvas = self._canvas()
        if canvas is None:
            return
        layers = canvas.viewer.layers
        mixed = layers.extent.units is None
        new = [layer for layer in layers if layer not in self._told_of]
        ours = all(METADATA_KEY in layer.metadata for layer in new)
        if mixed and self._told_of and ours and _is_drawn_so(canvas):
            return
        self._told_of = weakref.WeakSet(layers if mixed else ())
        type(canvas)._update_world_units(canvas)


def _is_drawn_so(canvas: Any) -> bool:
    """Return whether every layer is drawn in units of its own already."""
    drawn = canvas.layer_to_visual.items()
    return all(visual.world_units == layer.units for layer, visual in drawn)

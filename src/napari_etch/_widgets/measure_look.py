"""Grains that flash, and grains coloured by what was measured."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap
from qtpy.QtCore import QObject, QTimer

from napari_etch._widgets.correct_preview import Preview, outline_segments
from napari_etch._widgets.view import centre_on

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel
    from napari.layers import Labels

GRAIN_SHOWN = "grain shown"
BLINKS = 6
BLINK_MS = 180
SHADES = "viridis"
#: Of grains that came since the table was made: no shade of these, and seen over any image.
UNKNOWN = (1.0, 0.44, 0.68, 1.0)
#: Extreme grains must not use up all shades.
_ENDS = (2, 98)


class Flash(QObject):
    """Blinks the outline of a grain, and moves the view to it if it is out of sight.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    parent : QObject
    """

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.preview = Preview(viewer, GRAIN_SHOWN)
        self._lines: Any = None
        self._layer: weakref.ref[Labels] | None = None
        self._left = 0
        self.label = 0
        self._timer = QTimer(self)
        self._timer.setInterval(BLINK_MS)
        self._timer.timeout.connect(self._blink)

    @property
    def is_on(self) -> bool:
        """Whether a grain is flashing."""
        return self._timer.isActive()

    def start(self, layer: Labels, section: np.ndarray, row: Any) -> None:
        """Flash the grain of a row of the table.

        Parameters
        ----------
        layer : napari.layers.Labels
        section : ndarray, (y, x)
            The grains of the layer that are shown.
        row : row of the table of grains
        """
        reach = int(np.ceil(row.feret_max_px)) + 2
        top = max(0, int(row.centroid_y_px) - reach)
        left = max(0, int(row.centroid_x_px) - reach)
        part = section[top : top + 2 * reach + 2, left : left + 2 * reach + 2]
        self._lines = outline_segments(part == int(row.label), (top, left))
        self._layer = weakref.ref(layer)
        self.label = int(row.label)
        self._show_place(layer, float(row.centroid_y_px), float(row.centroid_x_px))
        self._left = BLINKS
        self._timer.start()
        self._blink()

    def stop(self) -> None:
        """Show nothing any more."""
        self._timer.stop()
        self.preview.remove()

    def _blink(self) -> None:
        layer = self._layer() if self._layer is not None else None
        if self._left <= 0 or layer is None or layer not in self._viewer.layers:
            self.stop()
            return
        if self._left % 2 == 0:
            self.preview.show(layer, walk=self._lines)
        else:
            self.preview.clear()
        self._left -= 1

    def _show_place(self, layer: Labels, y: float, x: float) -> None:
        seen = visible_region_of(layer)
        if seen[0] <= y <= seen[2] and seen[1] <= x <= seen[3]:
            return
        at = np.zeros(layer.ndim)
        at[-2:] = y, x
        world = np.asarray(layer.data_to_world(at))[-2:]
        centre_on(self._viewer, world)


def visible_region_of(layer: Labels) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of what the window shows of a layer, px."""
    corners = np.asarray(layer.corner_pixels)[:, -2:]
    (top, left), (bottom, right) = corners.tolist()
    if bottom <= top or right <= left:  # not drawn yet
        return 0, 0, int(layer.data.shape[-2]), int(layer.data.shape[-1])
    return int(top), int(left), int(bottom), int(right)


class Shading:
    """Colours the grains of a layer by a column, and gives it its own colours back."""

    def __init__(self) -> None:
        self._before: dict[str, Any] = {}

    def colour(self, layer: Labels, table: pd.DataFrame, column: str) -> tuple[float, float]:
        """Colour the grains by a column; return the values at the ends of the shades."""
        self._before.setdefault(str(layer.unique_id), layer.colormap)
        values = table[column].to_numpy(float)
        known = values[np.isfinite(values)]
        low, high = (0.0, 1.0) if known.size == 0 else np.percentile(known, _ENDS).tolist()
        share = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
        colours = ensure_colormap(SHADES).map(np.nan_to_num(share).astype(np.float32))
        of = dict(zip(table["label"].tolist(), colours, strict=True))
        clear = np.zeros(4, np.float32)
        # or a grain that is cut anew would not be seen until it is measured
        other = np.array(UNKNOWN, np.float32)
        layer.colormap = DirectLabelColormap(color_dict={**of, 0: clear, None: other})
        return float(low), float(high)

    def restore(self, layer: Labels) -> None:
        """Give a layer the colours that it had."""
        before = self._before.pop(str(layer.unique_id), None)
        if before is not None:
            layer.colormap = before

    def is_on(self, layer: Labels) -> bool:
        """Return whether a layer is coloured by a column."""
        return str(layer.unique_id) in self._before

"""What a gesture would do, drawn over the map: boundaries that appear, and those that vanish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Vectors

from napari_etch._widgets.placement import Placement, place_events, steps_of
from napari_etch._widgets.view import camera_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_etch.grains.editing import Change

Segments = npt.NDArray[np.float32]
"""Lines as (n, 2, 2): where each starts (row, column), and where it goes from there."""

NAME = "correction preview"
#: Seen over dark and bright micrographs and over the colours of grains alike.
COLOURS = {
    "stroke": "#ffffff",
    "new": "#ffd60a",
    "gone": "#ff2d2d",
    "walk": "#ff00e6",
    "maybe": "#00e5ff",
}
#: Width of the lines on the screen, px.
WIDTH = 3.0
#: Length of dashes and of what is between them, px of the map.
DASH, GAP = 4, 2
#: Px of the map that a ring keeps from what it is around.
CLEAR = 5.0
NONE: Segments = np.zeros((0, 2, 2), np.float32)


def stroke_segments(path: npt.NDArray[np.floating], *, closed: bool = False) -> Segments:
    """Return the lines of a stroke, shape (n, 2) in pixels."""
    if len(path) < 2:
        return NONE
    ends = np.roll(path, -1, axis=0) if closed else path[1:]
    starts = path if closed else path[:-1]
    return np.stack([starts, ends - starts], axis=1).astype(np.float32)


def cross_segments(points: npt.NDArray[np.floating], size: float) -> Segments:
    """Return a cross at each point, with arms of `size` pixels."""
    crosses = []
    for arm in ((size, size), (size, -size)):
        step = np.broadcast_to(np.asarray(arm, float), points.shape)
        crosses.append(np.stack([points - step, 2 * step], axis=1))
    return np.concatenate(crosses).astype(np.float32) if len(points) else NONE


def change_segments(grains: npt.NDArray[np.integer], change: Change) -> tuple[Segments, Segments]:
    """Return the boundaries that a change makes and those that it removes.

    Parameters
    ----------
    grains : ndarray of int, shape (y, x)
        The map as it is now.
    change : Change
        Not applied yet.
    """
    rows, columns = change.window
    top, left = max(0, rows.start - 1), max(0, columns.start - 1)
    before = np.array(grains[top : rows.stop + 1, left : columns.stop + 1])
    after = before.copy()
    inner = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    after[inner] = change.after
    old, new = _walls(before), _walls(after)
    made = _wall_segments([n & ~o for n, o in zip(new, old, strict=True)], top, left)
    lost = _wall_segments([o & ~n for n, o in zip(new, old, strict=True)], top, left)
    return made, lost


def pair_segments(
    part: npt.NDArray[np.integer], corner: tuple[int, int], pair: tuple[int, int]
) -> Segments:
    """Return the boundary between two labels in a part of a map that begins at a corner."""
    a, b = part == pair[0], part == pair[1]
    level = (a[:-1] & b[1:]) | (b[:-1] & a[1:])
    upright = (a[:, :-1] & b[:, 1:]) | (b[:, :-1] & a[:, 1:])
    return _wall_segments([level, upright], *corner)


def outline_segments(mask: npt.NDArray[np.bool_], corner: tuple[int, int]) -> Segments:
    """Return the outline of a region in a part of a map that begins at a corner."""
    return _wall_segments(_walls(np.pad(mask, 1)), corner[0] - 1, corner[1] - 1)


def ringed(lines: Segments) -> Segments:
    """Return lines with a circle around them: what is a few pixels long is not seen by itself."""
    if not len(lines):
        return lines
    ends = np.concatenate([lines[:, 0], lines.sum(axis=1)])
    low, high = ends.min(0), ends.max(0)
    turn = np.linspace(0, 2 * np.pi, 49)
    radius = np.hypot(*(high - low)) / 2 + CLEAR
    path = (low + high) / 2 + radius * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    return np.concatenate([lines, stroke_segments(path)])


def dashed(lines: Segments) -> Segments:
    """Return the dashes of a line along the sides of pixels, given in any order."""
    along = _in_a_row(lines)
    return lines[along][np.arange(len(along)) % (DASH + GAP) < DASH]


def _in_a_row(lines: Segments) -> list[int]:
    """Return the numbers of segments in the order in which a pen would draw them."""
    ends = [
        (tuple(start.tolist()), tuple((start + step).tolist()))
        for start, step in np.floor(lines).astype(int)
    ]
    at: dict[tuple[int, ...], list[int]] = {}
    for number, both in enumerate(ends):
        for end in both:
            at.setdefault(end, []).append(number)
    open_ends = [numbers[0] for numbers in at.values() if len(numbers) == 1]
    order: dict[int, None] = {}
    for first in [*open_ends, *range(len(ends))]:
        todo = [first]
        while todo:
            number = todo.pop()
            if number in order:
                continue
            order[number] = None
            todo += [other for end in ends[number] for other in at[end]]
    return list(order)


def _walls(part: npt.NDArray[np.integer]) -> list[npt.NDArray[np.bool_]]:
    return [part[:-1] != part[1:], part[:, :-1] != part[:, 1:]]


def _wall_segments(walls: list[npt.NDArray[np.bool_]], top: int, left: int) -> Segments:
    """Return the sides of pixels at which there are walls, below and to the right of a pixel."""
    found = []
    for wall, corner, step in zip(walls, ((0.5, -0.5), (-0.5, 0.5)), ((0, 1), (1, 0)), strict=True):
        starts = np.argwhere(wall) + np.add(corner, (top, left))
        found.append(np.stack([starts, np.broadcast_to(step, starts.shape)], axis=1))
    return np.concatenate(found).astype(np.float32)


class Preview:
    """A layer of lines on top of all others, there only while something is to be shown.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where to draw.
    name : str, optional
        Of the layer; each dock has its own.
    """

    def __init__(self, viewer: ViewerModel, name: str = NAME) -> None:
        self._viewer, self._name = viewer, name
        self._layer: Vectors | None = None
        self._over: Labels | None = None
        self._grains_scale = 1.0
        self._shown: dict[str, Segments] = {}
        self._kept: dict[str, Segments] = {}

    def keep(self, grains: Labels, **lines: Segments) -> None:
        """Draw lines that stay until others are kept, whatever else is drawn meanwhile."""
        self._kept = {name: segments for name, segments in lines.items() if len(segments)}
        self._draw(grains)

    def show(self, grains: Labels, **lines: Segments) -> None:
        """Draw lines over a grain map in the colours of their names, in place of what was there."""
        self._shown = {name: segments for name, segments in lines.items() if len(segments)}
        self._draw(grains)

    def shown(self, name: str) -> Segments:
        """Return the lines that are drawn in a colour."""
        return self._shown.get(name, self._kept.get(name, NONE))

    def clear(self) -> None:
        """Draw nothing but what is kept."""
        if self._shown:
            self._shown = {}
            self._draw(None)

    def _draw(self, grains: Labels | None) -> None:
        lines = {**self._kept, **self._shown}
        layer = self._there(grains if lines else None)
        if layer is None:
            return
        if not lines and self._viewer.dims.ndisplay != 2:
            self._take_out()  # vispy cannot draw no lines at all in space
            return
        if not lines:
            layer.data = NONE
            return
        layer.edge_width = self._width()
        layer.data = np.concatenate(list(lines.values()))
        layer.edge_color = np.repeat(
            [COLOURS[name] for name in lines], [len(each) for each in lines.values()]
        )

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        self._shown, self._kept = {}, {}
        self._take_out()

    def _take_out(self) -> None:
        layer, self._layer = self._layer, None
        self._lie_over(None)
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def zoom(self) -> float:
        """Return the pixels of the screen to a unit of the world."""
        return float(camera_of(self._viewer).zoom)

    def _there(self, grains: Labels | None) -> Vectors | None:
        """Return the layer; made anew over a grain map where there is none."""
        there = self._layer is not None and self._layer in self._viewer.layers
        if there and grains in (None, self._over):
            return self._layer
        if there:
            self._take_out()  # another map may lie elsewhere, or have other pixels
        self._layer = None
        self._lie_over(grains)
        if grains is None:
            return None
        self._layer = Vectors(
            NONE,
            ndim=2,
            name=self._name,
            vector_style="line",
            opacity=1.0,
            blending="translucent_no_depth",
            **_place_over(grains).keywords(),
        )
        camera_of(self._viewer).events.zoom.connect(self._on_zoom)
        active = self._viewer.layers.selection.active
        self._viewer.layers.append(self._layer)
        if active is not None:
            self._viewer.layers.selection.active = active
        return self._layer

    def _lie_over(self, grains: Labels | None) -> None:
        """Listen to where another grain map lies; the pixel size may be typed at any time."""
        for event in [] if self._over is None else place_events(self._over):
            event.disconnect(self._on_place)
        self._over = grains
        if grains is not None:
            self._grains_scale = float(steps_of(grains)[-1])
            for event in place_events(grains):
                event.connect(self._on_place)

    def _on_place(self, _event: Any = None) -> None:
        """Move what is drawn along with the grain map."""
        layer, grains = self._layer, self._over
        if grains is None or layer is None or layer not in self._viewer.layers:
            return
        self._grains_scale = float(steps_of(grains)[-1])
        for name, value in _place_over(grains).keywords().items():
            setattr(layer, name, value)
        layer.edge_width = self._width()

    def _width(self) -> float:
        """Return the width in pixels of the map that is `WIDTH` on the screen."""
        return WIDTH / (self.zoom() * self._grains_scale)

    def _on_zoom(self, _event: Any = None) -> None:
        if self._layer is None or self._layer not in self._viewer.layers:
            camera_of(self._viewer).events.zoom.disconnect(self._on_zoom)
        elif len(self._layer.data):
            self._layer.edge_width = self._width()


def _place_over(grains: Labels) -> Placement:
    """Return where lines lie that are drawn over the section shown of a grain map."""
    place = Placement.of(grains)
    return place if grains.ndim == 2 else place.plane()

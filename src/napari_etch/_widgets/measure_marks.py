"""Test lines and circles over the grains, with every place that was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points, Vectors

from napari_etch._widgets.layers import METADATA_KEY, kind_of, layer_name, source_id_of
from napari_etch._widgets.placement import Placement, steps_of
from napari_etch._widgets.view import camera_of
from napari_etch.measure.counting import CROSSING, END, TANGENT, TRIPLE, PatternCount

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

PATTERN, PLACES = "test pattern", "intersections"
LINE_COLOUR = "#20c05c"
KIND_COLOURS = {CROSSING: "#ffd60a", TRIPLE: "#ff3df0", TANGENT: "#27e0ff", END: "#ffffff"}
#: A circle is drawn by this many straight pieces.
_PIECES = 240
#: On the screen a line is no wider and a mark no larger, px: close by, they would hide the grains
#: whose boundaries they are to be compared with.
_WIDEST, MARK_LIMITS = 3.0, (4, 14)


def pattern_vectors(count: PatternCount) -> np.ndarray:
    """Return the lines and circles of a pattern as vectors, (n, 2, 2)."""
    found = []
    for curve in count.pattern.curves:
        pieces = _PIECES if curve.closed else 1
        points = curve.at(np.linspace(0, curve.length, pieces + 1))
        found.append(np.stack([points[:-1], np.diff(points, axis=0)], axis=1))
    return np.concatenate(found).astype(np.float32)


class Marks:
    """The two layers of a pattern: its lines, and its intersections.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._lines: Vectors | None = None

    def show(self, grains: Labels, count: PatternCount) -> None:
        """Draw a pattern and what it counted over a grain map, in place of another one."""
        place = Placement.of(grains) if grains.ndim == 2 else Placement.of(grains).plane()
        lines, places = self._there(PATTERN, grains, place), self._there(PLACES, grains, place)
        # napari collects garbage whenever a layer goes, half a second: keep those that are there
        if isinstance(lines, Vectors):
            lines.data = pattern_vectors(count)
        else:
            self._lines = _lines_layer(grains, count, place)
            self._fit_width()
            camera_of(self._viewer).events.zoom.connect(self._fit_width)
            self._put(self._lines)
        if isinstance(places, Points):
            _move_points(places, count)
        else:
            self._put(_places_layer(grains, count, place))

    def remove(self) -> None:
        """Take the layers out."""
        camera_of(self._viewer).events.zoom.disconnect(self._fit_width)
        for layer in self.layers():
            self._viewer.layers.remove(layer)

    def layers(self) -> list[Layer]:
        """Return the layers that are there."""
        return [each for each in self._viewer.layers if kind_of(each) in (PATTERN, PLACES)]

    def _there(self, kind: str, grains: Labels, place: Placement) -> Layer | None:
        """Return the layer of a kind over a grain map; None when there is none in this place."""
        wanted = place.keywords()
        for each in self.layers():
            now = Placement.of(each).keywords()
            same = all(np.array_equal(now[name], wanted[name]) for name in wanted)
            if kind_of(each) == kind and source_id_of(each) == str(grains.unique_id) and same:
                return each
        return None

    def _fit_width(self, _event: Any = None) -> None:
        """Draw the lines as wide as suits the field, but no wider than that on the screen."""
        if self._lines is None:
            return
        on_screen = float(camera_of(self._viewer).zoom) * float(steps_of(self._lines)[-1])
        width = min(self._lines.metadata[METADATA_KEY]["width"], _WIDEST / on_screen)
        if width != self._lines.edge_width:
            self._lines.edge_width = width

    def _put(self, new: Layer) -> None:
        active = self._viewer.layers.selection.active
        for old in self.layers():
            if kind_of(old) == kind_of(new):
                self._viewer.layers.remove(old)
        self._viewer.layers.append(new)
        if active is not None and active in self._viewer.layers:
            self._viewer.layers.selection.active = active


def _lines_layer(grains: Labels, count: PatternCount, place: Placement) -> Vectors:
    return Vectors(
        pattern_vectors(count),
        name=layer_name(grains.name, PATTERN),
        edge_color=LINE_COLOUR,
        edge_width=_width(grains),
        vector_style="line",
        opacity=1.0,
        metadata={METADATA_KEY: {**_made(grains, PATTERN), "width": _width(grains)}},
        **place.keywords(),
    )


def _places_layer(grains: Labels, count: PatternCount, place: Placement) -> Points:
    return Points(
        count.points,
        ndim=2,
        name=layer_name(grains.name, PLACES),
        size=5 * _width(grains),
        canvas_size_limits=MARK_LIMITS,
        border_width=0.15,
        border_color="black",
        face_color=_colours(count),
        features=_features(count),
        metadata={METADATA_KEY: _made(grains, PLACES)},
        **place.keywords(),
    )


def _move_points(layer: Points, count: PatternCount) -> None:
    """Give a layer of intersections those of another count."""
    layer.selected_data = set()  # a selected point keeps its colour for those that are added
    layer.data = count.points
    layer.features = _features(count)
    layer.face_color = _colours(count)


def _width(grains: Labels) -> float:
    return max(1.0, max(grains.data.shape[-2:]) / 500)


def _made(grains: Labels, kind: str) -> dict[str, Any]:
    return {"source_id": str(grains.unique_id), "kind": kind}


def _colours(count: PatternCount) -> list[str] | str:
    return [KIND_COLOURS[str(kind)] for kind in count.kinds] or "white"


def _features(count: PatternCount) -> dict[str, list[Any]]:
    return {"kind": [str(kind) for kind in count.kinds], "counts": count.weights.tolist()}


def count_text(count: PatternCount, pixel_size_um: float) -> str:
    """Return what a pattern counted, as a sentence a person can check by the marks."""
    kinds, numbers = np.unique(count.kinds, return_counts=True)
    found: dict[str, Any] = dict(zip(kinds.tolist(), numbers.tolist(), strict=True))
    parts = [
        f"{found[kind]} {kind}{'s' if found[kind] > 1 else ''}"
        for kind in (CROSSING, TRIPLE, TANGENT, END)
        if kind in found
    ]
    length = count.length_px * pixel_size_um / 1000
    each = count.by_placement
    places = f" at {each.size} places ({each.min():g} to {each.max():g} each)"
    return (
        f"{count.pattern.name}{places if each.size > 1 else ''}: "
        f"{', '.join(parts) or 'nothing met'}, together "
        f"{count.intersections:g} on {length:.3g} mm of test line."
    )

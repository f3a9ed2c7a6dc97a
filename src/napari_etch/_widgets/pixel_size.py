"""The pixel size of an image: shown, typed, or read off a line drawn over the scale bar."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Points, Shapes, Vectors
from napari.utils.transforms import Affine
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QInputDialog, QPushButton, QWidget

from napari_etch._widgets.layers import (
    METADATA_KEY,
    SCALE_BAR,
    axes_of,
    drawn_in_image,
    is_micrograph,
    kind_of,
    pixel_size_um,
    source_id_of,
    source_of,
    stated_step,
)
from napari_etch._widgets.made_from import is_named_after
from napari_etch._widgets.placement import Placement, set_steps, steps_of
from napari_etch._widgets.stated_size import FROM_LINE, TYPED, conflict_of
from napari_etch._widgets.view import Sight, camera_of, canvas_size, centre_on, show_scale_bar
from napari_etch.micrograph import (
    MicrographError,
    calibration_from_line,
    micrograph_from_array,
)
from napari_etch.micrograph.scale_bar import ScaleBar, micrometres_of

if TYPE_CHECKING:
    from napari.components import LayerList, ViewerModel
    from napari.layers import Layer

_LINE_TIP = (
    "Draw a line over the scale bar of the image, then press this again and say how long it is."
)
_DECIMALS, _MOST_DECIMALS = 5, 9
_FILL = 0.4  # of the window that the line over a scale bar fills

_FOUND_TIP = (
    "A line lies over the scale bar that was found: move its ends where they are off, then press "
    "this again and say how long it is."
)


def _read_tip(text: str) -> str:
    return (
        f"A line lies over the scale bar that was found, which seems to say {text}: move its ends "
        "where they are off, then press this again."
    )


class _SizeNumber(QDoubleSpinBox):
    """A number of µm with five digits that count: a pixel of an SEM is half a nanometre."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(_MOST_DECIMALS)
        self.setRange(0.0, 100_000.0)

    def textFromValue(self, value: float) -> str:
        """Return what is shown of a number."""
        locale = self.locale()
        locale.setNumberOptions(locale.numberOptions() | locale.NumberOption.OmitGroupSeparator)
        return str(locale.toString(float(value), "f", _decimals_of(value)))


def _decimals_of(value: float) -> int:
    """Return the decimals of a number of which five digits count."""
    needed = 4 - math.floor(math.log10(value)) if value > 0 else 0
    return min(max(needed, _DECIMALS), _MOST_DECIMALS)


class PixelSizeBox(QWidget):
    """A number in µm and a button for the scale bar.

    Signals
    -------
    typed : float
        The user typed a pixel size, µm; 0 is none.
    """

    typed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number = _SizeNumber()
        self.number.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.number.setSpecialValueText("unknown")
        self.number.setSuffix(" µm")
        self.number.setKeyboardTracking(False)
        self.setToolTip(
            "Edge of a pixel. It comes from the file where that says it; type it otherwise. "
            "Grain sizes are in µm only when it is known."
        )
        self.line = QPushButton("From a line…")
        self.line.setToolTip(_LINE_TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.number, 1)
        row.addWidget(self.line)
        self.number.valueChanged.connect(self.typed)

    def show_size(self, size_um: float | None, trouble: str = "") -> None:
        """Show a pixel size without a signal; with `trouble`, why none can be set."""
        self.put(size_um)
        self.number.setEnabled(not trouble)
        self.line.setEnabled(not trouble)
        self.line.setToolTip(trouble or _LINE_TIP)

    def put(self, size_um: float | None) -> None:
        """Put a pixel size into the field without a signal."""
        self.number.blockSignals(True)
        # as it is shown: to press Enter there must not mean another size
        self.number.setValue(round(size_um, _decimals_of(size_um)) if size_um else 0.0)
        self.number.blockSignals(False)


class PixelSizeSetter(QObject):
    """Applies a typed or drawn pixel size to an image and to everything made from it.

    Parameters
    ----------
    viewer : ViewerModel
    box : PixelSizeBox
    image : callable
        Returns the chosen image, or None.
    ask_length : callable, optional
        Asks the user for the length of the line in µm; None when they cancel. It is given the
        length that the scale bar seems to say, such as "50 µm"; "" for none.

    Signals
    -------
    said : str, bool
        A line for the user, and whether it is trouble.
    """

    said = Signal(str, bool)

    def __init__(
        self,
        viewer: ViewerModel,
        box: PixelSizeBox,
        image: Callable[[], Image | None],
        ask_length: Callable[[QWidget, str], float | None] | None = None,
    ) -> None:
        super().__init__(box)
        self._viewer, self._box, self._image = viewer, box, image
        self.ask_length = ask_length or _ask_length
        box.typed.connect(self.set_typed)
        box.line.clicked.connect(self.use_line)

    def refresh(self, trouble: str = "") -> None:
        """Show the pixel size of the chosen image; with `trouble`, why it cannot be set now."""
        image = self._image()
        if image is None:
            self._box.show_size(None, "Open an image first.")
        else:
            self._box.show_size(pixel_size_um(image), trouble)

    def set_typed(self, size_um: float) -> None:
        """Set the chosen image's pixel size; one of 0 is refused, and the field goes back."""
        image = self._image()
        if image is None:
            return
        before = pixel_size_um(image)
        if size_um <= 0:
            self._box.put(before)
            kept = "stays without" if before is None else f"keeps {before:.5g} µm"
            self.said.emit(f"A pixel is larger than 0 µm: “{image.name}” {kept}.", True)
            return
        if before is not None and abs(size_um - before) < 1e-5 * before:
            return
        set_pixel_size(self._viewer, image, size_um)
        if before is None:
            show_scale_bar(self._viewer)
        self._say_set(image, size_um, TYPED, "as typed")

    def use_line(self) -> None:
        """Start drawing a line, or, when there is one, ask for its length and use it."""
        image = self._image()
        if image is None:
            return
        shapes = self._line_layer(image)
        if shapes is None:
            self._start_line(image)
            return
        if not shapes.nshapes:
            self._viewer.layers.selection.active = shapes
            shapes.mode = "add_line"
            self.said.emit("Draw a line over the scale bar first.", True)
            return
        length = self.ask_length(self._box, shapes.metadata[METADATA_KEY].get("says", ""))
        if length is None:
            return
        ends = [drawn_in_image(vertex, shapes, image).tolist() for vertex in shapes.data[-1]]
        try:
            found = calibration_from_line(ends[0], ends[-1], length)
        except MicrographError as error:
            self.said.emit(str(error), True)
            return
        # Before the line goes: with Mesa's software rendering, an image that is all that is left to
        # draw after a shapes layer was removed crashes napari 0.9.
        show_scale_bar(self._viewer)
        self._viewer.layers.remove(shapes)
        set_pixel_size(self._viewer, image, found.pixel_size_um)
        self._viewer.reset_view()  # it showed the scale bar alone
        self._viewer.layers.selection.active = image
        self._say_set(image, found.pixel_size_um, FROM_LINE, "from the line")

    def _say_set(self, image: Image, size_um: float, how: str, words: str) -> None:
        """Say what was set, and where the file contradicts it."""
        made = image.metadata.get(METADATA_KEY)
        if isinstance(made, dict):
            image.metadata[METADATA_KEY] = made = {**made, "sized": how}
        conflict = conflict_of(made or {}, size_um)
        but = f" But {conflict}." if conflict else ""
        self.said.emit(f"“{image.name}”: {size_um:.5g} µm a pixel, {words}.{but}", bool(conflict))

    def _line_layer(self, image: Image) -> Shapes | None:
        for layer in self._viewer.layers:
            if kind_of(layer) == SCALE_BAR and source_id_of(layer) == str(image.unique_id):
                assert isinstance(layer, Shapes)
                return layer
        return None

    def _start_line(self, image: Image) -> None:
        place = Placement.of(image)
        shapes = Shapes(
            ndim=2,
            name=f"{image.name} · {SCALE_BAR}",
            edge_color="#ffd23f",
            edge_width=max(1.0, max(source_of(image).axes[-2:]) / 300),
            metadata={METADATA_KEY: {"kind": SCALE_BAR, "source_id": str(image.unique_id)}},
            **(place if image.ndim == 2 else place.plane()).keywords(),
        )
        self._viewer.add_layer(shapes)
        found = _found_bar(image)
        if found is None:
            shapes.mode = "add_line"
            self.said.emit(_LINE_TIP, False)
            return
        row = (found.bar.top + found.bar.bottom - 1) / 2
        shapes.add_lines(np.array([(row, found.bar.left - 0.5), (row, found.bar.right - 0.5)]))
        shapes.mode = "direct"
        shapes.metadata[METADATA_KEY]["says"] = found.text
        self._look_at(shapes)
        self.said.emit(_read_tip(found.text) if found.text else _FOUND_TIP, False)

    def _look_at(self, shapes: Shapes) -> None:
        """Show a line so large that its ends can be judged; the view is fitted again afterwards."""
        ends = np.array([shapes.data_to_world(end) for end in shapes.data[0]])[:, -2:]
        camera = camera_of(self._viewer)
        wanted = _FILL * min(canvas_size(self._viewer)) / float(np.hypot(*(ends[1] - ends[0])))
        camera.zoom = max(float(camera.zoom), wanted)
        centre_on(self._viewer, ends.mean(axis=0))


def _found_bar(image: Image) -> ScaleBar | None:
    """Return the scale bar of a single image, burned in or in its information bar."""
    source = source_of(image)
    if source.is_stack or not isinstance(source.data, np.ndarray):
        return None
    plane = source.plane(0, source.whole)
    try:
        seen = micrograph_from_array(plane, keep_info_bar=False, info_bar_row=source.info_bar_row)
    except MicrographError:
        return None
    return seen.printed_scale or next((bar for bar in seen.scale_bars if bar is not None), None)


def set_pixel_size(viewer: ViewerModel, image: Image, size_um: float) -> None:
    """Give an image, and the layers that lie over it, square pixels of this size.

    Sections keep their distance; shifts keep their number of pixels.

    Parameters
    ----------
    viewer : ViewerModel
        It goes on showing the same part of the image, which is larger or smaller in the world than
        before; in space it shows all.
    image : Image
    size_um : float
        Edge of a pixel, µm.
    """
    sight = Sight(viewer, image)
    for layer in [image, *_lying_over(viewer.layers, image)]:
        _rescale(layer, size_um)
    if viewer.dims.ndisplay == 2:
        sight.show_again()
    else:
        viewer.reset_view()


def set_section_distance(viewer: ViewerModel, stack: Layer, distance_um: float) -> None:
    """Give a stack, and the stacks that lie over it, sections that are so far apart.

    Shifts keep their number of sections, and the section that is shown stays.

    Parameters
    ----------
    viewer : ViewerModel
    stack : Layer
        The micrograph, or grains without one.
    distance_um : float
        From one section to the next, µm.
    """
    steps = viewer.dims.current_step
    distance_um = stated_step(distance_um)
    for layer in [stack, *_lying_over(viewer.layers, stack)]:
        if layer.ndim >= 3:
            edges, shift = steps_of(layer), np.array(layer.translate, float)
            units = list(layer.units)
            shift[-3] *= distance_um / edges[-3]
            edges[-3] = distance_um
            units[-3] = "um"
            set_steps(layer, edges)
            layer.translate, layer.units = shift, units
    viewer.dims.current_step = steps


def _lying_over(layers: LayerList, image: Image) -> list[Layer]:
    """Return what was made from an image, and what else was drawn over it, pixel by pixel.

    Results that were saved and opened again are known by their name. Drawn labels and shapes do
    not say over which image. They are taken for this one's unless another micrograph lies in the
    same place.
    """
    others = {str(layer.unique_id) for layer in layers if layer != image}
    free = [
        layer
        for layer in layers
        if layer != image and source_id_of(layer) not in others and _same_place(layer, image)
    ]
    named = [layer for layer in free if is_named_after(layer, image)]
    made = named + _made_from(layers, [image, *named])
    rivals = [layer for layer in layers if layer != image and is_micrograph(layer)]
    if any(_same_place(layer, image) for layer in rivals):
        return made
    drawn = [
        layer
        for layer in free
        if isinstance(layer, Labels | Shapes | Points | Vectors) and layer not in made
    ]
    return made + drawn + _made_from(layers, drawn)


def _made_from(layers: LayerList, roots: list[Layer]) -> list[Layer]:
    """Return what was made from some layers, and from that: grains, and the marks on them."""
    found = list(roots)
    while True:
        known = {str(layer.unique_id) for layer in found}
        more = [layer for layer in layers if layer not in found and source_id_of(layer) in known]
        if not more:
            return found[len(roots) :]
        found += more


def _same_place(layer: Layer, image: Image) -> bool:
    """Return whether the pixels of a layer are those of an image."""
    return (
        np.allclose(layer.scale[-2:], image.scale[-2:])
        and np.allclose(layer.translate[-2:], image.translate[-2:])
        and (not isinstance(layer, Image | Labels) or axes_of(layer)[-2:] == axes_of(image)[-2:])
    )


def _rescale(layer: Layer, size_um: float) -> None:
    """Give a layer square pixels; its corner stays at as many of its pixels from the origin.

    A shift is in the world and not along the rows of a layer that is turned: where the sides of
    its pixels do not grow alike, such as oblong ones, it changes direction, too.
    """
    corner = np.linalg.solve(_linear_of(layer), np.asarray(layer.translate, float))
    steps = steps_of(layer)
    steps[-2:] = size_um
    layer.units = (*layer.units[:-2], "µm", "µm")
    set_steps(layer, steps)
    layer.translate = _linear_of(layer) @ corner


def _linear_of(layer: Layer) -> np.ndarray:
    """Return what turns steps along the axes of a layer into its own world, without its affine."""
    own = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear, ndim=layer.ndim)
    return np.asarray(own.linear_matrix, float)


def _ask_length(parent: QWidget, says: str) -> float | None:
    """Ask how long the line is, µm; what the scale bar seems to say stands there already."""
    seems = f": the scale bar seems to say {says}" if says else ""
    length, agreed = QInputDialog.getDouble(
        parent,
        "Scale bar",
        f"Length of the line, µm{seems}",
        micrometres_of(says) if says else 50.0,
        1e-5,
        1e7,
        5,
    )
    return float(length) if agreed else None

"""The page of area fractions of the Measure dock: points on class maps, by ASTM E562."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Points
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QListWidget,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.choices import set_ticks, ticked_in
from napari_etch._widgets.class_tables import first_table
from napari_etch._widgets.correct_line import TextLine
from napari_etch._widgets.correct_target import is_classes, own_micrograph
from napari_etch._widgets.form import add, call
from napari_etch._widgets.layer_watch import LayerWatch
from napari_etch._widgets.layers import METADATA_KEY, kind_of, layer_name
from napari_etch._widgets.measure_fields import (
    of_one_field,
    one_of_each_field,
    same_field_remarks,
    with_newer_maps,
)
from napari_etch._widgets.measure_layers import is_helper
from napari_etch._widgets.measure_marks import MARK_LIMITS
from napari_etch._widgets.placement import Placement
from napari_etch._widgets.repair_layers import section_shown
from napari_etch.grains.class_table import FRACTURE_MODES, ClassTable
from napari_etch.measure import AreaFraction, area_fraction, fields_needed
from napari_etch.measure.fractions import GRID_POINTS, PointGrid, point_grid
from napari_etch.measure.statistics import Mean
from napari_etch.results import whole_file

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel

GRID = "point grid"
FILE = "areas.csv"
NO_CLASSES = "There is no class map: map fracture modes, or import or paint classes first."
#: Of a point on the line between two classes, and of one that falls on no class of the table.
BETWEEN_COLOUR, OTHER_COLOUR = "#ffffff", "#888888"
HEADS = ("Class", "by points, %", "95 %", "by pixels, %")


class ClassMaps(LayerWatch):
    """Hears of class maps that come, go or are edited; see `LayerWatch`."""

    WATCHED = frozenset(
        {"inserted", "removed", "reordered", "name", "data", "set_data", "paint", "labels_update"}
    )

    def __init__(self, viewer: ViewerModel, parent: QWidget) -> None:
        super().__init__(viewer, parent)
        self._listen()

    def layers(self) -> list[Labels]:
        """Return the maps that can be counted, topmost first."""
        return [layer for layer in reversed(self._viewer.layers) if _can_count(layer)]

    def refresh(self) -> None:
        """Let the panel look."""
        self.changed.emit()

    def _on_active(self, _event: Any = None) -> None:
        pass  # which layer is selected does not matter


class FractionPanel(QWidget):
    """Counts points on the ticked class maps, a field each, and draws them.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    ask_path : callable
        Asks where to save a file of this name; None when the user cancels.

    Signals
    -------
    said : str, bool
        A line for the user, and whether it is trouble.
    """

    said = Signal(str, bool)

    def __init__(
        self, viewer: ViewerModel, ask_path: Callable[[QWidget, str], Path | None]
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._ask_path = ask_path
        self._offered: list[tuple[str, str]] = []
        self._counted: tuple[object, ...] = ()
        #: Whether the user chose the maps; what was ticked for the user is one field alone.
        self.is_chosen_by_hand = False
        self.layers = ClassMaps(viewer, self)
        self.fractions: dict[str, AreaFraction] = {}
        self.maps = QListWidget()
        self.maps.setMaximumHeight(84)
        self.maps.setToolTip(
            "Tick the class maps that are fields of one specimen; of a stack what is shown counts."
        )
        self.points = QSpinBox()
        self.points.setRange(4, 10_000)
        self.points.setValue(GRID_POINTS)
        self.points.setToolTip("Points of the square grid on each field, about.")
        self.drawn = QCheckBox("Draw the points")
        self.drawn.setToolTip(
            "Each point in the colour of its class, white on the line between two, where it "
            "counts ½, so that a person can check the count."
        )
        self.rows = QTableWidget()
        self.rows.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.rows.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.rows.setToolTip("Share of the specimen that each class takes, by ASTM E562.")
        call(self.rows, "Area fractions")
        self.text = TextLine("What the points counted.")
        self.save = QPushButton("Save…")
        self._lay_out()
        self.maps.itemChanged.connect(lambda _item: self._on_tick())
        self.points.valueChanged.connect(lambda _value: self.count())
        self.drawn.toggled.connect(lambda _on: self.count())
        self.save.clicked.connect(self.save_table)
        self.layers.changed.connect(self.refresh)
        self.refresh()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add(form, "Class maps", self.maps)
        add(form, "Points", self.points)
        form.addRow("", self.drawn)
        heads = self.rows.verticalHeader()
        if heads is not None:
            heads.hide()
            heads.setDefaultSectionSize(22)
        column = QVBoxLayout(self)
        column.addLayout(form)
        said = QHBoxLayout()  # above the table: below it, a small screen does not show it
        said.addWidget(self.text, 1)
        said.addWidget(self.save)
        column.addLayout(said)
        column.addWidget(self.rows, 1)

    def refresh(self) -> None:
        """Look at the class maps that are open; of those nobody chose, the newest is ticked."""
        maps = self.layers.layers()
        offered = [(layer.name, str(layer.unique_id)) for layer in maps]
        if offered != self._offered:
            known = {layer_id for _name, layer_id in self._offered}
            ids = set(self.ticked())
            ticked = [layer for layer in maps if str(layer.unique_id) in ids]
            new = [layer for layer in maps if str(layer.unique_id) not in known]
            if self.is_chosen_by_hand:
                ticked = with_newer_maps(ticked, new, maps)
            elif new or not ticked:
                # maps of several images may be of several specimens
                ticked = one_of_each_field(of_one_field(new or maps, maps), ())
            self._offered = offered
            set_ticks(self.maps, offered, {str(layer.unique_id) for layer in ticked})
        self.count()

    def _on_tick(self) -> None:
        self.is_chosen_by_hand = True
        self.count()

    def ticked(self) -> list[str]:
        """Return the identities of the ticked maps."""
        return ticked_in(self.maps)

    def chosen(self) -> list[Labels]:
        """Return the ticked maps, topmost first."""
        ids = self.ticked()
        return [layer for layer in reversed(self._viewer.layers) if str(layer.unique_id) in ids]

    def count(self) -> None:
        """Count the points of the ticked maps, show and draw them, unless nothing has changed."""
        layers = self.chosen()
        fields = [self._plane(layer) for layer in layers]
        state = (*self.ticked(), *map(_checksum, fields), *self._settings())
        if state == self._counted:
            return
        self._counted = state
        table, self.fractions = FRACTURE_MODES, {}
        trouble = "" if layers else NO_CLASSES if not self._offered else "Tick a class map."
        try:
            table = first_table(layers)
            for value in sorted({int(v) for each in fields for v in np.unique(each)} - {0}):
                name = table.names.get(value, f"class {value}")
                self.fractions[name] = area_fraction(fields, value, points=self.points.value())
        except ValueError as error:
            trouble = str(error)
            self.fractions = {}
        self._show(trouble)
        self._draw(layers, fields, table)

    def _settings(self) -> tuple[object, ...]:
        return self.points.value(), self.drawn.isChecked(), tuple(self._offered)

    def _plane(self, layer: Labels) -> np.ndarray:
        section = section_shown(self._viewer, layer)
        return np.asarray(layer.data if layer.ndim == 2 else layer.data[section or 0])

    def _show(self, trouble: str) -> None:
        self.rows.setColumnCount(len(HEADS))
        self.rows.setHorizontalHeaderLabels(list(HEADS))
        self.rows.setRowCount(len(self.fractions))
        for row, (name, found) in enumerate(self.fractions.items()):
            for column, text in enumerate(_cells(name, found)):
                item = QTableWidgetItem(text)
                item.setToolTip(accuracy_tip(found.point_fraction))
                self.rows.setItem(row, column, item)
        header = self.rows.horizontalHeader()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        # shares need no pixel size, so they can be saved where no grain size can
        self.save.setEnabled(bool(self.fractions))
        self.save.setToolTip(
            f"Write the table, such as {FILE}." if self.fractions else trouble or NO_CLASSES
        )
        if trouble:
            self.text.setText(trouble)
            return
        first = next(iter(self.fractions.values()), None)
        count = len(self.ticked())
        fields = "1 field" if count == 1 else f"{count} fields"
        said = f"{0 if first is None else first.points} points on {fields}."
        if count < 2:
            said += " An interval needs several fields: tick more maps of this specimen."
        said = " ".join([said, *(f"{each}." for each in self.remarks())])
        self.text.setText(said)

    def of_grains(self, grains: Sequence[Labels]) -> dict[str, AreaFraction]:
        """Return the shares for a report on grains: those of the user's choice, or of their image.

        What was ticked for the user may be of another specimen.
        """
        layers = self._viewer.layers
        images = [own_micrograph(layers, each) for each in grains]
        own = [own_micrograph(layers, each) for each in self.chosen()]
        is_theirs = all(image is not None and image in images for image in own)
        return self.fractions if self.is_chosen_by_hand or is_theirs else {}

    def remarks(self) -> list[str]:
        """Return what a reader of the shares should know of the ticked maps."""
        return same_field_remarks(self.chosen())

    def save_table(self) -> None:
        """Ask where to, and write the table; it appears whole."""
        path = self._ask_path(self, FILE) if self.fractions else None
        if path is None:
            return
        table = fraction_table(self.fractions, [layer.name for layer in self.chosen()])
        try:
            with whole_file(path) as unfinished:
                table.to_csv(unfinished, index=False, float_format="%.6g")
        except OSError as error:
            self.said.emit(f"{path} could not be saved: {error.strerror or error}.", True)
            return
        self.said.emit(f"Saved {path}.", False)

    # -- the points ------------------------------------------------------------------------------

    def _draw(self, layers: list[Labels], fields: list[np.ndarray], table: ClassTable) -> None:
        remove_points(self._viewer)
        if not self.drawn.isChecked() or not self.fractions:
            return
        active = self._viewer.layers.selection.active
        for layer, field in zip(layers, fields, strict=True):
            grid = point_grid(field, self.points.value())
            self._viewer.layers.append(_points_layer(layer, field, grid, table))
        if active in self._viewer.layers:
            self._viewer.layers.selection.active = active


def remove_points(viewer: ViewerModel) -> None:
    """Take the drawn points out."""
    for layer in [each for each in viewer.layers if kind_of(each) == GRID]:
        viewer.layers.remove(layer)


def _points_layer(layer: Labels, field: np.ndarray, grid: PointGrid, table: ClassTable) -> Points:
    place = (Placement.of(layer) if layer.ndim == 2 else Placement.of(layer).plane()).keywords()
    between = (grid.around != grid.around[0]).any(axis=0)
    colours = dict(table.colours)
    names = table.names
    face, falls_on = [], []
    for value, mixed in zip(grid.around[0].tolist(), between.tolist(), strict=True):
        face.append(BETWEEN_COLOUR if mixed else colours.get(value, OTHER_COLOUR))
        falls_on.append("between two" if mixed else names.get(value, f"class {value}"))
    return Points(
        grid.points,
        ndim=2,
        name=layer_name(layer.name, GRID),
        size=max(3.0, max(field.shape) / 70),
        canvas_size_limits=MARK_LIMITS,
        border_width=0.15,
        border_color="black",
        face_color=face or "white",
        features={"falls on": falls_on},
        metadata={METADATA_KEY: {"kind": GRID, "source_id": str(layer.unique_id)}},
        **place,
    )


def _checksum(field: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(field).tobytes())


def _can_count(layer: Any) -> bool:
    return (
        isinstance(layer, Labels)
        and not layer.multiscale
        and layer.ndim in (2, 3)
        and bool(layer.data.size)
        and not is_helper(layer)
        and is_classes(layer)
    )


def fraction_table(fractions: dict[str, AreaFraction], maps: list[str]) -> pd.DataFrame:
    """Return a row a class: its share by points with the interval, and by pixels.

    Parameters
    ----------
    fractions : dict of str to AreaFraction
        By the names of the classes.
    maps : list of str
        What was counted, a field each.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "class": name,
            "points_percent": 100 * found.point_fraction.value,
            "half_width_95_percent": (
                None
                if found.point_fraction.half_width is None
                else 100 * found.point_fraction.half_width
            ),
            "relative_accuracy_percent": found.point_fraction.relative_accuracy,
            "more_fields_for_10_percent": fields_needed(found.point_fraction),
            "pixels_percent": 100 * found.pixel_fraction,
            "points": found.points,
            "fields": len(maps),
            "maps": "; ".join(maps),
            "standard": "ASTM E562",
        }
        for name, found in fractions.items()
    )


def accuracy_tip(mean: Mean) -> str:
    """Return how sure a share by points is, as a sentence."""
    if mean.relative_accuracy is None:
        return "One field says nothing of how sure this is: tick more fields of the specimen."
    still = fields_needed(mean)
    return (
        f"{mean.relative_accuracy:.0f} % relative accuracy over {mean.n} fields; fields still "
        f"needed for 10 %: {still or 'none'}."
    )


def _cells(name: str, found: AreaFraction) -> tuple[str, str, str, str]:
    mean = found.point_fraction
    interval = "" if mean.half_width is None else f"± {100 * mean.half_width:.1f}"
    return name, f"{100 * mean.value:.1f}", interval, f"{100 * found.pixel_fraction:.1f}"

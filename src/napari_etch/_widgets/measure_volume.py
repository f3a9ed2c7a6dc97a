"""The 3D page of the Measure dock: grains of a stack in space."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_etch._widgets.correct_line import TextLine
from napari_etch._widgets.form import add, call
from napari_etch._widgets.layers import pixel_size_um, section_distance_um
from napari_etch._widgets.measure_table import COLUMNS_3D, GrainTable
from napari_etch.measure.volume import LINES
from napari_etch.results import VOLUME_FILE, write_volumes

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Labels

NO_STACK = (
    "The chosen layer is a single section: choose a stack whose grains the Track dock has numbered "
    "through its sections."
)
NOT_TRACKED = (
    "Each section is numbered by itself, so these are no grains in space: run the Track dock first."
)
STALE = "The grains, their pixel size or the distance of the sections changed since: measure again."
Voxel = tuple[float, float, float]


def measure_volume(
    grains: Any, voxel_um: Voxel, stop: threading.Event
) -> Generator[float, None, pd.DataFrame | str | None]:
    """Measure the grains of a stack section by section, in a thread.

    Parameters
    ----------
    grains : array-like of int, (z, y, x)
        One number for a grain through all sections.
    voxel_um : tuple of float
        Edges of a voxel along z, y and x, µm.
    stop : threading.Event
        Set when nobody wants the result any more.

    Yields
    ------
    float
        Share that is done.

    Returns
    -------
    pandas.DataFrame, str or None
        A row a grain; why there is none; None when it was stopped.
    """
    from napari_etch.measure.volume import VolumeSums, runs_through

    count = max(int(np.max(section, initial=0)) for section in grains)
    sums = VolumeSums(count, voxel_um)
    for done, section in enumerate(grains, 1):
        if stop.is_set():
            return None
        sums.add(np.asarray(section, np.int32))
        yield done / len(grains)
    table = sums.table()
    if not len(table):
        return "The stack shows no grain, so there is nothing to measure."
    return table if runs_through(table) else NOT_TRACKED


def volume_text(table: pd.DataFrame) -> str:
    """Return what a table of grains in space says, in a few sentences."""
    whole = table[~table["touches_border"]]
    said = f"{len(table)} grains, {len(whole)} of them whole."
    if table.attrs.get(LINES):
        said = (
            f"The lines of 0 between the grains, {100 * table.attrs[LINES]:.0f} % of the stack, "
            f"were given to the nearest grain. {said}"
        )
    if not len(whole):
        return f"{said} All of them are cut by the stack, so there is no mean of whole grains."
    volume, eqd = whole["volume"], whole["eqd"]
    return (
        f"{said} Of these: mean volume {volume.mean():.4g} µm³, diameter {eqd.mean():.3g} ± "
        f"{eqd.std(ddof=0):.2g} µm, sphericity {whole['sphericity'].mean():.2f}, "
        f"{whole['faces'].mean():.1f} faces. Large grains are cut more often, so whole grains "
        "are on average too small."
    )


class VolumePanel(QWidget):
    """Measures the chosen stack when asked to, and shows a row a grain.

    Parameters
    ----------
    ask_path : callable
        Asks where to save a file of this name; None when the user cancels.

    Signals
    -------
    chosen : int
        The user chose the row of a grain.
    said : str, bool
        A line for the user, and whether it is trouble.
    distance_typed : float
        How far the sections are apart, µm.
    """

    chosen = Signal(int)
    distance_typed = Signal(float)
    said = Signal(str, bool)

    def __init__(self, ask_path: Callable[[QWidget, str], Path | None]) -> None:
        super().__init__()
        self._ask_path = ask_path
        self._layer: Labels | None = None
        self._worker: Any = None
        self.table: pd.DataFrame | None = None
        self._asked: tuple[Voxel, int] | None = None
        self._is_stale = False
        self._stop = threading.Event()
        self.distance = QDoubleSpinBox()
        self.distance.setRange(0.0, 10_000.0)
        self.distance.setDecimals(4)
        self.distance.setSuffix(" µm")
        self.distance.setSpecialValueText("unknown")
        self.distance.setToolTip(
            "From one section to the next; it is not guessed. What is typed holds for the stack in "
            "all docks."
        )
        self.distance.setKeyboardTracking(False)
        self.button = QPushButton("Measure in 3D")
        self.save = QPushButton("Save…")
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        self.bar.setToolTip("Sections that are measured.")
        self.bar.hide()
        self.text = TextLine("What the grains are like in space.")
        self.rows = GrainTable(columns=COLUMNS_3D)
        call(self.rows, "Grains in space")
        self._lay_out()
        self.button.clicked.connect(self.toggle)
        self.save.clicked.connect(self.save_table)
        self.distance.valueChanged.connect(self._on_distance)
        self.rows.chosen.connect(self.chosen)
        stops = self._stops = [self._stop]
        self.destroyed.connect(lambda: _set_all(stops))
        self._allow()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        add(form, "Section distance", self.distance)
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 2)
        buttons.addWidget(self.save, 1)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addLayout(buttons)
        column.addWidget(self.bar)
        column.addWidget(self.text)
        column.addWidget(self.rows, 1)

    @property
    def is_running(self) -> bool:
        """Whether a stack is being measured."""
        return self._worker is not None

    def watch(self, layer: Labels | None) -> None:
        """Speak of another layer; what was measured of the one before goes."""
        if layer is self._layer:
            self.show_distance()
            if self.isVisible():  # half a second for 80 million voxels, between two corrections
                self._show_whether_stale()
            return
        self._stop.set()
        self._layer = layer
        self._show(None)
        self.show_distance()
        self._allow()

    def showEvent(self, event: Any) -> None:
        """Look whether the stack was changed meanwhile."""
        super().showEvent(event)
        self._show_whether_stale()

    def show_distance(self) -> None:
        """Show the distance that the layer has, without a signal."""
        known = None if self._layer is None else section_distance_um(self._layer)
        self.distance.blockSignals(True)
        self.distance.setValue(known or 0.0)
        self.distance.blockSignals(False)

    def why_not(self) -> str:
        """Return why nothing can be measured, as one sentence; empty when it can."""
        layer = self._layer
        if layer is None or layer.ndim != 3:
            return NO_STACK
        if pixel_size_um(layer) is None:
            return "The pixel size is not known: type it above."
        if not self.distance.value():
            return "Type how far the sections are apart."
        return ""

    def _on_distance(self, distance_um: float) -> None:
        if distance_um:
            self.distance_typed.emit(distance_um)
        self._show_whether_stale()

    def _allow(self) -> None:
        trouble = self.why_not()
        self.button.setText("Cancel" if self.is_running else "Measure in 3D")
        self.button.setEnabled(self.is_running or not trouble)
        self.button.setToolTip(trouble or "Volume, surface, sphericity and faces of every grain.")
        self.distance.setEnabled(not self.is_running)
        none = "Measure first." if self.table is None else STALE if self._is_stale else ""
        self.save.setEnabled(not none)
        self.save.setToolTip(none or f"Write the table, such as {VOLUME_FILE}.")
        if self.table is None:
            self.text.setText(trouble)

    def toggle(self) -> None:
        """Measure the stack, or stop measuring."""
        if self.is_running:
            self._stop.set()
            return
        if self.why_not() or self._layer is None:
            return
        self._show(None)
        self._stop = threading.Event()
        self._stops[:] = [self._stop]
        data = np.array(self._layer.data)  # a copy, so that corrections go on meanwhile
        self._asked = self._voxel(), _crc(self._layer.data)
        worker = create_worker(measure_volume, data, self._voxel(), self._stop, _start_thread=False)
        worker.yielded.connect(lambda share: self.bar.setValue(round(100 * share)))
        worker.returned.connect(self._on_measured)
        worker.finished.connect(self._on_finished)
        self._worker = worker
        self.bar.setValue(0)
        self.bar.show()
        self._allow()
        worker.start()

    def _on_measured(self, found: pd.DataFrame | str | None) -> None:
        if found is None or self._stop.is_set():
            self.said.emit("Cancelled; nothing was measured in 3D.", False)
        elif isinstance(found, str):
            self.said.emit(found, True)
        else:
            self._show(found)
            self._show_whether_stale()

    def _on_finished(self) -> None:
        self._worker = None
        self.bar.hide()
        self._allow()

    def _show(self, table: pd.DataFrame | None) -> None:
        self.table = table
        self._is_stale = False
        self.rows.show_table(table)
        self.text.setText("" if table is None else volume_text(table))

    def _voxel(self) -> Voxel:
        """Return the edges of a voxel of the chosen stack, µm; 0 where they are not known."""
        edge = 0.0 if self._layer is None else pixel_size_um(self._layer) or 0.0
        return self.distance.value(), edge, edge

    def _show_whether_stale(self) -> None:
        """Say whether the table is still that of the stack: it is measured only when asked for."""
        if self.table is not None and self._layer is not None:
            self._is_stale = self._asked != (self._voxel(), _crc(self._layer.data))
            self.text.setText(STALE if self._is_stale else volume_text(self.table))
        self._allow()

    def save_table(self) -> None:
        """Ask where to, and write the table; it appears whole."""
        path = None if self.table is None else self._ask_path(self, VOLUME_FILE)
        if path is None or self.table is None:
            return
        try:
            write_volumes(path, self.table)
        except OSError as error:
            self.said.emit(f"{path} could not be saved: {error.strerror or error}.", True)
            return
        self.said.emit(f"Saved {path}.", False)


def _crc(grains: Any) -> int:
    """Return a number that differs for other grains; a map that is read in parts stays as it is."""
    return zlib.crc32(np.ascontiguousarray(grains).data) if isinstance(grains, np.ndarray) else 0


def _set_all(events: list[threading.Event]) -> None:
    for event in events:
        event.set()

"""Histogram and cumulative curve of a column of the grains, with a range to move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.theme import get_theme
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.plots import colour_plot, empty_plot
from napari_etch.measure.distribution import cumulative

if TYPE_CHECKING:
    import pandas as pd

HEIGHT = 260
#: Bars of many grains and of few; of 30 grains 30 bars would show a comb.
_MOST_BARS, _FEWEST_BARS = 30, 5
#: Of the layers that are compared, in their order; seen on dark and light themes.
LAYER_COLOURS = ("#ff9f40", "#4fb3ff", "#7ddc6f", "#e06cff", "#ffd60a", "#ff6b6b")


class DistributionPlot(QWidget):
    """Bars of the first layer, curves of all; drag to move, wheel to zoom, right button for all.

    pyqtgraph is loaded when there is something to draw.

    Signals
    -------
    range_moved : float, float
        The range was moved.
    """

    range_moved = Signal(float, float)

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._plot: Any = None
        self._shares: Any = None
        self._bars: Any = None
        self._range: Any = None
        self._curves: list[Any] = []
        self.counts = np.zeros(0)
        self.edges = np.zeros(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.setMinimumHeight(HEIGHT)
        self.setToolTip(
            "Bars: grains of the chosen layer. Curves: share of the grains up to each size. "
            "Drag the blue range over a part: what lies in it is said below."
        )

    def show_values(
        self, tables: list[tuple[str, pd.DataFrame]], column: str, title: str, *, by_area: bool
    ) -> None:
        """Draw a column of one or several layers; grains that the border cuts are left out."""
        if self._plot is None:
            self._build()
        for curve in self._curves:
            self._shares.removeItem(curve)
        self._curves = []
        self.counts, self.edges = np.zeros(0), np.zeros(0)
        for at, (_name, table) in enumerate(tables):
            values, weights = whole_grains(table, column, by_area=by_area)
            if values.size == 0:
                continue
            if at == 0:
                self.counts, self.edges = np.histogram(
                    values, bars_for(values.size), weights=weights
                )
            self._curves.append(self._curve(values, weights, at))
        self._draw_bars(title, by_area=by_area)

    def range(self) -> tuple[float, float]:
        """Return the range that is marked."""
        if self._range is None:
            return 0.0, 0.0
        low, high = self._range.getRegion()
        return float(low), float(high)

    def set_range(self, low: float, high: float) -> None:
        """Mark a range."""
        if self._range is not None:
            self._range.setRegion((low, high))

    def set_theme(self, theme: str) -> None:
        """Take the colours of another theme of napari's."""
        self._theme = theme
        if self._plot is not None:
            self._colour()

    def _build(self) -> None:
        import pyqtgraph

        self._plot = empty_plot()
        item = self._plot.getPlotItem()
        self._bars = pyqtgraph.BarGraphItem(x=[], height=[], width=1)
        self._plot.addItem(self._bars)
        self._shares = pyqtgraph.ViewBox(enableMenu=False)
        self._shares.setYRange(0, 1.02, padding=0)
        self._shares.setMouseEnabled(x=True, y=False)
        item.showAxis("right")
        item.scene().addItem(self._shares)
        item.getAxis("right").linkToView(self._shares)
        self._shares.setXLink(item)
        item.vb.sigResized.connect(self._on_resized)
        self._range = pyqtgraph.LinearRegionItem(brush=(80, 140, 255, 40))
        self._plot.addItem(self._range)
        self._range.sigRegionChanged.connect(lambda: self.range_moved.emit(*self.range()))
        self._colour()
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self._plot)

    def _on_resized(self) -> None:
        box = self._plot.getPlotItem().vb
        self._shares.setGeometry(box.sceneBoundingRect())
        self._shares.linkedViewChanged(box, self._shares.XAxis)

    def _curve(self, values: np.ndarray, weights: np.ndarray, at: int) -> Any:
        import pyqtgraph

        sizes, share = cumulative(values, weights)
        colour = LAYER_COLOURS[at % len(LAYER_COLOURS)]
        curve = pyqtgraph.PlotDataItem(sizes, share, pen=pyqtgraph.mkPen(colour, width=2))
        self._shares.addItem(curve)
        return curve

    def _draw_bars(self, title: str, *, by_area: bool) -> None:
        import pyqtgraph

        colour = pyqtgraph.mkColor(LAYER_COLOURS[0])
        colour.setAlpha(110)
        width = float(np.diff(self.edges).mean()) if self.edges.size else 1.0
        middle = (self.edges[1:] + self.edges[:-1]) / 2 if self.edges.size else np.zeros(0)
        self._bars.setOpts(x=middle, height=self.counts, width=0.92 * width, brush=colour, pen=None)
        text = get_theme(self._theme).text.as_hex()
        self._plot.getAxis("bottom").setLabel(title, color=text)
        self._plot.getAxis("left").setLabel("area" if by_area else "grains", color=text)
        if self.edges.size:
            low, high = float(self.edges[0]), float(self.edges[-1])
            self._plot.setXRange(low, high, padding=0.03)
            self._plot.setYRange(0, 1.05 * float(self.counts.max()), padding=0)
            self._range.setBounds((low, high))
            self._range.setRegion((low, high))

    def _colour(self) -> None:
        colour_plot(self._plot, self._theme, ("left", "bottom", "right"))
        text = get_theme(self._theme).text.as_hex()
        self._plot.getAxis("right").setLabel("share up to here", color=text)


def bars_for(count: int) -> int:
    """Return the number of bars that show so many grains: one and a half times the root."""
    return int(np.clip(round(1.5 * np.sqrt(count)), _FEWEST_BARS, _MOST_BARS))


def whole_grains(
    table: pd.DataFrame, column: str, *, by_area: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a column and the weights, of grains that the border does not cut."""
    whole = table[~table["touches_border"]]
    values = whole[column].to_numpy(float)
    area = whole["area_um2" if "area_um2" in table.columns else "area_px"].to_numpy(float)
    weights = area if by_area else np.ones_like(values)
    known = np.isfinite(values)
    return values[known], weights[known]

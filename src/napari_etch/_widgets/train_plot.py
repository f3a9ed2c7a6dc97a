"""The loss over the steps, live."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_etch._widgets.plots import colour_plot, empty_plot
from napari_etch.training.fitted import total_loss
from napari_etch.training.trainers import TrainStep

if TYPE_CHECKING:
    from napari_etch.training.labelfree.events import FitStep

HEIGHT = 170
#: Weight of a new value in the thick line; the first few weigh more, so that it starts among them.
SMOOTHING = 0.1
#: Colour of the loss on what is held back.
HELD = "#4aa8ff"


class LossPlot(QWidget):
    """A thin line of all losses, a thick one of their mean, a blue one of what is held back.

    pyqtgraph is loaded with the first fit, not with the dock.
    """

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._plot: Any = None
        self._raw: Any = None
        self._mean: Any = None
        self._held: Any = None
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.means: list[float] = []
        self.looks: list[tuple[int, float]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.setFixedHeight(HEIGHT)
        self.setToolTip(
            "How far the network still is from what is asked of it; blue: on what is held back, "
            "where labels are learnt from. It is not the last state that is kept, but the best: "
            "the lowest blue point, without labels the one that looks most like grains."
        )
        self.hide()

    def begin(self) -> None:
        """Empty the plot and show it."""
        if self._plot is None:
            self._build()
        self._empty()
        self._draw()
        self.show()

    def _empty(self) -> None:
        for values in (self.steps, self.losses, self.means):
            values.clear()
        self.looks.clear()

    def add(self, steps: Sequence[FitStep | TrainStep]) -> None:
        """Add steps; a fit that begins anew begins a new line."""
        for step in steps:
            if self.steps and step.step <= self.steps[-1]:
                self._empty()
            looked = step.validation if isinstance(step, TrainStep) else None
            if looked and math.isfinite(looked.get("loss", math.nan)):
                self.looks.append((step.step, looked["loss"]))
            loss = total_loss(step.losses)
            if not step.losses or not math.isfinite(loss):
                continue
            mean = self.means[-1] if self.means else loss
            self.steps.append(step.step)
            self.losses.append(loss)
            self.means.append(mean + max(SMOOTHING, 1 / len(self.losses)) * (loss - mean))
        self._draw()

    def set_theme(self, theme: str) -> None:
        """Take the colours of another theme of napari's."""
        self._theme = theme
        if self._plot is not None:
            self._colour()

    def _build(self) -> None:
        self._plot = empty_plot()
        self._plot.setMouseEnabled(x=False, y=False)
        self._raw = self._plot.plot()
        self._mean = self._plot.plot()
        self._held = self._plot.plot(symbol="o", symbolSize=6)
        self._colour()
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self._plot)

    def _colour(self) -> None:
        import pyqtgraph

        text = get_theme(self._theme).text.as_hex()
        colour_plot(self._plot, self._theme, ("left", "bottom"))
        for name, label in (("left", "loss"), ("bottom", "step")):
            self._plot.getAxis(name).setLabel(label, color=text)
        self._raw.setPen(pyqtgraph.mkPen(f"{text[:7]}60", width=1))
        self._mean.setPen(pyqtgraph.mkPen("#ff9f40", width=2))
        self._held.setPen(pyqtgraph.mkPen(HELD, width=2))
        self._held.setSymbolBrush(HELD)
        self._held.setSymbolPen(None)

    def _draw(self) -> None:
        if self._plot is not None:
            self._raw.setData(self.steps, self.losses)
            self._mean.setData(self.steps, self.means)
            self._held.setData([at for at, _ in self.looks], [loss for _, loss in self.looks])

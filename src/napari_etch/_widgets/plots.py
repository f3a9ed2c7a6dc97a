"""What the plots of the docks have in common. pyqtgraph is loaded with the first one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.utils.theme import get_theme


def empty_plot() -> Any:
    """Return a plot of pyqtgraph's, without its menu and buttons."""
    import pyqtgraph

    # Its clean-up at exit walks over objects of Qt's that are gone by then.
    pyqtgraph.setConfigOption("exitCleanup", False)
    plot = pyqtgraph.PlotWidget()
    plot.setMenuEnabled(False)
    plot.hideButtons()
    # pyqtgraph cuts off what hangs below the line of a label
    plot.getPlotItem().layout.setContentsMargins(0, 4, 8, 8)
    return plot


def colour_plot(plot: Any, theme: str, axes: Sequence[str]) -> None:
    """Give a plot the colours of a theme of napari's, and some of its axes plain numbers."""
    colours = get_theme(theme)
    plot.setBackground(colours.background.as_hex())
    for name in axes:
        axis = plot.getAxis(name)
        axis.setPen(colours.secondary.as_hex())
        axis.setTextPen(colours.text.as_hex())
        axis.enableAutoSIPrefix(False)

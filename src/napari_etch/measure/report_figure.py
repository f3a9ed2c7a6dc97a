"""The figures of a report: distribution, direction, and a field with its test pattern."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_etch.measure.distribution import cumulative, diameters, log_normal_share

if TYPE_CHECKING:
    from napari_etch.measure.fields import Measurement

BARS = 24
COLOUR, LINE = "#2a6fbb", "#d1495b"


def draw_distribution(axes: Any, measurement: Measurement) -> None:
    """Draw histogram, cumulative curves and log-normal fit of the diameters into axes."""
    found = measurement.distribution
    if found is None:
        axes.text(0.5, 0.5, "no grain is whole", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    areas = np.concatenate([each.areas_um2[~each.at_border] for each in measurement.fields])
    sizes = diameters(areas)
    axes.hist(sizes, BARS, color=COLOUR, alpha=0.45, label="grains")
    axes.yaxis.get_major_locator().set_params(integer=True)  # there are no half grains
    axes.set_xlabel("equivalent diameter, µm", fontsize=8)
    axes.set_ylabel("grains", fontsize=8)
    axes.tick_params(labelsize=7)
    shares = axes.twinx()
    for weights, style, name in ((np.ones_like(sizes), "-", "number"), (areas, "--", "area")):
        shares.plot(
            *cumulative(sizes, weights), style, color=COLOUR, lw=1.2, label=f"up to, by {name}"
        )
    at = np.linspace(sizes.min(), sizes.max(), 200)
    shares.plot(at, log_normal_share(at, found.by_number), color=LINE, lw=1, label="log-normal")
    shares.set_ylim(0, 1.02)
    shares.set_ylabel("share", fontsize=8)
    shares.tick_params(labelsize=7)
    shares.legend(loc="lower right", fontsize=7, frameon=False)


def draw_directions(axes: Any, measurement: Measurement) -> None:
    """Draw the mean intercept over the direction into polar axes."""
    found = measurement.anisotropy
    if found is None:
        axes.set_axis_off()
        return
    angle = np.radians([each.angle_deg for each in found.directions])
    length = np.array([each.mean_intercept_um for each in found.directions])
    axes.plot(np.r_[angle, angle + np.pi, angle[0]], np.r_[length, length, length[0]], color=COLOUR)
    axes.set_ylim(0, None)
    axes.set_title("mean intercept, µm", fontsize=8)
    axes.tick_params(labelsize=6)


def figure_png(measurement: Measurement) -> bytes:
    """Return distribution and directions as one PNG file.

    Parameters
    ----------
    measurement : Measurement
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.1), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1, 3)
    draw_distribution(figure.add_subplot(grid[:2]), measurement)
    draw_directions(figure.add_subplot(grid[2], projection="polar"), measurement)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=130)
    return file.getvalue()


def shrunk(picture: np.ndarray, most: int) -> np.ndarray:
    """Return a picture of at most `most` px a side, the mean of blocks of pixels.

    Parameters
    ----------
    picture : ndarray of uint8, (y, x, 3)
    most : int
    """
    step = -(-max(picture.shape[:2]) // most)
    if step <= 1:
        return picture
    height, width = (size // step * step for size in picture.shape[:2])
    blocks = picture[:height, :width].reshape(height // step, step, width // step, step, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)

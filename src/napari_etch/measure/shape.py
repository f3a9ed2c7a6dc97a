"""The table of grains: a row each, with size, shape and place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_etch.measure.checks import check_grain_map, check_pixel_size
from napari_etch.measure.contacts import (
    Contacts,
    contacts_of,
    count_neighbours,
    mean_confidence,
)
from napari_etch.measure.holes import Holes, holes_of
from napari_etch.measure.hulls import convex_hulls
from napari_etch.measure.runs import Runs, runs_of
from napari_etch.micrograph.pixels import from_0_to_1

if TYPE_CHECKING:
    import pandas as pd

# A pixel is a unit square, not a point: the second moment of the square about its centre.
PIXEL_MOMENT = 1 / 12


def grains_at_edge(grains: np.ndarray, holes: Holes | None = None) -> np.ndarray:
    """Return the labels that touch the frame of the map or a pixel without specimen.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x).
    holes : Holes, optional
        Of this map, where they are known; they take longer to find than the rest.

    Returns
    -------
    np.ndarray
        Sorted labels, without 0. Touching means sharing the side of a pixel; pores (`holes_of`) are
        part of the specimen.
    """
    if grains.all():  # the usual map, and quick
        sides = (grains[0], grains[-1], grains[:, 0], grains[:, -1])
        return np.unique(np.concatenate(sides))
    holes = holes or holes_of(grains)
    outside = np.pad((grains == 0) & ~holes.pores, 1, constant_values=True)
    beside_nothing = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    labels = np.unique(grains[beside_nothing])
    return labels[labels > 0]


def grain_table(
    grains: np.ndarray,
    *,
    pixel_size_um: float | None = None,
    boundary: np.ndarray | None = None,
) -> pd.DataFrame:
    """Measure every grain of a grain map.

    Parameters
    ----------
    grains : np.ndarray
        Grain map, integers, (y, x); 0 is not a grain.
    pixel_size_um : float, optional
        Edge of a pixel, µm. Without it the columns in µm are left out.
    boundary : np.ndarray, optional
        Boundary map in [0, 1], or of 8 or 16 bits, (y, x), for the column
        ``boundary_confidence``.

    Returns
    -------
    pandas.DataFrame
        A row a grain, in the order of the labels:

        - ``label``;
        - ``area_px``, ``ecd_px``, ``perimeter_px``: area (px²), diameter of the circle of equal
          area, perimeter by Crofton's formula in four directions;
        - ``aspect_ratio``: long over short axis of the ellipse with the same second moments, ≥ 1;
        - ``orientation_deg``: its long axis, anticlockwise from the x axis as seen on the screen,
          in [0, 180);
        - ``feret_max_px``, ``feret_min_px``: greatest and least caliper of the pixels as squares;
        - ``circularity``: 4π area / perimeter², 1 for a circle;
        - ``convexity``: area over that of the convex hull, at most 1;
        - ``neighbours``: number of grains that share a side of a pixel with it;
        - ``centroid_y_px``, ``centroid_x_px``: pixel centres are whole numbers;
        - ``touches_border``: cut by the frame or by the edge of the specimen, not by a pore;
        - ``boundary_confidence`` with a boundary map: its mean along the outline to other grains;
        - ``area_um2``, ``ecd_um``, ``perimeter_um``, ``feret_max_um``, ``feret_min_um`` when the
          pixel size is known.

    Raises
    ------
    ValueError
        When the map is not a 2D map of integers, the boundary map has another shape, or the pixel
        size is not a positive number.

    Notes
    -----
    The time is linear in the pixels and nearly independent of the number of grains: everything is
    summed over runs of equal label (`runs_of`) and over the sides of pixels where labels meet.
    """
    import pandas as pd

    grains = check_grain_map(grains, "grain_table")
    if pixel_size_um is not None:
        check_pixel_size(pixel_size_um)
    if boundary is not None and boundary.shape != grains.shape:
        raise ValueError(
            f"the boundary map is {boundary.shape}, the grain map {grains.shape}: "
            "give two maps of one image"
        )
    if not (grains > 0).any():
        return grain_table(np.ones((1, 1), np.int32), pixel_size_um=pixel_size_um)[:0]
    boundary = from_0_to_1(boundary)
    runs = runs_of(grains)
    contacts = contacts_of(grains, runs)
    area = runs.total(runs.length)
    y, x, aspect, orientation = _moments(runs, area)
    perimeter = _perimeter(grains, runs, contacts)
    hulls = convex_hulls(runs)
    columns = {
        "label": runs.labels.astype(np.int64),
        "area_px": area.astype(np.int64),
        "ecd_px": 2 * np.sqrt(area / np.pi),
        "perimeter_px": perimeter,
        "aspect_ratio": aspect,
        "orientation_deg": orientation,
        "feret_max_px": hulls.feret_max,
        "feret_min_px": hulls.feret_min,
        "circularity": 4 * np.pi * area / perimeter**2,
        "convexity": area / hulls.area,
        "neighbours": count_neighbours(contacts, runs.labels),
        "centroid_y_px": y,
        "centroid_x_px": x,
        "touches_border": np.isin(runs.labels, grains_at_edge(grains)),
    }
    if boundary is not None:
        columns["boundary_confidence"] = mean_confidence(contacts, runs.labels, boundary)
    if pixel_size_um is not None:
        columns["area_um2"] = columns["area_px"] * pixel_size_um**2
        for name in ("ecd", "perimeter", "feret_max", "feret_min"):
            columns[f"{name}_um"] = columns[f"{name}_px"] * pixel_size_um
    table = pd.DataFrame(columns)
    return table[table["label"] > 0].reset_index(drop=True)


def _moments(runs: Runs, area: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return centroid y, centroid x, aspect ratio and orientation (degrees) of every region."""
    length = runs.length.astype(float)
    middle = (runs.first + runs.last) / 2
    y = runs.total(runs.row * length) / area
    x = runs.total(middle * length) / area
    down = runs.row - y[runs.index]
    right = middle - x[runs.index]
    yy = runs.total(length * down**2) / area + PIXEL_MOMENT
    # of a run of n pixels about its own middle: n (n² - 1) / 12
    own = length * (length**2 - 1) / 12
    xx = runs.total(length * right**2 + own) / area + PIXEL_MOMENT
    xy = -runs.total(length * down * right) / area  # rows grow downwards
    spread = np.hypot((xx - yy) / 2, xy)
    mean = (xx + yy) / 2
    aspect = np.sqrt((mean + spread) / (mean - spread))
    orientation = np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)) % 180
    return y, x, aspect, orientation


def _perimeter(grains: np.ndarray, runs: Runs, contacts: Contacts) -> np.ndarray:
    """Return the perimeter of every region, px, the frame of the map included.

    Cauchy and Crofton: 2 L is the number of crossings of a curve with all lines of the plane.
    """
    count = runs.labels.size
    # a run is entered and left once by the line along its row
    total = 2.0 * np.bincount(runs.index, minlength=count)
    level = contacts.step == grains.shape[1]
    ends = [grains[0], grains[-1]]
    total += np.bincount(contacts.one[level], minlength=count)
    total += np.bincount(contacts.two[level], minlength=count)
    total += sum(np.bincount(runs.index_of(end), minlength=count) for end in ends)
    slanted = np.zeros(count)
    for here, there in (
        (grains[:-1, :-1], grains[1:, 1:]),
        (grains[:-1, 1:], grains[1:, :-1]),
    ):
        crossed = here != there
        for side in (here, there):
            slanted += np.bincount(runs.index_of(side[crossed]), minlength=count)
    # a line at 45° that enters at a side of the frame leaves at another: two ends a frame pixel,
    # but one line only through a corner
    frame = (grains[0], grains[-1], grains[1:-1, 0], grains[1:-1, -1])
    for side in frame:
        slanted += 2 * np.bincount(runs.index_of(side), minlength=count)
    if grains.shape[0] > 1:
        corners = grains[[0, 0, -1, -1], [0, -1, 0, -1]]
        slanted += np.bincount(runs.index_of(corners), minlength=count)
    return np.asarray((total + slanted * 2**-0.5) * np.pi / 8)

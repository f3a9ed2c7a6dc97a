"""The methods by which grain size is measured: what each one counts and whose rule it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_etch.measure.astm import (
    astm_grain_number_from_area,
    astm_grain_number_from_density,
    astm_grain_number_from_intercept,
    iso643_grain_number_from_density,
)

Scale = Literal["density", "area", "intercepts", "iso"]

UNITS: dict[Scale, str] = {
    "density": "grains per mm²",
    "area": "µm² mean area",
    "intercepts": "intersections per mm",
    "iso": "grains per mm²",
}


@dataclass(frozen=True)
class Method:
    """A way to a grain size number.

    Attributes
    ----------
    key : str
        Its name in files.
    title : str
        Its name for readers.
    standard : str
        Whose rule it is.
    scale : str
        What is measured and averaged: ``density`` (grains per mm²), ``area`` (mean area, µm²),
        ``intercepts`` (intersections per mm), or ``iso`` (grains per mm², with ISO's G).
    note : str
        What a reader should know of it.
    recalled : bool
        Whether part of the rule is recalled from memory, not checked against the standard's text.
    """

    key: str
    title: str
    standard: str
    scale: Scale
    note: str = ""
    recalled: bool = False

    @property
    def unit(self) -> str:
        """Unit of the measured quantity."""
        return UNITS[self.scale]

    def grain_number(self, value: float) -> float:
        """Return G of the measured quantity.

        Raises
        ------
        ValueError
            When the value is not a positive number.
        """
        if self.scale == "area":
            return astm_grain_number_from_area(value)
        if self.scale == "intercepts":
            return astm_grain_number_from_intercept(1000 / value)
        if self.scale == "iso":
            return iso643_grain_number_from_density(value)
        return astm_grain_number_from_density(value)


METHODS: tuple[Method, ...] = (
    Method(
        "saltykov",
        "Planimetric, whole field",
        "ASTM E112, Saltykov's rectangle",
        "density",
        "inside 1, edge ½, corner ¼",
    ),
    Method(
        "jeffries",
        "Planimetric, circle as written",
        "ASTM E112, Jeffries' circle",
        "density",
        "inside 1, cut ½; counts one grain too many on average",
    ),
    Method(
        "jeffries_corrected",
        "Planimetric, circle corrected",
        "Heping and Xing 2011",
        "density",
        "Jeffries' count less one",
    ),
    Method(
        "heyn",
        "Intercepts, lines",
        "ASTM E112, Heyn",
        "intercepts",
        "lines at 0, 45, 90 and 135°; triple point 1½, tangent 1, line end on a boundary ½",
        recalled=True,
    ),
    Method(
        "abrams",
        "Intercepts, three circles",
        "ASTM E112, Abrams",
        "intercepts",
        "triple point 2, tangent 1",
        recalled=True,
    ),
    Method(
        "hilliard",
        "Intercepts, one circle",
        "ASTM E112, Hilliard",
        "intercepts",
        "triple point 1½, tangent 1",
        recalled=True,
    ),
    Method(
        "combined",
        "Intercepts, circles and lines",
        "ASTM E112, combined pattern",
        "intercepts",
        "three circles, two lines, two diagonals; triple point 2",
        recalled=True,
    ),
    Method(
        "mean_area",
        "Mean area, whole grains",
        "ASTM E1382",
        "area",
        "grains at the border left out, which makes the mean too small",
    ),
    Method(
        "unbiased_area",
        "Mean area, border corrected",
        "Miles and Lantuéjoul",
        "area",
        "grains at the border left out, the others weighted for it",
        recalled=True,
    ),
    Method(
        "triple_points",
        "Triple points as written",
        "triple-point count",
        "density",
        "(½ P + 1) / area; counts one grain too many on average",
    ),
    Method(
        "triple_points_corrected",
        "Triple points corrected",
        "triple-point count",
        "density",
        "½ P / area",
    ),
    Method(
        "iso643",
        "ISO number, whole field",
        "ISO 643",
        "iso",
        "m = 8 · 2^G; G is 0.046 below ASTM's",
        recalled=True,
    ),
)


def method(key: str) -> Method:
    """Return a method by its key.

    Raises
    ------
    ValueError
        When there is none.
    """
    for each in METHODS:
        if each.key == key:
            return each
    raise ValueError(
        f"there is no method {key!r}: choose one of {', '.join(m.key for m in METHODS)}"
    )

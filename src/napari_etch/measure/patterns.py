"""Test lines and circles, as they are laid over a field."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_etch.measure.checks import check_positive

# E112's three circles, mm on a frame 100 mm wide: 250 + 166.7 + 83.3 = 500 mm of test line.
ABRAMS_DIAMETERS_MM = (79.58, 53.05, 26.53)
FRAME_MM = 100.0
# The diagonals of the combined pattern, 150 mm at 45°, reach beyond a frame of 100 mm.
COMBINED_FRAME_MM = 150 / math.sqrt(2)
DIRECTIONS_DEG = (0.0, 45.0, 90.0, 135.0)
# Lines of each direction in the usual line pattern, across the shorter side.
LINES_ACROSS = 6
TRIPLE_ON_LINES = 1.5
TRIPLE_ON_ABRAMS = 2.0


@dataclass(frozen=True)
class StraightLine:
    """A test line.

    Attributes
    ----------
    start, end : tuple of float
        Row and column, px; pixel centres are whole numbers.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    closed = False

    @property
    def length(self) -> float:
        """Length, px."""
        return math.dist(self.start, self.end)

    def at(self, along: np.ndarray, aside: float = 0.0) -> np.ndarray:
        """Return the points (n, 2) at lengths along the line, `aside` px to its right."""
        towards = (np.asarray(self.end) - self.start) / self.length
        across = np.array([towards[1], -towards[0]])
        return np.asarray(self.start) + along[:, None] * towards + aside * across

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far along the endless line points (n, 2) lie, and how far from it, px."""
        towards = (np.asarray(self.end) - self.start) / self.length
        offset = points - np.asarray(self.start)
        away = np.abs(offset @ np.array([towards[1], -towards[0]]))
        return offset @ towards, away


@dataclass(frozen=True)
class Circle:
    """A test circle.

    Attributes
    ----------
    centre : tuple of float
        Row and column, px.
    radius : float
        px.
    """

    centre: tuple[float, float]
    radius: float
    closed = True

    @property
    def length(self) -> float:
        """Circumference, px."""
        return 2 * math.pi * self.radius

    def at(self, along: np.ndarray, aside: float = 0.0) -> np.ndarray:
        """Return the points (n, 2) at lengths along the circle, `aside` px outside of it."""
        angle = along / self.radius
        ray = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        return np.asarray(self.centre) + (self.radius + aside) * ray

    def nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how far along the circle points (n, 2) lie, and how far from it, px."""
        offset = points - np.asarray(self.centre)
        angle = np.arctan2(offset[:, 0], offset[:, 1]) % (2 * math.pi)
        return angle * self.radius, np.abs(np.hypot(offset[:, 0], offset[:, 1]) - self.radius)


Curve = StraightLine | Circle


@dataclass(frozen=True)
class Pattern:
    """Test lines and circles that are counted together.

    Attributes
    ----------
    name : str
        What it is called in a report.
    curves : tuple of StraightLine or Circle
    triple_weight : float
        What a hit of a triple point counts: 1½ on lines and Hilliard's circle, 2 on Abrams'.
    placements : int
        How often it is laid over the field; the curves of one placement follow each other.
    """

    name: str
    curves: tuple[Curve, ...]
    triple_weight: float = TRIPLE_ON_LINES
    placements: int = 1

    @property
    def length(self) -> float:
        """Length of all curves, px."""
        return sum(curve.length for curve in self.curves)

    def placement(self, index: int) -> Pattern:
        """Return one of its placements by itself, counted from 0."""
        each = len(self.curves) // self.placements
        return replace(self, curves=self.curves[index * each : (index + 1) * each], placements=1)


def parallel_lines(
    shape: tuple[int, int], angle_deg: float, spacing: float
) -> tuple[StraightLine, ...]:
    """Return equally spaced parallel lines, each as long as the field is there.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the field, px.
    angle_deg : float
        Of the lines, anticlockwise from the x axis as seen on the screen.
    spacing : float
        Between two lines, px.

    Returns
    -------
    tuple of StraightLine
        Their total length is about area / spacing in every direction.

    Raises
    ------
    ValueError
        When the spacing is not a positive number.
    """
    check_positive(spacing, "the spacing of the test lines in px")
    height, width = shape
    angle = math.radians(angle_deg)
    towards = np.array([-math.sin(angle), math.cos(angle)])  # rows grow downwards
    across = np.array([towards[1], -towards[0]])
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    reach = (abs(across[0]) * height + abs(across[1]) * width) / 2
    count = max(1, math.floor(2 * reach / spacing))
    offsets = (np.arange(count) - (count - 1) / 2) * spacing
    lines = (_clipped(middle + offset * across, towards, shape) for offset in offsets)
    return tuple(line for line in lines if line is not None)


def _clipped(point: np.ndarray, towards: np.ndarray, shape: tuple[int, int]) -> StraightLine | None:
    """Return the part of an endless line inside the frame; None when there is next to none."""
    low, high = -math.inf, math.inf
    for axis in (0, 1):
        if abs(towards[axis]) < 1e-12:
            continue
        ends = sorted((edge - point[axis]) / towards[axis] for edge in (-0.5, shape[axis] - 0.5))
        low, high = max(low, ends[0]), min(high, ends[1])
    if high - low < 1:
        return None
    start, end = point + low * towards, point + high * towards
    return StraightLine((float(start[0]), float(start[1])), (float(end[0]), float(end[1])))


def heyn_pattern(
    shape: tuple[int, int],
    *,
    angles_deg: Sequence[float] = DIRECTIONS_DEG,
    spacing: float | None = None,
) -> Pattern:
    """Return Heyn's straight lines, in four directions unless told otherwise.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the field, px.
    angles_deg : sequence of float
        Directions, anticlockwise from the x axis; each gets the same length of line.
    spacing : float, optional
        Between parallel lines, px; a sixth of the shorter side when not given.

    Returns
    -------
    Pattern
        A hit of a triple point counts 1½ (ASTM E112).
    """
    spacing = min(shape) / LINES_ACROSS if spacing is None else spacing
    lines = [line for angle in angles_deg for line in parallel_lines(shape, angle, spacing)]
    return Pattern("Heyn lines", tuple(lines), TRIPLE_ON_LINES)


def abrams_pattern(shape: tuple[float, float]) -> Pattern:
    """Return Abrams' three concentric circles, 500 mm on a frame as wide as the shorter side.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the field, px.

    Returns
    -------
    Pattern
        A hit of a triple point counts 2 (ASTM E112).
    """
    per_mm = min(shape) / FRAME_MM
    circles = tuple(Circle(_middle(shape), d / 2 * per_mm) for d in ABRAMS_DIAMETERS_MM)
    return Pattern("Abrams three circles", circles, TRIPLE_ON_ABRAMS)


def hilliard_pattern(shape: tuple[float, float], circumference_mm: float = 250.0) -> Pattern:
    """Return Hilliard's single circle.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the field, px.
    circumference_mm : float
        100, 200 or 250 on a frame as wide as the shorter side; anything that fits will do.

    Returns
    -------
    Pattern
        A hit of a triple point counts 1½.

    Raises
    ------
    ValueError
        When the circle does not fit into the frame.
    """
    check_positive(circumference_mm, "the circumference in mm")
    diameter = circumference_mm / math.pi
    if diameter > FRAME_MM:
        raise ValueError(
            f"a circle of {circumference_mm:g} mm does not fit into the frame of {FRAME_MM:g} mm: "
            "choose 250, 200 or 100"
        )
    circle = Circle(_middle(shape), diameter / 2 * min(shape) / FRAME_MM)
    return Pattern("Hilliard circle", (circle,), TRIPLE_ON_LINES)


def combined_pattern(shape: tuple[float, float]) -> Pattern:
    """Return E112's combined pattern: three circles, two lines and two diagonals, 1000 mm.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the field, px. The pattern fills the square of its shorter side.

    Returns
    -------
    Pattern
        500 mm of circles, two lines of 100 mm and two diagonals of 150 mm; a triple point counts 2
        on a circle by Abrams' rule and so on the whole pattern.
    """
    middle = np.asarray(_middle(shape))
    per_mm = min(shape) / COMBINED_FRAME_MM
    circles = tuple(
        Circle(_middle(shape), diameter / 2 * per_mm) for diameter in ABRAMS_DIAMETERS_MM
    )
    half, slant = 50 * per_mm, 75 / math.sqrt(2) * per_mm
    ends = (
        ((half, -half), (half, half)),  # along the foot
        ((-half, -half), (half, -half)),  # along the left side
        ((-slant, -slant), (slant, slant)),
        ((slant, -slant), (-slant, slant)),
    )
    lines = tuple(
        StraightLine(_pair(middle + np.array(start)), _pair(middle + np.array(end)))
        for start, end in ends
    )
    return Pattern("E112 combined pattern", circles + lines, TRIPLE_ON_ABRAMS)


def _middle(shape: tuple[float, float]) -> tuple[float, float]:
    return (shape[0] - 1) / 2, (shape[1] - 1) / 2


def _pair(point: np.ndarray) -> tuple[float, float]:
    return float(point[0]), float(point[1])

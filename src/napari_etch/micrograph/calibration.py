"""Pixel sizes: units, where a pixel size came from, and which ones to distrust."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_etch.micrograph.errors import MicrographError

_MICROMETRES = {
    "m": 1e6,
    "metre": 1e6,
    "meter": 1e6,
    "cm": 1e4,
    "centimetre": 1e4,
    "centimeter": 1e4,
    "mm": 1e3,
    "millimetre": 1e3,
    "millimeter": 1e3,
    "um": 1.0,
    "µm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometre": 1.0,
    "micrometer": 1.0,
    "nm": 1e-3,
    "nanometre": 1e-3,
    "nanometer": 1e-3,
    "å": 1e-4,
    "angstrom": 1e-4,
    "pm": 1e-6,
    "picometer": 1e-6,
    "fm": 1e-9,
    "in": 25400.0,
    "inch": 25400.0,
    '"': 25400.0,
}

# Screen and print resolutions that image editors write by themselves.
_EDITOR_DPI = (
    72,
    90,
    96,
    100,
    120,
    144,
    150,
    180,
    200,
    220,
    240,
    300,
    350,
    360,
    400,
    600,
    720,
    1200,
)
# PNG rounds to whole pixels per metre and some editors to whole pixels per centimetre.
_EDITOR_DPI_TOLERANCE = 0.004
_SQUARE_TOLERANCE = 0.01
# A typed pixel size and that of a file may differ by their rounding.
SAME_PIXEL = 0.01
# A picometre is below any electron microscope, a centimetre above any macro lens.
PLAUSIBLE_UM = (1e-6, 1e4)


@dataclass(frozen=True)
class Calibration:
    """Size of a square pixel and where it was read.

    Attributes
    ----------
    pixel_size_um : float
        Edge of one pixel in µm, positive and finite.
    source : str
        Where the number comes from, in words for a report: ``"typed"``, ``"Zeiss tag 34118"``, ...
    stated : Calibration or None
        What the file states, where a typed number went before it.

    Raises
    ------
    MicrographError
        If the pixel size is not a positive finite number.
    """

    pixel_size_um: float
    source: str
    stated: Calibration | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        try:
            size = float(self.pixel_size_um)
        except (TypeError, ValueError):
            size = math.nan
        if not (math.isfinite(size) and size > 0):
            raise MicrographError(
                f"The pixel size {self.pixel_size_um!r} ({self.source}) is not a positive number; "
                "give it in µm, for example 0.25."
            )
        object.__setattr__(self, "pixel_size_um", size)

    @property
    def conflict(self) -> str:
        """What is wrong where the file states another pixel size; empty where it does not."""
        if self.stated is None:
            return ""
        if abs(self.stated.pixel_size_um / self.pixel_size_um - 1) <= SAME_PIXEL:
            return ""
        how = "as typed" if self.source == "typed" else f"from the {self.source}"
        return (
            f"the file states {self.stated.pixel_size_um:.4g} µm a pixel ({self.stated.source}); "
            f"{self.pixel_size_um:.4g} {how} was used"
        )


def check_plausible(pixel_size_um: float) -> None:
    """Raise MicrographError for a typed pixel size that no microscope has.

    Parameters
    ----------
    pixel_size_um : float
        Edge of a pixel, µm; must be within `PLAUSIBLE_UM`. Far outside, areas overflow.
    """
    least, most = PLAUSIBLE_UM
    if not least <= pixel_size_um <= most:
        raise MicrographError(
            f"the pixel size {pixel_size_um:g} is not between {least:g} and {most:g} µm; "
            "give the edge of a pixel in µm, for example 0.25."
        )


def calibration_from_line(
    start_yx: Sequence[float], end_yx: Sequence[float], length_um: float
) -> Calibration:
    """Pixel size from a line drawn over a scale bar.

    Parameters
    ----------
    start_yx, end_yx : sequence of two float
        Ends of the line in pixels, ``(y, x)``.
    length_um : float
        What the scale bar says, in µm.

    Returns
    -------
    Calibration
        With source ``"scale bar line"``.

    Raises
    ------
    MicrographError
        If the line is shorter than one pixel or the length is not a positive number.
    """
    length_px = math.dist([float(v) for v in start_yx], [float(v) for v in end_yx])
    if not math.isfinite(length_px) or length_px < 1:
        raise MicrographError(
            f"The line over the scale bar is {length_px:.3g} px long; draw it from one end of the "
            "bar to the other."
        )
    if not (math.isfinite(length_um) and length_um > 0):
        raise MicrographError(
            f"The scale bar length {length_um!r} is not a positive number; give it in µm."
        )
    return Calibration(length_um / length_px, "scale bar line")


def micrometres_per(unit: str) -> float | None:
    """Length of a unit in µm.

    Parameters
    ----------
    unit : str
        Name or symbol, in any case; the micro sign, the Greek mu and ImageJ's escape are equal.

    Returns
    -------
    float or None
        None for a unit that is not a length (``"pixel"``, empty, unknown).
    """
    name = unit.strip().strip("\x00").replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    name = name.replace("\u03bc", "µ").replace("\\u00C5", "å").lower()
    return _MICROMETRES.get(name)


def is_editor_dpi(pixel_size_um: float) -> bool:
    """Whether a pixel size is only a screen or print resolution such as 72, 96 or 300 dpi.

    Parameters
    ----------
    pixel_size_um : float
        Pixel size in µm computed from a plain resolution tag.

    Returns
    -------
    bool
    """
    dpi = _MICROMETRES["inch"] / pixel_size_um
    return any(abs(dpi - known) <= _EDITOR_DPI_TOLERANCE * known for known in _EDITOR_DPI)


def square_calibration(
    width_um: float | None, height_um: float | None, source: str, name: str
) -> Calibration | None:
    """Calibration from the two sides of a pixel.

    Parameters
    ----------
    width_um, height_um : float or None
        Sides in µm. A missing or impossible height is taken as equal to the width.
    source : str
        For `Calibration.source`.
    name : str
        The image's name, for the message.

    Returns
    -------
    Calibration or None
        None when there is no usable width.

    Raises
    ------
    MicrographError
        If the sides differ by more than 1 %.
    """
    if width_um is None or not math.isfinite(width_um) or width_um <= 0:
        return None
    if height_um is None or not math.isfinite(height_um) or height_um <= 0:
        height_um = width_um
    if abs(width_um - height_um) > _SQUARE_TOLERANCE * max(width_um, height_um):
        raise MicrographError(
            f"{name} has pixels that are not square ({width_um:.5g} × {height_um:.5g} µm, "
            f"{source}); resample it to square pixels, or give the pixel size with --pixel-size."
        )
    return Calibration(width_um, source)
